/* Pooling over windows, in both storage orders, in float32 or double. */
#ifndef QN_KERNEL_POOL_H
#define QN_KERNEL_POOL_H

#include <stddef.h>

#include "kernel/window.h"

typedef enum qn_pooling { QN_POOL_MAX, QN_POOL_AVERAGE, QN_POOL_LP } qn_pooling;

typedef struct qn_pool_spec {
  qn_pooling kind;
  bool count_padding;       /* average */
  bool column_major;        /* indices */
  double p;                 /* Lp */
  int64_t batch, channels;
  qn_planes x, y;
  qn_window window;
} qn_pool_spec;

/* indices: NULL, or of y's shape and order: flat positions in a row-major [batch, channels, points…].
 * taps: min(window.taps, window.in_points) elements of scratch, line: qn_pool_line() elements. */
size_t qn_pool_line(const qn_window *w);
void qn_pool_f32(const qn_pool_spec *p, const float *x, float *y, int64_t *indices, qn_tap *taps, float *line);
void qn_pool_f64(const qn_pool_spec *p, const double *x, double *y, int64_t *indices, qn_tap *taps);

#endif
