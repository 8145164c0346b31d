/* MatMulInteger, QLinearMatMul, and QuantizedMatMul: what passes make of MatMul and Gemm between DequantizeLinear and QuantizeLinear,
 * and of MatMulInteger with what turns its sums into float32. Each matrix has one zero point (and scale), or one per row of A and per
 * column of B; with the ranks of A and B above 2, per-row and per-column ones may differ from matrix to matrix. */
#include <string.h>

#include "base/parallel.h"
#include "kernel/gemm_i8.h"
#include "op/quantized.h"

typedef struct kept_matrix {
  qn_tensor b; /* dtype and dims; data is gone */
  int8_t *packed;
  size_t each;
  int32_t *zero; /* [n], or NULL: read in each run unless zero_free */
  bool zero_free;
} kept_matrix;

typedef struct plan_state {
  int64_t m, n, k, batch, b_matrices;
  int rank;
  int64_t dims[QN_MAX_RANK], a[QN_MAX_RANK], b[QN_MAX_RANK]; /* matrices to skip per step */
  size_t each;
  int at[5]; /* input numbers: a, a zero, b, b zero, b scale */
  int64_t bias_row, bias_column; /* steps of a bias that is not [n] */
  bool wide /* floats of 8 bits are among the types: QLinearMatMul in float32 */;
  bool linear, turned, by_row /* the sums are scaled after the product */, wide_bias;
} plan_state;

static bool is_linear(const qn_step *s) { return s->op->name[0] == 'Q'; }
static bool is_turned(const qn_step *s) { return s->op->domain[0] && qn_attr_int(s, "transB", 0) != 0; } /* B is [N, K] */

static void pack(int64_t k, int64_t n, const qn_tensor *b, int64_t matrix, bool turned, int8_t *packed) {
  qn_gemm_i8_pack(k, n, (const int8_t *)b->data + matrix * k * n, b->dtype == QN_INT8, turned ? 1 : n, turned ? k : 1, packed);
}

static qn_status prepare(qn_step *s) {
  const int at = is_linear(s) ? 3 : 1, at_zero = is_linear(s) ? 5 : 3;
  const bool turned = is_turned(s);
  const qn_tensor *b = qn_const(s, at), *zero = qn_const(s, at_zero);
  const qn_tensor *a_zero = is_linear(s) ? qn_const(s, 2) : NULL, *y_zero = is_linear(s) ? qn_const(s, 7) : NULL;
  if ((a_zero && QN_FLOATS_8 >> a_zero->dtype & 1) || (y_zero && QN_FLOATS_8 >> y_zero->dtype & 1)) return QN_OK;
  if (!b || (b->dtype != QN_INT8 && b->dtype != QN_UINT8) || b->rank < 2 || b->count == 0) return QN_OK;
  int64_t k = b->dims[b->rank - (turned ? 1 : 2)], n = b->dims[b->rank - (turned ? 2 : 1)], matrices = b->count / (k * n);
  size_t each = qn_gemm_packed_count(qn_gemm_i8_depth(k), n, 1), all;
  if (each == 0 || !qn_size_mul(each, (size_t)matrices, &all)) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  QN_TRY(qn_keep(s, sizeof(kept_matrix)));
  kept_matrix *kept = s->kept;
  kept->b = *b;
  kept->b.data = NULL;
  kept->each = each;
  kept->packed = qn_keep_block(s, all);
  if (!kept->packed) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  for (int64_t i = 0; i < matrices; i++) pack(k, n, b, i, turned, kept->packed + (size_t)i * each);
  if (!qn_has_input(s, at_zero) || (zero && zero->dtype == b->dtype && (zero->count == 1 || zero->count == n))) {
    kept->zero = qn_keep_block(s, (size_t)n * sizeof(int32_t));
    if (!kept->zero) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the zero points");
    kept->zero_free = !qn_packed_zeros(zero, b->dtype == QN_INT8, 0, n, kept->zero);
  }
  qn_release_const(s, at);
  return QN_OK;
}

/* Elements: 1, or `line` elements, or `line` for each of the matrices. */
static qn_status check_params(const qn_step *s, const qn_tensor *t, int64_t line, int64_t matrices, const char *what) {
  if (!t || t->count == 1 || t->count == line || t->count == line * matrices) return QN_OK;
  return qn_step_fail(s, QN_ERR_SHAPE, "%s has %lld elements; 1 or %lld are expected", what, (long long)t->count, (long long)line);
}
/* Where a matrix' parameters begin. */
static int64_t first_param(const qn_tensor *t, int64_t line, int64_t matrix) { return !t || t->count <= 1 || t->count == line ? 0 : matrix * line; }
static bool one(const qn_tensor *t) { return !t || t->count == 1; }

