/* Conv. Weights are packed once when they are constant, in each run when they are not. */
#include "op/conv_shape.h"
#include "op/scratch.h"

typedef struct conv_kept {
  qn_tensor weights;  /* dtype and dims; data is gone */
  float *packed;
} conv_kept;

/* Widened and packed; NULL when memory ran out. */
static qn_status prepare(qn_step *s) {
  const qn_tensor *w = qn_const(s, 1);
  if (!w || (w->dtype != QN_FLOAT && !qn_is_half(w->dtype)) || w->rank < 3) return QN_OK;
  int64_t groups = qn_attr_int(s, "group", 1), taps = 1;
  if (groups < 1 || w->dims[0] % groups || w->count == 0) return QN_OK;
  for (int d = 2; d < w->rank; d++) taps *= w->dims[d];
  size_t count = qn_conv_packed_count(groups, w->dims[0], w->dims[1], taps, sizeof(float));
  if (count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  const float *raw = w->data;
  float *wide = NULL;
  if (qn_is_half(w->dtype)) {
    wide = qn_alloc((size_t)w->count * sizeof(float));
    if (!wide) return qn_step_fail(s, QN_ERR_MEMORY, "no memory to widen the weights");
    qn_cast(w->dtype, w->data, QN_FLOAT, wide, (size_t)w->count, (qn_cast_mode){0});
    raw = wide;
  }
  qn_status status = qn_keep(s, sizeof(conv_kept));
  conv_kept *kept = s->kept;
  if (status == QN_OK) {
    kept->weights = *w;
    kept->weights.data = NULL;
    kept->packed = qn_keep_block(s, count * sizeof(float));
    if (!kept->packed) status = qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  }
  if (status == QN_OK) {
    qn_conv_pack(groups, w->dims[0], w->dims[1], taps, raw, kept->packed);
    qn_release_const(s, 1);
  }
  qn_free(wide);
  return status;
}

typedef struct conv_room {
  const void *x, *w, *bias;
  void *y, *work;
  float *packed;
} conv_room;

static qn_status rooms(qn_step *s, const qn_conv *c, qn_room *r, conv_room *out) {
  const qn_tensor *x = qn_in(s, 0), *w = qn_in(s, 1);
  out->x = qn_room_widen(r, x);
  out->bias = qn_room_widen(r, qn_in(s, 2));
  out->y = qn_room_output(r, qn_out(s, 0));
  if (x->dtype == QN_DOUBLE) {
    out->work = qn_room_take(r, (size_t)qn_conv_tap_room(&c->window), sizeof(qn_tap));
    return QN_OK;
  }
  size_t work = qn_conv_room(c);
  if (work == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  out->work = qn_room_take(r, work, 1);
  if (s->kept) return QN_OK;
  size_t count = qn_conv_packed_count(c->groups, c->maps, c->channels / c->groups, c->window.taps, sizeof(float));
  if (count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  out->w = qn_room_widen(r, w);
  out->packed = qn_room_take(r, count, sizeof(float));
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0), *bias = qn_in(s, 2), *w = s->kept ? &((conv_kept *)s->kept)->weights : qn_in(s, 1);
  if (!w) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 1 is missing");
  QN_TRY(qn_check_same(s, "input 1, the weights,", w, x));
  QN_TRY(qn_check_same(s, "input 2, the bias,", bias, x));
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_state(s, sizeof(qn_conv)));
  qn_conv *c = s->state;
  QN_TRY(qn_conv_geometry(s, w, c, dims));
  if (bias && bias->count != c->maps) return qn_step_fail(s, QN_ERR_SHAPE, "the bias has %lld elements for %lld output channels", (long long)bias->count, (long long)c->maps);
  QN_TRY(qn_out_shape(s, 0, x->dtype, x->rank, dims));
  qn_room r = {0};
  conv_room room;
  QN_TRY(rooms(s, c, &r, &room));
  return qn_room_done(s, &r);
}

static qn_status run(qn_step *s) {
  const qn_conv *c = s->state;
  qn_room r = {.base = s->scratch};
  conv_room m = {0};
  QN_TRY(rooms(s, c, &r, &m));
  if (qn_in(s, 0)->dtype == QN_DOUBLE) {
    qn_conv_ref(c, m.x, qn_in(s, 1)->data, m.bias, m.y, m.work);
    return QN_OK;
  }
  const float *packed = m.packed;
  if (s->kept) packed = ((conv_kept *)s->kept)->packed;
  else qn_conv_pack(c->groups, c->maps, c->channels / c->groups, c->window.taps, m.w, m.packed);
  qn_conv_f32(c, m.x, packed, m.bias, m.y, m.work);
  qn_room_narrow(qn_out(s, 0), m.y);
  return QN_OK;
}

const qn_op qn_op_conv = {.domain = "", .name = "Conv", .since = 1, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                          .flags = QN_LAYOUT_CHANNELS_LAST | QN_CLAMPS, .plan = plan, .run = run, .prepare = prepare};
