/* Matrix transposition in blocks of vector registers. */
#ifndef QN_KERNEL_TRANSPOSE_H
#define QN_KERNEL_TRANSPOSE_H

#include <stdint.h>

/* y[c·y_stride + r] = x[r·x_stride + c] for r < rows, c < columns. bits: 8, 16, 32, 64, 128. Strides in elements. */
void qn_transpose_2d(unsigned bits, int64_t rows, int64_t columns, const void *x, int64_t x_stride, void *y, int64_t y_stride);

#endif
