/* GroupQueryAttention of com.microsoft: attention of language models, with their rotation and their cache. */
#include <math.h>
#include <string.h>

#include "kernel/norm.h"
#include "op/attention_parts.h"

#define TYPES (QN_HALVES | QN_TYPE_BIT(QN_FLOAT))

enum { QUERY, KEY, VALUE, PAST_KEY, PAST_VALUE, LENGTHS, TOTAL, COSINES, SINES, POSITIONS, BIAS, SINK, K_SCALE, V_SCALE, Q_NORM, K_NORM, QUERY_LENGTHS };

typedef struct group_plan {
  qn_attention a;
  int64_t total, past_rows /* of the past buffer */, cache_rows /* of present */, half;
  int64_t bits;          /* of the cache's integers; 0: floats */
  qn_heads q_in, k_in, v_in;
  bool moves_q, moves_k; /* rotated or normalized, so copied */
} group_plan;

typedef struct rooms {
  void *q, *k_new, *k, *v, *work;
  float *line, *norm;
  int64_t *position, *used, *turns;
} rooms;

static qn_status lay_out(const qn_step *s, const group_plan *p, qn_room *r, rooms *m) {
  const qn_attention *a = &p->a;
  size_t size = qn_dtype_size(a->q.dtype), rows = (size_t)(a->batch * a->rows), cache = (size_t)(a->batch * a->kv_heads * p->cache_rows);
  m->q = qn_room_take(r, p->moves_q ? rows * (size_t)(a->heads * a->width) : 0, size);
  m->k_new = qn_room_take(r, p->moves_k ? rows * (size_t)(a->kv_heads * a->width) : 0, size);
  m->k = qn_out(s, 1) && !p->bits ? qn_out(s, 1)->data : qn_room_take(r, cache * (size_t)a->width, size);
  m->v = qn_out(s, 2) && !p->bits ? qn_out(s, 2)->data : qn_room_take(r, cache * (size_t)a->v_width, size);
  m->line = qn_room_take(r, (size_t)p->half * 4, sizeof(float));
  m->norm = qn_room_take(r, qn_in(s, Q_NORM) ? (size_t)a->width * 2 : 0, sizeof(float));
  m->position = qn_room_take(r, (size_t)a->batch, sizeof(int64_t));
  m->used = qn_room_take(r, (size_t)a->batch, sizeof(int64_t));
  m->turns = qn_room_take(r, rows, sizeof(int64_t));
  return qn_attention_take(s, a, r, &m->work);
}

static qn_status plan_inputs(qn_step *s, group_plan *p) {
  qn_attention *a = &p->a;
  const qn_tensor *q = qn_in(s, QUERY);
  bool packed = !qn_in(s, KEY);
  QN_TRY(qn_positive(s, "num_heads", 0, &a->heads));
  QN_TRY(qn_positive(s, "kv_num_heads", 0, &a->kv_heads));
  if (a->heads % a->kv_heads) return qn_step_fail(s, QN_ERR_ARGUMENT, "%lld query heads cannot share %lld key heads", (long long)a->heads, (long long)a->kv_heads);
  if (!qn_in(s, VALUE) != packed) return qn_step_fail(s, QN_ERR_ARGUMENT, "key and value must be given together");
  int64_t all = packed ? a->heads + 2 * a->kv_heads : a->heads;
  if (q->rank != 3 || q->dims[2] % all) return qn_step_fail(s, QN_ERR_SHAPE, "the query must be [batch, rows, columns], with columns for %lld heads", (long long)all);
  a->batch = q->dims[0];
  a->rows = q->dims[1];
  a->width = a->v_width = q->dims[2] / all;
  QN_TRY(qn_check_heads(s, all, a->rows, a->width));
  if (packed) {
    p->q_in = p->k_in = p->v_in = (qn_heads){.dtype = q->dtype, .batch = a->rows * q->dims[2], .head = a->width, .row = q->dims[2]};
  } else {
    const int64_t dims[3] = {a->batch, a->rows, a->kv_heads * a->width};
    QN_TRY(qn_expect_shape(s, KEY, 3, dims));
    QN_TRY(qn_expect_shape(s, VALUE, 3, dims));
    p->q_in = qn_rows_first(q->dtype, a->heads, a->rows, a->width);
    p->k_in = p->v_in = qn_rows_first(q->dtype, a->kv_heads, a->rows, a->width);
  }
  return QN_OK;
}

