/* MatMul, quern.MatMulBias and quern.FusedMatMul: NumPy's matmul over any ranks. FusedMatMul is com.microsoft's: alpha · A' · B', where
 * trans swaps the last two dimensions of a matrix, after transBatch has moved its first one next to the last. */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernel/copy.h"
#include "kernel/gemm.h"
#include "op/scratch.h"

#define TYPES (QN_FLOATS | QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_UINT32) | QN_TYPE_BIT(QN_UINT64))

typedef struct kept_matrix {
  qn_tensor b;      /* dtype and dims; data is gone */
  float *packed;    /* one [K, N] after the other */
  size_t each;      /* floats */
} kept_matrix;

typedef struct matmul_plan {
  int64_t m, n, k;
  int64_t batch;                       /* of products */
  int rank;                            /* of the batch dimensions */
  int64_t dims[QN_MAX_RANK], a[QN_MAX_RANK], b[QN_MAX_RANK]; /* matrices to skip per step */
} matmul_plan;

/* Whether matrix A or B is turned, and its dimensions as they are multiplied. strides: [rank] of its elements. */
static bool turned(const qn_step *s, char matrix, const qn_tensor *t, int64_t *dims, int64_t *strides) {
  const bool fused = s->op->name[0] == 'F' && t->rank >= 2;
  const bool last = fused && qn_attr_int(s, matrix == 'A' ? "transA" : "transB", 0) != 0, batch = fused && qn_attr_int(s, matrix == 'A' ? "transBatchA" : "transBatchB", 0) != 0;
  int order[QN_MAX_RANK];
  int64_t own[QN_MAX_RANK];
  qn_strides(t->rank, t->dims, own);
  for (int d = 0; d < t->rank; d++) order[d] = !batch || d == t->rank - 1 ? d : d == t->rank - 2 ? 0 : d + 1;
  if (last) {
    const int swapped = order[t->rank - 1];
    order[t->rank - 1] = order[t->rank - 2];
    order[t->rank - 2] = swapped;
  }
  for (int d = 0; d < t->rank; d++) {
    dims[d] = t->dims[order[d]];
    strides[d] = own[order[d]];
  }
  return last || batch;
}

static qn_status prepare(qn_step *s) {
  const qn_tensor *b = qn_const(s, 1);
  int64_t dims[QN_MAX_RANK], strides[QN_MAX_RANK];
  if (s->op->name[0] == 'F' && qn_attr_int(s, "transBatchB", 0)) return QN_OK;
  if (!b || (b->dtype != QN_FLOAT && !qn_is_half(b->dtype)) || b->rank < 2 || b->count == 0) return QN_OK;
  turned(s, 'B', b, dims, strides);
  const int64_t k = dims[b->rank - 2], n = dims[b->rank - 1], matrices = b->count / (k * n);
  size_t each = qn_gemm_packed_count(k, n, sizeof(float)), all;
  if (each == 0 || !qn_size_mul(each, (size_t)matrices, &all) || all > SIZE_MAX / sizeof(float))
    return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  QN_TRY(qn_keep(s, sizeof(kept_matrix)));
  kept_matrix *kept = s->kept;
  kept->b = *b;
  kept->b.data = NULL;
  memcpy(kept->b.dims, dims, (size_t)b->rank * sizeof *dims);
  kept->each = each;
  kept->packed = qn_keep_block(s, all * sizeof(float));
  float *wide = qn_is_half(b->dtype) ? qn_alloc((size_t)(k * n) * sizeof(float)) : NULL;
  if (!kept->packed || (qn_is_half(b->dtype) && !wide)) {
    qn_free(wide);
    return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  }
  for (int64_t i = 0; i < matrices; i++) {
    const float *from = wide;
    if (wide) qn_cast(b->dtype, (const uint16_t *)b->data + i * k * n, QN_FLOAT, wide, (size_t)(k * n), (qn_cast_mode){0});
    else from = (const float *)b->data + i * k * n;
    qn_gemm_pack(k, n, from, strides[b->rank - 2], strides[b->rank - 1], kept->packed + (size_t)i * each);
  }
  qn_free(wide);
  qn_release_const(s, 1);
  return QN_OK;
}

