/* MatMulInteger and QLinearMatMul. Each matrix has one zero point (and scale), or one per row of A and per column of B;
 * with the ranks of A and B above 2, per-row and per-column ones may differ from matrix to matrix. */
#include <string.h>

#include "kernel/gemm.h"
#include "op/quantized.h"

typedef struct kept_matrix {
  qn_tensor b; /* dtype and dims; data is gone */
  int8_t *packed;
  size_t each;
} kept_matrix;

typedef struct plan_state {
  int64_t m, n, k, batch, a_rows /* all over */, b_matrices;
  int rank;
  int64_t dims[QN_MAX_RANK], a[QN_MAX_RANK], b[QN_MAX_RANK]; /* matrices to skip per step */
  size_t each;
  int at[6]; /* input numbers: a, a zero, b, b zero, a scale, b scale */
  bool linear;
} plan_state;

static bool is_linear(const qn_step *s) { return s->op->name[0] == 'Q'; }

static qn_status prepare(qn_step *s) {
  int at = is_linear(s) ? 3 : 1;
  const qn_tensor *b = qn_const(s, at);
  if (!b || (b->dtype != QN_INT8 && b->dtype != QN_UINT8) || b->rank < 2 || b->count == 0) return QN_OK;
  int64_t k = b->dims[b->rank - 2], n = b->dims[b->rank - 1], matrices = b->count / (k * n);
  size_t each = qn_gemm_packed_count(qn_gemm_i8_depth(k), n, 1), all;
  if (each == 0 || !qn_size_mul(each, (size_t)matrices, &all)) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  QN_TRY(qn_keep(s, sizeof(kept_matrix)));
  kept_matrix *kept = s->kept;
  kept->b = *b;
  kept->b.data = NULL;
  kept->each = each;
  kept->packed = qn_keep_block(s, all);
  if (!kept->packed) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  for (int64_t i = 0; i < matrices; i++)
    qn_gemm_i8_pack(k, n, (const int8_t *)b->data + i * k * n, b->dtype == QN_INT8, n, 1, kept->packed + (size_t)i * each);
  qn_release_const(s, at);
  return QN_OK;
}

/* Elements: 1, or `line` elements, or `line` for each of the matrices. */
static qn_status check_params(const qn_step *s, const qn_tensor *t, int64_t line, int64_t matrices, const char *what) {
  if (!t || t->count == 1 || t->count == line || t->count == line * matrices) return QN_OK;
  return qn_step_fail(s, QN_ERR_SHAPE, "%s has %lld elements; 1 or %lld are expected", what, (long long)t->count, (long long)line);
}
static int64_t param(const qn_tensor *t, int64_t line, int64_t matrix, int64_t i) {
  if (!t || t->count == 1) return 0;
  return t->count == line ? i : matrix * line + i;
}

typedef struct rooms {
  int16_t *a;
  int8_t *packed;
  int32_t *zero, *sums;
} rooms;

static qn_status lay_out(const qn_step *s, const plan_state *p, qn_room *r, rooms *m) {
  m->a = qn_room_take(r, (size_t)p->m, (size_t)qn_gemm_i8_depth(p->k) * sizeof(int16_t));
  m->zero = qn_room_take(r, (size_t)p->n, sizeof(int32_t));
  m->sums = p->linear ? qn_room_take(r, (size_t)p->m * (size_t)p->n, sizeof(int32_t)) : NULL;
  m->packed = s->kept ? NULL : qn_room_take(r, p->each, 1);
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(plan_state)));
  plan_state *p = s->state;
  p->linear = is_linear(s);
  const int linear[6] = {0, 2, 3, 5, 1, 4}, plain[6] = {0, 2, 1, 3, -1, -1};
  memcpy(p->at, p->linear ? linear : plain, sizeof p->at);
  QN_TRY(qn_check_type(s, 0, QN_BYTES_8));
  const qn_tensor *a = qn_in(s, 0), *b = s->kept ? &((kept_matrix *)s->kept)->b : qn_in(s, p->at[2]);
  if (!s->kept) QN_TRY(qn_check_type(s, p->at[2], QN_BYTES_8));
  char ta[QN_SHAPE_TEXT], tb[QN_SHAPE_TEXT];
  int a_batch = a->rank > 2 ? a->rank - 2 : 0, b_batch = b->rank > 2 ? b->rank - 2 : 0;
  p->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
  p->k = a->rank < 1 ? -2 : a->dims[a->rank - 1];
  p->n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
  int64_t b_rows = b->rank < 1 ? -1 : b->rank == 1 ? b->dims[0] : b->dims[b->rank - 2], a_step = 1, b_step = 1;
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
    if (z && z->dtype != (i == 1 ? a : b)->dtype) return qn_step_fail(s, QN_ERR_TYPE, "a zero point differs in type from its matrix");
    QN_TRY(check_params(s, z, i == 1 ? p->m : p->n, i == 1 ? a_step : b_step, "a zero point"));
  }
  qn_dtype type = QN_INT32;
  if (p->linear) {
    const int scales[3] = {1, 4, 6};
    for (int i = 0; i < 3; i++) QN_TRY(qn_check_type(s, scales[i], QN_HALVES | QN_TYPE_BIT(QN_FLOAT)));
    QN_TRY(qn_check_type(s, 7, QN_BYTES_8));
    QN_TRY(check_params(s, qn_in(s, 1), p->m, a_step, "a_scale"));
    QN_TRY(check_params(s, qn_in(s, 4), p->n, b_step, "b_scale"));
    if (qn_in(s, 6)->count != 1 || qn_in(s, 7)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "y_scale and y_zero_point must be scalars");
    type = qn_in(s, 7)->dtype;
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
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, p, &r, &m));
  return qn_room_done(s, &r);
}