static qn_status plan_cache(qn_step *s, group_plan *p) {
  qn_attention *a = &p->a;
  const qn_tensor *past = qn_in(s, PAST_KEY), *total;
  QN_TRY(qn_check_type(s, LENGTHS, QN_TYPE_BIT(QN_INT32)));
  QN_TRY(qn_check_type(s, TOTAL, QN_TYPE_BIT(QN_INT32)));
  if (qn_in(s, LENGTHS)->count != a->batch) return qn_step_fail(s, QN_ERR_SHAPE, "seqlens_k has %lld elements for a batch of %lld", (long long)qn_in(s, LENGTHS)->count, (long long)a->batch);
  QN_TRY(qn_need(s, TOTAL, &total));
  if (total->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "total_sequence_length has %lld elements; one is expected", (long long)total->count);
  p->total = *(const int32_t *)total->data;
  if (p->total < a->rows) return qn_step_fail(s, QN_ERR_RANGE, "total_sequence_length is %lld for %lld new rows", (long long)p->total, (long long)a->rows);
  if (!past != !qn_in(s, PAST_VALUE)) return qn_step_fail(s, QN_ERR_ARGUMENT, "past_key and past_value must be given together");
  if (past) {
    p->past_rows = past->rank == 4 ? past->dims[2] : 0;
    const int64_t dims[4] = {a->batch, a->kv_heads, p->past_rows, p->bits == 4 ? (a->width + 1) / 2 : a->width};
    QN_TRY(qn_expect_shape(s, PAST_KEY, 4, dims));
    QN_TRY(qn_expect_shape(s, PAST_VALUE, 4, dims));
  }
  p->cache_rows = p->past_rows > p->total ? p->past_rows : p->total;
  a->keys = p->total;
  return qn_check_heads(s, a->heads, p->cache_rows, a->width);
}

/* Integers of 8 bits, or two of 4 bits in a byte, the even one low and 8 more than it stands for; one scale, or one for each
 * element of a head. */
static qn_status plan_quantized(qn_step *s, group_plan *p) {
  const qn_attention *a = &p->a;
  const qn_tensor *past = qn_in(s, PAST_KEY);
  p->bits = qn_in(s, K_SCALE) ? qn_attr_int(s, "kv_cache_bit_width", 8) : 0;
  if (!p->bits) return QN_OK;
  if (!past || !qn_in(s, PAST_VALUE) || !qn_in(s, V_SCALE)) return qn_step_fail(s, QN_ERR_ARGUMENT, "a quantized cache wants past_key, past_value, k_scale and v_scale");
  const qn_dtype type = p->bits == 4 ? QN_UINT8 : QN_INT8;
  if ((p->bits != 4 && p->bits != 8) || past->dtype != type || qn_in(s, PAST_VALUE)->dtype != type)
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a cache of %s with %lld bits; int8 with 8 and uint8 with 4 are supported", qn_dtype_name(past->dtype), (long long)p->bits);
  for (int i = K_SCALE; i <= V_SCALE; i++) {
    QN_TRY(qn_check_type(s, i, QN_TYPE_BIT(QN_FLOAT)));
    if (qn_in(s, i)->count != 1 && qn_in(s, i)->count != a->kv_heads * a->width)
      return qn_step_fail(s, QN_ERR_SHAPE, "%c_scale has %lld elements; 1 or %lld are expected", i == K_SCALE ? 'k' : 'v', (long long)qn_in(s, i)->count, (long long)(a->kv_heads * a->width));
  }
  return QN_OK;
}