typedef struct rooms {
  const void *a, *b, *bias;
  void *y;
  uint8_t *work; /* for each thread */
} rooms;

/* The matrix as it is multiplied, copied when it is turned. */
static const void *straight(const qn_step *s, char matrix, const qn_tensor *t, qn_room *r) {
  int64_t dims[QN_MAX_RANK], strides[QN_MAX_RANK], own[QN_MAX_RANK];
  const void *from = qn_room_widen(r, t);
  if (!turned(s, matrix, t, dims, strides)) return from;
  const size_t size = qn_is_half(t->dtype) ? sizeof(float) : qn_dtype_size(t->dtype);
  void *to = qn_room_take(r, (size_t)t->count, size);
  qn_strides(t->rank, dims, own);
  if (to && t->count) qn_copy_strided((unsigned)size * 8, t->rank, dims, from, 0, strides, to, 0, own);
  return to;
}

static void lay_out(const qn_step *s, const matmul_plan *p, qn_room *r, rooms *m) {
  m->a = straight(s, 'A', qn_in(s, 0), r);
  m->b = s->kept ? NULL : straight(s, 'B', qn_in(s, 1), r);
  m->bias = qn_room_widen(r, qn_in(s, 2));
  m->y = qn_room_output(r, qn_out(s, 0));
  const size_t room = s->kept ? 0 : qn_gemm_raw_room(p->k, p->n) * sizeof(float);
  m->work = qn_room_take(r, p->batch > 1 ? qn_parallel_room(room) : room, 1);
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, TYPES));
  const qn_tensor *a = qn_in(s, 0), *b = s->kept ? &((kept_matrix *)s->kept)->b : qn_in(s, 1), *bias = qn_in(s, 2);
  if (!b) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 1 is missing");
  QN_TRY(qn_check_same(s, "input 1", b, a));
  QN_TRY(qn_check_same(s, "input 2, the bias,", bias, a));
  QN_TRY(qn_state(s, sizeof(matmul_plan)));
  matmul_plan *p = s->state;
  int64_t strides[QN_MAX_RANK];
  qn_tensor a_turned = *a, b_turned = *b;
  turned(s, 'A', a, a_turned.dims, strides);
  if (!s->kept) turned(s, 'B', b, b_turned.dims, strides);
  a = &a_turned;
  b = &b_turned;
  char ta[QN_SHAPE_TEXT], tb[QN_SHAPE_TEXT];
  int a_batch = a->rank > 2 ? a->rank - 2 : 0, b_batch = b->rank > 2 ? b->rank - 2 : 0;
  int64_t b_rows = b->rank < 1 ? -1 : b->rank == 1 ? b->dims[0] : b->dims[b->rank - 2];
  p->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
  p->k = a->rank < 1 ? -2 : a->dims[a->rank - 1];
  p->n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
  p->rank = a_batch > b_batch ? a_batch : b_batch;
  bool fits = p->k == b_rows;
  int64_t a_step = 1, b_step = 1;
  p->batch = 1;
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
  if (bias && bias->count != p->n) return qn_step_fail(s, QN_ERR_SHAPE, "the bias has %lld elements for %lld columns", (long long)bias->count, (long long)p->n);
  int64_t dims[QN_MAX_RANK + 2];
  memcpy(dims, p->dims, sizeof p->dims);
  int rank = p->rank;
  if (a->rank > 1) dims[rank++] = p->m;
  if (b->rank > 1) dims[rank++] = p->n;
  QN_TRY(qn_out_shape(s, 0, a->dtype, rank, dims));
  for (int d = 0; d < p->rank; d++) p->batch = qn_out(s, 0)->count ? p->batch * p->dims[d] : 0;
  if (b_step == 1 && p->batch > 0) { /* one B: all rows of A in one product */
    p->m *= p->batch;
    p->batch = 1;
    p->rank = 0;
  }
  if (p->k > 0 && p->n > 0 && !s->kept && qn_gemm_raw_room(p->k, p->n) == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed matrix would not fit the address space");
  qn_room r = {0};
  rooms m;
  lay_out(s, p, &r, &m);
  return qn_room_done(s, &r);
}

