/* Attention of ai.onnx. */
#include <math.h>

#include "op/attention_parts.h"
#include "op/elementwise.h"

typedef struct attention_plan {
  qn_attention a;
  int64_t past;
  qn_heads k_in, v_in, k_past, v_past; /* what `present` is made of */
} attention_plan;

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, USED };

/* Heads and width of input i, which is [batch, heads, rows, width] or [batch, rows, heads · width]. */
static qn_status read_heads(const qn_step *s, int i, int64_t *heads, int64_t *rows, int64_t *width, qn_heads *view) {
  const qn_tensor *t = qn_in(s, i);
  if (t->rank == 4) {
    *heads = t->dims[1];
    *rows = t->dims[2];
    *width = t->dims[3];
    QN_TRY(qn_check_heads(s, *heads, *rows, *width));
    *view = qn_heads_first(t->dtype, *heads, *rows, *width);
    return QN_OK;
  }
  QN_TRY(qn_positive(s, i == Q ? "q_num_heads" : "kv_num_heads", 0, heads));
  *rows = t->dims[1];
  *width = t->dims[2] / *heads;
  if (t->dims[2] % *heads) return qn_step_fail(s, QN_ERR_SHAPE, "input %d has %lld columns, which %lld heads do not divide", i, (long long)t->dims[2], (long long)*heads);
  QN_TRY(qn_check_heads(s, *heads, *rows, *width));
  *view = qn_rows_first(t->dtype, *heads, *rows, *width);
  return QN_OK;
}

static qn_status read_cache(const qn_step *s, attention_plan *p, int64_t added) {
  const qn_tensor *key = qn_in(s, PAST_KEY), *value = qn_in(s, PAST_VALUE);
  qn_attention *a = &p->a;
  if (!key != !value) return qn_step_fail(s, QN_ERR_ARGUMENT, "past_key and past_value must be given together");
  a->keys = added;
  if (!key) return QN_OK;
  if (qn_in(s, USED)) return qn_step_fail(s, QN_ERR_ARGUMENT, "nonpad_kv_seqlen cannot be combined with past_key");
  p->past = key->rank == 4 ? key->dims[2] : 0;
  QN_TRY(qn_check_type(s, PAST_KEY, QN_TYPE_BIT(a->k.dtype)));
  QN_TRY(qn_check_type(s, PAST_VALUE, QN_TYPE_BIT(a->v.dtype)));
  QN_TRY(qn_expect_shape(s, PAST_KEY, 4, (int64_t[]){a->batch, a->kv_heads, p->past, a->width}));
  QN_TRY(qn_expect_shape(s, PAST_VALUE, 4, (int64_t[]){a->batch, a->kv_heads, p->past, a->v_width}));
  a->keys += p->past;
  QN_TRY(qn_check_heads(s, a->kv_heads, a->keys, a->width));
  QN_TRY(qn_check_heads(s, a->kv_heads, a->keys, a->v_width));
  p->k_past = qn_heads_first(a->k.dtype, a->kv_heads, p->past, a->width);
  p->v_past = qn_heads_first(a->v.dtype, a->kv_heads, p->past, a->v_width);
  return QN_OK;
}

static qn_status read_attributes(const qn_step *s, attention_plan *p) {
  qn_attention *a = &p->a;
  a->scale = qn_attr_float(s, "scale", a->width ? (float)(1 / sqrt((double)a->width)) : 1.0f);
  a->softcap = qn_attr_float(s, "softcap", 0.0f);
  a->causal = qn_attr_int(s, "is_causal", 0) != 0;
  a->left = qn_near(qn_attr_int(s, "left_window_size", -1));
  a->right = qn_near(qn_attr_int(s, "right_window_size", -1));
  if (a->left < -1 || a->right < -1) return qn_step_fail(s, QN_ERR_ARGUMENT, "a window of %lld and %lld; -1 or more is expected", (long long)a->left, (long long)a->right);
  if (!isfinite(a->scale) || !isfinite(a->softcap) || a->softcap < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "scale is %g and softcap %g", (double)a->scale, (double)a->softcap);
  int64_t mode = qn_attr_int(s, "qk_matmul_output_mode", 0), precision = qn_attr_int(s, "softmax_precision", 0);
  if (mode < 0 || mode > 3) return qn_step_fail(s, QN_ERR_ARGUMENT, "qk_matmul_output_mode is %lld; 0 to 3 are expected", (long long)mode);
  a->scores_kind = (qn_scores_kind)mode;
  if (precision && (precision < 0 || precision >= QN_DTYPE_COUNT || !(QN_FLOAT_TYPES & QN_TYPE_BIT(precision))))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "softmax_precision is %lld; a floating-point type is expected", (long long)precision);
  if (qn_is_half((qn_dtype)precision) || (precision == QN_FLOAT && a->q.dtype == QN_DOUBLE)) a->round = (qn_dtype)precision;
  return QN_OK;
}

