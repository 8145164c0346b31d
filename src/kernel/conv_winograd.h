/* Convolutions of 3×3 taps by Winograd's minimal filtering F(4×4, 3×3): a quarter of the multiplications.
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. The points of the transform are 0, ±3/4, ±3/2 and
 * infinity in place of 0, ±1, ±2: that halves the rounding error, to about twice that of the direct sum (Barabasz et al., "Error
 * Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020). */
#ifndef QN_KERNEL_CONV_WINOGRAD_H
#define QN_KERNEL_CONV_WINOGRAD_H

#include "kernel/conv_nhwc.h"

/* Elements of the packed weights, four times as many as they were; SIZE_MAX on overflow. */
size_t qn_conv_winograd_packed_count(int64_t maps, int64_t channels);
/* w: [maps, channels, 3, 3] */
void qn_conv_winograd_pack(int64_t maps, int64_t channels, const float *w, float *packed);
/* Bytes of scratch; SIZE_MAX on overflow. */
size_t qn_conv_winograd_room(const qn_conv *c);
/* Two spatial dimensions, 3×3 taps, stride and dilation 1, one group. bias: [maps]; it and x may be read up to QN_SLACK
 * behind their end. */
void qn_conv_winograd(const qn_conv *c, const float *x, const float *packed, const float *bias, const qn_conv_tail *tail, float *y, void *scratch);

#endif
