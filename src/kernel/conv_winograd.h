/* Convolutions of 3×3 taps by Winograd's minimal filtering, F(4×4, 3×3): a quarter of the multiplications.
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. The points of the transform are 0, ±3/4, ±3/2 and
 * infinity in place of 0, ±1, ±2: that halves the rounding error, to about twice that of the direct sum (Barabasz et al., "Error
 * Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020). */
#ifndef QN_KERNEL_CONV_WINOGRAD_H
#define QN_KERNEL_CONV_WINOGRAD_H

#include "kernel/conv_nhwc.h"

/* `out` is 4, or 2: F(2×2, 3×3) with the points 0, ±1 and infinity, a 2.25th of the multiplications with 16/9 of the weights' size.
 * Elements of the packed weights, 36/9 or 16/9 as many as they were; SIZE_MAX on overflow. */
size_t qn_conv_winograd_packed_count(int out, int64_t maps, int64_t channels);
/* w: [maps, channels, 3, 3] */
void qn_conv_winograd_pack(int out, int64_t maps, int64_t channels, const float *w, float *packed);
/* Bytes of scratch; SIZE_MAX on overflow. */
size_t qn_conv_winograd_room(int out, const qn_conv *c);
/* Two spatial dimensions, 3×3 taps, stride 1, any dilation, one group. bias: [maps]; it and x may be read up to QN_SLACK
 * behind their end. */
void qn_conv_winograd(int out, const qn_conv *c, const float *x, const float *packed, const float *bias, const qn_conv_tail *tail, float *y, void *scratch);

#endif
