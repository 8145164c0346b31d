/* Attention and MultiHeadAttention of com.microsoft, and ProjectedAttention: Attention whose input is projected already (QAttention). */
#include <math.h>
#include <string.h>

#include "kernel/gemm.h"
#include "op/attention_parts.h"

#define TYPES (QN_HALVES | QN_TYPE_BIT(QN_FLOAT))

typedef struct kept_weights { /* of Attention's projection */
  qn_tensor w;                /* dtype and dims; data is gone */
  float *packed;
} kept_weights;

typedef struct attention_plan {
  qn_attention a;
  int64_t past, inputs /* columns of the input */, columns /* of the projection */;
  qn_heads q_in, k_in, v_in;
  int mask, bias, past_at; /* input numbers */
  bool projects, projected /* by the node before */, joins, biased_keys;
} attention_plan;

static qn_status prepare(qn_step *s) {
  const qn_tensor *w = qn_const(s, 1);
  if (!w || w->rank != 2 || w->count == 0 || !(TYPES & QN_TYPE_BIT(w->dtype))) return QN_OK;
  size_t count = qn_gemm_packed_count(w->dims[0], w->dims[1], sizeof(float));
  float *wide = qn_is_half(w->dtype) && count ? qn_alloc((size_t)w->count * sizeof(float)) : NULL;
  qn_status status = qn_keep(s, sizeof(kept_weights));
  kept_weights *kept = s->kept;
  if (status == QN_OK) {
    kept->w = *w;
    kept->w.data = NULL;
    kept->packed = count ? qn_keep_block(s, count * sizeof(float)) : NULL;
    if (!kept->packed || (qn_is_half(w->dtype) && !wide)) status = qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  }
  if (status == QN_OK) {
    if (wide) qn_cast(w->dtype, w->data, QN_FLOAT, wide, (size_t)w->count, (qn_cast_mode){0});
    qn_gemm_pack(w->dims[0], w->dims[1], wide ? wide : w->data, w->dims[1], 1, kept->packed);
    qn_release_const(s, 1);
  }
  qn_free(wide);
  return status;
}

/* ---- scratch ---- */

typedef struct rooms {
  const float *input, *weights, *bias;
  float *projected, *pack;
  void *q, *k, *v, *work;
  int32_t *mask;
  int64_t *position;
} rooms;

static qn_status lay_out(const qn_step *s, const attention_plan *p, qn_room *r, rooms *m) {
  const qn_attention *a = &p->a;
  size_t size = qn_dtype_size(a->k.dtype), kv = (size_t)(a->batch * a->kv_heads), rows = (size_t)(a->batch * a->rows);
  if (p->projects) {
    m->input = qn_room_widen(r, qn_in(s, 0));
    m->bias = qn_room_widen(r, qn_in(s, 2));
    m->projected = qn_room_take(r, rows * (size_t)p->columns, sizeof(float));
    if (!s->kept && !p->projected) {
      size_t pack = qn_gemm_raw_room(p->inputs, p->columns);
      if (pack == 0 && p->inputs && p->columns) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
      m->weights = qn_room_widen(r, qn_in(s, 1));
      m->pack = qn_room_take(r, pack, sizeof(float));
    }
    uint8_t *present = qn_out(s, 1) ? qn_out(s, 1)->data : NULL;
    size_t half = kv * (size_t)(a->keys * a->width) * size;
    if (p->joins && !qn_out(s, 1)) present = qn_room_take(r, 2 * half, 1);
    m->k = present;
    m->v = present ? present + half : NULL;
  } else {
    m->q = qn_room_take(r, qn_in(s, 3) ? rows * (size_t)a->heads * (size_t)a->width : 0, qn_dtype_size(a->q.dtype));
    m->k = qn_out(s, 1) ? qn_out(s, 1)->data : qn_room_take(r, p->joins ? kv * (size_t)(a->keys * a->width) : 0, size);
    m->v = qn_out(s, 2) ? qn_out(s, 2)->data : qn_room_take(r, p->joins ? kv * (size_t)(a->keys * a->v_width) : 0, size);
  }
  const qn_tensor *mask = qn_in(s, p->mask);
  m->mask = qn_room_take(r, mask && mask->rank == 1 ? (size_t)(a->batch * a->keys) : 0, sizeof(int32_t));
  m->position = qn_room_take(r, (size_t)a->batch, sizeof(int64_t));
  return qn_attention_take(s, a, r, &m->work);
}

