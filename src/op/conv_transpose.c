/* ConvTranspose. */
#include "op/conv_shape.h"
#include "op/scratch.h"

typedef struct kept_weights {
  qn_tensor weights;
  float *packed;
} kept_weights;

static qn_status prepare(qn_step *s) {
  const qn_tensor *w = qn_const(s, 1);
  if (!w || w->dtype != QN_FLOAT || w->rank < 3 || w->count == 0) return QN_OK;
  int64_t groups = qn_attr_int(s, "group", 1), taps = 1;
  if (groups < 1 || w->dims[0] % groups) return QN_OK;
  for (int d = 2; d < w->rank; d++) taps *= w->dims[d];
  size_t count = qn_conv_transpose_packed_count(groups, w->dims[0], w->dims[1], taps);
  if (count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  QN_TRY(qn_keep(s, sizeof(kept_weights)));
  kept_weights *kept = s->kept;
  kept->weights = *w;
  kept->weights.data = NULL;
  kept->packed = qn_keep_block(s, count * sizeof(float));
  if (!kept->packed) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  qn_conv_transpose_pack(groups, w->dims[0], w->dims[1], taps, w->data, kept->packed);
  qn_release_const(s, 1);
  return QN_OK;
}

typedef struct rooms {
  const void *x, *w, *bias;
  void *y, *work;
  float *packed;
} rooms;

static qn_status lay_out(qn_step *s, const qn_conv *c, qn_room *r, rooms *m) {
  m->x = qn_room_widen(r, qn_in(s, 0));
  m->bias = qn_room_widen(r, qn_in(s, 2));
  m->y = qn_room_output(r, qn_out(s, 0));
  if (qn_in(s, 0)->dtype == QN_DOUBLE) {
    m->work = qn_room_take(r, (size_t)qn_conv_tap_room(&c->window), sizeof(qn_tap));
    return QN_OK;
  }
  size_t work = qn_conv_transpose_room(c), count = qn_conv_transpose_packed_count(c->groups, c->channels, c->maps / c->groups, c->window.taps);
  if (work == 0 || count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  m->work = qn_room_take(r, work, 1);
  if (s->kept) return QN_OK;
  m->w = qn_room_widen(r, qn_in(s, 1));
  m->packed = qn_room_take(r, count, sizeof(float));
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0), *bias = qn_in(s, 2), *w = s->kept ? &((kept_weights *)s->kept)->weights : qn_in(s, 1);
  if (!w) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 1 is missing");
  QN_TRY(qn_check_same(s, "input 1, the weights,", w, x));
  QN_TRY(qn_check_same(s, "input 2, the bias,", bias, x));
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_state(s, sizeof(qn_conv)));
  qn_conv *c = s->state;
  QN_TRY(qn_conv_transpose_geometry(s, w, c, dims));
  if (bias && bias->count != c->maps) return qn_step_fail(s, QN_ERR_SHAPE, "the bias has %lld elements for %lld output channels", (long long)bias->count, (long long)c->maps);
  QN_TRY(qn_out_shape(s, 0, x->dtype, x->rank, dims));
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, c, &r, &m));
  return qn_room_done(s, &r);
}

static qn_status run(qn_step *s) {
  const qn_conv *c = s->state;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, c, &r, &m));
  if (qn_in(s, 0)->dtype == QN_DOUBLE) {
    qn_conv_transpose_ref(c, m.x, qn_in(s, 1)->data, m.bias, m.y, m.work);
    return QN_OK;
  }
  const float *packed = m.packed;
  if (s->kept) packed = ((kept_weights *)s->kept)->packed;
  else qn_conv_transpose_pack(c->groups, c->channels, c->maps / c->groups, c->window.taps, m.w, m.packed);
  qn_conv_transpose_f32(c, m.x, packed, m.bias, m.y, m.work);
  qn_room_narrow(qn_out(s, 0), m.y);
  return QN_OK;
}

const qn_op qn_op_conv_transpose = {.domain = "", .name = "ConvTranspose", .since = 1, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                                    .flags = QN_LAYOUT_CHANNELS_LAST | QN_CLAMPS, .plan = plan, .run = run, .prepare = prepare};
