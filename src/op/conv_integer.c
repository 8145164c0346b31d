/* ConvInteger and QLinearConv. */
#include <string.h>

#include "op/conv_shape.h"
#include "op/quantized.h"

typedef struct kept_weights {
  qn_tensor w; /* dtype and dims; data is gone */
  int8_t *packed;
} kept_weights;

static bool is_linear(const qn_step *s) { return s->op->name[0] == 'Q'; }

static qn_status prepare(qn_step *s) {
  int at = is_linear(s) ? 3 : 1;
  const qn_tensor *w = qn_const(s, at);
  if (!w || (w->dtype != QN_INT8 && w->dtype != QN_UINT8) || w->rank < 3 || w->count == 0) return QN_OK;
  int64_t groups = qn_attr_int(s, "group", 1), taps = 1;
  if (groups < 1 || w->dims[0] % groups) return QN_OK;
  for (int d = 2; d < w->rank; d++) taps *= w->dims[d];
  size_t count = qn_conv_i8_packed_count(groups, w->dims[0], w->dims[1], taps);
  if (count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  QN_TRY(qn_keep(s, sizeof(kept_weights)));
  kept_weights *kept = s->kept;
  kept->w = *w;
  kept->w.data = NULL;
  kept->packed = qn_keep_block(s, count);
  if (!kept->packed) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  qn_conv_i8_pack(groups, w->dims[0], w->dims[1], taps, w->data, w->dtype == QN_INT8, kept->packed);
  qn_release_const(s, at);
  return QN_OK;
}

typedef struct rooms {
  void *work;
  int8_t *packed;
  int32_t *zero;
  float *scale;
} rooms;

static qn_status lay_out(const qn_step *s, const qn_conv *c, qn_room *r, rooms *m) {
  size_t work = qn_conv_i8_room(c), count = qn_conv_i8_packed_count(c->groups, c->maps, c->channels / c->groups, c->window.taps);
  if (work == 0 || count == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  m->work = qn_room_take(r, work, 1);
  m->zero = qn_room_take(r, (size_t)c->maps, sizeof(int32_t));
  m->scale = is_linear(s) ? qn_room_take(r, (size_t)c->maps, sizeof(float)) : NULL;
  m->packed = s->kept ? NULL : qn_room_take(r, count, 1);
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  bool linear = is_linear(s);
  int at_w = linear ? 3 : 1, at_zero = linear ? 5 : 3;
  QN_TRY(qn_check_type(s, 0, QN_BYTES_8));
  if (!s->kept) QN_TRY(qn_check_type(s, at_w, QN_BYTES_8));
  const qn_tensor *w = s->kept ? &((kept_weights *)s->kept)->w : qn_in(s, at_w), *x_zero = qn_in(s, 2), *w_zero = qn_in(s, at_zero);
  QN_TRY(qn_state(s, sizeof(qn_conv)));
  qn_conv *c = s->state;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_conv_geometry(s, w, c, dims));
  if ((x_zero && (x_zero->dtype != qn_in(s, 0)->dtype || x_zero->count != 1)) || (w_zero && (w_zero->dtype != w->dtype || (w_zero->count != 1 && w_zero->count != c->maps))))
    return qn_step_fail(s, QN_ERR_SHAPE, "the zero points do not fit the tensors");
  qn_dtype type = QN_INT32;
  if (linear) {
    const int scales[3] = {1, 4, 6};
    for (int i = 0; i < 3; i++) {
      QN_TRY(qn_check_type(s, scales[i], QN_TYPE_BIT(QN_FLOAT)));
      int64_t count = qn_in(s, scales[i])->count;
      if (count != 1 && (i != 1 || count != c->maps)) return qn_step_fail(s, QN_ERR_SHAPE, "input %d has %lld elements", scales[i], (long long)count);
    }
    QN_TRY(qn_check_type(s, 7, QN_BYTES_8));
    if (qn_in(s, 7)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "y_zero_point must be a scalar");
    type = qn_in(s, 7)->dtype;
    if (qn_in(s, 8)) QN_TRY(qn_check_type(s, 8, QN_TYPE_BIT(QN_INT32)));
    if (qn_in(s, 8) && qn_in(s, 8)->count != c->maps) return qn_step_fail(s, QN_ERR_SHAPE, "the bias does not have %lld elements", (long long)c->maps);
  }
  QN_TRY(qn_out_shape(s, 0, type, qn_in(s, 0)->rank, dims));
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, c, &r, &m));
  return qn_room_done(s, &r);
}

