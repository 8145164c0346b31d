/* Reductions over any set of axes, for all numeric types. */
#ifndef QN_KERNEL_REDUCE_H
#define QN_KERNEL_REDUCE_H

#include "base/value.h"

typedef enum qn_reduction {
  QN_REDUCE_SUM, QN_REDUCE_MEAN, QN_REDUCE_MAX, QN_REDUCE_MIN, QN_REDUCE_PROD,
  QN_REDUCE_L1, QN_REDUCE_L2, QN_REDUCE_LOG_SUM, QN_REDUCE_LOG_SUM_EXP, QN_REDUCE_SUM_SQUARE
} qn_reduction;

typedef struct qn_reduce_plan {
  qn_reduction kind;
  qn_dtype dtype;
  int kept, reduced;                       /* dimensions, neighbours merged */
  int64_t kept_dims[QN_MAX_RANK], kept_x[QN_MAX_RANK], kept_y[QN_MAX_RANK]; /* strides in x and y */
  int64_t red_dims[QN_MAX_RANK], red_x[QN_MAX_RANK];
  int64_t total;                           /* elements per result; 0 gives the neutral element */
  bool empty;                              /* no results at all */
} qn_reduce_plan;

/* mask: bit i set when dimension i of x goes. y_strides: of dimension i in y; ignored for reduced ones. */
void qn_reduce_prepare(qn_reduce_plan *p, qn_reduction kind, qn_dtype dtype, int rank, const int64_t *dims, unsigned mask,
                       const int64_t *y_strides);
void qn_reduce(const qn_reduce_plan *p, const void *x, void *y);

#endif
