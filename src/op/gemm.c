/* Gemm: alpha · A' · B' + beta · C. */
#include <math.h>

#include "kernel/gemm.h"
#include "kernel/simd.h"
#include "kernel/transpose.h"
#include "op/scratch.h"

#define TYPES (QN_FLOATS | QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_UINT32) | QN_TYPE_BIT(QN_UINT64))

typedef struct kept_matrix {
  qn_tensor b; /* dtype and dims; data is gone */
  float *packed;
} kept_matrix;

typedef struct gemm_plan {
  int64_t m, n, k, a_row, a_column, b_row, b_column, c_row, c_column;
  float alpha, beta;
  bool fused; /* the bias is one row and the factors are 1 */
} gemm_plan;

static qn_status prepare(qn_step *s) {
  const qn_tensor *b = qn_const(s, 1);
  if (!b || b->dtype != QN_FLOAT || b->rank != 2 || b->count == 0) return QN_OK;
  bool turned = qn_attr_int(s, "transB", 0) != 0;
  int64_t k = b->dims[turned], n = b->dims[!turned];
  size_t count = qn_gemm_packed_count(k, n, sizeof(float));
  if (count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  QN_TRY(qn_keep(s, sizeof(kept_matrix)));
  kept_matrix *kept = s->kept;
  kept->b = *b;
  kept->b.data = NULL;
  kept->packed = qn_keep_block(s, count * sizeof(float));
  if (!kept->packed) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  qn_gemm_pack(k, n, b->data, turned ? 1 : n, turned ? k : 1, kept->packed);
  qn_release_const(s, 1);
  return QN_OK;
}

typedef struct rooms {
  const void *a, *b, *c;
  void *y;
  float *turned, *work;
} rooms;

static void lay_out(const qn_step *s, const gemm_plan *p, qn_room *r, rooms *m) {
  m->a = qn_room_widen(r, qn_in(s, 0));
  m->b = s->kept ? NULL : qn_room_widen(r, qn_in(s, 1));
  m->c = qn_room_widen(r, qn_in(s, 2));
  m->y = qn_room_output(r, qn_out(s, 0));
  m->turned = p->a_column == 1 ? NULL : qn_room_take(r, (size_t)qn_in(s, 0)->count, sizeof(float));
  m->work = qn_room_take(r, s->kept ? 0 : qn_gemm_raw_room(p->k, p->n), sizeof(float));
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, TYPES));
  const qn_tensor *a = qn_in(s, 0), *b = s->kept ? &((kept_matrix *)s->kept)->b : qn_in(s, 1), *c = qn_in(s, 2);
  if (!b) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 1 is missing");
  QN_TRY(qn_check_same(s, "input 1", b, a));
  QN_TRY(qn_check_same(s, "input 2", c, a));
  char ta[QN_SHAPE_TEXT], tb[QN_SHAPE_TEXT];
  QN_TRY(qn_state(s, sizeof(gemm_plan)));
  gemm_plan *p = s->state;
  bool turn_a = qn_attr_int(s, "transA", 0) != 0, turn_b = qn_attr_int(s, "transB", 0) != 0;
  if (a->rank != 2 || b->rank != 2 || a->dims[!turn_a] != b->dims[turn_b])
    return qn_step_fail(s, QN_ERR_SHAPE, "shapes %s and %s do not multiply", qn_shape_text(ta, a->rank, a->dims), qn_shape_text(tb, b->rank, b->dims));
  p->m = a->dims[turn_a];
  p->k = a->dims[!turn_a];
  p->n = b->dims[!turn_b];
  p->a_row = turn_a ? 1 : p->k;
  p->a_column = turn_a ? p->m : 1;
  p->b_row = turn_b ? 1 : p->n;
  p->b_column = turn_b ? p->k : 1;
  p->alpha = qn_attr_float(s, "alpha", 1.0f);
  p->beta = qn_attr_float(s, "beta", 1.0f);
  if (c) {
    int64_t columns = c->rank > 0 ? c->dims[c->rank - 1] : 1, rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
    if (c->rank > 2 || (columns != 1 && columns != p->n) || (rows != 1 && rows != p->m))
      return qn_step_fail(s, QN_ERR_SHAPE, "C of shape %s does not broadcast to %lld rows and %lld columns", qn_shape_text(ta, c->rank, c->dims), (long long)p->m,
                          (long long)p->n);
    p->c_column = columns == 1 && p->n != 1 ? 0 : 1;
    p->c_row = rows == 1 ? 0 : columns;
  }
  p->fused = p->alpha == 1.0f && (!c || (p->beta == 1.0f && p->c_row == 0 && (p->c_column == 1)));
  QN_TRY(qn_out_shape(s, 0, a->dtype, 2, (int64_t[]){p->m, p->n}));
  if (p->k > 0 && p->n > 0 && !s->kept && qn_gemm_raw_room(p->k, p->n) == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed matrix would not fit the address space");
  qn_room r = {0};
  rooms m;
  lay_out(s, p, &r, &m);
  return qn_room_done(s, &r);
}

