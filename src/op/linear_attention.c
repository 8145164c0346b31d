/* What models with a recurrent state use beside attention: LinearAttention, CausalConvWithState; and TensorScatter, which
 * writes into a cache. */
#include <math.h>
#include <string.h>

#include "kernel/unary.h"
#include "op/attention_parts.h"
#include "op/axes.h"

/* ---- LinearAttention ---- */

enum { QUERY, KEY, VALUE, STATE, DECAY, BETA };

typedef struct linear_plan {
  int64_t batch, rows, heads, kv_heads, width, v_width, decays /* per head */, betas;
  float scale;
} linear_plan;

typedef struct linear_rooms {
  float *state, *line; /* [width, v_width]; queries, keys, values, decays of one row */
} linear_rooms;

static linear_rooms linear_room(const linear_plan *p, qn_room *r) {
  linear_rooms m = {qn_room_take(r, (size_t)p->width * (size_t)p->v_width, sizeof(float)), NULL};
  m.line = qn_room_take(r, (size_t)(p->width * 3 + p->v_width * 2 + 1), sizeof(float));
  return m;
}

static qn_status plan_linear(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(linear_plan)));
  linear_plan *p = s->state;
  const char *rule = qn_attr_text(s, "update_rule", "gated_delta");
  const bool gated = strncmp(rule, "gated", 5) == 0, delta = strstr(rule, "delta") != NULL;
  if (strcmp(rule, "linear") && strcmp(rule, "gated") && strcmp(rule, "delta") && strcmp(rule, "gated_delta"))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "update_rule is '%s'; 'linear', 'gated', 'delta' or 'gated_delta' is expected", rule);
  QN_TRY(qn_positive(s, "q_num_heads", 0, &p->heads));
  QN_TRY(qn_positive(s, "kv_num_heads", 0, &p->kv_heads));
  if (p->heads % p->kv_heads) return qn_step_fail(s, QN_ERR_ARGUMENT, "%lld query heads cannot share %lld key heads", (long long)p->heads, (long long)p->kv_heads);
  for (int i = QUERY; i <= VALUE; i++) {
    QN_TRY(qn_check_type(s, i, i ? QN_TYPE_BIT(qn_in(s, 0)->dtype) : QN_HALVES | QN_TYPE_BIT(QN_FLOAT)));
    if (qn_in(s, i)->rank != 3) return qn_step_fail(s, QN_ERR_SHAPE, "input %d has rank %d; 3 is expected", i, qn_in(s, i)->rank);
  }
  const qn_tensor *q = qn_in(s, QUERY), *v = qn_in(s, VALUE), *state = qn_in(s, STATE), *decay = qn_in(s, DECAY), *beta = qn_in(s, BETA);
  p->batch = q->dims[0];
  p->rows = q->dims[1];
  p->width = q->dims[2] / p->heads;
  p->v_width = v->dims[2] / p->kv_heads;
  QN_TRY(qn_check_heads(s, p->heads, p->rows, p->width));
  QN_TRY(qn_check_heads(s, p->heads, p->width, p->v_width));
  QN_TRY(qn_check_heads(s, p->heads, p->rows, p->v_width));
  QN_TRY(qn_expect_shape(s, QUERY, 3, (int64_t[]){p->batch, p->rows, p->heads * p->width}));
  QN_TRY(qn_expect_shape(s, KEY, 3, (int64_t[]){p->batch, p->rows, p->kv_heads * p->width}));
  QN_TRY(qn_expect_shape(s, VALUE, 3, (int64_t[]){p->batch, p->rows, p->kv_heads * p->v_width}));
  if (state) {
    QN_TRY(qn_check_type(s, STATE, QN_HALVES | QN_TYPE_BIT(QN_FLOAT)));
    QN_TRY(qn_expect_shape(s, STATE, 4, (int64_t[]){p->batch, p->kv_heads, p->width, p->v_width}));
  }
  if (gated != (decay != NULL) || delta != (beta != NULL))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "update_rule '%s' wants%s decay and%s beta", rule, gated ? "" : " no", delta ? "" : " no");
  if (decay) {
    QN_TRY(qn_check_type(s, DECAY, QN_TYPE_BIT(q->dtype)));
    p->decays = decay->rank == 3 && decay->dims[2] == p->kv_heads ? 1 : p->width;
    QN_TRY(qn_expect_shape(s, DECAY, 3, (int64_t[]){p->batch, p->rows, p->kv_heads * p->decays}));
  }
  if (beta) {
    QN_TRY(qn_check_type(s, BETA, QN_TYPE_BIT(q->dtype)));
    p->betas = beta->rank == 3 && beta->dims[2] == 1 ? 1 : p->kv_heads;
    QN_TRY(qn_expect_shape(s, BETA, 3, (int64_t[]){p->batch, p->rows, p->betas}));
  }
  p->scale = qn_attr_float(s, "scale", 0);
  if (!isfinite(p->scale)) return qn_step_fail(s, QN_ERR_ARGUMENT, "scale is %g", (double)p->scale);
  if (p->scale == 0) p->scale = p->width ? (float)(1 / sqrt((double)p->width)) : 1;
  qn_room r = {0};
  linear_room(p, &r);
  QN_TRY(qn_room_done(s, &r));
  QN_TRY(qn_out_shape(s, 0, q->dtype, 3, (int64_t[]){p->batch, p->rows, p->heads * p->v_width}));
  return qn_out_shape(s, 1, state ? state->dtype : q->dtype, 4, (int64_t[]){p->batch, p->kv_heads, p->width, p->v_width});
}