/* ---- plan ---- */

static qn_status plan_mask(const qn_step *s, attention_plan *p) {
  qn_attention *a = &p->a;
  const qn_tensor *t = qn_in(s, p->mask);
  qn_attention_bias *b = &a->bias[0];
  a->bias_keys = a->keys;
  if (t) {
    char text[QN_SHAPE_TEXT];
    QN_TRY(qn_check_type(s, p->mask, QN_TYPE_BIT(QN_INT32)));
    *b = (qn_attention_bias){.dtype = QN_INT32, .boolean = true, .masked = qn_attr_float(s, "mask_filter_value", -10000.0f), .column = 1, .batch = a->keys};
    bool fits = t->rank == 1 ? t->dims[0] == a->batch || t->dims[0] == 2 * a->batch : t->rank == 2 || t->rank == 3;
    if (fits && t->rank > 1) fits = t->dims[0] == a->batch && t->dims[t->rank - 1] == a->keys && (t->rank == 2 || t->dims[1] == a->rows);
    if (!fits)
      return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a mask of shape %s; [%lld], [%lld], [%lld, %lld] or [%lld, %lld, %lld] is expected", qn_shape_text(text, t->rank, t->dims),
                          (long long)a->batch, (long long)(2 * a->batch), (long long)a->batch, (long long)a->keys, (long long)a->batch, (long long)a->rows, (long long)a->keys);
    if (t->rank == 3) {
      b->batch = a->rows * a->keys;
      b->row = a->keys;
    }
  }
  if (!qn_in(s, p->bias)) return QN_OK;
  QN_TRY(qn_check_type(s, p->bias, TYPES));
  QN_TRY(qn_attention_bias_of(s, p->bias, a, "attention_bias", &a->bias[1]));
  const qn_tensor *bias = qn_in(s, p->bias);
  if (bias->dims[bias->rank - 1] < a->keys) return qn_step_fail(s, QN_ERR_SHAPE, "attention_bias covers %lld keys of %lld", (long long)bias->dims[bias->rank - 1], (long long)a->keys);
  return QN_OK;
}

static qn_status plan_common(qn_step *s, attention_plan *p) {
  qn_attention *a = &p->a;
  if (!qn_out(s, 0)) return qn_step_fail(s, QN_ERR_ARGUMENT, "output 0 is missing");
  QN_TRY(plan_mask(s, p));
  a->causal = qn_attr_int(s, "unidirectional", 0) != 0;
  a->left = a->right = -1;
  a->scale = qn_attr_float(s, "scale", 0.0f);
  if (a->scale == 0) a->scale = a->width ? (float)(1 / sqrt((double)a->width)) : 1.0f;
  if (!isfinite(a->scale)) return qn_step_fail(s, QN_ERR_ARGUMENT, "scale is %g", (double)a->scale);
  QN_TRY(qn_out_shape(s, 0, a->y.dtype, 3, (int64_t[]){a->batch, a->rows, a->heads * a->v_width}));
  a->y = qn_rows_first(a->y.dtype, a->heads, a->rows, a->v_width);
  qn_room r = {0};
  rooms m = {0};
  QN_TRY(lay_out(s, p, &r, &m));
  return qn_room_done(s, &r);
}