static int64_t to_int(double x) { return x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : x == x ? (int64_t)x : 0; }

/* y = alpha · y + beta · c in the element type; integers wrap when both factors are 1. */
static void add_c(const gemm_plan *p, qn_dtype type, void *y, const void *c, float min, float max) {
  bool plain = p->alpha == 1.0f && p->beta == 1.0f;
  for (int64_t i = 0; i < p->m; i++)
    for (int64_t j = 0; j < p->n; j++) {
      int64_t at = i * p->n + j, from = i * p->c_row + j * p->c_column;
      if (type == QN_FLOAT) {
        float *v = (float *)y + at, sum = p->alpha * *v + (c ? p->beta * ((const float *)c)[from] : 0.0f);
        *v = qn_clampf(sum, min, max);
      } else if (type == QN_DOUBLE) {
        double *v = (double *)y + at, sum = p->alpha * *v + (c ? p->beta * ((const double *)c)[from] : 0.0);
        *v = sum < min ? min : sum > max ? max : sum;
      } else if (type == QN_INT32 || type == QN_UINT32) {
        uint32_t *v = (uint32_t *)y + at, add = c ? ((const uint32_t *)c)[from] : 0;
        double a = type == QN_INT32 ? (double)(int32_t)*v : (double)*v, b = type == QN_INT32 ? (double)(int32_t)add : (double)add;
        *v = plain ? *v + add : (uint32_t)to_int(p->alpha * a + p->beta * b);
      } else {
        uint64_t *v = (uint64_t *)y + at, add = c ? ((const uint64_t *)c)[from] : 0;
        double a = type == QN_INT64 ? (double)(int64_t)*v : (double)*v, b = type == QN_INT64 ? (double)(int64_t)add : (double)add;
        *v = plain ? *v + add : (uint64_t)to_int(p->alpha * a + p->beta * b);
      }
    }
}

static qn_status run(qn_step *s) {
  const gemm_plan *p = s->state;
  const qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  const kept_matrix *kept = s->kept;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  lay_out(s, p, &r, &m);
  qn_dtype type = qn_is_half(y->dtype) ? QN_FLOAT : y->dtype;
  if (type == QN_FLOAT) {
    qn_epilogue e = {NULL, -INFINITY, INFINITY};
    if (p->fused) e = (qn_epilogue){m.c, s->clamp_min, s->clamp_max};
    const float *a = m.a;
    if (m.turned) {
      qn_transpose_2d(32, p->k, p->m, a, p->m, m.turned, p->k);
      a = m.turned;
    }
    if (kept) qn_gemm(p->m, p->n, p->k, a, p->k, kept->packed, m.y, p->n, &e);
    else qn_gemm_raw(p->m, p->n, p->k, a, p->k, m.b, p->b_row, p->b_column, m.y, p->n, &e, m.work);
  } else {
    qn_matmul_plain(type, p->m, p->n, p->k, m.a, p->a_row, p->a_column, m.b, p->b_row, p->b_column, m.y);
  }
  if (type != QN_FLOAT || !p->fused) add_c(p, type, m.y, m.c, s->clamp_min, s->clamp_max);
  qn_room_narrow(y, m.y);
  return QN_OK;
}

const qn_op qn_op_gemm = {.domain = "", .name = "Gemm", .since = 1, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                          .flags = QN_CLAMPS, .plan = plan, .run = run, .prepare = prepare};
