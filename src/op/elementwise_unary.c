/* Operators that apply one function to each element. */
#include <math.h>
#include <string.h>

#include "kernel/binary.h"
#include "kernel/unary.h"
#include "op/elementwise.h"

static qn_status plan_of(qn_step *s, uint32_t types) {
  QN_TRY(qn_check_type(s, 0, types));
  return qn_out_like(s, 0, qn_in(s, 0));
}
static qn_status plan_float(qn_step *s) { return plan_of(s, QN_FLOAT_TYPES); }
static qn_status plan_numeric(qn_step *s) { return plan_of(s, QN_NUMERIC_TYPES); }
static qn_status plan_integer(qn_step *s) { return plan_of(s, QN_INTEGER_TYPES); }
static qn_status plan_bool(qn_step *s) { return plan_of(s, QN_TYPE_BIT(QN_BOOL)); }

static qn_status run_unary(qn_step *s, qn_unary f, float a, float b) {
  const qn_tensor *x = qn_in(s, 0);
  qn_unary_run(f, x->dtype, x->data, qn_out(s, 0)->data, (size_t)x->count, a, b);
  return QN_OK;
}

#define UNARY_AB(id, text, first, plan_function, code, a, b)                                                          \
  static qn_status run_##id(qn_step *s) { return run_unary(s, code, a, b); }                                          \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = first, .min_in = 1, .max_in = 1, .min_out = 1,       \
                            .max_out = 1, .flags = QN_LAYOUT_ELEMENTWISE | QN_INPLACE, .plan = plan_function, .run = run_##id};
#define UNARY(id, text, first, plan_function, code) UNARY_AB(id, text, first, plan_function, code, 0, 0)
#define ALPHA(otherwise) qn_attr_float(s, "alpha", otherwise)

UNARY(abs, "Abs", 1, plan_numeric, QN_ABS)
UNARY(neg, "Neg", 1, plan_numeric, QN_NEG)
UNARY(sign, "Sign", 9, plan_numeric, QN_SIGN)
UNARY(relu, "Relu", 1, plan_numeric, QN_RELU)
UNARY(not, "Not", 1, plan_bool, QN_NOT)
UNARY(bitwise_not, "BitwiseNot", 18, plan_integer, QN_BITNOT)
UNARY(ceil, "Ceil", 1, plan_float, QN_CEIL)
UNARY(floor, "Floor", 1, plan_float, QN_FLOOR)
UNARY(round, "Round", 11, plan_float, QN_ROUND)
UNARY(sqrt, "Sqrt", 1, plan_float, QN_SQRT)
UNARY(reciprocal, "Reciprocal", 1, plan_float, QN_RECIPROCAL)
UNARY(exp, "Exp", 1, plan_float, QN_EXP)
UNARY(log, "Log", 1, plan_float, QN_LOG)
UNARY(sin, "Sin", 7, plan_float, QN_SIN)
UNARY(cos, "Cos", 7, plan_float, QN_COS)
UNARY(tan, "Tan", 7, plan_float, QN_TAN)
UNARY(asin, "Asin", 7, plan_float, QN_ASIN)
UNARY(acos, "Acos", 7, plan_float, QN_ACOS)
UNARY(atan, "Atan", 7, plan_float, QN_ATAN)
UNARY(sinh, "Sinh", 9, plan_float, QN_SINH)
UNARY(cosh, "Cosh", 9, plan_float, QN_COSH)
UNARY(tanh, "Tanh", 1, plan_float, QN_TANH)
UNARY(asinh, "Asinh", 9, plan_float, QN_ASINH)
UNARY(acosh, "Acosh", 9, plan_float, QN_ACOSH)
UNARY(atanh, "Atanh", 9, plan_float, QN_ATANH)
UNARY(erf, "Erf", 9, plan_numeric, QN_ERF)
UNARY(sigmoid, "Sigmoid", 1, plan_float, QN_SIGMOID)
UNARY_AB(hard_sigmoid, "HardSigmoid", 1, plan_float, QN_HARDSIGMOID, ALPHA(0.2f), qn_attr_float(s, "beta", 0.5f))
UNARY(hard_swish, "HardSwish", 14, plan_float, QN_HARDSWISH)
UNARY_AB(leaky_relu, "LeakyRelu", 1, plan_float, QN_LEAKYRELU, ALPHA(0.01f), 0)
UNARY_AB(elu, "Elu", 1, plan_float, QN_ELU, ALPHA(1.0f), 0)
UNARY_AB(selu, "Selu", 1, plan_float, QN_SELU, ALPHA(s->opset < 6 ? 1.6732f : 1.67326319217681884765625f),
         qn_attr_float(s, "gamma", s->opset < 6 ? 1.0507f : 1.05070102214813232421875f))
