/* ConvInteger, QLinearConv, and QuantizedConv: what passes make of a convolution between DequantizeLinear and QuantizeLinear. */
#include <string.h>

#include "kernel/conv_i8.h"
#include "op/conv_shape.h"
#include "op/quantized.h"

typedef struct kept_weights {
  qn_tensor w; /* dtype and dims; data is gone */
  void *packed;
  int32_t *zero; /* [maps] or NULL */
} kept_weights;

static bool is_linear(const qn_step *s) { return s->op->name[0] == 'Q'; }

static qn_status prepare(qn_step *s) {
  const int at = is_linear(s) ? 3 : 1, at_zero = is_linear(s) ? 5 : 3;
  const qn_tensor *w = qn_const(s, at), *zero = qn_const(s, at_zero);
  if (!w || (w->dtype != QN_INT8 && w->dtype != QN_UINT8) || w->rank < 3 || w->count == 0) return QN_OK;
  if (qn_has_input(s, at_zero) && (!zero || zero->dtype != w->dtype || (zero->count != 1 && zero->count != w->dims[0]))) return QN_OK;
  int64_t groups = qn_attr_int(s, "group", 1), taps = 1;
  if (groups < 1 || w->dims[0] % groups) return QN_OK;
  for (int d = 2; d < w->rank; d++) taps *= w->dims[d];
  size_t size = qn_conv_i8_packed_size(groups, w->dims[0], w->dims[1], taps);
  if (size == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the packed weights would not fit the address space");
  QN_TRY(qn_keep(s, sizeof(kept_weights)));
  kept_weights *kept = s->kept;
  kept->w = *w;
  kept->w.data = NULL;
  kept->packed = qn_keep_block(s, size);
  kept->zero = qn_keep_block(s, (size_t)w->dims[0] * sizeof(int32_t));
  if (!kept->packed || !kept->zero) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  if (!qn_packed_zeros(zero, w->dtype == QN_INT8, 0, w->dims[0], kept->zero)) kept->zero = NULL;
  qn_conv_i8_pack(groups, w->dims[0], w->dims[1], taps, w->data, w->dtype == QN_INT8, kept->zero, kept->packed);
  qn_release_const(s, at);
  return QN_OK;
}

typedef struct rooms {
  void *work, *packed;
  int32_t *zero;
  float *scale, *bias;
} rooms;

static qn_status lay_out(const qn_step *s, const qn_conv *c, qn_room *r, rooms *m) {
  size_t work = qn_conv_i8_room(c), size = qn_conv_i8_packed_size(c->groups, c->maps, c->channels / c->groups, c->window.taps);
  if (work == 0 || size == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  m->work = qn_room_take(r, work, 1);
  m->scale = qn_room_take(r, (size_t)c->maps, sizeof(float));
  m->bias = qn_room_take(r, (size_t)c->maps, sizeof(float));
  m->zero = s->kept ? NULL : qn_room_take(r, (size_t)c->maps, sizeof(int32_t));
  m->packed = s->kept ? NULL : qn_room_take(r, size, 1);
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  const bool linear = is_linear(s);
  const int at_w = linear ? 3 : 1, at_zero = linear ? 5 : 3;
  QN_TRY(qn_check_type(s, 0, QN_BYTES_8));
  if (!s->kept) QN_TRY(qn_check_type(s, at_w, QN_BYTES_8));
  const qn_tensor *w = s->kept ? &((kept_weights *)s->kept)->w : qn_in(s, at_w), *x_zero = qn_in(s, 2), *w_zero = qn_in(s, at_zero);
  QN_TRY(qn_state(s, sizeof(qn_conv)));
  qn_conv *c = s->state;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_conv_geometry(s, w, c, dims));
  if ((x_zero && (x_zero->dtype != qn_in(s, 0)->dtype || x_zero->count != 1)) || (w_zero && (w_zero->dtype != w->dtype || (w_zero->count != 1 && w_zero->count != c->maps))))
    return qn_step_fail(s, QN_ERR_SHAPE, "the zero points do not fit: one %s for the input, and 1 or %lld %s for the weights are expected", qn_dtype_name(qn_in(s, 0)->dtype), (long long)c->maps,
                        qn_dtype_name(w->dtype));
  qn_dtype type = QN_INT32;
  if (linear) {
    QN_TRY(qn_quantized_check(s, QN_TYPE_BIT(QN_FLOAT), c->maps, &type));
    const qn_tensor *x_scale = qn_in(s, 1), *w_scale = qn_in(s, 4);
    if (x_scale->count != 1 || (w_scale->count != 1 && w_scale->count != c->maps))
      return qn_step_fail(s, QN_ERR_SHAPE, "the scales of input and weights have %lld and %lld elements; 1, and 1 or %lld (one for each output channel) are expected", (long long)x_scale->count,
                          (long long)w_scale->count, (long long)c->maps);
  }
  QN_TRY(qn_out_shape(s, 0, type, qn_in(s, 0)->rank, dims));
  qn_room r = {0};
  rooms m;
  QN_TRY(lay_out(s, c, &r, &m));
  return qn_room_done(s, &r);
}

static qn_status run(qn_step *s) {
  const qn_conv *c = s->state;
  const bool linear = is_linear(s);
  const kept_weights *kept = s->kept;
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  QN_TRY(lay_out(s, c, &r, &m));
  if (!kept) {
    const qn_tensor *w = qn_in(s, linear ? 3 : 1);
    const bool w_signed = w->dtype == QN_INT8;
    if (!qn_packed_zeros(qn_in(s, linear ? 5 : 3), w_signed, 0, c->maps, m.zero)) m.zero = NULL;
    qn_conv_i8_pack(c->groups, c->maps, c->channels / c->groups, c->window.taps, w->data, w_signed, m.zero, m.packed);
  }
  qn_i8_out out = {.dtype = QN_INT32};
  if (linear) qn_quantized_out(s, qn_scale_at(qn_in(s, 1), 0), qn_in(s, 4), 0, c->maps, m.scale, m.bias, &out);
  qn_conv_i8(c, x->data, x->dtype == QN_INT8, qn_zero_at(qn_in(s, 2), 0), kept ? kept->packed : m.packed, kept ? kept->zero : m.zero, &out, y->data, m.work);
  return QN_OK;
}

const qn_op qn_op_conv_integer = {.domain = "", .name = "ConvInteger", .since = 10, .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 1,
                                  .flags = QN_LAYOUT_CHANNELS_LAST, .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_qlinear_conv = {.domain = "", .name = "QLinearConv", .since = 10, .min_in = 8, .max_in = 9, .min_out = 1, .max_out = 1,
                                  .flags = QN_LAYOUT_CHANNELS_LAST, .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_quantized_conv = {.domain = "quern", .name = "QuantizedConv", .since = 1, .min_in = 5, .max_in = 9, .min_out = 1, .max_out = 1,
                                    .flags = QN_LAYOUT_CHANNELS_LAST, .plan = plan, .run = run, .prepare = prepare};
