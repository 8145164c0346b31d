#include "kernel/gemm.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/simd.h"
#include "kernel/tile.h"

enum { COLUMNS = 256 /* of B packed at a time */ };

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
    int64_t i = 0;
    for (; width == QN_PANEL && row_stride == 1 && i + 4 <= k; i += 4, packed += 4 * QN_PANEL)
      for (int64_t c = 0; c < QN_PANEL; c += 4) { /* four rows of four columns */
        qn_f32x4 v[4];
        for (int64_t r = 0; r < 4; r++) v[r] = qn_load4(from + (c + r) * column_stride + i);
        qn_turn4(v);
        for (int64_t r = 0; r < 4; r++) qn_store4(packed + r * QN_PANEL + c, v[r]);
      }
    for (; i < k; i++, packed += QN_PANEL)
      for (int64_t c = 0; c < QN_PANEL; c++) packed[c] = c < width ? from[i * row_stride + c * column_stride] : 0.0f;
  }
}

/* Rows of A that take turns with a panel of B, read where they lie: up to that depth they stay in the second cache while all panels pass. Twice
 * as many, where they are short, halve what B takes from memory. */
enum { TILE = QN_TILE_ROWS, ROWS = 66 / TILE * TILE, SHORT = 768, DEPTH = 4096, FETCH = 4 /* multiplications in the time that a weight takes from memory */ };
static int64_t rows_of(int64_t k) { return k > SHORT ? ROWS : 2 * ROWS; }

/* Literal row numbers keep the sums in registers. */
#define EACH_4(X) X(0) X(1) X(2) X(3)