typedef struct rooms {
  void *k, *v, *work;
  int64_t *position, *used;
} rooms;

static bool joins(const qn_step *s) { return qn_in(s, PAST_KEY) || qn_out(s, 1) || qn_out(s, 2); }

static qn_status lay_out(const qn_step *s, const attention_plan *p, qn_room *r, rooms *m) {
  const qn_attention *a = &p->a;
  size_t heads = joins(s) ? (size_t)(a->batch * a->kv_heads) : 0;
  m->k = qn_out(s, 1) ? qn_out(s, 1)->data : qn_room_take(r, heads * (size_t)(a->keys * a->width), qn_dtype_size(a->k.dtype));
  m->v = qn_out(s, 2) ? qn_out(s, 2)->data : qn_room_take(r, heads * (size_t)(a->keys * a->v_width), qn_dtype_size(a->v.dtype));
  m->position = qn_room_take(r, (size_t)a->batch, sizeof(int64_t));
  m->used = qn_room_take(r, (size_t)a->batch, sizeof(int64_t));
  return qn_attention_take(s, a, r, &m->work);
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(attention_plan)));
  attention_plan *p = s->state;
  qn_attention *a = &p->a;
  for (int i = Q; i <= V; i++) {
    QN_TRY(qn_check_type(s, i, QN_FLOAT_TYPES));
    if (qn_in(s, i)->rank != qn_in(s, Q)->rank || (qn_in(s, i)->rank != 3 && qn_in(s, i)->rank != 4))
      return qn_step_fail(s, QN_ERR_SHAPE, "input %d has rank %d; Q, K and V must all have 3 or 4 dimensions", i, qn_in(s, i)->rank);
    if (qn_in(s, i)->dims[0] != qn_in(s, Q)->dims[0]) return qn_step_fail(s, QN_ERR_SHAPE, "input %d has a batch of %lld, Q one of %lld", i, (long long)qn_in(s, i)->dims[0], (long long)qn_in(s, Q)->dims[0]);
  }
  QN_TRY(qn_check_type(s, K, QN_TYPE_BIT(qn_in(s, Q)->dtype)));
  int64_t k_rows, v_rows, v_heads, k_width;
  a->batch = qn_in(s, Q)->dims[0];
  QN_TRY(read_heads(s, Q, &a->heads, &a->rows, &a->width, &a->q));
  QN_TRY(read_heads(s, K, &a->kv_heads, &k_rows, &k_width, &a->k));
  QN_TRY(read_heads(s, V, &v_heads, &v_rows, &a->v_width, &a->v));
  if (k_width != a->width || k_rows != v_rows || v_heads != a->kv_heads)
    return qn_step_fail(s, QN_ERR_SHAPE, "keys [%lld heads, %lld, %lld] do not fit queries of width %lld and values [%lld heads, %lld]", (long long)a->kv_heads,
                        (long long)k_rows, (long long)k_width, (long long)a->width, (long long)v_heads, (long long)v_rows);
  if (a->kv_heads < 1 || a->heads % a->kv_heads)
    return qn_step_fail(s, QN_ERR_SHAPE, "%lld query heads cannot share %lld key heads", (long long)a->heads, (long long)a->kv_heads);
  QN_TRY(qn_check_heads(s, a->heads, a->rows, a->v_width));
  QN_TRY(read_cache(s, p, k_rows));
  QN_TRY(read_attributes(s, p));
  a->bias_keys = a->keys;
  if (qn_in(s, MASK)) {
    QN_TRY(qn_check_type(s, MASK, QN_NUMERIC_TYPES | QN_TYPE_BIT(QN_BOOL)));
    QN_TRY(qn_attention_bias_of(s, MASK, a, "attn_mask", &a->bias[0]));
    a->bias[0].boolean = a->bias[0].dtype == QN_BOOL;
    a->bias[0].masked = -INFINITY;
    a->bias_keys = qn_in(s, MASK)->dims[qn_in(s, MASK)->rank - 1];
    if (a->bias_keys > a->keys) return qn_step_fail(s, QN_ERR_SHAPE, "attn_mask covers %lld keys of %lld", (long long)a->bias_keys, (long long)a->keys);
  }
  if (qn_in(s, USED)) {
    QN_TRY(qn_check_type(s, USED, QN_TYPE_BIT(QN_INT64)));
    QN_TRY(qn_expect_shape(s, USED, 1, &a->batch));
  }
  if (qn_in(s, Q)->rank == 4) {
    QN_TRY(qn_out_shape(s, 0, a->q.dtype, 4, (int64_t[]){a->batch, a->heads, a->rows, a->v_width}));
    a->y = qn_heads_first(a->q.dtype, a->heads, a->rows, a->v_width);
  } else {
    QN_TRY(qn_out_shape(s, 0, a->q.dtype, 3, (int64_t[]){a->batch, a->rows, a->heads * a->v_width}));
    a->y = qn_rows_first(a->q.dtype, a->heads, a->rows, a->v_width);
  }
  QN_TRY(qn_out_shape(s, 1, a->k.dtype, 4, (int64_t[]){a->batch, a->kv_heads, a->keys, a->width}));
  QN_TRY(qn_out_shape(s, 2, a->v.dtype, 4, (int64_t[]){a->batch, a->kv_heads, a->keys, a->v_width}));
  QN_TRY(qn_out_shape(s, 3, a->q.dtype, 4, (int64_t[]){a->batch, a->heads, a->rows, a->keys}));
  a->scores_dtype = a->q.dtype;
  p->k_in = a->k;
  p->v_in = a->v;
  if (joins(s)) {
    a->k = qn_heads_first(a->k.dtype, a->kv_heads, a->keys, a->width);
    a->v = qn_heads_first(a->v.dtype, a->kv_heads, a->keys, a->v_width);
  }
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, p, &r, &m));
  return qn_room_done(s, &r);
}

