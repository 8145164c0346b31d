/* Convolutions of 3×3 taps by Winograd's minimal filtering, F(4×4, 3×3): a quarter of the multiplications.
 * Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. The points of the transform are 0, ±3/4, ±3/2 and
 * infinity in place of 0, ±1, ±2: that halves the rounding error, to about twice that of the direct sum (Barabasz et al., "Error
 * Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020). */
#ifndef QN_KERNEL_CONV_WINOGRAD_H
#define QN_KERNEL_CONV_WINOGRAD_H

#include "kernel/conv_nhwc.h"

/* `out` is 4, or 2: F(2×2, 3×3) with the points 0, ±1 and infinity, a 2.25th of the multiplications with 16/9 of the weights' size.
 * The packed weights are 36/9 or 16/9 as many as they were, in two blocks: where maps is a multiple of 4, the first takes as much room as the raw
 * ones, which leave no hole behind then. */
typedef struct qn_winograd_weights {
  float *first, *rest;
} qn_winograd_weights;
/* Elements of both; false on overflow. */
bool qn_conv_winograd_packed_counts(int out, int64_t maps, int64_t channels, size_t *first, size_t *rest);
/* w: [maps, channels, 3, 3], apart from both */
void qn_conv_winograd_pack(int out, int64_t maps, int64_t channels, const float *w, const qn_winograd_weights *packed);
/* Bytes of scratch; SIZE_MAX on overflow. */
size_t qn_conv_winograd_room(int out, const qn_conv *c);
/* Two spatial dimensions, 3×3 taps, stride 1, any dilation, one group. bias: [maps]; it and x may be read up to QN_SLACK
 * behind their end. */
void qn_conv_winograd(int out, const qn_conv *c, const float *x, const qn_winograd_weights *packed, const float *bias, const qn_conv_tail *tail, float *y, void *scratch);

#endif
