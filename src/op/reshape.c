/* Reshape, Flatten, Squeeze, Unsqueeze: views of the same elements. */
#include "op/axes.h"

static qn_status plan_reshape(qn_step *s) {
  int64_t want[QN_MAX_RANK], known = 1;
  int rank, infer = -1;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axes(s, "shape", 1, want, &rank));
  if (rank < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "the new shape is missing");
  bool allow_zero = qn_attr_int(s, "allowzero", 0) != 0;
  char from[QN_SHAPE_TEXT], to[QN_SHAPE_TEXT];
  qn_shape_text(to, rank, want);
  for (int i = 0; i < rank; i++) {
    if (want[i] == 0 && !allow_zero) {
      if (i >= x->rank) return qn_step_fail(s, QN_ERR_SHAPE, "shape %s copies dimension %d of an input of rank %d", to, i, x->rank);
      want[i] = x->dims[i];
    }
    if (want[i] == -1) {
      if (infer >= 0) return qn_step_fail(s, QN_ERR_SHAPE, "shape %s leaves more than one dimension to be inferred", to);
      infer = i;
    } else if (want[i] < 0) {
      return qn_step_fail(s, QN_ERR_SHAPE, "shape %s has a negative dimension", to);
    } else if (__builtin_mul_overflow(known, want[i], &known)) {
      return qn_step_fail(s, QN_ERR_SHAPE, "shape %s is too large", to);
    }
  }
  if (infer >= 0) want[infer] = known ? x->count / known : 0;
  if (qn_product(want, rank) != x->count || (infer >= 0 && known == 0 && x->count))
    return qn_step_fail(s, QN_ERR_SHAPE, "input of shape %s does not fit shape %s", qn_shape_text(from, x->rank, x->dims), to);
  return qn_out_view(s, 0, 0, rank, want);
}

static qn_status plan_flatten(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  int64_t axis = qn_attr_int(s, "axis", 1);
  if (axis < -x->rank || axis > x->rank)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "axis %lld is out of range for rank %d", (long long)axis, x->rank);
  if (axis < 0) axis += x->rank;
  int64_t dims[2] = {qn_product(x->dims, (int)axis), qn_product(x->dims + axis, x->rank - (int)axis)};
  return qn_out_view(s, 0, 0, 2, dims);
}

static qn_status plan_squeeze(qn_step *s) {
  int64_t axes[QN_MAX_RANK], dims[QN_MAX_RANK];
  int count, rank = 0;
  unsigned mask = 0;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axes(s, "axes", 1, axes, &count));
  if (count >= 0) QN_TRY(qn_axes_mask(s, axes, count, x->rank, &mask));
  for (int i = 0; i < x->rank; i++) {
    bool gone = count < 0 ? x->dims[i] == 1 : (mask >> i & 1);
    if (gone && x->dims[i] != 1)
      return qn_step_fail(s, QN_ERR_SHAPE, "dimension %d is %lld, only 1 can be squeezed", i, (long long)x->dims[i]);
    if (!gone) dims[rank++] = x->dims[i];
  }
  return qn_out_view(s, 0, 0, rank, dims);
}

static qn_status plan_unsqueeze(qn_step *s) {
  int64_t axes[QN_MAX_RANK], dims[QN_MAX_RANK];
  int count;
  unsigned mask;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axes(s, "axes", 1, axes, &count));
  if (count < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "axes are missing");
  int rank = x->rank + count;
  if (rank > QN_MAX_RANK)
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a result of rank %d, at most %d dimensions are supported", rank, QN_MAX_RANK);
  QN_TRY(qn_axes_mask(s, axes, count, rank, &mask));
  for (int i = 0, from = 0; i < rank; i++) dims[i] = mask >> i & 1 ? 1 : x->dims[from++];
  return qn_out_view(s, 0, 0, rank, dims);
}

const qn_op qn_op_reshape = {.domain = "", .name = "Reshape", .since = 1, .min_in = 1, .max_in = 2, .min_out = 1, .max_out = 1,
                             .plan = plan_reshape};
const qn_op qn_op_flatten = {.domain = "", .name = "Flatten", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                             .plan = plan_flatten};
const qn_op qn_op_squeeze = {.domain = "", .name = "Squeeze", .since = 1, .min_in = 1, .max_in = 2, .min_out = 1, .max_out = 1,
                             .plan = plan_squeeze};
const qn_op qn_op_unsqueeze = {.domain = "", .name = "Unsqueeze", .since = 1, .min_in = 1, .max_in = 2, .min_out = 1, .max_out = 1,
                               .plan = plan_unsqueeze};
