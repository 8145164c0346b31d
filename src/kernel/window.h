/* Sliding windows over any number of spatial dimensions: what convolution, its transpose and pooling share. */
#ifndef QN_KERNEL_WINDOW_H
#define QN_KERNEL_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define QN_SPATIAL 6

/* Every count fits int32 and so do the products of `in`, `kernel` and `out`; stride and dilation are at least 1. */
typedef struct qn_window {
  int rank;
  int64_t in[QN_SPATIAL], kernel[QN_SPATIAL], stride[QN_SPATIAL], dilation[QN_SPATIAL];
  int64_t pad[QN_SPATIAL], pad_end[QN_SPATIAL], out[QN_SPATIAL];
  int64_t in_points, taps, out_points; /* products */
} qn_window;

typedef struct qn_tap {
  int32_t index; /* in the kernel */
  int32_t at;    /* point of the input */
} qn_tap;

/* The taps of output point `point` that lie inside the input, in order; returns how many. At most
 * min(taps, in_points). *padded gets the count of taps inside the input with its padding (NULL: not wanted). */
int64_t qn_window_taps(const qn_window *w, int64_t point, qn_tap *taps, int64_t *padded);

/* A tensor of channels and points; strides in elements. */
typedef struct qn_planes {
  int64_t batch, channel, point; /* strides */
} qn_planes;
static inline qn_planes qn_planes_of(bool channels_last, int64_t channels, int64_t points) {
  return channels_last ? (qn_planes){channels * points, 1, channels} : (qn_planes){channels * points, points, 1};
}

/* A window over one or two dimensions as one over a picture; one dimension is a picture's width. */
typedef struct qn_plane {
  int64_t height, width, out_height, out_width, kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_y, pad_x;
} qn_plane;
static inline qn_plane qn_plane_of(const qn_window *w) {
  int x = w->rank - 1;
  qn_plane p = {1, w->in[x], 1, w->out[x], 1, w->kernel[x], 1, w->stride[x], 1, w->dilation[x], 0, w->pad[x]};
  if (x == 0) return p;
  p.height = w->in[0];
  p.out_height = w->out[0];
  p.kernel_height = w->kernel[0];
  p.stride_y = w->stride[0];
  p.dilation_y = w->dilation[0];
  p.pad_y = w->pad[0];
  return p;
}

#endif