/* input [batch, rows, inputs] · weights [inputs, heads · (width + width + v_width)] + bias */
static qn_status plan_attention(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(attention_plan)));
  attention_plan *p = s->state;
  qn_attention *a = &p->a;
  *p = (attention_plan){.mask = 3, .bias = 5, .past_at = 4, .projects = true};
  QN_TRY(qn_check_type(s, 0, TYPES));
  const qn_tensor *x = qn_in(s, 0), *w = s->kept ? &((kept_weights *)s->kept)->w : qn_in(s, 1), *past = qn_in(s, 4);
  char tx[QN_SHAPE_TEXT], tw[QN_SHAPE_TEXT];
  qn_tensor all = {.dtype = x->dtype, .rank = 2}; /* the weights of what is projected already */
  p->projected = s->op->domain[0] == 'q';
  if (p->projected) {
    all.dims[0] = all.dims[1] = x->rank == 3 ? x->dims[2] : 0;
    w = &all;
  }
  if (!w) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 1 is missing");
  QN_TRY(qn_check_same(s, "input 1, the weights,", w, x));
  if (qn_attr_int(s, "do_rotary", 0) || qn_attr_int(s, "past_present_share_buffer", 0))
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "do_rotary (RotaryEmbedding before MultiHeadAttention is what says how pairs are turned) and past_present_share_buffer are not supported");
  if (x->rank != 3 || w->rank != 2 || w->dims[0] != x->dims[2])
    return qn_step_fail(s, QN_ERR_SHAPE, "the input has shape %s and the weights %s; [batch, rows, columns] and [columns, all] are expected", qn_shape_text(tx, x->rank, x->dims), qn_shape_text(tw, w->rank, w->dims));
  int64_t heads, sizes[4];
  QN_TRY(qn_positive(s, "num_heads", 0, &heads));
  int given = qn_attr_ints(s, "qkv_hidden_sizes", sizes, 4);
  if (given < 0) sizes[0] = sizes[1] = sizes[2] = w->dims[1] / 3;
  else if (given != 3) return qn_step_fail(s, QN_ERR_ARGUMENT, "qkv_hidden_sizes has %d numbers; 3 are expected", given);
  for (int i = 0; i < 3; i++)
    if (sizes[i] < 0 || sizes[i] > w->dims[1] || sizes[i] % heads || sizes[0] != sizes[1] || sizes[0] + sizes[1] + sizes[2] != w->dims[1])
      return qn_step_fail(s, QN_ERR_SHAPE, "weights of %lld columns cannot be queries, keys and values of %lld heads", (long long)w->dims[1], (long long)heads);
  p->inputs = x->dims[2];
  p->columns = w->dims[1];
  a->batch = x->dims[0];
  a->rows = x->dims[1];
  a->heads = a->kv_heads = heads;
  a->width = sizes[0] / heads;
  a->v_width = sizes[2] / heads;
  QN_TRY(qn_check_heads(s, heads, a->rows, a->width * 2 + a->v_width));
  if (qn_in(s, 2)) {
    QN_TRY(qn_check_type(s, 2, QN_TYPE_BIT(x->dtype)));
    QN_TRY(qn_expect_shape(s, 2, 1, &p->columns));
  }
  if (past) {
    p->past = past->rank == 5 ? past->dims[3] : 0;
    QN_TRY(qn_check_type(s, 4, QN_TYPE_BIT(x->dtype)));
    QN_TRY(qn_expect_shape(s, 4, 5, (int64_t[]){2, a->batch, heads, p->past, a->width}));
  }
  p->joins = past || qn_out(s, 1);
  if (p->joins && a->width != a->v_width) return qn_step_fail(s, QN_ERR_SHAPE, "past or present wants keys and values of one size, not %lld and %lld", (long long)a->width, (long long)a->v_width);
  a->keys = p->past + a->rows;
  QN_TRY(qn_check_heads(s, heads, a->keys, a->width + a->v_width));
  const qn_heads each = {.dtype = QN_FLOAT, .batch = a->rows * p->columns, .head = a->width, .row = p->columns};
  p->q_in = p->k_in = p->v_in = each;
  p->v_in.head = a->v_width;
  a->q = p->q_in;
  a->k = p->joins ? qn_heads_first(x->dtype, heads, a->keys, a->width) : p->k_in;
  a->v = p->joins ? qn_heads_first(x->dtype, heads, a->keys, a->v_width) : p->v_in;
  a->y.dtype = x->dtype;
  QN_TRY(qn_out_shape(s, 1, x->dtype, 5, (int64_t[]){2, a->batch, heads, a->keys, a->width}));
  return plan_common(s, p);
}