UNARY_AB(celu, "Celu", 12, plan_float, QN_CELU, ALPHA(1.0f), 0)
UNARY(softplus, "Softplus", 1, plan_float, QN_SOFTPLUS)
UNARY(softsign, "Softsign", 1, plan_float, QN_SOFTSIGN)
UNARY_AB(thresholded_relu, "ThresholdedRelu", 1, plan_float, QN_THRESHOLDEDRELU, ALPHA(1.0f), 0)
UNARY(mish, "Mish", 18, plan_float, QN_MISH)
UNARY_AB(swish, "Swish", 24, plan_float, QN_SWISH, ALPHA(1.0f), 0)
UNARY_AB(shrink, "Shrink", 9, plan_numeric, QN_SHRINK, qn_attr_float(s, "lambd", 0.5f), qn_attr_float(s, "bias", 0.0f))

static qn_status plan_gelu(qn_step *s) {
  const char *kind = qn_attr_text(s, "approximate", "none");
  if (strcmp(kind, "none") != 0 && strcmp(kind, "tanh") != 0)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "approximate is '%s'; 'none' or 'tanh' is expected", kind);
  return plan_float(s);
}
UNARY(gelu, "Gelu", 20, plan_gelu, qn_attr_text(s, "approximate", "none")[0] == 't' ? QN_GELU_TANH : QN_GELU)

/* ---- Identity ---- */

static qn_status plan_identity(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  if (!x) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 0 is missing");
  return qn_out_view(s, 0, 0, x->rank, x->dims);
}
const qn_op qn_op_identity = {.domain = "", .name = "Identity", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                              .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan_identity};

/* ---- IsNaN, IsInf ---- */

#define CHUNK 256

static qn_status plan_classify(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES | QN_FLOAT8_TYPES));
  return qn_out_shape(s, 0, QN_BOOL, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status classify(qn_step *s, bool nan, bool plus, bool minus) {
  const qn_tensor *x = qn_in(s, 0);
  uint8_t *y = qn_out(s, 0)->data;
  double v[CHUNK];
  const size_t count = (size_t)x->count;
  for (size_t done = 0; done < count; done += CHUNK) {
    size_t n = count - done < CHUNK ? count - done : CHUNK;
    qn_load(QN_IN_F64, x->dtype, x->data, done, n, v);
    for (size_t i = 0; i < n; i++)
      y[done + i] = (uint8_t)((nan & (v[i] != v[i])) | (plus & (v[i] == INFINITY)) | (minus & (v[i] == -INFINITY)));
  }
  return QN_OK;
}
static qn_status run_isnan(qn_step *s) { return classify(s, true, false, false); }
static qn_status run_isinf(qn_step *s) {
  return classify(s, false, qn_attr_int(s, "detect_positive", 1) != 0, qn_attr_int(s, "detect_negative", 1) != 0);
}
const qn_op qn_op_isnan = {.domain = "", .name = "IsNaN", .since = 9, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                           .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan_classify, .run = run_isnan};
const qn_op qn_op_isinf = {.domain = "", .name = "IsInf", .since = 10, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                           .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan_classify, .run = run_isinf};

/* ---- Clip ---- */

static qn_status plan_clip(qn_step *s) {
  QN_TRY(plan_numeric(s));
  for (int i = 1; i < 3; i++) {
    const qn_tensor *bound = qn_in(s, i);
    if (!bound) continue;
    QN_TRY(qn_check_type(s, i, QN_TYPE_BIT(qn_in(s, 0)->dtype)));
    if (bound->count != 1)
      return qn_step_fail(s, QN_ERR_SHAPE, "%s has %lld elements; a scalar is expected", i == 1 ? "min" : "max", (long long)bound->count);
  }
  return QN_OK;
}

static qn_status run_clip(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *min = qn_in(s, 1), *max = qn_in(s, 2);
  qn_tensor *y = qn_out(s, 0);
  const qn_compute c = qn_compute_of(x->dtype);
  if (s->opset < 11 || c == QN_IN_F32) {
    float low = -INFINITY, high = INFINITY;
    if (s->opset < 11) {
      low = qn_attr_float(s, "min", low);
      high = qn_attr_float(s, "max", high);
    } else {
      if (min) qn_load(QN_IN_F32, min->dtype, min->data, 0, 1, &low);
      if (max) qn_load(QN_IN_F32, max->dtype, max->data, 0, 1, &high);
    }
    return run_unary(s, QN_CLIP, low, high);
  }
  if (min) qn_binary_run(QN_MAX, c, x, min, y, -INFINITY, INFINITY);
  if (max) qn_binary_run(QN_MIN, c, min ? y : x, max, y, -INFINITY, INFINITY);
  return min || max ? QN_OK : run_unary(s, QN_COPY, 0, 0);
}
const qn_op qn_op_clip = {.domain = "", .name = "Clip", .since = 1, .min_in = 1, .max_in = 3, .min_out = 1, .max_out = 1,
                          .flags = QN_LAYOUT_ELEMENTWISE | QN_INPLACE, .plan = plan_clip, .run = run_clip};
