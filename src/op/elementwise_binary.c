/* Operators on two or more operands that broadcast against each other. */
#include <math.h>
#include <string.h>

#include "kernel/binary.h"
#include "kernel/unary.h"
#include "op/elementwise.h"

/* Before opset 7 the second operand is aligned by `axis`: trailing dimensions of 1 give the same alignment today. */
static qn_status second_operand(const qn_step *s, qn_tensor *b) {
  const qn_tensor *a = qn_in(s, 0);
  *b = *qn_in(s, 1);
  if (s->op->until == 0 || s->op->until > 6) return QN_OK;
  const bool prelu = strcmp(s->op->name, "PRelu") == 0;
  char of_a[QN_SHAPE_TEXT], of_b[QN_SHAPE_TEXT];
  qn_shape_text(of_a, a->rank, a->dims);
  qn_shape_text(of_b, b->rank, b->dims);
  if (!prelu && qn_attr_int(s, "broadcast", 0) == 0)
    return qn_tensor_same_shape(a, b) ? QN_OK
                                      : qn_step_fail(s, QN_ERR_SHAPE, "shapes %s and %s differ and the node does not broadcast", of_a, of_b);
  if (b->count == 1) {
    b->rank = 0;
    return QN_OK;
  }
  int64_t axis = prelu ? (a->rank > 1 && b->rank == 1) : qn_attr_int(s, "axis", a->rank - b->rank);
  if (prelu && b->rank != 1) axis = a->rank - b->rank;
  if (axis < 0 && !prelu) axis += a->rank;
  bool fits = axis >= 0 && axis + b->rank <= a->rank;
  for (int i = 0; fits && i < b->rank; i++) fits = b->dims[i] == a->dims[axis + i] || b->dims[i] == 1;
  if (!fits) return qn_step_fail(s, QN_ERR_SHAPE, "shape %s does not broadcast to %s at axis %lld", of_b, of_a, (long long)axis);
  for (int rank = a->rank - (int)axis; b->rank < rank; b->rank++) b->dims[b->rank] = 1;
  return QN_OK;
}

/* Output shape in place of qn_broadcast() where the first operand gives it. */
static qn_status plan_shape(qn_step *s, qn_dtype dtype) {
  if (s->op->until == 6) {
    qn_tensor b;
    QN_TRY(second_operand(s, &b));
    return qn_out_shape(s, 0, dtype, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
  }
  int rank;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_broadcast(s, 0, s->n_in, &rank, dims));
  return qn_out_shape(s, 0, dtype, rank, dims);
}

/* All inputs of one type out of `types`. */
static qn_status check_same(qn_step *s, uint32_t types) {
  QN_TRY(qn_check_type(s, 0, types));
  for (int i = 1; i < s->n_in; i++) {
    QN_TRY(qn_check_type(s, i, types));
    if (qn_in(s, i)->dtype != qn_in(s, 0)->dtype)
      return qn_step_fail(s, QN_ERR_TYPE, "input %d is %s but input 0 is %s", i, qn_dtype_name(qn_in(s, i)->dtype), qn_dtype_name(qn_in(s, 0)->dtype));
  }
  return QN_OK;
}

static qn_status plan_of(qn_step *s, uint32_t types) {
  QN_TRY(check_same(s, types));
  return plan_shape(s, qn_in(s, 0)->dtype);
}
static qn_status plan_arithmetic(qn_step *s) { return plan_of(s, QN_NUMERIC_TYPES); }
static qn_status plan_bits(qn_step *s) { return plan_of(s, QN_INTEGER_TYPES); }
static qn_status plan_logic(qn_step *s) { return plan_of(s, QN_TYPE_BIT(QN_BOOL)); }
static qn_status plan_compare(qn_step *s) {
  QN_TRY(check_same(s, QN_NUMERIC_TYPES | QN_TYPE_BIT(QN_BOOL)));
  return plan_shape(s, QN_BOOL);
}
static qn_status plan_equal(qn_step *s) {
  QN_TRY(check_same(s, QN_NUMERIC_TYPES | QN_TYPE_BIT(QN_BOOL) | QN_TYPE_BIT(QN_STRING)));
  return plan_shape(s, QN_BOOL);
}
static qn_status plan_pow(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_NUMERIC_TYPES));
  QN_TRY(qn_check_type(s, 1, QN_NUMERIC_TYPES));
  return plan_shape(s, qn_in(s, 0)->dtype);
}
static qn_status plan_prelu(qn_step *s) {
  QN_TRY(plan_arithmetic(s));
  char of_x[QN_SHAPE_TEXT], of_slope[QN_SHAPE_TEXT];
  const qn_tensor *x = qn_in(s, 0), *slope = qn_in(s, 1);
  if (qn_out(s, 0) && !qn_tensor_same_shape(x, qn_out(s, 0)))
    return qn_step_fail(s, QN_ERR_SHAPE, "slope of shape %s does not broadcast to %s", qn_shape_text(of_slope, slope->rank, slope->dims),
                        qn_shape_text(of_x, x->rank, x->dims));
  return QN_OK;
}
static qn_status plan_shift(qn_step *s) {
  const char *way = qn_attr_text(s, "direction", "");
  if (strcmp(way, "LEFT") != 0 && strcmp(way, "RIGHT") != 0)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "direction is '%s'; 'LEFT' or 'RIGHT' is expected", way);
  return plan_of(s, QN_INTEGER_TYPES);
}

