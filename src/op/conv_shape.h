/* kernel_shape, strides, dilations, pads and auto_pad: read and checked once for convolutions and pools. */
#ifndef QN_OP_CONV_SHAPE_H
#define QN_OP_CONV_SHAPE_H

#include "kernel/conv.h"
#include "op/op.h"

/* Spatial and channel sizes of tensor x in its storage order. Fails below rank 3 and on sizes past int32. */
qn_status qn_planes_shape(const qn_step *s, const qn_tensor *x, int *spatial, int64_t *channels, int64_t *in /* [QN_SPATIAL] */);
/* The window over input 0. kernel: [spatial] from the weights, or NULL to demand the attribute. */
qn_status qn_window_shape(const qn_step *s, const int64_t *kernel, qn_window *w, int64_t *channels);
/* A convolution of input 0 with weights of these dims [maps, channels / group, kernel…]; its output's dims in storage order. */
qn_status qn_conv_geometry(const qn_step *s, const qn_tensor *weights, qn_conv *c, int64_t *dims);
/* The transpose: weights [channels, maps / group, kernel…]. c->window is the window from the output to the input. */
qn_status qn_conv_transpose_geometry(const qn_step *s, const qn_tensor *weights, qn_conv *c, int64_t *dims);
/* [batch, channels, points…] in storage order. */
void qn_planes_dims(const qn_step *s, int spatial, int64_t batch, int64_t channels, const int64_t *points, int64_t *dims);

#endif