static void load(const qn_tensor *t, int64_t first, int64_t n, float *out) { qn_load(QN_IN_F32, t->dtype, t->data, (size_t)first, (size_t)n, out); }

/* One row of one key head: decay, correction, update of S, then what its query heads read. */
static void linear_row(qn_step *s, const linear_plan *p, const linear_rooms *m, int64_t b, int64_t row, int64_t g) {
  const qn_tensor *y = qn_out(s, 0), *decay = qn_in(s, DECAY), *beta = qn_in(s, BETA);
  float *q = m->line, *k = q + p->width, *gate = k + p->width, *v = gate + p->width + 1, *sum = v + p->v_width, *state = m->state;
  int64_t at = b * p->rows + row, n = p->v_width, group = p->heads / p->kv_heads;
  load(qn_in(s, KEY), (at * p->kv_heads + g) * p->width, p->width, k);
  load(qn_in(s, VALUE), (at * p->kv_heads + g) * n, n, v);
  if (decay) {
    load(decay, (at * p->kv_heads + g) * p->decays, p->decays, gate);
    qn_unary_f32(QN_EXP, gate, gate, (size_t)p->decays, 0, 0);
    for (int64_t i = 0; i < p->width; i++)
      for (int64_t j = 0; j < n; j++) state[i * n + j] *= gate[p->decays == 1 ? 0 : i];
  }
  if (beta) {
    float rate;
    load(beta, at * p->betas + (p->betas == 1 ? 0 : g), 1, &rate);
    memset(sum, 0, (size_t)n * sizeof(float));
    for (int64_t i = 0; i < p->width; i++)
      for (int64_t j = 0; j < n; j++) sum[j] += k[i] * state[i * n + j];
    for (int64_t j = 0; j < n; j++) v[j] = rate * (v[j] - sum[j]);
  }
  for (int64_t i = 0; i < p->width; i++)
    for (int64_t j = 0; j < n; j++) state[i * n + j] += k[i] * v[j];
  for (int64_t h = g * group; y && h < (g + 1) * group; h++) {
    load(qn_in(s, QUERY), (at * p->heads + h) * p->width, p->width, q);
    memset(sum, 0, (size_t)n * sizeof(float));
    for (int64_t i = 0; i < p->width; i++)
      for (int64_t j = 0; j < n; j++) sum[j] += p->scale * q[i] * state[i * n + j];
    qn_store(QN_IN_F32, y->dtype, y->data, (size_t)((at * p->heads + h) * n), (size_t)n, sum, (qn_cast_mode){0});
  }
}

