/* RNN, GRU and LSTM. Weights are packed once when they are constant, in each run when they are not. */
#include <math.h>
#include <string.h>

#include "kernel/recurrent.h"
#include "op/scratch.h"

enum { X, W, R, B, LENGTHS, H0, C0, P }; /* inputs */

typedef struct kept_weights {
  qn_tensor w, r; /* dtype and dims; data is gone */
  float *packed_w, *packed_r; /* NULL where the input is not constant */
} kept_weights;

static qn_cell cell_of(const qn_step *s) { return s->op->name[0] == 'L' ? QN_CELL_LSTM : s->op->name[0] == 'G' ? QN_CELL_GRU : QN_CELL_RNN; }

/* A constant W or R, packed; *packed stays NULL when plan() has to look at it first. */
static qn_status keep(qn_step *s, int input, qn_tensor *like, float **packed) {
  const qn_tensor *t = qn_const(s, input);
  const qn_cell cell = cell_of(s);
  if (!t || (t->dtype != QN_FLOAT && !qn_is_half(t->dtype)) || t->rank != 3 || t->count == 0) return QN_OK;
  if (t->dims[0] > 2 || t->dims[1] % qn_cell_gates(cell)) return QN_OK;
  const int directions = (int)t->dims[0];
  const int64_t hidden = t->dims[1] / qn_cell_gates(cell);
  if (input == R && t->dims[2] != hidden) return QN_OK;
  size_t count = input == W ? qn_recurrent_input_count(cell, directions, t->dims[2], hidden) : qn_recurrent_hidden_count(cell, directions, hidden);
  if (count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  float *block = qn_keep_block(s, count * sizeof(float)), *wide = NULL;
  if (!block) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  const float *raw = t->data;
  if (qn_is_half(t->dtype)) {
    raw = wide = qn_alloc((size_t)t->count * sizeof(float));
    if (!wide) return qn_step_fail(s, QN_ERR_MEMORY, "no memory to widen the weights");
    qn_cast(t->dtype, t->data, QN_FLOAT, wide, (size_t)t->count, (qn_cast_mode){0});
  }
  if (input == W) qn_recurrent_pack_input(cell, directions, t->dims[2], hidden, raw, block);
  else qn_recurrent_pack_hidden(cell, directions, hidden, raw, block);
  qn_free(wide);
  *like = *t;
  like->data = NULL;
  *packed = block;
  qn_release_const(s, input);
  return QN_OK;
}

static qn_status prepare(qn_step *s) {
  if (!qn_const(s, W) && !qn_const(s, R)) return QN_OK;
  QN_TRY(qn_keep(s, sizeof(kept_weights)));
  kept_weights *kept = s->kept;
  QN_TRY(keep(s, W, &kept->w, &kept->packed_w));
  return keep(s, R, &kept->r, &kept->packed_r);
}

static const float *packed(const qn_step *s, int input) {
  const kept_weights *kept = s->kept;
  return !kept ? NULL : input == W ? kept->packed_w : kept->packed_r;
}
static const qn_tensor *weights(const qn_step *s, int input) {
  const kept_weights *kept = s->kept;
  return !packed(s, input) ? qn_in(s, input) : input == W ? &kept->w : &kept->r;
}

static bool same_word(const char *a, const char *b) { /* onnxruntime takes activations in any case */
  for (; *a && *b; a++, b++) {
    int x = *a >= 'A' && *a <= 'Z' ? *a + 32 : *a, y = *b >= 'A' && *b <= 'Z' ? *b + 32 : *b;
    if (x != y) return false;
  }
  return *a == *b;
}

/* Alphas and betas are consumed in order by those activations that have them, as onnxruntime does. */
static qn_status activations(const qn_step *s, qn_recurrent *p) {
  static const struct { const char *name; bool has_alpha, has_beta; float alpha, beta; } KNOWN[] = {
#define KNOWN_ENTRY(code, name, has_alpha, has_beta, alpha, beta) {name, has_alpha, has_beta, alpha, beta},
    QN_ACTIVATION_LIST(KNOWN_ENTRY)
#undef KNOWN_ENTRY
  };
  const int each = qn_cell_activations(p->cell), wanted = p->directions * each;
  const qn_attr *names = qn_attr_find(s, "activations", QN_ATTR_STRINGS), *alphas = qn_attr_find(s, "activation_alpha", QN_ATTR_FLOATS),
                *betas = qn_attr_find(s, "activation_beta", QN_ATTR_FLOATS);
  if (names && names->count == 0) names = NULL;
  if (names && names->count != (size_t)wanted)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "activations has %zu entries; %d are expected", names->count, wanted);
  size_t alpha = 0, beta = 0;
  for (int i = 0; i < wanted; i++) {
    const char *name = names ? names->strings[i].data : p->cell == QN_CELL_RNN || i % each > 0 ? "Tanh" : "Sigmoid";
    qn_activation *a = &p->act[i / each][i % each];
    int kind = 0;
    while (kind < QN_ACT_COUNT && !same_word(name, KNOWN[kind].name)) kind++;
    if (kind == QN_ACT_COUNT) return qn_step_fail(s, QN_ERR_ARGUMENT, "the activation '%s' is not known", name);
    *a = (qn_activation){(qn_activation_kind)kind, KNOWN[kind].alpha, KNOWN[kind].beta};
    if (KNOWN[kind].has_alpha && alphas && alpha < alphas->count) a->alpha = alphas->floats[alpha++];
    if (KNOWN[kind].has_beta && betas && beta < betas->count) a->beta = betas->floats[beta++];
  }
  return QN_OK;
}

