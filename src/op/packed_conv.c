/* Conv in float32 with constant weights and one or two spatial dimensions, channels-last, and what follows it: the sum with
 * another tensor of its rank (input 3) and an activation. graph/pass_conv.c puts it in place and has checked the weights. */
#include <math.h>
#include <string.h>

#include "kernel/binary.h"
#include "kernel/conv_strips.h"
#include "kernel/conv_winograd.h"
#include "kernel/copy.h"
#include "kernel/depthwise.h"
#include "kernel/tile.h"
#include "op/conv_shape.h"
#include "op/scratch.h"

typedef enum conv_form { DIRECT, DEPTHWISE, WINOGRAD_2 = 2, WINOGRAD_4 = 4 /* the size of its tiles */ } conv_form;

typedef struct conv_kept {
  qn_tensor weights;   /* dtype and dims; the data is packed */
  conv_form form;
  float *packed, *rest; /* rest: Winograd's second block */
  float *bias;          /* [maps], zeros where the model has none */
} conv_kept;

typedef struct conv_state {
  const struct conv_state *before; /* the convolution whose result is the input and which is computed here, strip by strip */
  const conv_kept *kept;
  qn_conv geometry;
  qn_activation activation;
  bool apart;               /* the sum broadcasts: it is a step of its own */
  int64_t residual_rank, sum_dims[QN_MAX_RANK], padded_dims[QN_MAX_RANK];
} conv_state;

/* Winograd's weights are four times as large, or 1.8 times: past so many channels they would cost more memory and cache than they save time. */
enum { WINOGRAD_MIN = 16, WINOGRAD_4_MAX = 192, WINOGRAD_2_MAX = 384 };

static bool all_ones(const qn_step *s, const char *name) {
  int64_t v[QN_MAX_RANK];
  int n = qn_attr_ints(s, name, v, QN_MAX_RANK);
  for (int i = 0; i < n && i < QN_MAX_RANK; i++)
    if (v[i] != 1) return false;
  return true;
}

static conv_form form_of(const qn_step *s, const qn_tensor *w, int64_t groups) {
  if (w->dims[1] == 1 && groups == w->dims[0] && groups > 1) return DEPTHWISE;
  int64_t least = w->dims[0] < w->dims[1] ? w->dims[0] : w->dims[1], most = w->dims[0] < w->dims[1] ? w->dims[1] : w->dims[0];
  bool three = w->rank == 4 && w->dims[2] == 3 && w->dims[3] == 3 && groups == 1 && all_ones(s, "strides");
  return !three || least < WINOGRAD_MIN || most > WINOGRAD_2_MAX ? DIRECT : most > WINOGRAD_4_MAX ? WINOGRAD_2 : WINOGRAD_4;
}

/* The weights as the form wants them: in their own place where they keep their size, or the first part of them does, so that a large model
 * loads in its own room. */
static qn_status pack(qn_step *s, conv_kept *kept, int64_t groups) {
  const qn_tensor *w = qn_const(s, 1);
  const bool winograd = kept->form >= WINOGRAD_2;
  const int64_t maps = w->dims[0], each = w->dims[1], taps = w->count / (maps * each);
  size_t count = kept->form == DEPTHWISE ? (size_t)w->count : qn_conv_nhwc_packed_count(groups, maps, each, taps), rest = 0;
  if (winograd && !qn_conv_winograd_packed_counts(kept->form, maps, each, &count, &rest)) count = SIZE_MAX;
  const bool own = kept->form != DEPTHWISE && maps / groups % 4 == 0;
  if (winograd) kept->rest = qn_keep_block(s, rest * sizeof(float)); /* before what is freed again: that is the end of the heap then */
  float *room = kept->form == DEPTHWISE ? NULL : qn_alloc((winograd ? (size_t)w->count : (size_t)(QN_TILE_PANEL * each * taps)) * sizeof(float));
  const float *from = w->data;
  if (winograd && room) from = memcpy(room, from, (size_t)w->count * sizeof(float));
  if (own && room) kept->packed = qn_take_const(s, 1);
  const bool taken = kept->packed != NULL;
  if (!winograd) from = w->data;
  if (taken && !winograd) from = kept->packed;
  if (!taken && count <= SIZE_MAX / sizeof(float)) kept->packed = qn_keep_block(s, count * sizeof(float));
  if (!kept->packed || !from || (winograd && !kept->rest) || (kept->form != DEPTHWISE && !room)) {
    qn_free(room);
    return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  }
  if (kept->form == DIRECT) qn_conv_nhwc_pack(groups, maps, each, taps, from, kept->packed, room);
  else if (winograd) qn_conv_winograd_pack(kept->form, maps, each, from, &(qn_winograd_weights){kept->packed, kept->rest});
  for (int64_t t = 0; kept->form == DEPTHWISE && t < taps; t++)
    for (int64_t m = 0; m < maps; m++) kept->packed[t * maps + m] = from[m * taps + t];
  qn_free(room);
  if (!taken) qn_release_const(s, 1);
  return QN_OK;
}

