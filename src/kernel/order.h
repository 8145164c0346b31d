/* Elements of any numeric type as integers of the same order, so that one comparison serves all. NaN is the largest. */
#ifndef QN_KERNEL_ORDER_H
#define QN_KERNEL_ORDER_H

#include "base/dtype.h"

/* Keys of elements [first, first + n) of x. Equal numbers have equal keys (0 and -0 too). Not for strings and complex. */
void qn_order_keys(qn_dtype dtype, const void *x, int64_t first, int64_t n, int64_t *keys);

/* The k first of n keys in descending (largest) or ascending order, equal ones by position. keys[n] is changed.
 * order: [k] positions, best first. k <= n. */
void qn_top_k(int64_t *keys, int64_t n, int64_t k, bool largest, int64_t *order);

/* Position of the best of `n` elements for each of outer × inner lines of x [outer, n, inner]; ties go to the first, or
 * the last. y: [outer, inner]. */
void qn_arg_best(qn_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, bool largest, bool last, int64_t *y);

#endif
