/* Matrix products: float32 on packed panels, and a plain loop for the other types. */
#ifndef QN_KERNEL_GEMM_H
#define QN_KERNEL_GEMM_H

#include "base/dtype.h"

#define QN_PANEL 8 /* columns of B that are packed together */

/* What happens to each sum before it is stored. */
typedef struct qn_epilogue {
  const float *bias; /* [N] or NULL */
  float min, max;    /* clamp; -INFINITY, INFINITY for none */
} qn_epilogue;

/* Elements of a packed [K, N] matrix; 0 on overflow of size_t bytes when each takes `width` (then N and K are positive). */
size_t qn_gemm_packed_count(int64_t k, int64_t n, size_t width);
/* B[k·row_stride + n·column_stride] → panels [N/8][K][8], the last one padded with zeros. */
void qn_gemm_pack(int64_t k, int64_t n, const float *b, int64_t row_stride, int64_t column_stride, float *packed);
/* C[m·ldc + n] = clamp(Σ A[m·lda + k]·B[k, n] + bias[n]). A's and B's padding is never read beyond QN_SLACK. */
void qn_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed, float *c, int64_t ldc,
             const qn_epilogue *e);
/* Floats of scratch that qn_gemm_raw() wants. */
size_t qn_gemm_raw_room(int64_t k, int64_t n);
/* The same with B as it lies in memory. */
void qn_gemm_raw(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t row_stride,
                 int64_t column_stride, float *c, int64_t ldc, const qn_epilogue *e, float *scratch);

/* The reference: double, int32, int64 (also for the unsigned types: sums wrap). Row-major C. */
void qn_matmul_plain(qn_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column, const void *b,
                     int64_t b_row, int64_t b_column, void *c);

#endif
