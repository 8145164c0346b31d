#include "kernel/gemm_i8.h"

#include <string.h>

#include "kernel/simd.h"

void qn_gemm_i8_pack(int64_t k, int64_t n, const void *b, bool is_signed, int64_t row_stride, int64_t column_stride, int8_t *packed) {
  const uint8_t *from = b;
  const uint8_t flip = is_signed ? 0 : 0x80;
  for (int64_t j = 0; j < n; j += QN_PANEL)
    for (int64_t i = 0; i < k; i += 2)
      for (int64_t c = 0; c < QN_PANEL; c++)
        for (int64_t h = 0; h < 2; h++) {
          const bool inside = j + c < n && i + h < k;
          const uint8_t value = inside ? (uint8_t)(from[(i + h) * row_stride + (j + c) * column_stride] ^ flip) : 0;
          memcpy(packed++, &value, 1);
        }
}

void qn_i8_widen(const void *bytes, bool is_signed, int32_t zero, int64_t n, int16_t *out) {
  const uint8_t *from = bytes;
  const int flip = is_signed ? 0x80 : 0; /* (b ^ 0x80) - 0x80 is the signed value */
  const int shift = zero + flip;
  size_t i = 0, count = (size_t)n;
#ifdef __wasm_simd128__
  const v128_t flips = wasm_i16x8_splat((int16_t)flip), shifts = wasm_i16x8_splat((int16_t)shift);
  for (; i + 8 <= count; i += 8) wasm_v128_store(out + i, wasm_i16x8_sub(wasm_v128_xor(wasm_u16x8_load8x8(from + i), flips), shifts));
#endif
  for (; i < count; i++) out[i] = (int16_t)((from[i] ^ flip) - shift);
}

enum { DEPTH = 768 /* of a panel that is widened at a time: 12 KB beside the rows of A in the first cache */ };

#ifdef __wasm_simd128__
/* A panel as int16, which all rows of a block then read without widening: 91 Gop/s in Chromium 156 where bytes give 81. */
static void widen_panel(size_t depth, const int8_t *b, int16_t *wide) {
  for (size_t i = 0; i < depth * QN_PANEL; i += 8) wasm_v128_store(wide + i, wasm_i16x8_load8x8(b + i));
}

/* sums [tiles · R, 8] = start [8] + a·b, or with `more` what is there already plus that. Literal row numbers keep the sums in registers, and row pointers
 * with a size_t index keep addresses 32 bits wide. Six rows are slower, and so is unrolling. */
#define ROWS_1(X) X(0)
#define ROWS_2(X) ROWS_1(X) X(1)
#define ROWS_4(X) ROWS_2(X) X(2) X(3)
#define SET_UP(r)                               \
  const int16_t *a##r = a + (size_t)r * stride; \
  v128_t lo##r = start0, hi##r = start1;
#define STEP(r)                                                   \
  x = wasm_v128_load32_splat(a##r + i);                           \
  lo##r = wasm_i32x4_add(lo##r, wasm_i32x4_dot_i16x8(x, b0));     \
  hi##r = wasm_i32x4_add(hi##r, wasm_i32x4_dot_i16x8(x, b1));
#define LOAD(r)                                    \
  lo##r = wasm_v128_load(sums + r * QN_PANEL);     \
  hi##r = wasm_v128_load(sums + r * QN_PANEL + 4);
#define STORE(r)                                   \
  wasm_v128_store(sums + r * QN_PANEL, lo##r);     \
  wasm_v128_store(sums + r * QN_PANEL + 4, hi##r);
#define TILE(R)                                                                                                                     \
  QN_NOINLINE static void tile##R(size_t tiles, size_t depth, const int16_t *a, size_t stride, const int16_t *b, const int32_t *start, \
                                  bool more, int32_t *sums) {                                                                       \
    const v128_t start0 = wasm_v128_load(start), start1 = wasm_v128_load(start + 4);                                                \
    for (; tiles > 0; tiles--, a += R * stride, sums += R * QN_PANEL) {                                                             \
      const int16_t *panel = b;                                                                                                     \
      v128_t x;                                                                                                                     \
      ROWS_##R(SET_UP)                                                                                                              \
      if (more) {                                                                                                                   \
        ROWS_##R(LOAD)                                                                                                              \
      }                                                                                                                             \
      for (size_t i = 0; i < depth; i += 2, panel += 2 * QN_PANEL) {                                                                \
        const v128_t b0 = wasm_v128_load(panel), b1 = wasm_v128_load(panel + 8);                                                    \
        ROWS_##R(STEP)                                                                                                              \
      }                                                                                                                             \
      ROWS_##R(STORE)                                                                                                               \
    }                                                                                                                               \
  }
TILE(4)
TILE(2)
TILE(1)

/* One row by a panel of bytes: the weights are read once, so four steps at a time hide the latencies. */
QN_NOINLINE static void one_row(size_t depth, const int16_t *a, const int8_t *b, const int32_t *start, int32_t *sums) {
  v128_t lo0 = wasm_v128_load(start), lo1 = wasm_i32x4_splat(0), lo2 = lo1, lo3 = lo1, hi0 = wasm_v128_load(start + 4), hi1 = lo1, hi2 = lo1, hi3 = lo1, x;
  size_t i = 0;
#define PART(r)                                                                          \
  x = wasm_v128_load32_splat(a + i + 2 * r);                                             \
  lo##r = wasm_i32x4_add(lo##r, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(b + 16 * r))); \
  hi##r = wasm_i32x4_add(hi##r, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(b + 16 * r + 8)));
  for (; i + 8 <= depth; i += 8, b += 64) {
    ROWS_4(PART)
  }
  for (; i < depth; i += 2, b += 16) {
    PART(0)
  }
  wasm_v128_store(sums, wasm_i32x4_add(wasm_i32x4_add(lo0, lo1), wasm_i32x4_add(lo2, lo3)));
  wasm_v128_store(sums + 4, wasm_i32x4_add(wasm_i32x4_add(hi0, hi1), wasm_i32x4_add(hi2, hi3)));
}
#else
static void widen_panel(size_t depth, const int8_t *b, int16_t *wide) {
  for (size_t i = 0; i < depth * QN_PANEL; i++) wide[i] = b[i];
}
static void tile(size_t rows, size_t depth, const int16_t *a, size_t stride, const int16_t *b, const int32_t *start, bool more, int32_t *sums) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < QN_PANEL; c++) {
      uint32_t sum = (uint32_t)(more ? sums[r * QN_PANEL + c] : start[c]);
      for (size_t i = 0; i < depth; i += 2)
        sum += (uint32_t)(a[r * stride + i] * b[i * QN_PANEL + 2 * c] + a[r * stride + i + 1] * b[i * QN_PANEL + 2 * c + 1]);
      sums[r * QN_PANEL + c] = (int32_t)sum;
    }
}
#define PLAIN_TILE(R)                                                                                                                  \
  static void tile##R(size_t tiles, size_t depth, const int16_t *a, size_t stride, const int16_t *b, const int32_t *start, bool more,     \
                      int32_t *sums) {                                                                                                 \
    tile(tiles * R, depth, a, stride, b, start, more, sums);                                                                           \
  }