static qn_status attributes(const qn_step *s, qn_recurrent *p) {
  const char *direction = qn_attr_text(s, "direction", "forward");
  p->cell = cell_of(s);
  p->directions = strcmp(direction, "bidirectional") ? 1 : 2;
  p->backward = !strcmp(direction, "reverse");
  if (p->directions == 1 && !p->backward && *direction && strcmp(direction, "forward"))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "direction is '%s'; forward, reverse and bidirectional are known", direction);
  int64_t layout = qn_attr_int(s, "layout", 0);
  if (layout != 0 && layout != 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "layout is %lld; 0 and 1 are known", (long long)layout);
  p->batch_first = layout == 1;
  p->linear_before_reset = p->cell == QN_CELL_GRU && qn_attr_int(s, "linear_before_reset", 0) != 0;
  p->input_forget = p->cell == QN_CELL_LSTM && qn_attr_int(s, "input_forget", 0) != 0;
  p->clip = INFINITY;
  if (qn_attr_find(s, "clip", QN_ATTR_FLOAT)) {
    float clip = qn_attr_float(s, "clip", 0.0f);
    if (!(clip >= 0)) return qn_step_fail(s, QN_ERR_ARGUMENT, "clip is %g", (double)clip);
    if (clip > 0) p->clip = clip;
  }
  return activations(s, p);
}

static qn_status expect(const qn_step *s, const char *what, const qn_tensor *t, qn_dtype dtype, int rank, const int64_t *dims) {
  char got[QN_SHAPE_TEXT], want[QN_SHAPE_TEXT];
  if (!t) return QN_OK;
  if (t->dtype != dtype) return qn_step_fail(s, QN_ERR_TYPE, "%s is %s; %s is expected", what, qn_dtype_name(t->dtype), qn_dtype_name(dtype));
  bool fits = t->rank == rank;
  for (int i = 0; fits && i < rank; i++) fits = t->dims[i] == dims[i];
  if (fits) return QN_OK;
  return qn_step_fail(s, QN_ERR_SHAPE, "%s has shape %s; %s is expected", what, qn_shape_text(got, t->rank, t->dims), qn_shape_text(want, rank, dims));
}