/* query, key, value: [batch, rows, heads · width] each; or packed as [batch, rows, heads, 3 or 2, width]; or key and value as
 * [batch, heads, rows, width], which are then finished. */
static qn_status plan_multi_head(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(attention_plan)));
  attention_plan *p = s->state;
  qn_attention *a = &p->a;
  *p = (attention_plan){.mask = 4, .bias = 5, .past_at = 6};
  QN_TRY(qn_check_type(s, 0, TYPES));
  const qn_tensor *q = qn_in(s, 0), *k = qn_in(s, 1), *v = qn_in(s, 2);
  int64_t heads, k_rows, v_rows, k_width;
  for (int i = 1; i < 8; i++)
    if (qn_in(s, i) && i != 4) QN_TRY(qn_check_type(s, i, QN_TYPE_BIT(q->dtype)));
  if (qn_in(s, 8) || qn_in(s, 9)) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "past_sequence_length and cache_indirection are not supported");
  QN_TRY(qn_positive(s, "num_heads", 0, &heads));
  a->heads = a->kv_heads = heads;
  a->batch = q->rank ? q->dims[0] : 0;
  a->rows = q->rank > 1 ? q->dims[1] : 0;
  bool packed = q->rank == 5, packed_pair = !packed && k && k->rank == 5, ready = k && k->rank == 4;
  if (packed ? k || v || q->dims[2] != heads || q->dims[3] != 3 : q->rank != 3 || q->dims[2] % heads || !k || (packed_pair ? v != NULL : !v))
    return qn_step_fail(s, QN_ERR_SHAPE, "query, key and value do not have one of the forms that the operator knows for %lld heads", (long long)heads);
  a->width = packed ? q->dims[4] : q->dims[2] / heads;
  QN_TRY(qn_check_heads(s, heads, a->rows, a->width * 3));
  if (packed || packed_pair) {
    int64_t parts = packed ? 3 : 2;
    k_rows = v_rows = packed ? a->rows : k->dims[1];
    k_width = a->v_width = a->width;
    QN_TRY(qn_check_heads(s, heads, k_rows, a->width * 3));
    QN_TRY(qn_expect_shape(s, !packed, 5, (int64_t[]){a->batch, k_rows, heads, parts, a->width}));
    p->k_in = p->v_in = (qn_heads){.dtype = q->dtype, .batch = k_rows * heads * parts * a->width, .head = parts * a->width, .row = heads * parts * a->width};
    p->q_in = packed ? p->k_in : qn_rows_first(q->dtype, heads, a->rows, a->width);
  } else {
    if (v->rank != k->rank || (k->rank != 3 && !ready)) return qn_step_fail(s, QN_ERR_SHAPE, "key and value have ranks %d and %d; 3 or 4 is expected", k->rank, v->rank);
    k_rows = k->dims[ready ? 2 : 1];
    v_rows = v->dims[ready ? 2 : 1];
    k_width = ready ? k->dims[3] : k->dims[2] / heads;
    a->v_width = ready ? v->dims[3] : v->dims[2] / heads;
    QN_TRY(qn_check_heads(s, heads, k_rows, k_width));
    QN_TRY(qn_check_heads(s, heads, v_rows, a->v_width));
    const int64_t kd[4] = {a->batch, ready ? heads : k_rows, ready ? k_rows : heads * a->width, a->width};
    const int64_t vd[4] = {a->batch, ready ? heads : k_rows, ready ? k_rows : heads * a->v_width, a->v_width};
    QN_TRY(qn_expect_shape(s, 1, k->rank, kd));
    QN_TRY(qn_expect_shape(s, 2, v->rank, vd));
    p->k_in = ready ? qn_heads_first(q->dtype, heads, k_rows, a->width) : qn_rows_first(q->dtype, heads, k_rows, a->width);
    p->v_in = ready ? qn_heads_first(q->dtype, heads, k_rows, a->v_width) : qn_rows_first(q->dtype, heads, k_rows, a->v_width);
    p->q_in = qn_rows_first(q->dtype, heads, a->rows, a->width);
  }
  if (qn_in(s, 3)) {
    p->biased_keys = !ready;
    QN_TRY(qn_expect_shape(s, 3, 1, (int64_t[]){heads * (a->width * 2 + a->v_width)}));
  }
  const qn_tensor *past = qn_in(s, 6);
  p->past_at = qn_out(s, 1) || qn_out(s, 2) ? 6 : -1; /* onnxruntime-web leaves a past without a present out */
  if (!past != !qn_in(s, 7)) return qn_step_fail(s, QN_ERR_ARGUMENT, "past_key and past_value must be given together");
  if (past && p->past_at >= 0) {
    int64_t rows = past->rank == 4 ? past->dims[2] : 0;
    QN_TRY(qn_expect_shape(s, 6, 4, (int64_t[]){a->batch, heads, rows, a->width}));
    QN_TRY(qn_expect_shape(s, 7, 4, (int64_t[]){a->batch, heads, rows, a->v_width}));
    p->past = rows;
  }
  p->joins = p->biased_keys || qn_out(s, 1) || qn_out(s, 2);
  a->keys = p->past + k_rows;
  QN_TRY(qn_check_heads(s, heads, a->keys, a->width + a->v_width));
  a->q = qn_in(s, 3) ? qn_heads_first(q->dtype, heads, a->rows, a->width) : p->q_in;
  a->k = p->joins ? qn_heads_first(q->dtype, heads, a->keys, a->width) : p->k_in;
  a->v = p->joins ? qn_heads_first(q->dtype, heads, a->keys, a->v_width) : p->v_in;
  a->y.dtype = q->dtype;
  a->scores_kind = QN_SCORES_BIASED;
  a->scores_dtype = q->dtype;
  QN_TRY(qn_out_shape(s, 1, q->dtype, 4, (int64_t[]){a->batch, heads, a->keys, a->width}));
  QN_TRY(qn_out_shape(s, 2, q->dtype, 4, (int64_t[]){a->batch, heads, a->keys, a->v_width}));
  QN_TRY(qn_out_shape(s, 3, q->dtype, 4, (int64_t[]){a->batch, heads, a->rows, a->keys}));
  return plan_common(s, p);
}