static const qn_tensor *input(const qn_step *s, const plan_state *p, int i) { return p->at[i] < 0 ? NULL : qn_in(s, p->at[i]); }

static void widen(const plan_state *p, const qn_tensor *a, const qn_tensor *zero, int64_t matrix, int16_t *out) {
  int64_t lda = qn_gemm_i8_depth(p->k);
  const uint8_t *from = (const uint8_t *)a->data + matrix * p->m * p->k;
  int flip = a->dtype == QN_INT8 ? 0x80 : 0;
  for (int64_t i = 0; i < p->m; i++, out += lda, from += p->k) {
    int32_t z = qn_zero_at(zero, param(zero, p->m, matrix, i)) + flip;
    for (int64_t k = 0; k < p->k; k++) out[k] = (int16_t)((from[k] ^ flip) - z);
    if (lda > p->k) out[p->k] = 0;
  }
}

static qn_status run(qn_step *s) {
  const plan_state *p = s->state;
  const qn_tensor *a = qn_in(s, 0), *y = qn_out(s, 0), *a_zero = input(s, p, 1), *b_zero = input(s, p, 3);
  if (y->count == 0) return QN_OK;
  const kept_matrix *kept = s->kept;
  bool b_signed = (kept ? kept->b.dtype : qn_in(s, p->at[2])->dtype) == QN_INT8;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, p, &r, &m));
  int64_t index[QN_MAX_RANK] = {0}, at_a = 0, at_b = 0;
  for (int64_t i = 0; i < p->batch; i++) {
    widen(p, a, a_zero, at_a, m.a);
    const int8_t *packed = kept ? kept->packed + (size_t)at_b * kept->each : m.packed;
    if (!kept) qn_gemm_i8_pack(p->k, p->n, (const int8_t *)qn_in(s, p->at[2])->data + at_b * p->k * p->n, b_signed, p->n, 1, m.packed);
    for (int64_t n = 0; n < p->n; n++) m.zero[n] = qn_zero_at(b_zero, param(b_zero, p->n, at_b, n)) - (b_signed ? 0 : 128);
    int32_t *sums = p->linear ? m.sums : (int32_t *)y->data + i * p->m * p->n;
    qn_gemm_i8(p->m, p->n, p->k, m.a, qn_gemm_i8_depth(p->k), packed, m.zero, sums, p->n);
    if (p->linear) {
      const qn_tensor *a_scale = qn_in(s, 1), *b_scale = qn_in(s, 4);
      float y_scale = qn_scale_at(qn_in(s, 6), 0);
      int32_t y_zero = qn_zero_at(qn_in(s, 7), 0);
      uint8_t *out = (uint8_t *)y->data + i * p->m * p->n;
      for (int64_t row = 0; row < p->m; row++)
        for (int64_t n = 0; n < p->n; n++) {
          float scale = qn_scale_at(a_scale, param(a_scale, p->m, at_a, row)) * qn_scale_at(b_scale, param(b_scale, p->n, at_b, n)) / y_scale;
          out[row * p->n + n] = qn_requantize((float)sums[row * p->n + n] * scale, y_zero, y->dtype == QN_INT8);
        }
    }
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
