/* Moving elements by their width in bits, never by type. Offsets and strides count elements. */
#ifndef QN_KERNEL_COPY_H
#define QN_KERNEL_COPY_H

#include <stddef.h>
#include <stdint.h>

#define QN_COPY_RANK 16 /* most dimensions of a strided copy */

/* Row-major strides of a shape. Wraps instead of overflowing: shapes with a zero may hold anything beside it. */
void qn_strides(int rank, const int64_t *dims, int64_t *strides /* [rank] */);
/* Product of n dimensions, wrapping. */
int64_t qn_product(const int64_t *dims, int n);

/* y[y_at + i·y_strides] = x[x_at + i·x_strides] for all i below dims. A stride of 0 in x repeats, negative ones go back.
 * bits: 2, 4, 8, 16, 32, 64, 128. x and y do not overlap. */
void qn_copy_strided(unsigned bits, int rank, const int64_t *dims, const void *x, int64_t x_at, const int64_t *x_strides,
                     void *y, int64_t y_at, const int64_t *y_strides);
/* n consecutive elements. */
void qn_copy_run(unsigned bits, const void *x, int64_t x_at, void *y, int64_t y_at, int64_t n);
/* Fills y[y_at …) n times with the element x[x_at]. */
void qn_fill_run(unsigned bits, const void *x, int64_t x_at, void *y, int64_t y_at, int64_t n);

#endif
