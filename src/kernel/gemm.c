#include "kernel/gemm.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/simd.h"

enum { MR = 6, ROWS = 96 /* of A that stay in the cache while all panels pass */, COLUMNS = 256 /* packed at a time */ };

size_t qn_gemm_packed_count(int64_t k, int64_t n, size_t width) {
  size_t count, bytes, columns;
  if ((uint64_t)k > SIZE_MAX / 2 || (uint64_t)n > SIZE_MAX / 2 - QN_PANEL) return 0;
  columns = ((size_t)n + QN_PANEL - 1) / QN_PANEL * QN_PANEL;
  if (!qn_size_mul(columns, (size_t)k, &count) || !qn_size_mul(count, width, &bytes)) return 0;
  return count;
}

void qn_gemm_pack(int64_t k, int64_t n, const float *b, int64_t row_stride, int64_t column_stride, float *packed) {
  for (int64_t j = 0; j < n; j += QN_PANEL) {
    int64_t width = n - j < QN_PANEL ? n - j : QN_PANEL;
    const float *from = b + j * column_stride;
    if (width == QN_PANEL && column_stride == 1) {
      for (int64_t i = 0; i < k; i++, packed += QN_PANEL) memcpy(packed, from + i * row_stride, QN_PANEL * sizeof(float));
      continue;
    }
    for (int64_t i = 0; i < k; i++, packed += QN_PANEL)
      for (int64_t c = 0; c < QN_PANEL; c++) packed[c] = c < width ? from[i * row_stride + c * column_stride] : 0.0f;
  }
}

static void store(const qn_f32x4 lo, const qn_f32x4 hi, float *c, int64_t width, const float *bias, qn_f32x4 min, qn_f32x4 max) {
  float sums[QN_PANEL];
  qn_f32x4 l = lo, h = hi;
  if (bias && width == QN_PANEL) {
    l = qn_add(l, qn_load4(bias));
    h = qn_add(h, qn_load4(bias + 4));
  }
  if (width == QN_PANEL) {
    qn_store4(c, qn_min4(qn_max4(l, min), max));
    qn_store4(c + 4, qn_min4(qn_max4(h, min), max));
    return;
  }
  float edge[QN_PANEL] = {0};
  if (bias) memcpy(edge, bias, (size_t)width * sizeof(float));
  qn_store4(sums, qn_min4(qn_max4(qn_add(l, qn_load4(edge)), min), max));
  qn_store4(sums + 4, qn_min4(qn_max4(qn_add(h, qn_load4(edge + 4)), min), max));
  memcpy(c, sums, (size_t)width * sizeof(float));
}

/* A tile of R rows and one panel; R is a literal, so the loops unroll and the sums stay in registers. */
#define TILE(R)                                                                                                                  \
  static void tile##R(int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc, int64_t width,              \
                      const float *bias, qn_f32x4 min, qn_f32x4 max) {                                                           \
    qn_f32x4 lo[R], hi[R];                                                                                                       \
    _Pragma("GCC unroll 8") for (int r = 0; r < R; r++) lo[r] = hi[r] = qn_splat4(0.0f);                                         \
    for (int64_t i = 0; i < k; i++, b += QN_PANEL) {                                                                             \
      qn_f32x4 b0 = qn_load4(b), b1 = qn_load4(b + 4);                                                                           \
      _Pragma("GCC unroll 8") for (int r = 0; r < R; r++) {                                                                      \
        qn_f32x4 x = qn_load_splat4(a + r * lda + i);                                                                            \
        lo[r] = qn_madd4(x, b0, lo[r]);                                                                                          \
        hi[r] = qn_madd4(x, b1, hi[r]);                                                                                          \
      }                                                                                                                          \
    }                                                                                                                            \
    _Pragma("GCC unroll 8") for (int r = 0; r < R; r++) store(lo[r], hi[r], c + r * ldc, width, bias, min, max);                 \
  }
TILE(6)
TILE(4)
TILE(2)

/* One row: the weights are read once, so four sums per vector hide the latency of the additions. */
static void tile1(int64_t k, const float *a, const float *b, float *c, int64_t width, const float *bias, qn_f32x4 min, qn_f32x4 max) {
  qn_f32x4 lo[4], hi[4];
  _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) lo[r] = hi[r] = qn_splat4(0.0f);
  int64_t i = 0;
  for (; i + 4 <= k; i += 4, b += 4 * QN_PANEL) {
    _Pragma("GCC unroll 4") for (int r = 0; r < 4; r++) {
      qn_f32x4 x = qn_load_splat4(a + i + r);
      lo[r] = qn_madd4(x, qn_load4(b + r * QN_PANEL), lo[r]);
      hi[r] = qn_madd4(x, qn_load4(b + r * QN_PANEL + 4), hi[r]);
    }
  }
  for (; i < k; i++, b += QN_PANEL) {
    qn_f32x4 x = qn_load_splat4(a + i);
    lo[0] = qn_madd4(x, qn_load4(b), lo[0]);
    hi[0] = qn_madd4(x, qn_load4(b + 4), hi[0]);
  }
  store(qn_add(qn_add(lo[0], lo[1]), qn_add(lo[2], lo[3])), qn_add(qn_add(hi[0], hi[1]), qn_add(hi[2], hi[3])), c, width, bias, min, max);
}