typedef struct rooms {
  float *wide; /* [k] of A, then [k, n] of B */
  uint8_t *a; /* [QN_GEMM_I8_ROWS, depth] int16 for each thread */
  int8_t *packed;
  uint8_t *sums; /* int32, for each thread */
  int32_t *zero;
  float *scale, *bias;
} rooms;

static size_t a_size(const plan_state *p) { /* SIZE_MAX when it does not fit, like that of the sums */
  size_t bytes;
  return qn_size_mul((size_t)qn_gemm_i8_depth(p->k), QN_GEMM_I8_ROWS * sizeof(int16_t), &bytes) ? bytes : SIZE_MAX;
}
static size_t sums_size(const plan_state *p) {
  size_t bytes;
  return qn_size_mul((size_t)p->n, QN_GEMM_I8_ROWS * sizeof(int32_t), &bytes) ? bytes : SIZE_MAX;
}

static void lay_out(const qn_step *s, const plan_state *p, qn_room *r, rooms *m) {
  if (p->wide) {
    m->wide = qn_room_take(r, (size_t)p->k * sizeof(float), (size_t)p->n + 1);
    return;
  }
  m->a = qn_room_take(r, qn_parallel_room(a_size(p)), 1);
  m->zero = qn_room_take(r, (size_t)p->n, sizeof(int32_t));
  m->scale = qn_room_take(r, (size_t)p->n, sizeof(float));
  m->bias = qn_room_take(r, (size_t)p->n, sizeof(float));
  m->sums = p->by_row ? qn_room_take(r, qn_parallel_room(sums_size(p)), 1) : NULL;
  m->packed = s->kept ? NULL : qn_room_take(r, p->each, 1);
}

static const qn_tensor *input(const qn_step *s, const plan_state *p, int i) { return p->at[i] < 0 ? NULL : qn_in(s, p->at[i]); }