/* Rows that qn_tile_rows() leaves: four, and one panel, c = clamp(start + a·b); start and c may be the same. */
QN_NOINLINE static void tile(size_t k, const float *const row[4], const float *b, const float *start, size_t start_stride, float *c, size_t ldc,
                             qn_f32x4 min, qn_f32x4 max) {
  qn_f32x4 x;
#define SET_UP(r)            \
  const float *a##r = row[r]; \
  qn_f32x4 lo##r = qn_load4(start + r * start_stride), hi##r = qn_load4(start + r * start_stride + 4);
#define STEP(r)                   \
  QN_IN_ORDER;                    \
  x = qn_load_splat4(a##r + i);   \
  lo##r = qn_madd4(x, b0, lo##r); \
  hi##r = qn_madd4(x, b1, hi##r);
#define STORE(r)                                               \
  qn_store4(c + r * ldc, qn_min4(qn_max4(lo##r, min), max));   \
  qn_store4(c + r * ldc + 4, qn_min4(qn_max4(hi##r, min), max));
  EACH_4(SET_UP)
  for (size_t i = 0; i < k; i++, b += QN_PANEL) {
    qn_f32x4 b0 = qn_load4(b), b1 = qn_load4(b + 4);
    EACH_4(STEP)
  }
  EACH_4(STORE)
}

/* Tiles of TILE rows of so many: what is left makes fours without many empty rows. */
static int64_t whole_tiles(int64_t rows) {
  const int64_t tiles = rows / TILE, left = rows % TILE;
  return TILE > 4 && tiles > 0 && (left == 1 || left == 2) ? tiles - 1 : tiles;
}

/* What the panel at column j starts from: its bias, padded. */
static const float *padded_bias(const float *bias, int64_t j, int64_t width, float edge[QN_PANEL]) {
  static const float none[QN_PANEL] = {0};
  if (!bias) return none;
  if (width == QN_PANEL) return bias + j;
  memset(edge, 0, QN_PANEL * sizeof(float));
  memcpy(edge, bias + j, (size_t)width * sizeof(float));
  return edge;
}

/* A tile over the edge of C works in a copy. */
static void edge_tile(int64_t rows, int64_t width, size_t k, const float *const row[4], const float *b, const float *start, size_t start_stride, float *c,
                      int64_t ldc, qn_f32x4 min, qn_f32x4 max) {
  float copy[4 * QN_PANEL] = {0};
  if (start_stride) {
    for (int64_t r = 0; r < rows; r++) memcpy(copy + r * QN_PANEL, c + r * ldc, (size_t)width * sizeof(float));
    start = copy;
    start_stride = QN_PANEL;
  }
  tile(k, row, b, start, start_stride, copy, QN_PANEL, min, max);
  for (int64_t r = 0; r < rows; r++) memcpy(c + r * ldc, copy + r * QN_PANEL, (size_t)width * sizeof(float));
}

/* All columns of a block of rows, k of at most DEPTH: `b` is the panels' part, panels `step` apart; more: added to what is there. */
static void block(int64_t rows, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t step, const float *bias, bool more,
                  float *c, int64_t ldc, const qn_activation *clamp) {
  const qn_f32x4 min = qn_splat4(clamp->min), max = qn_splat4(clamp->max);
  float edge[QN_PANEL];
  for (int64_t j = 0; j < n; j += QN_PANEL, b += step) {
    const int64_t width = n - j < QN_PANEL ? n - j : QN_PANEL;
    const float *first = more ? NULL : padded_bias(bias, j, width, edge);
    int64_t i = 0;
    if (!more && width == QN_PANEL) {
      qn_tile_rows((size_t)whole_tiles(rows), (size_t)k, a, (size_t)lda, b, &(qn_tile_end){first, NULL, 0, clamp}, c + j, (size_t)ldc);
      i = whole_tiles(rows) * TILE;
    }
    for (; i < rows; i += 4) {
      const int64_t there = rows - i < 4 ? rows - i : 4;
      const float *row[4], *start = more ? c + i * ldc + j : first; /* rows past the last are read, not stored */
      const size_t start_stride = more ? (size_t)ldc : 0;
      for (int64_t r = 0; r < 4; r++) row[r] = a + (r < there ? i + r : i) * lda;
      if (width < QN_PANEL || there < 4) edge_tile(there, width, (size_t)k, row, b, start, start_stride, c + i * ldc + j, ldc, min, max);
      else tile((size_t)k, row, b, start, start_stride, c + i * ldc + j, (size_t)ldc, min, max);
    }
  }
}

/* One row: the weights are read once, from memory or, in a recurrence, from a cache. Four panels at once keep eight sums in flight, which is
 * what it takes to keep up with a cache, and share each number of the row. Few columns have two sums each in place of it, and so have all where
 * multiply and add are apart: the engines that take that build spill eight sums. */
static void one_row(size_t n, size_t k, const float *a, const float *b, float *c, const qn_epilogue *e) {
  const qn_f32x4 min = qn_splat4(e->min), max = qn_splat4(e->max);
  const size_t panel = k * QN_PANEL;
  size_t j = 0;
  for (; QN_TILE_ROWS > 4 && j + 4 * QN_PANEL <= n; j += 4 * QN_PANEL, b += 4 * panel) {
    const float *b0 = b, *b1 = b0 + panel, *b2 = b1 + panel, *b3 = b2 + panel, *bias = e->bias ? e->bias + j : NULL;
#define SET_OUT(r) qn_f32x4 lo##r = bias ? qn_load4(bias + QN_PANEL * r) : qn_splat4(0.0f), hi##r = bias ? qn_load4(bias + QN_PANEL * r + 4) : lo##r;
#define ADD_UP(r)                             \
  lo##r = qn_madd4(x, qn_load4(b##r), lo##r); \
  hi##r = qn_madd4(x, qn_load4(b##r + 4), hi##r);
#define LAY_DOWN(r)                                                    \
  qn_store4(c + j + QN_PANEL * r, qn_min4(qn_max4(lo##r, min), max));  \
  qn_store4(c + j + QN_PANEL * r + 4, qn_min4(qn_max4(hi##r, min), max));
    EACH_4(SET_OUT)
    for (size_t i = 0; i < k; i++, b0 += QN_PANEL, b1 += QN_PANEL, b2 += QN_PANEL, b3 += QN_PANEL) {
      const qn_f32x4 x = qn_load_splat4(a + i);
      EACH_4(ADD_UP)
    }
    EACH_4(LAY_DOWN)
  }
#define PART(r)                                                        \
  x = qn_load_splat4(a + i + r);                                       \
  lo##r = qn_madd4(x, qn_load4(b + r * QN_PANEL), lo##r);              \
  hi##r = qn_madd4(x, qn_load4(b + r * QN_PANEL + 4), hi##r);
  for (; j < n; j += QN_PANEL) {
    const size_t width = n - j < QN_PANEL ? n - j : QN_PANEL;
    float edge[QN_PANEL];
    const float *start = padded_bias(e->bias, (int64_t)j, (int64_t)width, edge);
    qn_f32x4 x, lo0 = qn_load4(start), hi0 = qn_load4(start + 4), lo1 = qn_splat4(0.0f), hi1 = lo1;
    size_t i = 0;
    for (; i + 2 <= k; i += 2, b += 2 * QN_PANEL) {
      PART(0)
      PART(1)
    }
    if (i < k) {
      PART(0)
      b += QN_PANEL;
    }
    qn_store4(edge, qn_min4(qn_max4(qn_add(lo0, lo1), min), max));
    qn_store4(edge + 4, qn_min4(qn_max4(qn_add(hi0, hi1), min), max));
    memcpy(c + j, edge, width * sizeof(float));
  }
}

typedef struct job {
  int64_t m, n, k, lda, ldc, row_stride, column_stride; /* strides: of B where it is not packed */
  const float *a, *b;
  float *c;
  const qn_epilogue *e;
  int64_t rows, blocks, parts; /* of a block; of rows; of columns */
} job;

/* The row at which a block begins. The last row is never alone: one row may be summed in another order. */
static int64_t block_start(const job *j, int64_t block) {
  const int64_t m = j->m, i = block * j->rows;
  return i >= m ? m : m - i == 1 && i ? i - j->rows / 2 : i;
}

/* Which rows and columns item `item` is, and what ends its sums. */
static qn_epilogue columns_of(const job *j, int64_t item, int64_t *from, int64_t *to) {
  const int64_t part = item % j->parts;
  *from = qn_parallel_column(part, j->parts, j->n);
  *to = qn_parallel_column(part + 1, j->parts, j->n);
  return (qn_epilogue){j->e->bias ? j->e->bias + *from : NULL, j->e->min, j->e->max};
}

QN_NOINLINE static void multiply(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const int64_t k = j->k, blocks = k > DEPTH ? (k + DEPTH - 1) / DEPTH : 1, depth = (k + blocks - 1) / blocks; /* of about the same depth */
  const qn_activation open = {.min = -INFINITY, .max = INFINITY}, clamp = {.min = j->e->min, .max = j->e->max};
  (void)worker;
  for (int64_t item = first, j0, j1; item < last; item++) {
    const qn_epilogue e = columns_of(j, item, &j0, &j1);
    const int64_t i = block_start(j, item / j->parts), rows = block_start(j, item / j->parts + 1) - i;
    const float *from = j->a + i * j->lda, *packed = j->b + j0 * k;
    float *c = j->c + i * j->ldc + j0;
    if (rows == 1) one_row((size_t)(j1 - j0), (size_t)k, from, packed, c, &e);
    for (int64_t at = 0; rows > 1 && (at < k || at == 0); at += depth > 0 ? depth : 1) {
      const bool end = at + depth >= k;
      block(rows, j1 - j0, end ? k - at : depth, from + at, j->lda, packed + at * QN_PANEL, k * QN_PANEL, e.bias, at > 0, c, j->ldc, end ? &clamp : &open);
    }
  }
}

void qn_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed, float *c, int64_t ldc,
             const qn_epilogue *e) {
  job j = {.m = m, .n = n, .k = k, .lda = lda, .ldc = ldc, .a = a, .b = packed, .c = c, .e = e, .rows = rows_of(k)};
  j.blocks = (m + j.rows - 1) / j.rows;
  j.parts = qn_parallel_parts(j.blocks, n);
  qn_parallel(j.blocks * j.parts, (m == 1 ? FETCH : m < j.rows ? m : j.rows) * k * n / j.parts, multiply, &j);
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
    EACH_4(START)
    for (size_t i = 0; i < k; i++, row += ldb) {
      x = qn_load_splat4(a + i);
      EACH_4(COLUMN)
    }
    EACH_4(FINISH)
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
    EACH_4(ZERO)
    size_t i = 0;
    for (; i + 16 <= k; i += 16) {
      EACH_4(LANES)
    }
    float lanes[4], total = e->bias ? e->bias[j] : 0.0f;
    qn_store4(lanes, qn_add(qn_add(sum0, sum1), qn_add(sum2, sum3)));
    for (; i < k; i++) total += a[i] * column[i];
    total += (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    c[j] = qn_clampf(total, e->min, e->max);
  }
}

QN_NOINLINE static void multiply_vector(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  (void)worker;
  for (int64_t item = first, from, to; item < last; item++) {
    const qn_epilogue e = columns_of(j, item, &from, &to);
    const int64_t row = item / j->parts;
    if (j->column_stride == 1) gemv_rows((size_t)(to - from), (size_t)j->k, j->a + row * j->lda, j->b + from, (size_t)j->row_stride, j->c + row * j->ldc + from, &e);
    else gemv_columns((size_t)(to - from), (size_t)j->k, j->a + row * j->lda, j->b + from * j->column_stride, (size_t)j->column_stride, j->c + row * j->ldc + from, &e);
  }
}

void qn_gemm_raw(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t row_stride,
                 int64_t column_stride, float *c, int64_t ldc, const qn_epilogue *e, float *scratch) {
  if (m <= 2 && (column_stride == 1 || row_stride == 1)) {
    const job j = {m, n, k, lda, ldc, row_stride, column_stride, a, b, c, e, 1, m, qn_parallel_parts(m, n)};
    qn_parallel(m * j.parts, FETCH * k * n / j.parts, multiply_vector, &j);
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
