/* Interpolation between the points of a grid: which points count, and how much. */
#ifndef QN_KERNEL_TAPS_H
#define QN_KERNEL_TAPS_H

#include "base/value.h"

#define QN_TAPS_RANK 6 /* most spatial dimensions */

typedef enum qn_taps_mode { QN_TAPS_NEAREST, QN_TAPS_LINEAR, QN_TAPS_CUBIC } qn_taps_mode;
typedef enum qn_taps_padding { QN_TAPS_ZEROS, QN_TAPS_BORDER, QN_TAPS_REFLECTION } qn_taps_padding;

typedef struct qn_grid {
  qn_taps_mode mode;
  qn_taps_padding padding;
  bool corners;                /* reflection goes about the outer points' centres, not their outer edges */
  int rank;                    /* 1 … QN_TAPS_RANK */
  int64_t dims[QN_TAPS_RANK];
} qn_grid;

typedef struct qn_tap { int64_t at; double weight; } qn_tap;

/* Most taps of one point. */
static inline size_t qn_taps_most(const qn_grid *g) { return (size_t)1 << (g->mode == QN_TAPS_NEAREST ? 0 : g->mode == QN_TAPS_LINEAR ? g->rank : 2 * g->rank); }
/* The taps of the point x (in units of grid points), points outside of zero padding left out. Returns how many. */
size_t qn_taps_at(const qn_grid *g, const double *x /* [rank] */, qn_tap *taps /* [qn_taps_most] */);
/* Weighted sum over data, elements counted from `base`. All real types. */
double qn_taps_sum(qn_dtype dtype, const void *data, int64_t base, const qn_tap *taps, size_t n);

#endif