/* QGemm's C, which broadcasts to [m, n]. */
static bool is_wide_bias(const qn_step *s, plan_state *p) {
  const qn_tensor *t = qn_in(s, 8);
  if (!t || !s->op->domain[0] || t->dtype != QN_INT32 || p->rank || t->rank > 2) return false;
  const int64_t rows = t->rank == 2 ? t->dims[0] : 1, columns = t->rank ? t->dims[t->rank - 1] : 1;
  p->bias_row = rows > 1 ? columns : 0;
  p->bias_column = columns > 1;
  return (rows == 1 || rows == p->m) && (columns == 1 || columns == p->n) && (rows != 1 || columns != p->n);
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(plan_state)));
  plan_state *p = s->state;
  p->linear = is_linear(s);
  p->turned = is_turned(s);
  const int linear[5] = {0, 2, 3, 5, 4}, plain[5] = {0, 2, 1, 3, -1};
  memcpy(p->at, p->linear ? linear : plain, sizeof p->at);
  const uint32_t types = QN_BYTES_8 | (s->op->name[1] == 'L' ? QN_FLOATS_8 : 0);
  QN_TRY(qn_check_type(s, 0, types));
  const qn_tensor *a = qn_in(s, 0), *b = s->kept ? &((kept_matrix *)s->kept)->b : qn_in(s, p->at[2]);
  if (!s->kept) QN_TRY(qn_check_type(s, p->at[2], types));
  char ta[QN_SHAPE_TEXT], tb[QN_SHAPE_TEXT];
  int a_batch = a->rank > 2 ? a->rank - 2 : 0, b_batch = b->rank > 2 ? b->rank - 2 : 0;
  p->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
  p->k = a->rank < 1 ? -2 : a->dims[a->rank - 1];
  p->n = b->rank > 1 ? b->dims[b->rank - (p->turned ? 2 : 1)] : 1;
  int64_t b_rows = b->rank < 1 ? -1 : b->rank == 1 ? b->dims[0] : b->dims[b->rank - (p->turned ? 1 : 2)], a_step = 1, b_step = 1;
  p->rank = a_batch > b_batch ? a_batch : b_batch;
  bool fits = p->k == b_rows && p->k < INT32_MAX && p->n < INT32_MAX;
  for (int d = p->rank - 1; d >= 0 && fits; d--) {
    int64_t da = d - (p->rank - a_batch) >= 0 ? a->dims[d - (p->rank - a_batch)] : 1;
    int64_t db = d - (p->rank - b_batch) >= 0 ? b->dims[d - (p->rank - b_batch)] : 1;
    fits = da == db || da == 1 || db == 1;
    p->dims[d] = da == 1 ? db : da;
    p->a[d] = da == 1 ? 0 : a_step;
    p->b[d] = db == 1 ? 0 : b_step;
    a_step *= da;
    b_step *= db;
  }
  if (!fits) return qn_step_fail(s, QN_ERR_SHAPE, "shapes %s and %s do not multiply", qn_shape_text(ta, a->rank, a->dims), qn_shape_text(tb, b->rank, b->dims));
  p->b_matrices = b_step;
  for (int i = 1; i <= 3; i += 2) {
    const qn_tensor *z = p->at[i] >= 0 ? qn_in(s, p->at[i]) : NULL;
    if (z && z->dtype != (i == 1 ? a : b)->dtype) return qn_step_fail(s, QN_ERR_TYPE, "a zero point differs in type from its matrix: %s and %s", qn_dtype_name(z->dtype), qn_dtype_name((i == 1 ? a : b)->dtype));
    QN_TRY(check_params(s, z, i == 1 ? p->m : p->n, i == 1 ? a_step : b_step, "a zero point"));
  }
  qn_dtype type = QN_INT32;
  if (p->linear) {
    p->wide_bias = is_wide_bias(s, p);
    QN_TRY(qn_quantized_check(s, QN_HALVES | QN_TYPE_BIT(QN_FLOAT), p->wide_bias ? qn_in(s, 8)->count : p->n, &type));
    p->by_row = p->wide_bias || !one(qn_in(s, 1));
    p->wide = !s->op->domain[0] && !(QN_BYTES_8 >> a->dtype & QN_BYTES_8 >> b->dtype & QN_BYTES_8 >> type & 1);
    if (p->wide && s->kept) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "floats of 8 bits with constant integers want constant zero points");
    QN_TRY(check_params(s, qn_in(s, 1), p->m, a_step, "a_scale"));
    QN_TRY(check_params(s, qn_in(s, 4), p->n, b_step, "b_scale"));
    if (!one(qn_in(s, 1)) && s->op->domain[0]) return qn_step_fail(s, QN_ERR_SHAPE, "a_scale must be a scalar");
  }
  int64_t dims[QN_MAX_RANK + 2];
  memcpy(dims, p->dims, sizeof p->dims);
  int rank = p->rank;
  if (a->rank > 1) dims[rank++] = p->m;
  if (b->rank > 1) dims[rank++] = p->n;
  QN_TRY(qn_out_shape(s, 0, type, rank, dims));
  p->batch = 1;
  for (int d = 0; d < p->rank; d++) p->batch = qn_out(s, 0)->count ? p->batch * p->dims[d] : 0;
  p->each = p->k && p->n ? qn_gemm_packed_count(qn_gemm_i8_depth(p->k), p->n, 1) : 1;
  if (p->each == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed matrix would not fit the address space");
  if (p->b_matrices == 1 && p->batch > 1 && one(input(s, p, 1)) && (!p->linear || one(qn_in(s, 1)))) { /* all of A is one matrix */
    p->m *= p->batch;
    p->batch = 1;
  }
  qn_room r = {0};
  rooms m;
  lay_out(s, p, &r, &m);
  return qn_room_done(s, &r);
}

/* Rows [first, first + rows) of matrix `matrix` of A. */
static void widen(const plan_state *p, const qn_tensor *a, const qn_tensor *zero, int64_t matrix, int64_t first, int64_t rows, int16_t *out) {
  const int64_t lda = qn_gemm_i8_depth(p->k), zero_first = first_param(zero, p->m, matrix);
  const uint8_t *from = (const uint8_t *)a->data + (matrix * p->m + first) * p->k;
  const bool is_signed = a->dtype == QN_INT8;
  if (one(zero) && lda == p->k) {
    qn_i8_widen(from, is_signed, qn_zero_at(zero, 0), rows * lda, out);
    return;
  }
  for (int64_t i = 0; i < rows; i++, out += lda, from += p->k) {
    qn_i8_widen(from, is_signed, qn_zero_at(zero, one(zero) ? 0 : zero_first + first + i), p->k, out);
    if (lda > p->k) out[p->k] = 0;
  }
}