static qn_status run_linear(qn_step *s) {
  const linear_plan *p = s->state;
  const qn_tensor *past = qn_in(s, STATE), *present = qn_out(s, 1);
  qn_room r = {.base = s->scratch};
  linear_rooms m = linear_room(p, &r);
  int64_t size = p->width * p->v_width;
  for (int64_t b = 0; b < p->batch; b++)
    for (int64_t g = 0; g < p->kv_heads; g++) {
      int64_t at = (b * p->kv_heads + g) * size;
      if (past) load(past, at, size, m.state);
      else memset(m.state, 0, (size_t)size * sizeof(float));
      for (int64_t row = 0; row < p->rows; row++) linear_row(s, p, &m, b, row, g);
      if (present) qn_store(QN_IN_F32, present->dtype, present->data, (size_t)at, (size_t)size, m.state, (qn_cast_mode){0});
    }
  return QN_OK;
}

/* ---- CausalConvWithState ---- */

static qn_status plan_causal(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *w = qn_in(s, 1);
  const char *activation = qn_attr_text(s, "activation", "none");
  if (strcmp(activation, "none") && strcmp(activation, "silu") && strcmp(activation, "swish"))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "activation is '%s'; 'silu', 'swish' or 'none' is expected", activation);
  for (int i = 0; i < 4; i++)
    if (i < 2 || qn_in(s, i)) QN_TRY(qn_check_type(s, i, i ? QN_TYPE_BIT(x->dtype) : QN_HALVES | QN_TYPE_BIT(QN_FLOAT)));
  if (x->rank != 3 || w->rank != 3) return qn_step_fail(s, QN_ERR_SHAPE, "input and weight must have 3 dimensions, not %d and %d", x->rank, w->rank);
  int64_t channels = x->dims[1], taps = w->dims[2];
  if (taps < 1) return qn_step_fail(s, QN_ERR_SHAPE, "the kernel is empty");
  QN_TRY(qn_expect_shape(s, 1, 3, (int64_t[]){channels, 1, taps}));
  if (qn_in(s, 2)) QN_TRY(qn_expect_shape(s, 2, 1, &channels));
  const int64_t state[3] = {x->dims[0], channels, taps - 1};
  if (qn_in(s, 3)) QN_TRY(qn_expect_shape(s, 3, 3, state));
  qn_room r = {0};
  size_t padded, length;
  if (!qn_size_add((size_t)x->dims[2], (size_t)taps, &padded) || !qn_size_mul(padded, 2, &length)) return qn_step_fail(s, QN_ERR_MEMORY, "a sequence that long does not fit");
  qn_room_take(&r, length + (size_t)taps, sizeof(float));
  QN_TRY(qn_room_done(s, &r));
  QN_TRY(qn_out_like(s, 0, x));
  return qn_out_shape(s, 1, x->dtype, 3, state);
}

static qn_status run_causal(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *w = qn_in(s, 1), *bias = qn_in(s, 2), *past = qn_in(s, 3), *y = qn_out(s, 0), *present = qn_out(s, 1);
  int64_t length = x->dims[2], taps = w->dims[2], kept = taps - 1, rows = x->dims[0] * x->dims[1];
  float *weights = s->scratch, *in = weights + taps, *out = in + kept + length;
  bool silu = qn_attr_text(s, "activation", "none")[0] != 'n';
  for (int64_t row = 0; row < rows; row++) {
    float start = 0;
    int64_t channel = row % x->dims[1];
    load(w, channel * taps, taps, weights);
    if (bias) load(bias, channel, 1, &start);
    if (past) load(past, row * kept, kept, in);
    else memset(in, 0, (size_t)kept * sizeof(float));
    load(x, row * length, length, in + kept);
    for (int64_t i = 0; i < length; i++) out[i] = start;
    for (int64_t k = 0; k < taps; k++)
      for (int64_t i = 0; i < length; i++) out[i] += weights[k] * in[i + k];
    if (silu) qn_unary_f32(QN_SWISH, out, out, (size_t)length, 1, 0);
    if (y) qn_store(QN_IN_F32, y->dtype, y->data, (size_t)(row * length), (size_t)length, out, (qn_cast_mode){0});
    if (present) qn_store(QN_IN_F32, present->dtype, present->data, (size_t)(row * kept), (size_t)kept, in + length, (qn_cast_mode){0});
  }
  return QN_OK;
}