static qn_status plan_rotation(qn_step *s, group_plan *p) {
  const qn_attention *a = &p->a;
  const qn_tensor *cosines = qn_in(s, COSINES);
  bool turns = qn_attr_int(s, "do_rotary", 0) != 0, normalizes = qn_in(s, Q_NORM) != NULL;
  if (turns) {
    if (!cosines || !qn_in(s, SINES)) return qn_step_fail(s, QN_ERR_ARGUMENT, "do_rotary wants cos_cache and sin_cache");
    p->half = cosines->rank == 2 ? cosines->dims[1] : -1;
    if (p->half < 0 || p->half > a->width / 2) return qn_step_fail(s, QN_ERR_SHAPE, "cos_cache does not fit heads of %lld elements", (long long)a->width);
    QN_TRY(qn_expect_shape(s, SINES, 2, cosines->dims));
    if (qn_in(s, POSITIONS)) {
      QN_TRY(qn_check_type(s, POSITIONS, QN_TYPE_BIT(QN_INT64)));
      QN_TRY(qn_expect_shape(s, POSITIONS, 2, (int64_t[]){a->batch, a->rows}));
    }
  }
  if (normalizes != (qn_in(s, K_NORM) != NULL)) return qn_step_fail(s, QN_ERR_ARGUMENT, "q_norm_weight and k_norm_weight must be given together");
  for (int i = Q_NORM; normalizes && i <= K_NORM; i++) QN_TRY(qn_expect_shape(s, i, 1, &a->width));
  p->moves_q = p->moves_k = turns || normalizes;
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(group_plan)));
  group_plan *p = s->state;
  qn_attention *a = &p->a;
  QN_TRY(qn_check_type(s, QUERY, TYPES));
  const qn_dtype type = qn_in(s, QUERY)->dtype;
  static const uint8_t SAME[] = {KEY, VALUE, COSINES, SINES, SINK, Q_NORM, K_NORM, PAST_KEY, PAST_VALUE};
  for (size_t i = 0; i < sizeof SAME - (qn_in(s, K_SCALE) ? 2 : 0); i++)
    if (qn_in(s, SAME[i])) QN_TRY(qn_check_type(s, SAME[i], QN_TYPE_BIT(type)));
  if (qn_attr_int(s, "sliding_window_cache", 0) || qn_in(s, QUERY_LENGTHS))
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "sliding_window_cache and query_seqlens are not supported");
  if (!qn_out(s, 0)) return qn_step_fail(s, QN_ERR_ARGUMENT, "output 0 is missing");
  QN_TRY(plan_inputs(s, p));
  QN_TRY(plan_quantized(s, p));
  QN_TRY(plan_cache(s, p));
  QN_TRY(plan_rotation(s, p));
  a->scale = qn_attr_float(s, "scale", 0.0f);
  a->softcap = qn_attr_float(s, "softcap", 0.0f);
  if (a->scale == 0) a->scale = a->width ? (float)(1 / sqrt((double)a->width)) : 1.0f;
  int64_t window = qn_attr_int(s, "local_window_size", -1), scores = qn_attr_int(s, "qk_output", 0);
  if (!isfinite(a->scale) || !isfinite(a->softcap) || a->softcap < 0 || window < -1 || window == 0 || scores < 0 || scores > 2)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "scale is %g, softcap %g, local_window_size %lld, qk_output %lld", (double)a->scale, (double)a->softcap, (long long)window, (long long)scores);
  a->causal = qn_attr_int(s, "causal", 1) != 0;
  a->left = window < 0 ? -1 : qn_near(window - 1); /* the window counts the query's own position */
  a->right = -1;
  a->bias_keys = a->keys;
  a->zero_sink = qn_attr_int(s, "smooth_softmax", 0) == 1;
  if (qn_in(s, SINK)) {
    QN_TRY(qn_expect_shape(s, SINK, 1, &a->heads));
    a->sink_step = 1;
  }
  if (qn_in(s, BIAS)) {
    QN_TRY(qn_check_type(s, BIAS, TYPES));
    QN_TRY(qn_attention_bias_of(s, BIAS, a, "attention_bias", &a->bias[0]));
    const qn_tensor *bias = qn_in(s, BIAS);
    a->bias_keys = bias->dims[bias->rank - 1];
    if (a->bias_keys != a->keys) return qn_step_fail(s, QN_ERR_SHAPE, "attention_bias covers %lld keys of %lld", (long long)a->bias_keys, (long long)a->keys);
  }
  a->q = p->moves_q ? qn_heads_first(type, a->heads, a->rows, a->width) : p->q_in;
  a->k = qn_heads_first(type, a->kv_heads, p->cache_rows, a->width);
  a->v = a->k;
  a->y = qn_rows_first(type, a->heads, a->rows, a->width);
  a->scores_kind = scores == 1 ? QN_SCORES_BIASED : QN_SCORES_PROBABILITIES;
  a->scores_dtype = type;
  QN_TRY(qn_out_shape(s, 0, type, 3, (int64_t[]){a->batch, a->rows, a->heads * a->width}));
  const qn_dtype cache = p->bits ? qn_in(s, PAST_KEY)->dtype : type;
  for (int i = 1; i < 3; i++) QN_TRY(qn_out_shape(s, i, cache, 4, (int64_t[]){a->batch, a->kv_heads, p->cache_rows, p->bits == 4 ? (a->width + 1) / 2 : a->width}));
  if (scores) QN_TRY(qn_out_shape(s, 3, type, 4, (int64_t[]){a->batch, a->heads, a->rows, a->keys}));
  else if (qn_out(s, 3)) return qn_step_fail(s, QN_ERR_ARGUMENT, "output 3 wants qk_output");
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, p, &r, &m));
  return qn_room_done(s, &r);
}

