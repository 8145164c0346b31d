/* MatMulNBits and MatMulBnb4 of com.microsoft: MatMul with packed weights, which are never widened as a whole. */
#include "kernel/matmul_nbits.h"

#include "op/attention_parts.h"

#define TYPES (QN_HALVES | QN_TYPE_BIT(QN_FLOAT))

enum { A, B, SCALES, ZEROS, GROUP, BIAS };

typedef struct rooms {
  const float *a, *bias;
  float *y, *work;
} rooms;

static qn_status lay_out(const qn_step *s, const qn_nbits *w, int64_t rows, qn_room *r, rooms *m) {
  size_t work = qn_nbits_room(w, rows);
  if (work == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  m->a = qn_room_widen(r, qn_in(s, A));
  m->bias = qn_room_widen(r, qn_in(s, BIAS));
  m->y = qn_room_output(r, qn_out(s, 0));
  m->work = qn_room_take(r, work, sizeof(float));
  return QN_OK;
}

/* The values of 4 bits: FP4 and NF4 (T. Dettmers et al.: QLoRA, 2023) as bitsandbytes has them. */
static const float LEVELS[2][16] = {
    {0.0f, 5.208333333e-3f, 0.66666667f, 1.0f, 0.33333333f, 0.5f, 0.16666667f, 0.25f, -0.0f, -5.208333333e-3f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f},
    {-1.0f, -0.69619280f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f, -0.09105004f, 0.0f, 0.07958030f, 0.16093020f, 0.24611230f, 0.33791524f, 0.44070983f, 0.56261700f,
     0.72295684f, 1.0f}};

/* Older files give scales, zero points and weights as one list of the same order. */
static qn_status expect(const qn_step *s, int i, int64_t count, const char *what) {
  if (qn_in(s, i) && qn_in(s, i)->count == count) return QN_OK;
  return qn_step_fail(s, QN_ERR_SHAPE, "%s have %lld elements; %lld are expected", what, (long long)(qn_in(s, i) ? qn_in(s, i)->count : 0), (long long)count);
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(qn_nbits)));
  qn_nbits *w = s->state;
  QN_TRY(qn_check_type(s, A, TYPES));
  const qn_tensor *a = qn_in(s, A), *zeros = qn_in(s, ZEROS);
  QN_TRY(qn_check_type(s, B, QN_TYPE_BIT(QN_UINT8)));
  QN_TRY(qn_check_type(s, SCALES, TYPES));
  QN_TRY(qn_positive(s, "N", 0, &w->n));
  QN_TRY(qn_positive(s, "K", 0, &w->k));
  QN_TRY(qn_positive(s, "block_size", 0, &w->block));
  const bool listed = s->op->name[6] == 'B';
  int64_t bits = qn_attr_int(s, "bits", 4);
  if ((bits != 2 && bits != 4 && bits != 8) || w->block < 16 || (w->block & (w->block - 1)))
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "%lld bits in blocks of %lld; 2, 4 or 8 and a power of two from 16 on are supported", (long long)bits, (long long)w->block);
  w->bits = (int)bits;
  w->blocks = (w->k - 1) / w->block + 1;
  int64_t zero_bytes = (w->blocks * bits + 7) / 8;
  if (listed && (bits != 4 || !qn_attr_int(s, "transB", 1))) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "transB = 0, which training uses, is not supported");
  if ((double)w->n * (double)w->blocks * (double)w->block > 0x1p40) return qn_step_fail(s, QN_ERR_SHAPE, "N and K are too large");
  if (a->rank < 1 || a->dims[a->rank - 1] != w->k) return qn_step_fail(s, QN_ERR_SHAPE, "the input's rows do not have K = %lld elements", (long long)w->k);
  if (listed) w->levels = LEVELS[qn_attr_int(s, "quant_type", 1) != 0];
  QN_TRY(expect(s, B, listed ? (w->n * w->k + 1) / 2 : w->n * w->blocks * (w->block * bits / 8), "the weights"));
  QN_TRY(expect(s, SCALES, listed ? (w->n * w->k - 1) / w->block + 1 : w->n * w->blocks, "the scales"));
  w->scale_dtype = qn_in(s, SCALES)->dtype;
  if (zeros) {
    QN_TRY(qn_check_type(s, ZEROS, TYPES | QN_TYPE_BIT(QN_UINT8)));
    QN_TRY(expect(s, ZEROS, zeros->dtype == QN_UINT8 ? w->n * zero_bytes : w->n * w->blocks, "the zero points"));
    w->zero_dtype = zeros->dtype;
  }
  static const int32_t none; /* only that there are groups matters now */
  if (qn_in(s, GROUP)) {
    QN_TRY(qn_check_type(s, GROUP, QN_TYPE_BIT(QN_INT32)));
    if (qn_in(s, GROUP)->count < w->k) return expect(s, GROUP, w->k, "the groups");
    w->group = &none;
  }
  if (qn_in(s, BIAS)) {
    QN_TRY(qn_check_type(s, BIAS, QN_TYPE_BIT(a->dtype)));
    QN_TRY(expect(s, BIAS, w->n, "the biases"));
  }
  int64_t dims[QN_MAX_RANK];
  for (int d = 0; d < a->rank; d++) dims[d] = d == a->rank - 1 ? w->n : a->dims[d];
  QN_TRY(qn_out_shape(s, 0, a->dtype, a->rank, dims));
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, w, a->count / w->k, &r, &m));
  return qn_room_done(s, &r);
}

static qn_status run(qn_step *s) {
  qn_nbits w = *(const qn_nbits *)s->state;
  const qn_tensor *y = qn_out(s, 0), *group = qn_in(s, GROUP);
  const int64_t rows = qn_in(s, A)->count / w.k;
  if (y->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, &w, rows, &r, &m));
  w.weights = qn_in(s, B)->data;
  w.scales = qn_in(s, SCALES)->data;
  w.zeros = qn_in(s, ZEROS) ? qn_in(s, ZEROS)->data : NULL;
  w.group = group ? group->data : NULL;
  for (int64_t i = 0; group && i < w.k; i++)
    if (w.group[i] < 0 || w.group[i] >= w.blocks) return qn_step_fail(s, QN_ERR_RANGE, "group %d of element %lld is not one of %lld", (int)w.group[i], (long long)i, (long long)w.blocks);
  qn_nbits_matmul(&w, rows, m.a, m.bias, m.y, m.work);
  qn_room_narrow(y, m.y);
  return QN_OK;
}

const qn_op qn_op_matmul_nbits = {.domain = "com.microsoft", .name = "MatMulNBits", .since = 1, .min_in = 3, .max_in = 6, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
const qn_op qn_op_matmul_bnb4 = {.domain = "com.microsoft", .name = "MatMulBnb4", .since = 1, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