/* QLinearMatMul with a scale for each row of A, or QGemm with a bias for each. */
static void scale_rows(const qn_step *s, const plan_state *p, int64_t matrix, int64_t first, int64_t rows, const qn_i8_out *out, const int32_t *sums, void *y) {
  const qn_tensor *a_scale = qn_in(s, 1), *bias = qn_in(s, 8);
  for (int64_t i = 0, at = 0; i < rows; i++) {
    const float scale = one(a_scale) ? 1.0f : qn_scale_at(a_scale, first_param(a_scale, p->m, matrix) + first + i);
    for (int64_t n = 0; n < p->n; n++, at++) {
      const int32_t shift = p->wide_bias ? ((const int32_t *)bias->data)[(first + i) * p->bias_row + n * p->bias_column] : 0;
      float v = (float)(int32_t)((uint32_t)sums[at] + (uint32_t)shift) * (scale * out->scale[n]);
      v = v > out->min ? v : out->min;
      v = v < out->max ? v : out->max;
      if (out->dtype == QN_FLOAT) ((float *)y)[at] = v;
      else ((uint8_t *)y)[at] = (uint8_t)((int32_t)rintf(v) + out->zero);
    }
  }
}

static float float_at(const qn_tensor *t, int64_t i) {
  float x;
  qn_load(QN_IN_F32, t->dtype, t->data, (size_t)i, 1, &x);
  return x;
}

/* Product number `matrix` of the output, of matrices at_a and at_b. */
static void multiply_wide(const qn_step *s, const plan_state *p, int64_t matrix, int64_t at_a, int64_t at_b, float *room) {
  const qn_tensor *y = qn_out(s, 0);
  const int64_t n = p->n, k = p->k;
  float *b = room + k;
  qn_load(QN_IN_F32, qn_in(s, 3)->dtype, qn_in(s, 3)->data, (size_t)(at_b * k * n), (size_t)(k * n), b);
  for (int64_t r = 0; r < p->m; r++) {
    float parameter[4]; /* scale and zero of the row, then of the column */
    qn_load(QN_IN_F32, qn_in(s, 0)->dtype, qn_in(s, 0)->data, (size_t)((at_a * p->m + r) * k), (size_t)k, room);
    for (int64_t c = 0; c < n; c++) {
      for (int i = 0; i < 4; i++) {
        const qn_tensor *t = qn_in(s, i < 2 ? 1 + i : 2 + i);
        parameter[i] = !t ? 0 : float_at(t, one(t) ? 0 : i < 2 ? first_param(t, p->m, at_a) + r : first_param(t, n, at_b) + c);
      }
      double sum = 0;
      for (int64_t i = 0; i < k; i++) sum += (double)(room[i] - parameter[1]) * (double)(b[i * n + c] - parameter[3]);
      float v = (float)(sum * (double)(parameter[0] * parameter[2] / float_at(qn_in(s, 6), 0)));
      v = (QN_BYTES_8 >> y->dtype & 1 ? rintf(v) : v) + float_at(qn_in(s, 7), 0);
      qn_store(QN_IN_F32, y->dtype, y->data, (size_t)((matrix * p->m + r) * n + c), 1, &v, (qn_cast_mode){0});
    }
  }
}

typedef struct job { /* one product */
  const qn_step *s;
  const plan_state *p;
  const rooms *m;
  const int8_t *packed;
  const int32_t *zero;
  const qn_i8_out *out;
  int64_t at_a, i, parts;
} job;