static qn_status run_in(qn_step *s, qn_binary f, qn_compute c) {
  qn_tensor b;
  QN_TRY(second_operand(s, &b));
  if (!qn_binary_run(f, c, qn_in(s, 0), &b, qn_out(s, 0), s->clamp_min, s->clamp_max))
    return qn_step_fail(s, QN_ERR_RANGE, "an integer was divided by zero");
  return QN_OK;
}
static qn_status run_binary(qn_step *s, qn_binary f) { return run_in(s, f, qn_compute_of(qn_in(s, 0)->dtype)); }

static qn_status run_pow(qn_step *s) {
  qn_compute base = qn_compute_of(qn_in(s, 0)->dtype), exponent = qn_compute_of(qn_in(s, 1)->dtype);
  bool whole = base == QN_IN_I64 || base == QN_IN_U64;
  if (exponent == QN_IN_F64 || (whole && exponent == QN_IN_F32)) base = QN_IN_F64;
  return run_in(s, QN_POW, base);
}

static qn_status run_equal(qn_step *s) {
  if (qn_in(s, 0)->dtype != QN_STRING) return run_binary(s, QN_EQUAL);
  qn_tensor b, *y = qn_out(s, 0);
  QN_TRY(second_operand(s, &b));
  qn_string left[QN_FEED_CHUNK], right[QN_FEED_CHUNK];
  qn_feed feed_a, feed_b;
  qn_feed_init(&feed_a, QN_IN_RAW, qn_in(s, 0), y->rank, y->dims);
  qn_feed_init(&feed_b, QN_IN_RAW, &b, y->rank, y->dims);
  const size_t count = (size_t)y->count;
  for (size_t done = 0; done < count; done += QN_FEED_CHUNK) {
    size_t n = count - done < QN_FEED_CHUNK ? count - done : QN_FEED_CHUNK;
    const qn_string *u = qn_feed_next(&feed_a, n, left), *v = qn_feed_next(&feed_b, n, right);
    for (size_t i = 0; i < n; i++)
      ((uint8_t *)y->data)[done + i] =
          u[i].length == v[i].length && (u[i].length == 0 || memcmp(u[i].data, v[i].data, u[i].length) == 0);
  }
  return QN_OK;
}

#define ENTRY(id, text, first, last, flag, plan_function, run_function)                                                \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = first, .until = last, .min_in = 2, .max_in = 2,       \
                            .min_out = 1, .max_out = 1, .flags = flag, .plan = plan_function, .run = run_function};