/* What run() reads and writes, in scratch where it is not read or written in place. */
static qn_status lay_out(const qn_step *s, const qn_recurrent *p, qn_room *r, qn_recurrent_data *d) {
  const bool lstm = p->cell == QN_CELL_LSTM;
  d->x = qn_room_widen(r, qn_in(s, X));
  d->bias = qn_room_widen(r, qn_in(s, B));
  d->lengths = qn_in(s, LENGTHS) ? qn_in(s, LENGTHS)->data : NULL;
  d->h0 = qn_room_widen(r, qn_in(s, H0));
  d->c0 = lstm ? qn_room_widen(r, qn_in(s, C0)) : NULL;
  d->peephole = lstm ? qn_room_widen(r, qn_in(s, P)) : NULL;
  d->y = qn_room_output(r, qn_out(s, 0));
  d->y_h = qn_room_output(r, qn_out(s, 1));
  d->y_c = lstm ? qn_room_output(r, qn_out(s, 2)) : NULL;
  for (int input = W; input <= R; input++) {
    const void **to = input == W ? &d->w : &d->r;
    *to = packed(s, input);
    if (*to) continue;
    const void *raw = qn_room_widen(r, qn_in(s, input));
    *to = raw;
    if (p->dtype == QN_DOUBLE) continue;
    size_t count = input == W ? qn_recurrent_input_count(p->cell, p->directions, p->inputs, p->hidden) : qn_recurrent_hidden_count(p->cell, p->directions, p->hidden);
    if (count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
    float *block = qn_room_take(r, count, sizeof(float));
    *to = block;
    if (!r->base) continue;
    if (input == W) qn_recurrent_pack_input(p->cell, p->directions, p->inputs, p->hidden, raw, block);
    else qn_recurrent_pack_hidden(p->cell, p->directions, p->hidden, raw, block);
  }
  size_t work = qn_recurrent_room(p);
  if (work == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  d->work = qn_room_take(r, work, p->dtype == QN_DOUBLE ? sizeof(double) : sizeof(float));
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  char text[QN_SHAPE_TEXT];
  QN_TRY(qn_check_type(s, X, QN_FLOATS));
  const qn_tensor *x = qn_in(s, X), *w = weights(s, W), *r = weights(s, R);
  if (!w || !r) return qn_step_fail(s, QN_ERR_ARGUMENT, "input %d is missing", w ? R : W);
  QN_TRY(qn_state(s, sizeof(qn_recurrent)));
  qn_recurrent *p = s->state;
  QN_TRY(attributes(s, p));
  if (x->rank != 3)
    return qn_step_fail(s, QN_ERR_SHAPE, "X has shape %s; %s is expected", qn_shape_text(text, x->rank, x->dims), p->batch_first ? "[batch, steps, inputs]" : "[steps, batch, inputs]");
  if (r->rank != 3 || r->dims[2] < 1) return qn_step_fail(s, QN_ERR_SHAPE, "R has shape %s; [directions, %d * hidden, hidden] is expected", qn_shape_text(text, r->rank, r->dims), qn_cell_gates(p->cell));
  p->dtype = x->dtype == QN_DOUBLE ? QN_DOUBLE : QN_FLOAT;
  p->steps = x->dims[p->batch_first];
  p->batch = x->dims[!p->batch_first];
  p->inputs = x->dims[2];
  p->hidden = r->dims[2];
  if (p->inputs < 1 || p->hidden > INT32_MAX / 8) return qn_step_fail(s, QN_ERR_SHAPE, "%lld inputs and %lld hidden units are not supported", (long long)p->inputs, (long long)p->hidden);
  int64_t size = qn_attr_int(s, "hidden_size", p->hidden), all = qn_cell_gates(p->cell) * p->hidden, d = p->directions;
  if (size != p->hidden) return qn_step_fail(s, QN_ERR_ARGUMENT, "hidden_size is %lld where R has %lld", (long long)size, (long long)p->hidden);
  const int64_t state[] = {p->batch_first ? p->batch : d, p->batch_first ? d : p->batch, p->hidden};
  QN_TRY(expect(s, "W", w, x->dtype, 3, (int64_t[]){d, all, p->inputs}));
  QN_TRY(expect(s, "R", r, x->dtype, 3, (int64_t[]){d, all, p->hidden}));
  QN_TRY(expect(s, "B", qn_in(s, B), x->dtype, 2, (int64_t[]){d, 2 * all}));
  QN_TRY(expect(s, "sequence_lens", qn_in(s, LENGTHS), QN_INT32, 1, &p->batch));
  QN_TRY(expect(s, "initial_h", qn_in(s, H0), x->dtype, 3, state));
  if (p->cell == QN_CELL_LSTM) {
    QN_TRY(expect(s, "initial_c", qn_in(s, C0), x->dtype, 3, state));
    QN_TRY(expect(s, "P", qn_in(s, P), x->dtype, 2, (int64_t[]){d, 3 * p->hidden}));
    QN_TRY(qn_out_shape(s, 2, x->dtype, 3, state));
  }
  if (p->batch_first) QN_TRY(qn_out_shape(s, 0, x->dtype, 4, (int64_t[]){p->batch, p->steps, d, p->hidden}));
  else QN_TRY(qn_out_shape(s, 0, x->dtype, 4, (int64_t[]){p->steps, d, p->batch, p->hidden}));
  QN_TRY(qn_out_shape(s, 1, x->dtype, 3, state));
  qn_room room = {0};
  qn_recurrent_data data = {0};
  QN_TRY(lay_out(s, p, &room, &data));
  return qn_room_done(s, &room);
}

static qn_status run(qn_step *s) {
  const qn_recurrent *p = s->state;
  qn_room room = {.base = s->scratch};
  qn_recurrent_data d = {0};
  const int32_t *lengths = qn_in(s, LENGTHS) ? qn_in(s, LENGTHS)->data : NULL;
  for (int64_t b = 0; lengths && b < p->batch; b++)
    if (lengths[b] < 0 || lengths[b] > p->steps)
      return qn_step_fail(s, QN_ERR_RANGE, "sequence_lens says %d for a sequence of %lld steps", (int)lengths[b], (long long)p->steps);
  QN_TRY(lay_out(s, p, &room, &d));
  qn_recurrent_run(p, &d);
  qn_room_narrow(qn_out(s, 0), d.y);
  qn_room_narrow(qn_out(s, 1), d.y_h);
  if (p->cell == QN_CELL_LSTM) qn_room_narrow(qn_out(s, 2), d.y_c);
  return QN_OK;
}

const qn_op qn_op_rnn = {.domain = "", .name = "RNN", .since = 1, .min_in = 3, .max_in = 6, .min_out = 0, .max_out = 2,
                         .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_gru = {.domain = "", .name = "GRU", .since = 1, .min_in = 3, .max_in = 6, .min_out = 0, .max_out = 2,
                         .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_lstm = {.domain = "", .name = "LSTM", .since = 1, .min_in = 3, .max_in = 8, .min_out = 0, .max_out = 3,
                          .plan = plan, .run = run, .prepare = prepare};
