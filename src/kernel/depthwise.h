/* Depthwise convolution of channels-last pictures in float32. */
#ifndef QN_KERNEL_DEPTHWISE_H
#define QN_KERNEL_DEPTHWISE_H

#include "kernel/conv_nhwc.h"

/* One or two spatial dimensions. weights: [taps, channels]; bias: [channels]; x and y are channels-last.
 * All may be read up to QN_SLACK behind their end. */
void qn_depthwise_f32(const qn_conv *c, const float *x, const float *weights, const float *bias, const qn_conv_tail *tail, float *y);

#endif