#define BINARY(id, text, first, flag, plan_function, code)                       \
  static qn_status run_##id(qn_step *s) { return run_binary(s, code); }          \
  ENTRY(id, text, first, 0, flag, plan_function, run_##id)
/* Operators whose broadcasting changed with opset 7: dimensions must then be in logical order. */
#define BINARY_7(id, text, flag, plan_function, code)      \
  BINARY(id, text, 7, flag, plan_function, code)           \
  ENTRY(id##_legacy, text, 1, 6, QN_LAYOUT_PLAIN | ((flag) & QN_INPLACE), plan_function, run_##id)

#define PLAIN_FLAGS (QN_LAYOUT_ELEMENTWISE | QN_INPLACE)

BINARY_7(add, "Add", PLAIN_FLAGS | QN_CLAMPS, plan_arithmetic, QN_ADD)
BINARY_7(sub, "Sub", PLAIN_FLAGS | QN_CLAMPS, plan_arithmetic, QN_SUB)
BINARY_7(mul, "Mul", PLAIN_FLAGS | QN_CLAMPS, plan_arithmetic, QN_MUL)
BINARY_7(div, "Div", PLAIN_FLAGS, plan_arithmetic, QN_DIV)
BINARY_7(prelu, "PRelu", PLAIN_FLAGS, plan_prelu, QN_PRELU)
BINARY_7(and, "And", PLAIN_FLAGS, plan_logic, QN_BITAND)
BINARY_7(or, "Or", PLAIN_FLAGS, plan_logic, QN_BITOR)
BINARY_7(xor, "Xor", PLAIN_FLAGS, plan_logic, QN_BITXOR)
BINARY_7(greater, "Greater", QN_LAYOUT_ELEMENTWISE, plan_compare, QN_GREATER)
BINARY_7(less, "Less", QN_LAYOUT_ELEMENTWISE, plan_compare, QN_LESS)
BINARY(greater_or_equal, "GreaterOrEqual", 12, QN_LAYOUT_ELEMENTWISE, plan_compare, QN_GREATER_EQUAL)
BINARY(less_or_equal, "LessOrEqual", 12, QN_LAYOUT_ELEMENTWISE, plan_compare, QN_LESS_EQUAL)
BINARY(bitwise_and, "BitwiseAnd", 18, PLAIN_FLAGS, plan_bits, QN_BITAND)
BINARY(bitwise_or, "BitwiseOr", 18, PLAIN_FLAGS, plan_bits, QN_BITOR)
BINARY(bitwise_xor, "BitwiseXor", 18, PLAIN_FLAGS, plan_bits, QN_BITXOR)
BINARY(mod, "Mod", 10, PLAIN_FLAGS, plan_arithmetic, qn_attr_int(s, "fmod", 0) ? QN_FMOD : QN_MOD)
ENTRY(pow, "Pow", 7, 0, PLAIN_FLAGS, plan_pow, run_pow)
ENTRY(pow_legacy, "Pow", 1, 6, QN_INPLACE, plan_pow, run_pow)
ENTRY(equal, "Equal", 7, 0, QN_LAYOUT_ELEMENTWISE, plan_equal, run_equal)
ENTRY(equal_legacy, "Equal", 1, 6, QN_LAYOUT_PLAIN, plan_equal, run_equal)

static qn_status run_bit_shift(qn_step *s) {
  return run_in(s, qn_attr_text(s, "direction", "")[0] == 'L' ? QN_SHIFT_LEFT : QN_SHIFT_RIGHT, qn_compute_of(qn_in(s, 0)->dtype));
}
ENTRY(bit_shift, "BitShift", 11, 0, PLAIN_FLAGS, plan_shift, run_bit_shift)

/* ---- any number of operands ---- */

static qn_status run_variadic(qn_step *s, qn_binary f, bool mean) {
  qn_tensor *y = qn_out(s, 0);
  const qn_compute c = qn_compute_of(y->dtype);
  if (s->n_in == 1) {
    qn_unary_run(QN_COPY, y->dtype, qn_in(s, 0)->data, y->data, (size_t)y->count, 0, 0);
    return QN_OK;
  }
  qn_binary_run(f, c, qn_in(s, 0), qn_in(s, 1), y, -INFINITY, INFINITY);
  for (int i = 2; i < s->n_in; i++) qn_binary_run(f, c, y, qn_in(s, i), y, -INFINITY, INFINITY);
  int64_t n = s->n_in;
  const qn_tensor divisor = {.dtype = QN_INT64, .count = 1, .data = &n};
  if (mean) qn_binary_run(QN_DIV, c, y, &divisor, y, -INFINITY, INFINITY);
  return QN_OK;
}

#define VARIADIC(id, text, code, mean)                                                                              \
  static qn_status run_##id(qn_step *s) { return run_variadic(s, code, mean); }                                     \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = 1, .min_in = 1, .max_in = -1, .min_out = 1,        \
                            .max_out = 1, .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan_arithmetic, .run = run_##id};
VARIADIC(max, "Max", QN_MAX, false)
VARIADIC(min, "Min", QN_MIN, false)
VARIADIC(sum, "Sum", QN_ADD, false)
VARIADIC(mean, "Mean", QN_ADD, true)