typedef struct sink {
  const qn_conv *c;
  void *y;
  const float *scale;  /* [maps], QLinearConv */
  const int32_t *bias; /* [maps] or NULL */
  int32_t zero;
  bool is_signed;
} sink;

static void put(void *user, int64_t batch, int64_t first_point, int64_t points, int64_t first_map, int64_t maps, const int32_t *sums) {
  const sink *k = user;
  const qn_planes *y = &k->c->y;
  for (int64_t p = 0; p < points; p++)
    for (int64_t m = 0; m < maps; m++) {
      int64_t at = batch * y->batch + (first_point + p) * y->point + (first_map + m) * y->channel;
      int32_t sum = sums[p * maps + m];
      if (!k->scale) {
        ((int32_t *)k->y)[at] = sum;
        continue;
      }
      if (k->bias) sum = (int32_t)((uint32_t)sum + (uint32_t)k->bias[first_map + m]);
      ((uint8_t *)k->y)[at] = qn_requantize((float)sum * k->scale[first_map + m], k->zero, k->is_signed);
    }
}

static qn_status run(qn_step *s) {
  const qn_conv *c = s->state;
  bool linear = is_linear(s);
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0), *w = s->kept ? &((kept_weights *)s->kept)->w : qn_in(s, linear ? 3 : 1);
  const qn_tensor *w_zero = qn_in(s, linear ? 5 : 3), *bias = linear ? qn_in(s, 8) : NULL;
  if (y->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, c, &r, &m));
  bool w_signed = w->dtype == QN_INT8;
  const int8_t *packed = m.packed;
  if (s->kept) packed = ((kept_weights *)s->kept)->packed;
  else qn_conv_i8_pack(c->groups, c->maps, c->channels / c->groups, c->window.taps, w->data, w_signed, m.packed);
  for (int64_t i = 0; i < c->maps; i++) m.zero[i] = qn_zero_at(w_zero, w_zero && w_zero->count > 1 ? i : 0) - (w_signed ? 0 : 128);
  sink k = {.c = c, .y = y->data, .is_signed = y->dtype == QN_INT8, .bias = bias ? bias->data : NULL};
  if (linear) {
    const qn_tensor *w_scale = qn_in(s, 4);
    float common = qn_scale_at(qn_in(s, 1), 0), out = qn_scale_at(qn_in(s, 6), 0);
    for (int64_t i = 0; i < c->maps; i++) m.scale[i] = common * qn_scale_at(w_scale, w_scale->count > 1 ? i : 0) / out;
    k.scale = m.scale;
    k.zero = qn_zero_at(qn_in(s, 7), 0);
  }
  qn_conv_i8_out sums = {&k, put};
  qn_conv_i8(c, x->data, x->dtype == QN_INT8, qn_zero_at(qn_in(s, 2), 0), packed, m.zero, &sums, m.work);
  return QN_OK;
}

const qn_op qn_op_conv_integer = {.domain = "", .name = "ConvInteger", .since = 10, .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 1,
                                  .flags = QN_LAYOUT_CHANNELS_LAST, .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_qlinear_conv = {.domain = "", .name = "QLinearConv", .since = 10, .min_in = 8, .max_in = 9, .min_out = 1, .max_out = 1,
                                  .flags = QN_LAYOUT_CHANNELS_LAST, .plan = plan, .run = run, .prepare = prepare};