/* ---- run ---- */

static const void *data_of(const qn_tensor *t) { return t ? t->data : NULL; }
static const void *plus(const void *p, int64_t elements, qn_dtype t) { return p ? (const uint8_t *)p + (size_t)elements * qn_dtype_size(t) : NULL; }

/* Lengths, or ends and then starts, as a mask of [batch, keys]. */
static void fill_mask(const qn_tensor *t, const qn_attention *a, int32_t *mask) {
  const int32_t *end = t->data, *start = t->dims[0] == 2 * a->batch ? end + a->batch : NULL;
  for (int64_t b = 0; b < a->batch; b++)
    for (int64_t i = 0; i < a->keys; i++) mask[b * a->keys + i] = i < end[b] && (!start || i >= start[b]);
}

static void finish(qn_step *s, const attention_plan *p, qn_attention *a, const rooms *m) {
  const qn_tensor *mask = qn_in(s, p->mask);
  a->bias[0].data = data_of(mask);
  if (mask && mask->rank == 1) {
    fill_mask(mask, a, m->mask);
    a->bias[0].data = m->mask;
  }
  a->bias[1].data = data_of(qn_in(s, p->bias));
  for (int64_t b = 0; b < a->batch; b++) m->position[b] = p->past;
  a->position = m->position;
  a->y.data = qn_out(s, 0)->data;
  qn_attention_run(a, m->work);
}

static void join(const attention_plan *p, qn_attention *a, const qn_heads *k_in, const qn_heads *v_in, const void *past_k, const void *past_v, const void *k_bias,
                 const void *v_bias) {
  qn_heads k_past = qn_heads_at(qn_heads_first(a->k.dtype, a->heads, p->past, a->width), past_k);
  qn_heads v_past = qn_heads_at(qn_heads_first(a->v.dtype, a->heads, p->past, a->v_width), past_v);
  qn_append_heads(a->batch, a->heads, a->width, &k_past, p->past, k_in, a->keys - p->past, k_bias, &a->k);
  qn_append_heads(a->batch, a->heads, a->v_width, &v_past, p->past, v_in, a->keys - p->past, v_bias, &a->v);
}