static const void *data_of(const qn_tensor *t) { return t ? t->data : NULL; }

static qn_status run(qn_step *s) {
  const attention_plan *p = s->state;
  qn_attention a = p->a;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, p, &r, &m));
  const qn_heads k_in = qn_heads_at(p->k_in, qn_in(s, K)->data), v_in = qn_heads_at(p->v_in, qn_in(s, V)->data);
  a.q.data = qn_in(s, Q)->data;
  a.k.data = k_in.data;
  a.v.data = v_in.data;
  if (joins(s)) {
    const qn_heads k_past = qn_heads_at(p->k_past, data_of(qn_in(s, PAST_KEY))), v_past = qn_heads_at(p->v_past, data_of(qn_in(s, PAST_VALUE)));
    a.k.data = m.k;
    a.v.data = m.v;
    qn_append_heads(a.batch, a.kv_heads, a.width, &k_past, p->past, &k_in, a.keys - p->past, NULL, &a.k);
    qn_append_heads(a.batch, a.kv_heads, a.v_width, &v_past, p->past, &v_in, a.keys - p->past, NULL, &a.v);
  }
  a.bias[0].data = data_of(qn_in(s, MASK));
  const int64_t *used = data_of(qn_in(s, USED));
  for (int64_t b = 0; b < a.batch; b++) {
    m.used[b] = used ? qn_near(used[b]) : a.keys;
    m.position[b] = used ? m.used[b] - a.rows : p->past;
  }
  a.position = m.position;
  a.used = m.used;
  a.scores = qn_out(s, 3) ? qn_out(s, 3)->data : NULL;
  if (!qn_out(s, 0)) return QN_OK;
  a.y.data = qn_out(s, 0)->data;
  qn_attention_run(&a, m.work);
  return QN_OK;
}

const qn_op qn_op_attention = {.domain = "", .name = "Attention", .since = 23, .min_in = 3, .max_in = 7, .min_out = 1, .max_out = 4, .plan = plan, .run = run};