static qn_status prepare(qn_step *s) {
  const qn_tensor *w = qn_const(s, 1), *b = qn_const(s, 2);
  int64_t groups = qn_attr_int(s, "group", 1), maps = w->dims[0];
  QN_TRY(qn_keep(s, sizeof(conv_kept)));
  conv_kept *kept = s->kept;
  kept->weights = *w;
  kept->weights.data = NULL;
  kept->form = form_of(s, w, groups);
  QN_TRY(pack(s, kept, groups));
  kept->bias = qn_keep_block(s, (size_t)maps * sizeof(float));
  if (!kept->bias) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the bias");
  if (b) memcpy(kept->bias, b->data, (size_t)maps * sizeof(float));
  if (b) qn_release_const(s, 2);
  return QN_OK;
}

static qn_activation activation_of(const qn_step *s) {
  const qn_attr *gate = qn_attr_find(s, "gate", QN_ATTR_FLOATS);
  if (!gate || gate->count != 6) return (qn_activation){.min = s->clamp_min, .max = s->clamp_max};
  const float *g = gate->floats;
  return (qn_activation){.gated = true, .alpha = g[0], .beta = g[1], .min = g[2], .max = g[3], .scale = g[4], .shift = g[5]};
}

/* Channels of the residual that the pass left out because they are zeros. */
static int64_t residual_zeros(const qn_step *s) { return qn_attr_int(s, "residual_zeros", 0); }

/* Whether the sum can be done while storing: all of the output has its number, or the first channels of it have. */
static qn_status plan_residual(qn_step *s, conv_state *state, int64_t *dims) {
  const qn_tensor *x = qn_in(s, 0), *t = qn_in(s, 3);
  int rank = x->rank;
  if (t->dtype != QN_FLOAT || t->rank != rank)
    return qn_step_fail(s, QN_ERR_SHAPE, "what is added to the result has rank %d; %d is expected", t->rank, rank);
  memcpy(state->padded_dims, t->dims, sizeof state->padded_dims);
  if (__builtin_add_overflow(t->dims[rank - 1], residual_zeros(s), &state->padded_dims[rank - 1]))
    return qn_step_fail(s, QN_ERR_SHAPE, "the padded channels are too many");
  for (int d = 0; d < rank; d++) state->apart = state->apart || state->padded_dims[d] != dims[d];
  if (!state->apart) return QN_OK;
  for (int d = 0; d < rank; d++) {
    int64_t a = dims[d], b = state->padded_dims[d];
    char one[QN_SHAPE_TEXT], other[QN_SHAPE_TEXT];
    if (a != b && a != 1 && b != 1)
      return qn_step_fail(s, QN_ERR_SHAPE, "the result of shape %s and what is added, of shape %s, do not broadcast (channels last)", qn_shape_text(one, rank, dims),
                          qn_shape_text(other, rank, state->padded_dims));
    state->sum_dims[d] = dims[d];
    dims[d] = a == 1 ? b : a;
  }
  return QN_OK;
}

/* What is left to the reader: results that the second-level cache does not hold, before and behind depthwise convolutions. */
enum { PENDING_BYTES = 1024 * 1024, PENDING_ROW_MAX = 128 * 1024 };

static bool may_wait(const qn_step *s, const conv_state *state) {
  const qn_window *w = &state->geometry.window;
  const conv_kept *reader = qn_only_reader(s);
  const int64_t row = w->out[1] * state->geometry.maps * (int64_t)sizeof(float);
  if (!reader || w->rank != 2 || qn_in(s, 3) || qn_known(s, 0) || row > PENDING_ROW_MAX || row * w->out[0] < PENDING_BYTES) return false;
  return state->kept->form == DEPTHWISE ? reader->form == DIRECT : state->kept->form == DIRECT && reader->form == DEPTHWISE && !state->before;
}

static int stages_of(const conv_state *state, const qn_conv_tail *tail, qn_conv_stage stage[QN_STRIP_STAGES]) {
  int count = state->before ? stages_of(state->before, NULL, stage) : 0;
  stage[count] = (qn_conv_stage){.c = state->geometry, .packed = state->kept->packed, .bias = state->kept->bias, .depthwise = state->kept->form == DEPTHWISE};
  if (tail) stage[count].tail = *tail;
  else stage[count].tail.activation = state->activation;
  return count + 1;
}

typedef struct rooms {
  void *work;
  float *sums, *padded;
} rooms;

