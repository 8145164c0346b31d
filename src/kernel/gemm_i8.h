/* The exact 8-bit matrix product: A widened to int16 with its zero point subtracted, B int8 in memory and widened panel by panel. */
#ifndef QN_KERNEL_GEMM_I8_H
#define QN_KERNEL_GEMM_I8_H

#include "kernel/gemm.h"
#include "kernel/requantize.h"

enum { QN_GEMM_I8_ROWS = 64 /* of A that callers widen at a time: they stay in the cache while all panels pass */ };

/* B (int8, or uint8 stored as b - 128) → panels [N/8][K/2][8][2], K rounded up to even with zeros: qn_gemm_packed_count(depth, N, 1) bytes. */
void qn_gemm_i8_pack(int64_t k, int64_t n, const void *b, bool is_signed, int64_t row_stride, int64_t column_stride, int8_t *packed);
static inline int64_t qn_gemm_i8_depth(int64_t k) { return k + (k & 1); }
/* n bytes → int16 less `zero`; is_signed: the bytes are int8. */
void qn_i8_widen(const void *bytes, bool is_signed, int32_t zero, int64_t n, int16_t *out);
/* A's sums over K of A[m, k]·(B[k, n] - zero[n]), wrapping, into y [M, ldy] as `out` says. A [M, lda] holds values with their zero
 * point subtracted; lda is even and columns past K are zero. zero: [N] zero points in the packed representation, NULL for none. */
void qn_gemm_i8(int64_t m, int64_t n, int64_t k, const int16_t *a, int64_t lda, const int8_t *packed, const int32_t *zero, const qn_i8_out *out,
                void *y, int64_t ldy);

#endif
