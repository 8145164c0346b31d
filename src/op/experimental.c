/* Operators that ONNX had as experiments up to opset 9, which old exporters wrote: Affine, Scale, ScaledTanh,
 * ParametricSoftplus, Crop, GivenTensorFill. */
#include <math.h>
#include <string.h>

#include "op/wide.h"

static qn_status plan_float(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  return qn_out_like(s, 0, qn_in(s, 0));
}

static qn_status run_function(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const char *name = s->op->name;
  double a = qn_attr_float(s, "alpha", 1), b = qn_attr_float(s, "beta", name[0] == 'A' ? 0 : 1), scale = qn_attr_float(s, "scale", 1);
  for (int64_t i = 0; i < x->count; i++) {
    double v = qn_double_at(x, i);
    if (name[0] == 'A') v = a * v + b;
    else if (name[0] == 'P') v = a * (b * v > 0 ? b * v + log1p(exp(-b * v)) : log1p(exp(b * v)));
    else v = name[5] ? a * tanh(b * v) : scale * v; /* ScaledTanh, Scale */
    qn_put_double(qn_out(s, 0), i, v);
  }
  return QN_OK;
}

/* border: left, top, right, bottom; scale: height and width instead of right and bottom. */
static qn_status plan_crop(qn_step *s) {
  int64_t border[4], scale[2], dims[4];
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0);
  int n = qn_attr_ints(s, "border", border, 4), m = qn_attr_ints(s, "scale", scale, 2);
  if (x->rank != 4 || n != 4 || (m >= 0 && m != 2)) return qn_step_fail(s, QN_ERR_ARGUMENT, "[batch, channels, height, width], a border of 4 numbers and a scale of 2 or none are expected");
  memcpy(dims, x->dims, sizeof dims);
  for (int k = 0; k < 4; k++)
    if (border[k] < 0 || border[k] > x->dims[k % 2 ? 2 : 3]) return qn_step_fail(s, QN_ERR_ARGUMENT, "a border of %lld does not fit the input", (long long)border[k]);
  dims[2] = m == 2 ? scale[0] : x->dims[2] - border[1] - border[3];
  dims[3] = m == 2 ? scale[1] : x->dims[3] - border[0] - border[2];
  if (dims[2] < 0 || dims[3] < 0 || dims[2] > x->dims[2] - border[1] || dims[3] > x->dims[3] - border[0])
    return qn_step_fail(s, QN_ERR_SHAPE, "%lld x %lld points are not left behind the border", (long long)dims[2], (long long)dims[3]);
  return qn_out_shape(s, 0, x->dtype, 4, dims);
}

static qn_status run_crop(qn_step *s) {
  int64_t border[4], from[4], to[4];
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  qn_attr_ints(s, "border", border, 4);
  qn_strides(4, x->dims, from);
  qn_strides(4, y->dims, to);
  if (y->count) qn_copy_strided(qn_bits(x), 4, y->dims, x->data, border[1] * from[2] + border[0], from, y->data, 0, to);
  return QN_OK;
}

static qn_status plan_fill(qn_step *s) {
  int64_t dims[QN_MAX_RANK];
  int rank = qn_attr_ints(s, "shape", dims, QN_MAX_RANK);
  const qn_attr *values = qn_attr_find(s, "values", QN_ATTR_FLOATS);
  if (rank < 0 || rank > QN_MAX_RANK || qn_in(s, 0) || !values)
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "only values of a shape given as an attribute");
  QN_TRY(qn_out_shape(s, 0, QN_FLOAT, rank, dims));
  if (qn_product(dims, rank) != (int64_t)values->count) return qn_step_fail(s, QN_ERR_SHAPE, "%zu values for another shape", values->count);
  return QN_OK;
}

static qn_status run_fill(qn_step *s) {
  const qn_attr *values = qn_attr_find(s, "values", QN_ATTR_FLOATS);
  if (values->count) memcpy(qn_out(s, 0)->data, values->floats, values->count * sizeof(float));
  return QN_OK;
}

#define EXPERIMENT(id, text, inputs, flag, plan_function, run_function)                                                      \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = 1, .until = 9, .min_in = inputs, .max_in = 1, .min_out = 1, \
                            .max_out = 1, .flags = flag, .plan = plan_function, .run = run_function};
EXPERIMENT(affine, "Affine", 1, QN_LAYOUT_ELEMENTWISE | QN_INPLACE, plan_float, run_function)
EXPERIMENT(scale, "Scale", 1, QN_LAYOUT_ELEMENTWISE | QN_INPLACE, plan_float, run_function)
EXPERIMENT(scaled_tanh, "ScaledTanh", 1, QN_LAYOUT_ELEMENTWISE | QN_INPLACE, plan_float, run_function)
EXPERIMENT(parametric_softplus, "ParametricSoftplus", 1, QN_LAYOUT_ELEMENTWISE | QN_INPLACE, plan_float, run_function)
EXPERIMENT(crop, "Crop", 1, QN_LAYOUT_PLAIN, plan_crop, run_crop)
EXPERIMENT(given_tensor_fill, "GivenTensorFill", 0, QN_LAYOUT_PLAIN, plan_fill, run_fill)
