/* The exact 8-bit product: A widened to int16 with its zero point subtracted, B int8 in memory and widened on load. */
#include <string.h>

#include "kernel/gemm.h"

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

void qn_gemm_i8_pack(int64_t k, int64_t n, const void *b, bool is_signed, int64_t row_stride, int64_t column_stride, int8_t *packed) {
  const uint8_t *from = b;
  uint8_t flip = is_signed ? 0 : 0x80;
  for (int64_t j = 0; j < n; j += QN_PANEL)
    for (int64_t i = 0; i < k; i += 2)
      for (int64_t c = 0; c < QN_PANEL; c++)
        for (int64_t h = 0; h < 2; h++) {
          bool inside = j + c < n && i + h < k;
          uint8_t value = inside ? (uint8_t)(from[(i + h) * row_stride + (j + c) * column_stride] ^ flip) : 0;
          memcpy(packed++, &value, 1);
        }
}

#ifdef __wasm_simd128__
/* Literal row numbers keep the sums in registers, and row pointers with a size_t index keep addresses 32 bits wide. */
#define ROWS_1(X) X(0)
#define ROWS_4(X) X(0) X(1) X(2) X(3)
#define SET_UP(r)                               \
  const int16_t *a##r = a + (size_t)r * stride; \
  v128_t lo##r = wasm_i32x4_splat(0), hi##r = lo##r;
#define STEP(r)                                                   \
  x = wasm_v128_load32_splat(a##r + i);                           \
  lo##r = wasm_i32x4_add(lo##r, wasm_i32x4_dot_i16x8(x, b0));     \
  hi##r = wasm_i32x4_add(hi##r, wasm_i32x4_dot_i16x8(x, b1));
#define STORE(r)                          \
  wasm_v128_store(sums + r * 8, lo##r);   \
  wasm_v128_store(sums + r * 8 + 4, hi##r);
#define TILE(R)                                                                                    \
  static void tile##R(int64_t k, const int16_t *a, int64_t lda, const int8_t *b, int32_t *sums) {  \
    const size_t stride = (size_t)lda, depth = (size_t)k;                                          \
    v128_t x;                                                                                      \
    ROWS_##R(SET_UP)                                                                               \
    for (size_t i = 0; i < depth; i += 2, b += 16) {                                               \
      v128_t b0 = wasm_i16x8_load8x8(b), b1 = wasm_i16x8_load8x8(b + 8);                           \
      ROWS_##R(STEP)                                                                               \
    }                                                                                              \
    ROWS_##R(STORE)                                                                                \
  }
TILE(4)
TILE(1)
#else
static void tile(int rows, int64_t k, const int16_t *a, int64_t lda, const int8_t *b, int32_t *sums) {
  for (int r = 0; r < rows; r++) {
    uint32_t s[QN_PANEL] = {0};
    for (int64_t i = 0; i < k; i += 2)
      for (int c = 0; c < QN_PANEL; c++)
        s[c] += (uint32_t)(a[r * lda + i] * b[i * QN_PANEL + 2 * c] + a[r * lda + i + 1] * b[i * QN_PANEL + 2 * c + 1]);
    memcpy(sums + r * QN_PANEL, s, sizeof s);
  }
}
static void tile4(int64_t k, const int16_t *a, int64_t lda, const int8_t *b, int32_t *sums) { tile(4, k, a, lda, b, sums); }
static void tile1(int64_t k, const int16_t *a, int64_t lda, const int8_t *b, int32_t *sums) { tile(1, k, a, lda, b, sums); }
#endif

void qn_gemm_i8(int64_t m, int64_t n, int64_t k, const int16_t *a, int64_t lda, const int8_t *packed, const int32_t *zero, int32_t *c,
                int64_t ldc) {
  int64_t depth = qn_gemm_i8_depth(k);
  for (int64_t i = 0; i < m;) {
    int rows = m - i >= 4 ? 4 : 1;
    const int16_t *row = a + i * lda;
    uint32_t row_sum[4] = {0};
    for (int r = 0; zero && r < rows; r++)
      for (int64_t l = 0; l < k; l++) row_sum[r] += (uint32_t)row[r * lda + l];
    for (int64_t j = 0; j < n; j += QN_PANEL) {
      int32_t sums[4 * QN_PANEL];
      if (rows == 4) tile4(depth, row, lda, packed + j * depth, sums);
      else tile1(depth, row, lda, packed + j * depth, sums);
      int64_t width = n - j < QN_PANEL ? n - j : QN_PANEL;
      for (int r = 0; r < rows; r++)
        for (int64_t x = 0; x < width; x++) {
          uint32_t sum = (uint32_t)sums[r * QN_PANEL + x] - (zero ? row_sum[r] * (uint32_t)zero[j + x] : 0);
          c[(i + r) * ldc + j + x] = (int32_t)sum;
        }
    }
    i += rows;
  }
}