static qn_status lay_out(qn_step *s, const conv_state *state, qn_room *r, rooms *m) {
  const qn_conv *c = &state->geometry;
  const conv_kept *kept = s->kept;
  if (state->before) {
    qn_conv_stage stage[QN_STRIP_STAGES];
    size_t room = qn_conv_strips_room(stages_of(state, NULL, stage), stage);
    if (room == SIZE_MAX) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
    m->work = qn_room_take(r, room, 1);
  } else if (kept->form != DEPTHWISE) {
    size_t room = kept->form >= WINOGRAD_2 ? qn_conv_winograd_room(kept->form, c) : qn_conv_nhwc_room(c);
    if (room == SIZE_MAX) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
    m->work = qn_room_take(r, room, 1);
  }
  if (!state->apart) return QN_OK;
  size_t sums = 1, padded = 1;
  for (int d = 0; d < qn_in(s, 0)->rank; d++)
    if (!qn_size_mul(sums, (size_t)state->sum_dims[d], &sums) || !qn_size_mul(padded, (size_t)state->padded_dims[d], &padded))
      return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  m->sums = qn_room_take(r, sums, sizeof(float));
  m->padded = qn_room_take(r, residual_zeros(s) ? padded : 0, sizeof(float));
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_FLOAT)));
  const conv_kept *kept = s->kept;
  const qn_tensor *x = qn_in(s, 0);
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_state(s, sizeof(conv_state)));
  conv_state *state = s->state;
  QN_TRY(qn_conv_geometry(s, &kept->weights, &state->geometry, dims));
  if (!s->channels_last) return qn_step_fail(s, QN_ERR_STATE, "the input is not channels-last");
  state->activation = activation_of(s);
  state->kept = kept;
  state->before = s->in[0]->pending;
  if (qn_in(s, 3)) QN_TRY(plan_residual(s, state, dims));
  if (may_wait(s, state)) return qn_out_pending(s, x->rank, dims);
  QN_TRY(qn_out_shape(s, 0, QN_FLOAT, x->rank, dims));
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, state, &r, &m));
  return qn_room_done(s, &r);
}

static void convolve(const qn_step *s, const conv_state *state, const qn_conv_tail *tail, float *y, const rooms *m) {
  const qn_conv *c = &state->geometry;
  const conv_kept *kept = s->kept;
  const float *x = qn_in(s, 0)->data;
  if (state->before) {
    qn_conv_stage stage[QN_STRIP_STAGES];
    qn_conv_strips(stages_of(state, tail, stage), stage, x, y, m->work);
  } else if (kept->form == DIRECT) {
    qn_conv_nhwc(c, x, kept->packed, kept->bias, tail, y, m->work);
  } else if (kept->form >= WINOGRAD_2) {
    qn_conv_winograd(kept->form, c, x, &(qn_winograd_weights){kept->packed, kept->rest}, kept->bias, tail, y, m->work);
  } else {
    qn_depthwise_f32(c, x, kept->packed, kept->bias, tail, y);
  }
}

/* The sum with something that broadcasts: in steps, as the model has it. */
static void add_apart(const qn_step *s, const conv_state *state, const rooms *m) {
  const qn_tensor *t = qn_in(s, 3);
  qn_tensor *y = qn_out(s, 0), sums = *y, other = *t;
  int rank = y->rank;
  memcpy(sums.dims, state->sum_dims, sizeof sums.dims);
  sums.count = qn_product(sums.dims, rank);
  sums.data = m->sums;
  if (residual_zeros(s)) {
    int64_t from = t->dims[rank - 1], to = state->padded_dims[rank - 1];
    other.dims[rank - 1] = to;
    other.count = qn_product(other.dims, rank);
    other.data = m->padded;
    memset(m->padded, 0, (size_t)other.count * sizeof(float));
    for (int64_t i = 0; from && i < t->count / from; i++) memcpy(m->padded + i * to, (const float *)t->data + i * from, (size_t)from * sizeof(float));
  }
  (void)qn_binary_run(QN_ADD, QN_IN_F32, &sums, &other, y, -INFINITY, INFINITY);
  float *v = y->data;
  for (int64_t i = 0; i < y->count; i++) v[i] = qn_activate(&state->activation, v[i]);
}

static qn_status run(qn_step *s) {
  const conv_state *state = s->state;
  const qn_tensor *t = qn_in(s, 3);
  qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, state, &r, &m));
  qn_conv_tail tail = {.activation = state->activation};
  if (state->apart) {
    tail.activation = (qn_activation){.min = -INFINITY, .max = INFINITY};
    convolve(s, state, &tail, m.sums, &m);
    add_apart(s, state, &m);
    return QN_OK;
  }
  if (t) {
    tail.residual_channels = t->dims[t->rank - 1];
    tail.residual = tail.residual_channels ? t->data : NULL;
  }
  convolve(s, state, &tail, y->data, &m);
  return QN_OK;
}

const qn_op qn_op_packed_conv = {.domain = "quern", .name = "PackedConv", .since = 1, .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 1,
                                 .flags = QN_LAYOUT_CHANNELS_LAST | QN_CLAMPS | QN_RESIDUAL, .plan = plan, .run = run, .prepare = prepare};
