#include "op/axes.h"

#include "kernel/cast.h"

qn_status qn_axes(const qn_step *s, const char *name, int input, int64_t axes[QN_MAX_RANK], int *count) {
  *count = -1;
  if (input >= 0 && qn_in(s, input)) return qn_need_ints(s, input, axes, QN_MAX_RANK, count);
  *count = qn_attr_ints(s, name, axes, QN_MAX_RANK);
  if (*count > QN_MAX_RANK)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "attribute %s has %d entries, at most %d make sense", name, *count, QN_MAX_RANK);
  return QN_OK;
}

qn_status qn_axes_mask(const qn_step *s, const int64_t *axes, int count, int rank, unsigned *mask) {
  *mask = 0;
  for (int i = 0; i < count; i++) {
    int axis;
    QN_TRY(qn_axis(s, axes[i], rank, &axis));
    if (*mask >> axis & 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "axis %lld is given twice", (long long)axes[i]);
    *mask |= 1u << axis;
  }
  return QN_OK;
}

qn_status qn_index_check(const qn_step *s, int64_t *index, int64_t bound) {
  int64_t i = *index;
  if (i < -bound || i >= bound)
    return qn_step_fail(s, QN_ERR_RANGE, "index %lld is out of range for a dimension of %lld", (long long)i, (long long)bound);
  *index = i < 0 ? i + bound : i;
  return QN_OK;
}

qn_status qn_need_int(const qn_step *s, int i, int64_t otherwise, int64_t *value) {
  const qn_tensor *t;
  *value = otherwise;
  if (!qn_in(s, i)) return QN_OK;
  QN_TRY(qn_check_type(s, i, QN_REAL_TYPES));
  QN_TRY(qn_need(s, i, &t));
  if (t->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "input %d has %lld elements, expected one", i, (long long)t->count);
  qn_load(QN_IN_I64, t->dtype, t->data, 0, 1, value);
  return QN_OK;
}

qn_status qn_same_type(const qn_step *s, int i, int j) {
  const qn_tensor *a = qn_in(s, i), *b = qn_in(s, j);
  if (a->dtype == b->dtype) return QN_OK;
  return qn_step_fail(s, QN_ERR_TYPE, "inputs %d and %d have types %s and %s, expected the same", i, j, qn_dtype_name(a->dtype),
                      qn_dtype_name(b->dtype));
}