PLAIN_TILE(4)
PLAIN_TILE(2)
PLAIN_TILE(1)
static void one_row(size_t depth, const int16_t *a, const int8_t *b, const int32_t *start, int32_t *sums) {
  int16_t wide[2 * QN_PANEL];
  memcpy(sums, start, QN_PANEL * sizeof *sums);
  for (size_t i = 0; i < depth; i += 2) {
    widen_panel(2, b + i * QN_PANEL, wide);
    tile(1, 2, a + i, depth, wide, sums, true, sums);
  }
}
#endif

/* A block of rows by one panel plus start [8], into sums [rows, 8]. wide: room for [DEPTH, 8] */
static void block(size_t rows, size_t depth, const int16_t *a, size_t stride, const int8_t *b, const int32_t *start, int16_t *wide, int32_t *sums) {
  if (rows < 4) {
    for (size_t r = 0; r < rows; r++) one_row(depth, a + r * stride, b, start, sums + r * QN_PANEL);
    return;
  }
  size_t i = 0;
  do {
    const size_t part = depth - i < DEPTH ? depth - i : DEPTH;
    const int16_t *row = a + i;
    widen_panel(part, b + i * QN_PANEL, wide);
    const size_t whole = rows / 4 * 4, two = rows % 4 / 2 * 2;
    tile4(rows / 4, part, row, stride, wide, start, i > 0, sums);
    tile2(two / 2, part, row + whole * stride, stride, wide, start, i > 0, sums + whole * QN_PANEL);
    tile1(rows % 2, part, row + (whole + two) * stride, stride, wide, start, i > 0, sums + (whole + two) * QN_PANEL);
    i += part;
  } while (i < depth);
}

void qn_gemm_i8(int64_t m, int64_t n, int64_t k, const int16_t *a, int64_t lda, const int8_t *packed, const int32_t *zero, const qn_i8_out *out,
                void *y, int64_t ldy) {
  const size_t depth = (size_t)qn_gemm_i8_depth(k), stride = (size_t)lda;
  const int64_t size = (int64_t)qn_dtype_size(out->dtype);
  int16_t wide[DEPTH * QN_PANEL];
  int32_t sums[QN_GEMM_I8_ROWS * QN_PANEL];
  for (int64_t m0 = 0; m0 < m; m0 += QN_GEMM_I8_ROWS) {
    const int64_t count = m - m0 < QN_GEMM_I8_ROWS ? m - m0 : QN_GEMM_I8_ROWS;
    const int16_t *block_a = a + m0 * lda;
    uint32_t row_sum[QN_GEMM_I8_ROWS] = {0};
    for (int64_t r = 0; zero && r < count; r++)
      for (int64_t l = 0; l < k; l++) row_sum[r] += (uint32_t)block_a[r * lda + l];
    for (int64_t j = 0; j < n; j += QN_PANEL) {
      const int64_t width = n - j < QN_PANEL ? n - j : QN_PANEL;
      int32_t start[QN_PANEL] = {0};
      if (out->offset) memcpy(start, out->offset + j, (size_t)width * sizeof *start);
      block((size_t)count, depth, block_a, stride, packed + (size_t)j * depth, start, wide, sums);
      for (int64_t r = 0; zero && r < count; r++)
        for (int64_t c = 0; c < width; c++) sums[r * QN_PANEL + c] = (int32_t)((uint32_t)sums[r * QN_PANEL + c] - row_sum[r] * (uint32_t)zero[j + c]);
      qn_i8_finish(out, j, width, count, sums, QN_PANEL, (uint8_t *)y + (m0 * ldy + j) * size, ldy);
    }
  }
}
