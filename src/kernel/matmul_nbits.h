/* Products with weights of 2, 4 or 8 bits that stay packed: each block of a column has a scale and a zero point. */
#ifndef QN_KERNEL_MATMUL_NBITS_H
#define QN_KERNEL_MATMUL_NBITS_H

#include "base/dtype.h"

typedef struct qn_nbits {
  int64_t n, k, block, blocks; /* blocks = ⌈k / block⌉ per column */
  int bits;
  const uint8_t *weights;      /* [n, blocks, block · bits / 8], low bits first */
  const void *scales;          /* [n, blocks] of scale_dtype */
  qn_dtype scale_dtype;
  const void *zeros;           /* [n, blocks] of zero_dtype, a float; or uint8: [n, ⌈blocks · bits / 8⌉] packed as the weights; NULL: 2^(bits - 1) */
  qn_dtype zero_dtype;
  const float *levels;         /* [16] or NULL: what the 4 bits stand for, in the layout of MatMulBnb4: [n, k] without gaps, high bits first, and blocks that go on in the next column */
  const int32_t *group;        /* [k] the block whose scale and zero point count, below `blocks`; NULL: k / block */
} qn_nbits;

/* Column n as floats: y[i · step] for i < k. The reference. */
void qn_nbits_column(const qn_nbits *w, int64_t n, float *y, int64_t step);
/* Floats of scratch for qn_nbits_matmul; 0 when they do not fit. */
size_t qn_nbits_room(const qn_nbits *w, int64_t m);
/* y[m, n] = a[m, k] · W + bias. A few rows read the weights once; many rows use a panel of columns at a time. */
void qn_nbits_matmul(const qn_nbits *w, int64_t m, const float *a, const float *bias, float *y, float *scratch);

#endif