typedef struct job {
  const matmul_plan *p;
  const kept_matrix *kept;
  const rooms *m;
  qn_dtype type;
  qn_epilogue e;
} job;

static void multiply(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const matmul_plan *p = j->p;
  const size_t width = qn_dtype_size(j->type);
  float *work = (float *)(void *)(j->m->work + (size_t)worker * qn_parallel_part(qn_gemm_raw_room(p->k, p->n) * sizeof(float)));
  for (int64_t i = first; i < last; i++) {
    int64_t at_a = 0, at_b = 0, rest = i;
    for (int d = p->rank - 1; d >= 0; d--) {
      at_a += rest % p->dims[d] * p->a[d];
      at_b += rest % p->dims[d] * p->b[d];
      rest /= p->dims[d];
    }
    const uint8_t *a = (const uint8_t *)j->m->a + (size_t)(at_a * p->m * p->k) * width;
    uint8_t *c = (uint8_t *)j->m->y + (size_t)(i * p->m * p->n) * width;
    if (j->kept) {
      qn_gemm(p->m, p->n, p->k, (const float *)(const void *)a, p->k, j->kept->packed + (size_t)at_b * j->kept->each, (float *)(void *)c, p->n, &j->e);
    } else {
      const uint8_t *b = (const uint8_t *)j->m->b + (size_t)(at_b * p->k * p->n) * width;
      if (j->type == QN_FLOAT)
        qn_gemm_raw(p->m, p->n, p->k, (const float *)(const void *)a, p->k, (const float *)(const void *)b, p->n, 1, (float *)(void *)c, p->n, &j->e, work);
      else
        qn_matmul_plain(j->type, p->m, p->n, p->k, a, p->k, 1, b, p->n, 1, c);
    }
  }
}

static qn_status run(qn_step *s) {
  const matmul_plan *p = s->state;
  const qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  lay_out(s, p, &r, &m);
  qn_dtype type = qn_is_half(y->dtype) ? QN_FLOAT : y->dtype;
  const job j = {p, s->kept, &m, type, {m.bias, s->clamp_min, s->clamp_max}};
  qn_parallel(p->batch, p->m * p->n * p->k, multiply, &j);
  if (type == QN_DOUBLE) {
    double *v = m.y;
    for (int64_t i = 0; i < y->count; i++) {
      double x = v[i] + (m.bias ? ((const double *)m.bias)[i % p->n] : 0);
      v[i] = x < s->clamp_min ? s->clamp_min : x > s->clamp_max ? s->clamp_max : x;
    }
  }
  const float alpha = qn_attr_float(s, "alpha", 1.0f);
  for (int64_t i = 0; alpha != 1.0f && i < y->count; i++) {
    if (type == QN_DOUBLE) ((double *)m.y)[i] *= (double)alpha;
    else if (type == QN_FLOAT) ((float *)m.y)[i] *= alpha;
  }
  qn_room_narrow(y, m.y);
  return QN_OK;
}

const qn_op qn_op_matmul = {.domain = "", .name = "MatMul", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                            .flags = QN_CLAMPS, .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_matmul_bias = {.domain = "quern", .name = "MatMulBias", .since = 1, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                                 .flags = QN_CLAMPS, .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_fused_matmul = {.domain = "quern", .name = "FusedMatMul", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                                  .plan = plan, .run = run, .prepare = prepare};
