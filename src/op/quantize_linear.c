/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear. */
#include "kernel/broadcast.h"
#include "kernel/quantize.h"
#include "op/elementwise.h"
#include "op/quantized.h"

#define SCALE_TYPES (QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_FLOAT16) | QN_TYPE_BIT(QN_BFLOAT16) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_FLOAT8E8M0))
#define QUANTIZED_TYPES                                                                                        \
  (QN_FLOAT8_TYPES | QN_PACKED_TYPES | QN_TYPE_BIT(QN_FLOAT4E2M1) | QN_TYPE_BIT(QN_INT8) | QN_TYPE_BIT(QN_UINT8) | \
   QN_TYPE_BIT(QN_INT16) | QN_TYPE_BIT(QN_UINT16))

/* How scales lie over the input: an input of [outer, blocks, block, inner] has scales of [outer, blocks, 1, inner],
 * or of [1, blocks, 1, 1]. One scale for all is a block of everything. */
typedef struct grouping {
  int64_t outer, axis, inner, block;
  bool per_tensor, per_axis;
} grouping;

static qn_status group(const qn_step *s, grouping *g) {
  const qn_tensor *x = qn_in(s, 0), *scale = qn_in(s, 1), *zero = qn_in(s, 2);
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  const int64_t block = qn_attr_int(s, "block_size", 0);
  *g = (grouping){.outer = 1, .axis = 1, .inner = 1, .block = 1};
  if (zero && !qn_tensor_same_shape(scale, zero) && !(zero->count == 1 && scale->count == 1))
    return qn_step_fail(s, QN_ERR_SHAPE, "the zero point has shape %s but the scale %s", qn_shape_text(a, zero->rank, zero->dims),
                        qn_shape_text(b, scale->rank, scale->dims));
  if (block < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "block_size is %lld; 0 or more is expected", (long long)block);
  if (scale->count == 1 && block == 0 && scale->rank <= 1) {
    g->per_tensor = true;
    return QN_OK;
  }
  int axis;
  QN_TRY(qn_axis(s, qn_attr_int(s, "axis", 1), x->rank, &axis));
  for (int i = 0; i < axis; i++) g->outer *= x->dims[i];
  for (int i = axis + 1; i < x->rank; i++) g->inner *= x->dims[i];
  g->axis = x->dims[axis];
  if (block == 0) {
    g->per_axis = true;
    if (scale->rank != 1 || scale->dims[0] != g->axis)
      return qn_step_fail(s, QN_ERR_SHAPE, "the scale has shape %s; [%lld] is expected", qn_shape_text(a, scale->rank, scale->dims), (long long)g->axis);
    return QN_OK;
  }
  g->block = block;
  bool fits = scale->rank == x->rank;
  for (int i = 0; fits && i < x->rank; i++)
    fits = scale->dims[i] == (i == axis ? (x->dims[i] == 0 ? 0 : (x->dims[i] - 1) / block + 1) : x->dims[i]);
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "the scale has shape %s, which does not fit blocks of %lld in %s", qn_shape_text(a, scale->rank, scale->dims),
                        (long long)block, qn_shape_text(b, x->rank, x->dims));
  return QN_OK;
}

/* Scales, or zero points, in the order of the input's elements. */
typedef struct spread {
  qn_feed feed;
  const grouping *g;
  const qn_tensor *values;
  bool ragged;  /* the last block of each row is shorter: no broadcasting describes that */
  int64_t next; /* element */
} spread;

static void spread_init(spread *f, const grouping *g, const qn_tensor *values, const qn_tensor *x) {
  *f = (spread){.g = g, .values = values};
  qn_tensor view = *values;
  if (g->per_tensor) {
    view.rank = 0;
    view.count = 1;
    qn_feed_init(&f->feed, QN_IN_F32, &view, x->rank, x->dims);
  } else if (g->per_axis) {
    const int64_t dims[3] = {g->outer, g->axis, g->inner};
    view.rank = 2;
    view.dims[0] = g->axis;
    view.dims[1] = 1;
    qn_feed_init(&f->feed, QN_IN_F32, &view, 3, dims);
  } else if (g->axis % g->block == 0) {
    const int64_t dims[4] = {g->outer, g->axis / g->block, g->block, g->inner};
    view.rank = 4;
    for (int i = 0; i < 4; i++) view.dims[i] = i == 2 ? 1 : dims[i];
    qn_feed_init(&f->feed, QN_IN_F32, &view, 4, dims);
  } else {
    f->ragged = true;
  }
}