static const void *data_of(const qn_tensor *t) { return t ? t->data : NULL; }
static const void *plus(const void *p, int64_t elements, qn_dtype t) { return (const uint8_t *)p + (size_t)elements * qn_dtype_size(t); }

/* RMS normalization of each row of each head, in place. room: [2 · width] floats. */
static void normalize(const qn_step *s, int weight, int64_t batch, int64_t heads, int64_t rows, int64_t width, const qn_heads *t, float *room) {
  const qn_tensor *w = qn_in(s, weight);
  float *gain = room + width, epsilon = qn_attr_float(s, "qk_norm_epsilon", 1e-6f);
  qn_load(QN_IN_F32, w->dtype, w->data, 0, (size_t)width, gain);
  for (int64_t i = 0; i < batch * heads * rows; i++) {
    size_t at = (size_t)(i / (heads * rows) * t->batch + i / rows % heads * t->head + i % rows * t->row);
    qn_load(QN_IN_F32, t->dtype, t->data, at, (size_t)width, room);
    qn_scale_row(room, width, 0, (float)(1 / sqrt(qn_sum_squares(room, width, 0) / (double)width + (double)epsilon)), gain, NULL, room);
    qn_store(QN_IN_F32, t->dtype, (void *)t->data, at, (size_t)width, room, (qn_cast_mode){0});
  }
}

/* What has been seen in each element of the batch, and how its new rows are turned. */
static qn_status read_lengths(qn_step *s, const group_plan *p, const rooms *m) {
  const qn_attention *a = &p->a;
  const int32_t *lengths = qn_in(s, LENGTHS)->data;
  const int64_t *given = data_of(qn_in(s, POSITIONS));
  bool prompt = a->rows == p->total;
  for (int64_t b = 0; b < a->batch; b++) {
    int64_t used = (int64_t)lengths[b] + 1, past = prompt ? 0 : used - a->rows;
    if (used < 0 || used > p->total || past < 0 || past > p->past_rows)
      return qn_step_fail(s, QN_ERR_RANGE, "seqlens_k says %lld of %lld keys, with %lld new and a past of %lld", (long long)used, (long long)p->total, (long long)a->rows, (long long)p->past_rows);
    m->used[b] = used;
    m->position[b] = past;
    for (int64_t r = 0; r < a->rows; r++) m->turns[b * a->rows + r] = given ? given[b * a->rows + r] : past + r;
  }
  return QN_OK;
}

/* What a cache of integers holds, as floats at t: the first `position[b]` rows come from it, those that follow are brought to what
 * integers can hold, and all are stored to `present` (where it is wanted). */
static void quantize_cache(const qn_step *s, const group_plan *p, const int64_t *position, int key_or_value, const qn_heads *t) {
  const qn_attention *a = &p->a;
  const qn_tensor *present = qn_out(s, 1 + key_or_value), *scale = qn_in(s, K_SCALE + key_or_value);
  const uint8_t *past = qn_in(s, PAST_KEY + key_or_value)->data;
  const bool halves = p->bits == 4;
  const int64_t width = a->width, bytes = halves ? (width + 1) / 2 : width, each = p->cache_rows * width;
  const float low = halves ? -8 : -128;
  for (int64_t i = 0; i < a->batch * a->kv_heads * each; i++) {
    const int64_t head = i / each, row = i % each / width, column = i % width, byte = halves ? column / 2 : column, seen = position[head / a->kv_heads];
    const int shift = halves ? (int)(column % 2) * 4 : 0;
    const float step = ((const float *)scale->data)[scale->count == 1 ? 0 : head % a->kv_heads * width + column];
    float x = 0;
    if (row < seen) {
      const uint8_t held = past[(head * p->past_rows + row) * bytes + byte];
      x = halves ? (float)((held >> shift & 15) - 8) : (float)(int8_t)held;
    } else if (row < seen + a->rows) {
      qn_load(QN_IN_F32, t->dtype, t->data, (size_t)i, 1, &x);
      x = rintf(x / step);
      x = x > low ? x : low; /* NaN too */
      x = x < -1 - low ? x : -1 - low;
    }
    uint8_t *to = present ? (uint8_t *)present->data + (head * p->cache_rows + row) * bytes + byte : NULL;
    if (to) *to = halves ? (uint8_t)((shift ? *to & 15 : 0x80) | ((int)x + 8) << shift) : (uint8_t)(int8_t)x;
    x *= step;
    qn_store(QN_IN_F32, t->dtype, (void *)t->data, (size_t)i, 1, &x, (qn_cast_mode){0});
  }
}

