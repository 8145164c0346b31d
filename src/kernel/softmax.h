/* Softmax over the middle dimension of [outer, n, inner]. */
#ifndef QN_KERNEL_SOFTMAX_H
#define QN_KERNEL_SOFTMAX_H

#include "base/dtype.h"

typedef enum qn_softmax_kind { QN_SOFTMAX, QN_LOG_SOFTMAX, QN_HARDMAX } qn_softmax_kind;

/* Bytes of scratch that qn_softmax wants. */
size_t qn_softmax_scratch(qn_dtype dtype, int64_t n, int64_t inner);
/* Any floating-point type. y may be x. */
void qn_softmax(qn_softmax_kind kind, qn_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y, void *scratch);

/* x [n] plus bias [n] (NULL: none; where it is -infinity, x does not count, whatever it is) become e^(x - largest). Returns what makes their sum 1
 * as a factor; 0, and zeros in x, when nothing counts. */
float qn_softmax_powers(float *x, int64_t n, const float *bias);
/* y = factor · x; y may be x. */
void qn_scaled_copy(const float *x, int64_t n, float factor, float *y);

#endif
