#include "kernel/gemm.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/simd.h"

enum { ROWS = 96 /* of A that stay in the cache while all panels pass */, COLUMNS = 256 /* packed at a time */ };

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

/* Literal row numbers keep the sums in registers, and row pointers with a size_t index keep wasm's addresses 32 bits wide. */
#define ROWS_1(X) X(0)
#define ROWS_2(X) ROWS_1(X) X(1)
#define ROWS_4(X) ROWS_2(X) X(2) X(3)
#define SET_UP(r)                             \
  const float *a##r = a + (size_t)r * stride; \
  qn_f32x4 lo##r = qn_splat4(0.0f), hi##r = lo##r;
#define STEP(r)                   \
  x = qn_load_splat4(a##r + i);   \
  lo##r = qn_madd4(x, b0, lo##r); \
  hi##r = qn_madd4(x, b1, hi##r);
#define STORE(r) store(lo##r, hi##r, c + r * ldc, width, bias, min, max);
/* A tile of rows and one panel. Six rows would fit the registers on paper; V8 then spills: 26 GFLOP/s against 44. A tile is a
 * function of its own, so that the engine optimizes it during the first large product. */
#define TILE(R)                                                                                                     \
  QN_NOINLINE static void tile##R(int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc,    \
                                  int64_t width, const float *bias, qn_f32x4 min, qn_f32x4 max) {                                              \
    const size_t stride = (size_t)lda, depth = (size_t)k;                                                           \
    qn_f32x4 x;                                                                                                     \
    ROWS_##R(SET_UP)                                                                                                \
    for (size_t i = 0; i < depth; i++, b += QN_PANEL) {                                                             \
      qn_f32x4 b0 = qn_load4(b), b1 = qn_load4(b + 4);                                                              \
      ROWS_##R(STEP)                                                                                                \
    }                                                                                                               \
    ROWS_##R(STORE)                                                                                                 \
  }
TILE(4)
TILE(2)

/* One row: the weights are read once, so four sums per vector hide the latency of the additions. */
QN_NOINLINE static void tile1(int64_t k, const float *a, const float *b, float *c, int64_t width, const float *bias, qn_f32x4 min, qn_f32x4 max) {
  qn_f32x4 lo0 = qn_splat4(0.0f), lo1 = lo0, lo2 = lo0, lo3 = lo0, hi0 = lo0, hi1 = lo0, hi2 = lo0, hi3 = lo0, x;
  size_t i = 0, depth = (size_t)k;
#define PART(r)                                            \
  x = qn_load_splat4(a + i + r);                           \
  lo##r = qn_madd4(x, qn_load4(b + r * QN_PANEL), lo##r);  \
  hi##r = qn_madd4(x, qn_load4(b + r * QN_PANEL + 4), hi##r);
  for (; i + 4 <= depth; i += 4, b += 4 * QN_PANEL) {
    ROWS_4(PART)
  }
  for (; i < depth; i++, b += QN_PANEL) {
    PART(0)
  }
  store(qn_add(qn_add(lo0, lo1), qn_add(lo2, lo3)), qn_add(qn_add(hi0, hi1), qn_add(hi2, hi3)), c, width, bias, min, max);
}

void qn_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed, float *c, int64_t ldc,
             const qn_epilogue *e) {
  qn_f32x4 min = qn_splat4(e->min), max = qn_splat4(e->max);
  for (int64_t m0 = 0; m0 < m; m0 += ROWS) {
    int64_t m1 = m - m0 < ROWS ? m : m0 + ROWS;
    for (int64_t j = 0; j < n; j += QN_PANEL) {
      const float *b = packed + j * k, *bias = e->bias ? e->bias + j : NULL;
      int64_t width = n - j < QN_PANEL ? n - j : QN_PANEL, i = m0;
      for (; i + 4 <= m1; i += 4) tile4(k, a + i * lda, lda, b, c + i * ldc + j, ldc, width, bias, min, max);
      if (m1 - i >= 2) tile2(k, a + i * lda, lda, b, c + i * ldc + j, ldc, width, bias, min, max), i += 2;
      if (m1 - i >= 1) tile1(k, a + i * lda, b, c + i * ldc + j, width, bias, min, max);
    }
  }
}

size_t qn_gemm_raw_room(int64_t k, int64_t n) {
  return qn_gemm_packed_count(k, n < COLUMNS ? n : COLUMNS, sizeof(float));
}

/* B's rows lie in memory one after the other: 16 columns at a time. */
static void gemv_rows(size_t n, size_t k, const float *a, const float *b, size_t ldb, float *c, const qn_epilogue *e) {
  size_t j = 0;
  qn_f32x4 min = qn_splat4(e->min), max = qn_splat4(e->max), x;
#define START(v) qn_f32x4 sum##v = e->bias ? qn_load4(e->bias + j + 4 * v) : qn_splat4(0.0f);
#define COLUMN(v) sum##v = qn_madd4(x, qn_load4(row + 4 * v), sum##v);
#define FINISH(v) qn_store4(c + j + 4 * v, qn_min4(qn_max4(sum##v, min), max));
  for (; j + 16 <= n; j += 16) {
    const float *row = b + j;
    ROWS_4(START)
    for (size_t i = 0; i < k; i++, row += ldb) {
      x = qn_load_splat4(a + i);
      ROWS_4(COLUMN)
    }
    ROWS_4(FINISH)
  }
  for (; j < n; j++) {
    float sum = e->bias ? e->bias[j] : 0.0f;
    for (size_t i = 0; i < k; i++) sum += a[i] * b[i * ldb + j];
    c[j] = qn_clampf(sum, e->min, e->max);
  }
}

/* B's columns lie in memory one after the other: dot products. */
static void gemv_columns(size_t n, size_t k, const float *a, const float *b, size_t ldb, float *c, const qn_epilogue *e) {
#define ZERO(v) qn_f32x4 sum##v = qn_splat4(0.0f);
#define LANES(v) sum##v = qn_madd4(qn_load4(a + i + 4 * v), qn_load4(column + i + 4 * v), sum##v);
  for (size_t j = 0; j < n; j++) {
    const float *column = b + j * ldb;
    ROWS_4(ZERO)
    size_t i = 0;
    for (; i + 16 <= k; i += 16) {
      ROWS_4(LANES)
    }
    float lanes[4], total = e->bias ? e->bias[j] : 0.0f;
    qn_store4(lanes, qn_add(qn_add(sum0, sum1), qn_add(sum2, sum3)));
    for (; i < k; i++) total += a[i] * column[i];
    total += (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    c[j] = qn_clampf(total, e->min, e->max);
  }
}

void qn_gemm_raw(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t row_stride,
                 int64_t column_stride, float *c, int64_t ldc, const qn_epilogue *e, float *scratch) {
  if (m <= 2 && (column_stride == 1 || row_stride == 1)) {
    for (int64_t i = 0; i < m; i++) {
      if (column_stride == 1) gemv_rows((size_t)n, (size_t)k, a + i * lda, b, (size_t)row_stride, c + i * ldc, e);
      else gemv_columns((size_t)n, (size_t)k, a + i * lda, b, (size_t)column_stride, c + i * ldc, e);
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