/* Blocks of rows by parts of columns. */
static void multiply_blocks(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const plan_state *p = j->p;
  const qn_tensor *a = qn_in(j->s, 0), *y = qn_out(j->s, 0);
  const int64_t lda = qn_gemm_i8_depth(p->k);
  int16_t *wide = (int16_t *)(void *)(j->m->a + (size_t)worker * qn_parallel_part(a_size(p)));
  int32_t *sums = p->by_row ? (int32_t *)(void *)(j->m->sums + (size_t)worker * qn_parallel_part(sums_size(p))) : NULL;
  for (int64_t item = first, widened = -1; item < last; item++) {
    const int64_t part = item % j->parts, from = qn_parallel_column(part, j->parts, p->n), row = item / j->parts * QN_GEMM_I8_ROWS;
    const int64_t rows = p->m - row < QN_GEMM_I8_ROWS ? p->m - row : QN_GEMM_I8_ROWS;
    uint8_t *to = (uint8_t *)y->data + (size_t)((j->i * p->m + row) * p->n + from) * qn_dtype_size(y->dtype);
    if (row != widened) widen(p, a, input(j->s, p, 1), j->at_a, row, rows, wide);
    widened = row;
    qn_i8_out out = p->by_row ? (qn_i8_out){.dtype = QN_INT32} : *j->out;
    if (out.offset) out.offset += from;
    if (out.scale) out.scale += from;
    if (out.bias) out.bias += from;
    qn_gemm_i8(rows, qn_parallel_column(part + 1, j->parts, p->n) - from, p->k, wide, lda, j->packed + from * lda, j->zero ? j->zero + from : NULL, &out,
               p->by_row ? (void *)sums : to, p->n);
    if (p->by_row) scale_rows(j->s, p, j->at_a, row, rows, j->out, sums, to);
  }
}

static void multiply(const qn_step *s, const plan_state *p, int64_t matrix, int64_t at_a, int64_t at_b, const rooms *m) {
  const qn_tensor *b_zero = input(s, p, 3), *b_scale = input(s, p, 4);
  const kept_matrix *kept = s->kept;
  const bool b_signed = (kept ? kept->b.dtype : qn_in(s, p->at[2])->dtype) == QN_INT8;
  const float alpha = p->linear && s->op->domain[0] ? qn_attr_float(s, "alpha", 1.0f) : 1.0f; /* of QGemm */
  const int8_t *packed = kept ? kept->packed + (size_t)at_b * kept->each : m->packed;
  if (!kept) pack(p->k, p->n, qn_in(s, p->at[2]), at_b, p->turned, m->packed);
  const int32_t *zero = kept && !kept->zero_free ? kept->zero : NULL;
  if ((!kept || !kept->zero) && qn_packed_zeros(b_zero, b_signed, first_param(b_zero, p->n, at_b), p->n, m->zero)) zero = m->zero;
  qn_i8_out out = {.dtype = QN_INT32};
  if (p->linear) qn_quantized_out(s, one(qn_in(s, 1)) ? alpha * qn_scale_at(qn_in(s, 1), 0) : 1.0f, b_scale, first_param(b_scale, p->n, at_b), p->n, m->scale, m->bias, &out);
  const int64_t blocks = (p->m + QN_GEMM_I8_ROWS - 1) / QN_GEMM_I8_ROWS, parts = p->by_row ? 1 : qn_parallel_parts(blocks, p->n);
  const job j = {s, p, m, packed, zero, &out, at_a, matrix, parts};
  qn_parallel(blocks * parts, (p->m < QN_GEMM_I8_ROWS ? p->m : QN_GEMM_I8_ROWS) * p->n * p->k / 2 / parts, multiply_blocks, &j);
}

static qn_status run(qn_step *s) {
  const plan_state *p = s->state;
  if (qn_out(s, 0)->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  lay_out(s, p, &r, &m);
  int64_t index[QN_MAX_RANK] = {0}, at_a = 0, at_b = 0;
  for (int64_t i = 0; i < p->batch; i++) {
    if (p->wide) multiply_wide(s, p, i, at_a, at_b, m.wide);
    else multiply(s, p, i, at_a, at_b, &m);
    for (int d = p->rank - 1; d >= 0; d--) {
      at_a += p->a[d];
      at_b += p->b[d];
      if (++index[d] < p->dims[d]) break;
      at_a -= p->a[d] * p->dims[d];
      at_b -= p->b[d] * p->dims[d];
      index[d] = 0;
    }
  }
  return QN_OK;
}

const qn_op qn_op_matmul_integer = {.domain = "", .name = "MatMulInteger", .since = 10, .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 1,
                                    .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_qlinear_matmul = {.domain = "", .name = "QLinearMatMul", .since = 10, .min_in = 8, .max_in = 8, .min_out = 1, .max_out = 1,
                                    .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_quantized_matmul = {.domain = "quern", .name = "QuantizedMatMul", .since = 1, .min_in = 5, .max_in = 9, .min_out = 1, .max_out = 1,
                                      .plan = plan, .run = run, .prepare = prepare};