void qn_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed, float *c, int64_t ldc,
             const qn_epilogue *e) {
  qn_f32x4 min = qn_splat4(e->min), max = qn_splat4(e->max);
  for (int64_t m0 = 0; m0 < m; m0 += ROWS) {
    int64_t m1 = m - m0 < ROWS ? m : m0 + ROWS;
    for (int64_t j = 0; j < n; j += QN_PANEL) {
      const float *b = packed + j * k, *bias = e->bias ? e->bias + j : NULL;
      int64_t width = n - j < QN_PANEL ? n - j : QN_PANEL, i = m0;
      for (; i + MR <= m1; i += MR) tile6(k, a + i * lda, lda, b, c + i * ldc + j, ldc, width, bias, min, max);
      if (m1 - i >= 4) tile4(k, a + i * lda, lda, b, c + i * ldc + j, ldc, width, bias, min, max), i += 4;
      if (m1 - i >= 2) tile2(k, a + i * lda, lda, b, c + i * ldc + j, ldc, width, bias, min, max), i += 2;
      if (m1 - i >= 1) tile1(k, a + i * lda, b, c + i * ldc + j, width, bias, min, max);
    }
  }
}

size_t qn_gemm_raw_room(int64_t k, int64_t n) {
  return qn_gemm_packed_count(k, n < COLUMNS ? n : COLUMNS, sizeof(float));
}

/* B's rows lie in memory one after the other: 32 columns at a time. */
static void gemv_rows(int64_t n, int64_t k, const float *a, const float *b, int64_t ldb, float *c, const qn_epilogue *e) {
  int64_t j = 0;
  qn_f32x4 min = qn_splat4(e->min), max = qn_splat4(e->max);
  for (; j + 32 <= n; j += 32) {
    qn_f32x4 sum[8];
    _Pragma("GCC unroll 8") for (int v = 0; v < 8; v++) sum[v] = e->bias ? qn_load4(e->bias + j + 4 * v) : qn_splat4(0.0f);
    for (int64_t i = 0; i < k; i++) {
      const float *row = b + i * ldb + j;
      qn_f32x4 x = qn_load_splat4(a + i);
      _Pragma("GCC unroll 8") for (int v = 0; v < 8; v++) sum[v] = qn_madd4(x, qn_load4(row + 4 * v), sum[v]);
    }
    _Pragma("GCC unroll 8") for (int v = 0; v < 8; v++) qn_store4(c + j + 4 * v, qn_min4(qn_max4(sum[v], min), max));
  }
  for (; j < n; j++) {
    float sum = e->bias ? e->bias[j] : 0.0f;
    for (int64_t i = 0; i < k; i++) sum += a[i] * b[i * ldb + j];
    c[j] = qn_clampf(sum, e->min, e->max);
  }
}

/* B's columns lie in memory one after the other: dot products. */
static void gemv_columns(int64_t n, int64_t k, const float *a, const float *b, int64_t ldb, float *c, const qn_epilogue *e) {
  for (int64_t j = 0; j < n; j++) {
    const float *column = b + j * ldb;
    qn_f32x4 sum[4];
    _Pragma("GCC unroll 4") for (int v = 0; v < 4; v++) sum[v] = qn_splat4(0.0f);
    int64_t i = 0;
    for (; i + 16 <= k; i += 16)
      _Pragma("GCC unroll 4") for (int v = 0; v < 4; v++) sum[v] = qn_madd4(qn_load4(a + i + 4 * v), qn_load4(column + i + 4 * v), sum[v]);
    float lanes[4], total = e->bias ? e->bias[j] : 0.0f;
    qn_store4(lanes, qn_add(qn_add(sum[0], sum[1]), qn_add(sum[2], sum[3])));
    for (; i < k; i++) total += a[i] * column[i];
    total += (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    c[j] = qn_clampf(total, e->min, e->max);
  }
}

void qn_gemm_raw(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t row_stride,
                 int64_t column_stride, float *c, int64_t ldc, const qn_epilogue *e, float *scratch) {
  if (m <= 2 && (column_stride == 1 || row_stride == 1)) {
    for (int64_t i = 0; i < m; i++) {
      if (column_stride == 1) gemv_rows(n, k, a + i * lda, b, row_stride, c + i * ldc, e);
      else gemv_columns(n, k, a + i * lda, b, column_stride, c + i * ldc, e);
    }
    return;
  }
  for (int64_t j = 0; j < n; j += COLUMNS) {
    int64_t width = n - j < COLUMNS ? n - j : COLUMNS;
    qn_epilogue part = *e;
    if (part.bias) part.bias += j;
    qn_gemm_pack(k, width, b + j * column_stride, row_stride, column_stride, scratch);
    qn_gemm(m, width, k, a, lda, scratch, c + j, ldc, &part);
  }
}

#define PLAIN(type, a, b, c)                                                                       \
  for (int64_t i = 0; i < m; i++)                                                                  \
    for (int64_t j = 0; j < n; j++) {                                                              \
      type sum = 0;                                                                                \
      for (int64_t l = 0; l < k; l++)                                                              \
        sum += ((const type *)(a))[i * a_row + l * a_column] * ((const type *)(b))[l * b_row + j * b_column]; \
      ((type *)(c))[i * n + j] = sum;                                                              \
    }

void qn_matmul_plain(qn_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row, int64_t a_column, const void *b,
                     int64_t b_row, int64_t b_column, void *c) {
  if (dtype == QN_DOUBLE) {
    PLAIN(double, a, b, c)
  } else if (dtype == QN_FLOAT) {
    PLAIN(float, a, b, c)
  } else if (qn_dtype_size(dtype) == 4) {
    PLAIN(uint32_t, a, b, c)
  } else {
    PLAIN(uint64_t, a, b, c)
  }
}
