/* Float32 convolutions of channels-last pictures with packed weights: no copy of the input where a window lies inside it, and
 * what follows a convolution (a sum, an activation) done before the result is stored. */
#ifndef QN_KERNEL_CONV_NHWC_H
#define QN_KERNEL_CONV_NHWC_H

#include "kernel/activation.h"
#include "kernel/conv.h"

typedef struct qn_conv_tail {
  const float *residual;       /* [batch, points, residual_channels] or NULL; may be y itself when it has as many channels */
  int64_t residual_channels;   /* at most c->maps; the maps beyond get nothing added */
  qn_activation activation;
} qn_conv_tail;

/* One or two spatial dimensions. */
static inline bool qn_conv_nhwc_takes(const qn_window *w) { return w->rank == 1 || w->rank == 2; }

/* Elements of the packed weights; SIZE_MAX on overflow. */
size_t qn_conv_nhwc_packed_count(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps);
/* w: [maps, group_channels, taps]. packed may be w itself where maps / groups is a multiple of 4. room: [8, group_channels, taps]. */
void qn_conv_nhwc_pack(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, const float *w, float *packed, float *room);
/* Bytes of scratch; SIZE_MAX on overflow. */
size_t qn_conv_nhwc_room(const qn_conv *c);
/* bias: [maps], readable QN_SLACK behind, or NULL. c->min and c->max are not read. */
void qn_conv_nhwc(const qn_conv *c, const float *x, const float *packed, const float *bias, const qn_conv_tail *tail, float *y, void *scratch);

#endif
