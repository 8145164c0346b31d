/* Convolution and its transpose: float32 by im2col and the packed product, double as the reference. */
#ifndef QN_KERNEL_CONV_H
#define QN_KERNEL_CONV_H

#include "kernel/gemm.h"
#include "kernel/window.h"

typedef struct qn_conv {
  qn_window window;                     /* of the transpose: in is the output's size, out the input's */
  int64_t batch, groups, channels, maps; /* maps: output channels; both over all groups */
  qn_planes x, y;
  float min, max;
} qn_conv;

/* Elements of the packed weights; 0 on overflow. `width`: bytes of one. */
size_t qn_conv_packed_count(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, size_t width);
/* w: [maps, group_channels, taps] → per group [taps·group_channels, maps/groups], packed; depthwise: [taps, maps]. */
void qn_conv_pack(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, const float *w, float *packed);
/* Bytes of scratch; 0 on overflow. */
size_t qn_conv_room(const qn_conv *c);
/* bias: [maps] or NULL */
void qn_conv_f32(const qn_conv *c, const float *x, const float *packed, const float *bias, float *y, void *scratch);

/* w: [channels, maps/groups, taps] → per group [channels/groups, taps·maps/groups], packed. */
size_t qn_conv_transpose_packed_count(int64_t groups, int64_t channels, int64_t group_maps, int64_t taps);
void qn_conv_transpose_pack(int64_t groups, int64_t channels, int64_t group_maps, int64_t taps, const float *w, float *packed);
size_t qn_conv_transpose_room(const qn_conv *c);
void qn_conv_transpose_f32(const qn_conv *c, const float *x, const float *packed, const float *bias, float *y, void *scratch);

/* References, straight from the definition; unpacked weights. taps_room: min(taps, in_points) elements. */
void qn_conv_ref(const qn_conv *c, const double *x, const double *w, const double *bias, double *y, qn_tap *taps_room);
void qn_conv_transpose_ref(const qn_conv *c, const double *x, const double *w, const double *bias, double *y, qn_tap *taps_room);

static inline int64_t qn_conv_tap_room(const qn_window *w) { return w->taps < w->in_points ? w->taps : w->in_points; }

#endif