static qn_status run_attention(qn_step *s) {
  const attention_plan *p = s->state;
  qn_attention a = p->a;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, p, &r, &m));
  const kept_weights *kept = s->kept;
  const qn_epilogue e = {m.bias, -INFINITY, INFINITY};
  int64_t rows = a.batch * a.rows;
  if (p->projected) memcpy(m.projected, m.input, (size_t)(rows * p->columns) * sizeof(float));
  else if (kept) qn_gemm(rows, p->columns, p->inputs, m.input, p->inputs, kept->packed, m.projected, p->columns, &e);
  else qn_gemm_raw(rows, p->columns, p->inputs, m.input, p->inputs, m.weights, p->columns, 1, m.projected, p->columns, &e, m.pack);
  qn_heads k_in = qn_heads_at(p->k_in, m.projected + a.heads * a.width), v_in = qn_heads_at(p->v_in, m.projected + 2 * a.heads * a.width);
  a.q.data = m.projected;
  a.k.data = p->joins ? m.k : k_in.data;
  a.v.data = p->joins ? m.v : v_in.data;
  if (p->joins) {
    const void *past = data_of(qn_in(s, p->past_at));
    join(p, &a, &k_in, &v_in, past, plus(past, a.batch * a.heads * p->past * a.width, a.k.dtype), NULL, NULL);
  }
  finish(s, p, &a, &m);
  return QN_OK;
}

static qn_status run_multi_head(qn_step *s) {
  const attention_plan *p = s->state;
  qn_attention a = p->a;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, p, &r, &m));
  const qn_tensor *q = qn_in(s, 0), *k = qn_in(s, 1), *v = qn_in(s, 2), *bias = qn_in(s, 3);
  const void *packed = k ? k->data : q->data;
  qn_heads q_in = qn_heads_at(p->q_in, q->data), k_in = qn_heads_at(p->k_in, k ? k->data : plus(packed, a.width, q->dtype));
  qn_heads v_in = qn_heads_at(p->v_in, v ? v->data : plus(packed, (k ? 1 : 2) * a.width, q->dtype));
  int64_t columns = a.heads * a.width;
  a.q.data = q_in.data;
  if (bias) {
    a.q.data = m.q;
    qn_heads_copy(a.batch, a.heads, a.rows, a.width, &q_in, bias->data, &a.q);
  }
  a.k.data = p->joins ? m.k : k_in.data;
  a.v.data = p->joins ? m.v : v_in.data;
  if (p->joins)
    join(p, &a, &k_in, &v_in, data_of(qn_in(s, 6)), data_of(qn_in(s, 7)), p->biased_keys ? plus(bias->data, columns, q->dtype) : NULL,
         p->biased_keys ? plus(bias->data, 2 * columns, q->dtype) : NULL);
  a.scores = qn_out(s, 3) ? qn_out(s, 3)->data : NULL;
  finish(s, p, &a, &m);
  return QN_OK;
}

const qn_op qn_op_ms_attention = {.domain = "com.microsoft", .name = "Attention", .since = 1, .min_in = 2, .max_in = 7, .min_out = 1, .max_out = 2,
                                  .plan = plan_attention, .run = run_attention, .prepare = prepare};
const qn_op qn_op_projected_attention = {.domain = "quern", .name = "ProjectedAttention", .since = 1, .min_in = 1, .max_in = 7, .min_out = 1, .max_out = 2,
                                         .plan = plan_attention, .run = run_attention};
const qn_op qn_op_multi_head_attention = {.domain = "com.microsoft", .name = "MultiHeadAttention", .since = 1, .min_in = 1, .max_in = 10, .min_out = 1, .max_out = 4,
                                          .plan = plan_multi_head, .run = run_multi_head};