static const float *spread_next(spread *f, size_t n, float *buffer) {
  if (!f->ragged) return qn_feed_next(&f->feed, n, buffer);
  const grouping *g = f->g;
  const int64_t blocks = (g->axis - 1) / g->block + 1;
  for (size_t i = 0; i < n; i++, f->next++) {
    const int64_t k = f->next % g->inner, row = f->next / g->inner;
    const int64_t at = (row / g->axis * blocks + row % g->axis / g->block) * g->inner + k;
    qn_load(QN_IN_F32, f->values->dtype, f->values->data, (size_t)at, 1, buffer + i);
  }
  return buffer;
}

static qn_status plan_quantize(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES | QN_TYPE_BIT(QN_INT32)));
  QN_TRY(qn_check_type(s, 1, SCALE_TYPES | QN_TYPE_BIT(QN_INT32)));
  const int64_t wanted = qn_attr_int(s, "output_dtype", 0);
  qn_dtype dtype = wanted > 0 && wanted < QN_DTYPE_COUNT ? (qn_dtype)wanted : QN_UINT8;
  if (qn_in(s, 2)) {
    QN_TRY(qn_check_type(s, 2, QUANTIZED_TYPES));
    if (wanted && qn_in(s, 2)->dtype != dtype)
      return qn_step_fail(s, QN_ERR_TYPE, "output_dtype is %s but the zero point is %s", qn_dtype_name(dtype), qn_dtype_name(qn_in(s, 2)->dtype));
    dtype = qn_in(s, 2)->dtype;
  }
  if (!(QUANTIZED_TYPES & QN_TYPE_BIT(dtype))) return qn_step_fail(s, QN_ERR_TYPE, "%s is not a quantized type", qn_dtype_name(dtype));
  grouping g;
  QN_TRY(group(s, &g));
  return qn_out_shape(s, 0, dtype, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status plan_dequantize(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QUANTIZED_TYPES | QN_TYPE_BIT(QN_INT32)));
  QN_TRY(qn_check_type(s, 1, SCALE_TYPES));
  if (qn_in(s, 2)) QN_TRY(qn_check_type(s, 2, QN_TYPE_BIT(qn_in(s, 0)->dtype)));
  const int64_t wanted = qn_attr_int(s, "output_dtype", 0);
  const qn_dtype dtype = wanted > 0 && wanted < QN_DTYPE_COUNT ? (qn_dtype)wanted : qn_in(s, 1)->dtype;
  if (!(QN_FLOAT_TYPES & QN_TYPE_BIT(dtype))) return qn_step_fail(s, QN_ERR_TYPE, "an output of %s", qn_dtype_name(dtype));
  grouping g;
  QN_TRY(group(s, &g));
  return qn_out_shape(s, 0, dtype, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static bool is_byte(qn_dtype t) { return t == QN_INT8 || t == QN_UINT8; }

/* One scale and zero point between float32 and bytes. */
static bool run_bytes(const qn_tensor *x, const qn_tensor *scale, const qn_tensor *zero, const qn_tensor *y) {
  if (scale->dtype != QN_FLOAT) return false;
  const float step = *(const float *)scale->data;
  const int32_t shift = qn_zero_at(zero, 0);
  const size_t count = (size_t)x->count;
  if (x->dtype == QN_FLOAT && is_byte(y->dtype)) qn_quantize_bytes(x->data, step, shift, count, y->dtype == QN_INT8, y->data);
  else if (is_byte(x->dtype) && y->dtype == QN_FLOAT) qn_dequantize_bytes(x->data, x->dtype == QN_INT8, step, shift, count, y->data);
  else return false;
  return true;
}

static qn_status run_affine(qn_step *s) {
  const bool quantizes = s->op->name[0] == 'Q';
  const qn_tensor *x = qn_in(s, 0), *zero = qn_in(s, 2);
  qn_tensor *y = qn_out(s, 0);
  if (!y) return QN_OK;
  grouping g;
  QN_TRY(group(s, &g));
  if (g.per_tensor && run_bytes(x, qn_in(s, 1), zero, y)) return QN_OK;
  spread scales, zeros;
  spread_init(&scales, &g, qn_in(s, 1), x);
  if (zero) spread_init(&zeros, &g, zero, x);
  const qn_cast_mode mode = {.no_saturate = qn_attr_int(s, "saturate", 1) == 0};
  float low = 0, high = 0;
  const bool whole = qn_quantized_range(y->dtype, &low, &high);
  float in[QN_FEED_CHUNK], scale_buffer[QN_FEED_CHUNK], zero_buffer[QN_FEED_CHUNK];
  float none[QN_FEED_CHUNK] = {0};
  const size_t count = (size_t)x->count;
  for (size_t done = 0, n; done < count; done += n) {
    n = count - done < QN_FEED_CHUNK ? count - done : QN_FEED_CHUNK;
    const float *scale = spread_next(&scales, n, scale_buffer);
    const float *shift = zero ? spread_next(&zeros, n, zero_buffer) : none;
    const float *from = in;
    if (x->dtype == QN_FLOAT) from = (const float *)x->data + done;
    else qn_load(QN_IN_F32, x->dtype, x->data, done, n, in);
    float *to = in;
    if (!quantizes) {
      if (y->dtype == QN_FLOAT) to = (float *)y->data + done;
      qn_dequantize(from, scale, shift, n, to);
      if (to == in) qn_store(QN_IN_F32, y->dtype, y->data, done, n, in, mode);
    } else if (whole) {
      qn_quantize(from, scale, shift, n, low, high, in);
      if (y->dtype == QN_INT8 || y->dtype == QN_UINT8) qn_float_to_bytes(in, n, (uint8_t *)y->data + done);
      else qn_store(QN_IN_F32, y->dtype, y->data, done, n, in, mode);
    } else {
      for (size_t i = 0; i < n; i++) in[i] = from[i] / scale[i] + shift[i];
      qn_store(QN_IN_F32, y->dtype, y->data, done, n, in, mode);
    }
  }
  return QN_OK;
}

const qn_op qn_op_quantize_linear = {.domain = "", .name = "QuantizeLinear", .since = 10, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                                     .flags = QN_LAYOUT_FOLLOW, .plan = plan_quantize, .run = run_affine};
const qn_op qn_op_dequantize_linear = {.domain = "", .name = "DequantizeLinear", .since = 10, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                                       .flags = QN_LAYOUT_FOLLOW, .plan = plan_dequantize, .run = run_affine};

static qn_status plan_dynamic(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_FLOAT)));
  QN_TRY(qn_out_shape(s, 0, QN_UINT8, qn_in(s, 0)->rank, qn_in(s, 0)->dims));
  QN_TRY(qn_out_shape(s, 1, QN_FLOAT, 0, NULL));
  return qn_out_shape(s, 2, QN_UINT8, 0, NULL);
}

static qn_status run_dynamic(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const size_t count = (size_t)x->count;
  float low, high, scale, zero;
  qn_range_with_zero(x->data, count, &low, &high);
  qn_dynamic_scale(low, high, &scale, &zero);
  if (qn_out(s, 1)) *(float *)qn_out(s, 1)->data = scale;
  if (qn_out(s, 2)) *(uint8_t *)qn_out(s, 2)->data = (uint8_t)zero;
  if (!qn_out(s, 0)) return QN_OK;
  qn_quantize_bytes(x->data, scale, (int32_t)zero, count, false, qn_out(s, 0)->data);
  return QN_OK;
}

const qn_op qn_op_dynamic_quantize_linear = {.domain = "", .name = "DynamicQuantizeLinear", .since = 11, .min_in = 1, .max_in = 1, .min_out = 3, .max_out = 3,
                                             .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan_dynamic, .run = run_dynamic};
