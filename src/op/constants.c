/* Constant, ConstantOfShape, EyeLike. */
#include <string.h>

#include "kernel/cast.h"
#include "op/axes.h"

/* The attribute that holds the value, as a tensor over the attribute's own memory. */
static qn_status constant(const qn_step *s, qn_tensor *t) {
  for (int i = 0; i < s->n_attrs; i++) {
    const qn_attr *a = &s->attrs[i];
    if (strncmp(a->name, "value", 5)) continue;
    int64_t n = (int64_t)a->count;
    switch (a->type) {
      case QN_ATTR_TENSOR: *t = *a->tensor; return QN_OK;
      case QN_ATTR_FLOAT: *t = (qn_tensor){QN_FLOAT, 0, {0}, 1, (void *)&a->f}; return QN_OK;
      case QN_ATTR_INT: *t = (qn_tensor){QN_INT64, 0, {0}, 1, (void *)&a->i}; return QN_OK;
      case QN_ATTR_STRING: *t = (qn_tensor){QN_STRING, 0, {0}, 1, (void *)&a->s}; return QN_OK;
      case QN_ATTR_FLOATS: *t = (qn_tensor){QN_FLOAT, 1, {n}, n, (void *)a->floats}; return QN_OK;
      case QN_ATTR_INTS: *t = (qn_tensor){QN_INT64, 1, {n}, n, (void *)a->ints}; return QN_OK;
      case QN_ATTR_STRINGS: *t = (qn_tensor){QN_STRING, 1, {n}, n, (void *)a->strings}; return QN_OK;
      default: break;
    }
  }
  return qn_step_fail(s, QN_ERR_ARGUMENT, "there is no value");
}

static qn_status plan_constant(qn_step *s) {
  qn_tensor t;
  QN_TRY(constant(s, &t));
  return qn_out_like(s, 0, &t);
}

static qn_status run_constant(qn_step *s) {
  qn_tensor t;
  QN_TRY(constant(s, &t));
  if (t.count) memcpy(qn_out(s, 0)->data, t.data, qn_tensor_bytes(&t));
  return QN_OK;
}

static qn_status plan_of_shape(qn_step *s) {
  int64_t dims[QN_MAX_RANK];
  int rank;
  QN_TRY(qn_need_ints(s, 0, dims, QN_MAX_RANK, &rank));
  const qn_attr *value = qn_attr_find(s, "value", QN_ATTR_TENSOR);
  if (rank < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "the shape is missing");
  if (value && value->tensor->count != 1)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "value has %lld elements, expected one", (long long)value->tensor->count);
  return qn_out_shape(s, 0, value ? value->tensor->dtype : QN_FLOAT, rank, dims);
}

static qn_status run_of_shape(qn_step *s) {
  qn_tensor *y = qn_out(s, 0);
  const qn_attr *value = qn_attr_find(s, "value", QN_ATTR_TENSOR);
  float zero = 0;
  qn_fill_run(qn_bits(y), value ? value->tensor->data : &zero, 0, y->data, 0, y->count);
  return QN_OK;
}

static qn_status plan_eye(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  int64_t type = qn_attr_int(s, "dtype", x->dtype);
  if (x->rank != 2) return qn_step_fail(s, QN_ERR_SHAPE, "the input has rank %d, expected 2", x->rank);
  if (type < 0 || type >= QN_DTYPE_COUNT || !(QN_REAL_TYPES >> type & 1))
    return qn_step_fail(s, QN_ERR_TYPE, "element type %lld has no one", (long long)type);
  return qn_out_shape(s, 0, (qn_dtype)type, 2, x->dims);
}

static qn_status run_eye(qn_step *s) {
  qn_tensor *y = qn_out(s, 0);
  int64_t k = qn_attr_int(s, "k", 0), rows = y->dims[0], columns = y->dims[1];
  float one = 1;
  uint64_t bits = 0;
  if (y->count == 0) return QN_OK;
  memset(y->data, 0, qn_tensor_bytes(y));
  if (k >= columns || k <= -rows) return QN_OK;
  qn_store(QN_IN_F32, y->dtype, &bits, 0, 1, &one, (qn_cast_mode){0});
  for (int64_t r = 0; r < rows; r++)
    if (r + k >= 0 && r + k < columns) qn_copy_run(qn_bits(y), &bits, 0, y->data, r * columns + r + k, 1);
  return QN_OK;
}

const qn_op qn_op_constant = {.domain = "", .name = "Constant", .since = 1, .min_in = 0, .max_in = 0, .min_out = 1, .max_out = 1,
                              .plan = plan_constant, .run = run_constant};
const qn_op qn_op_constant_of_shape = {.domain = "", .name = "ConstantOfShape", .since = 9, .min_in = 1, .max_in = 1, .min_out = 1,
                                       .max_out = 1, .plan = plan_of_shape, .run = run_of_shape};
const qn_op qn_op_eye_like = {.domain = "", .name = "EyeLike", .since = 9, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                              .plan = plan_eye, .run = run_eye};