/* ---- TensorScatter ---- */

static qn_status plan_scatter(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0), *update = qn_in(s, 1);
  int axis;
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(x->dtype)));
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -2), x->rank, &axis));
  const char *mode = qn_attr_text(s, "mode", "linear");
  if (strcmp(mode, "linear") && strcmp(mode, "circular")) return qn_step_fail(s, QN_ERR_ARGUMENT, "mode is '%s'; 'linear' or 'circular' is expected", mode);
  if (axis == 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "axis is the batch dimension");
  int64_t dims[QN_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  if (update->rank == x->rank) dims[axis] = update->dims[axis];
  QN_TRY(qn_expect_shape(s, 1, x->rank, dims));
  if (dims[axis] > x->dims[axis]) return qn_step_fail(s, QN_ERR_SHAPE, "an update of %lld for a cache of %lld", (long long)dims[axis], (long long)x->dims[axis]);
  if (qn_in(s, 2)) {
    QN_TRY(qn_check_type(s, 2, QN_TYPE_BIT(QN_INT64)));
    QN_TRY(qn_expect_shape(s, 2, 1, x->dims));
  }
  return qn_out_like(s, 0, x);
}

static qn_status run_scatter(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *update = qn_in(s, 1), *places = qn_in(s, 2), *y = qn_out(s, 0);
  int axis;
  if (x->count == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -2), x->rank, &axis));
  const bool circular = qn_attr_text(s, "mode", "linear")[0] == 'c';
  const int64_t size = x->dims[axis], rows = update->dims[axis], inner = qn_product(x->dims + axis + 1, x->rank - axis - 1);
  const int64_t outer = qn_product(x->dims, axis), per_batch = outer / x->dims[0];
  qn_copy_run(qn_bits(x), x->data, 0, y->data, 0, x->count);
  for (int64_t o = 0; o < outer; o++) {
    int64_t first = places ? ((const int64_t *)places->data)[o / per_batch] : 0;
    if (circular) first = (first % size + size) % size;
    if (!circular && (first < 0 || first > size - rows))
      return qn_step_fail(s, QN_ERR_RANGE, "%lld rows from %lld on do not fit a cache of %lld", (long long)rows, (long long)first, (long long)size);
    for (int64_t i = 0; i < rows; i++) qn_copy_run(qn_bits(x), update->data, (o * rows + i) * inner, y->data, (o * size + (first + i) % size) * inner, inner);
  }
  return QN_OK;
}

const qn_op qn_op_linear_attention = {.domain = "", .name = "LinearAttention", .since = 27, .min_in = 3, .max_in = 6, .min_out = 1, .max_out = 2,
                                      .plan = plan_linear, .run = run_linear};
const qn_op qn_op_ms_linear_attention = {.domain = "com.microsoft", .name = "LinearAttention", .since = 1, .min_in = 3, .max_in = 6, .min_out = 1, .max_out = 2,
                                         .plan = plan_linear, .run = run_linear};
const qn_op qn_op_causal_conv = {.domain = "", .name = "CausalConvWithState", .since = 27, .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 2,
                                 .plan = plan_causal, .run = run_causal};
const qn_op qn_op_ms_causal_conv = {.domain = "com.microsoft", .name = "CausalConvWithState", .since = 1, .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 2,
                                    .plan = plan_causal, .run = run_causal};
const qn_op qn_op_tensor_scatter = {.domain = "", .name = "TensorScatter", .since = 24, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                                    .plan = plan_scatter, .run = run_scatter};
