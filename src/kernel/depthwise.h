/* Depthwise convolution of channels-last pictures in float32, four output points of a row at a time: each column of the input
 * is read once for all the taps that fall on it. */
#ifndef QN_KERNEL_DEPTHWISE_H
#define QN_KERNEL_DEPTHWISE_H

#include "kernel/conv.h"

/* Two spatial dimensions, 3 or 5 taps wide, stride 1 or 2 along a row, no dilation along a row. */
bool qn_depthwise_takes(const qn_window *w);
/* weights: [taps, channels]; bias: [channels] or NULL; x and y are channels-last. */
void qn_depthwise_f32(const qn_conv *c, const float *x, const float *weights, const float *bias, float *y);

#endif