static qn_status run(qn_step *s) {
  const group_plan *p = s->state;
  qn_attention a = p->a;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, p, &r, &m));
  QN_TRY(read_lengths(s, p, &m));
  const qn_tensor *q = qn_in(s, QUERY), *k = qn_in(s, KEY), *v = qn_in(s, VALUE);
  qn_heads q_in = qn_heads_at(p->q_in, q->data), k_in = qn_heads_at(p->k_in, k ? k->data : plus(q->data, a.heads * a.width, q->dtype));
  qn_heads v_in = qn_heads_at(p->v_in, v ? v->data : plus(q->data, (a.heads + a.kv_heads) * a.width, q->dtype));
  a.q.data = q_in.data;
  if (p->moves_q) {
    qn_heads turned = qn_heads_at(qn_heads_first(q->dtype, a.kv_heads, a.rows, a.width), m.k_new);
    const qn_rotation rotation = {qn_in(s, COSINES), qn_in(s, SINES), m.turns, p->half, qn_attr_int(s, "rotary_interleaved", 0) != 0, m.line};
    a.q.data = m.q;
    qn_heads_copy(a.batch, a.heads, a.rows, a.width, &q_in, NULL, &a.q);
    qn_heads_copy(a.batch, a.kv_heads, a.rows, a.width, &k_in, NULL, &turned);
    if (qn_in(s, Q_NORM) && a.width) {
      normalize(s, Q_NORM, a.batch, a.heads, a.rows, a.width, &a.q, m.norm);
      normalize(s, K_NORM, a.batch, a.kv_heads, a.rows, a.width, &turned, m.norm);
    }
    QN_TRY(qn_rotate_heads(s, &rotation, a.batch, a.heads, a.rows, &a.q));
    QN_TRY(qn_rotate_heads(s, &rotation, a.batch, a.kv_heads, a.rows, &turned));
    k_in = turned;
  }
  a.k.data = m.k;
  a.v.data = m.v;
  size_t cache = (size_t)(a.batch * a.kv_heads * p->cache_rows * a.width) * qn_dtype_size(q->dtype);
  memset(m.k, 0, cache);
  memset(m.v, 0, cache);
  const qn_heads past = qn_heads_first(q->dtype, a.kv_heads, p->past_rows, a.width);
  const qn_heads k_past = qn_heads_at(past, data_of(qn_in(s, PAST_KEY))), v_past = qn_heads_at(past, data_of(qn_in(s, PAST_VALUE)));
  for (int64_t b = 0; b < a.batch; b++) { /* each element of the batch has its own length */
    const qn_heads from[4] = {qn_heads_skip(k_past, b * past.batch), qn_heads_skip(v_past, b * past.batch), qn_heads_skip(k_in, b * k_in.batch), qn_heads_skip(v_in, b * v_in.batch)};
    const int64_t ahead = p->bits ? m.position[b] * a.k.row : 0; /* what is before comes from integers, later */
    const qn_heads to[2] = {qn_heads_skip(a.k, b * a.k.batch + ahead), qn_heads_skip(a.v, b * a.v.batch + ahead)};
    for (int i = 0; i < 2; i++) qn_append_heads(1, a.kv_heads, a.width, &from[i], p->bits ? 0 : m.position[b], &from[2 + i], a.rows, NULL, &to[i]);
  }
  for (int i = 0; p->bits && i < 2; i++) quantize_cache(s, p, m.position, i, i ? &a.v : &a.k);
  a.position = m.position;
  a.used = m.used;
  a.bias[0].data = data_of(qn_in(s, BIAS));
  a.sink = data_of(qn_in(s, SINK));
  a.scores = qn_out(s, 3) ? qn_out(s, 3)->data : NULL;
  a.y.data = qn_out(s, 0)->data;
  qn_attention_run(&a, m.work);
  return QN_OK;
}

const qn_op qn_op_group_query_attention = {.domain = "com.microsoft", .name = "GroupQueryAttention", .since = 1, .min_in = 7, .max_in = 17, .min_out = 1, .max_out = 4,
                                           .plan = plan, .run = run};
