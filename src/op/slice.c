/* Slice. */
#include <string.h>

#include "op/axes.h"

typedef struct slice { int64_t start[QN_MAX_RANK], step[QN_MAX_RANK]; } slice;

static qn_status plan(qn_step *s) {
  int64_t starts[QN_MAX_RANK], ends[QN_MAX_RANK], axes[QN_MAX_RANK], steps[QN_MAX_RANK], dims[QN_MAX_RANK];
  int count, n_ends, n_axes, n_steps = -1;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axes(s, "starts", 1, starts, &count));
  QN_TRY(qn_axes(s, "ends", 2, ends, &n_ends));
  QN_TRY(qn_axes(s, "axes", 3, axes, &n_axes));
  QN_TRY(qn_axes(s, "steps", 4, steps, &n_steps));
  if (count < 0 || n_ends < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "%s are missing", count < 0 ? "starts" : "ends");
  if (n_ends != count || (n_axes >= 0 && n_axes != count) || (n_steps >= 0 && n_steps != count) || count > x->rank)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "%d starts, %d ends, %d axes and %d steps for an input of rank %d", count, n_ends, n_axes,
                        n_steps, x->rank);
  QN_TRY(qn_state(s, sizeof(slice)));
  slice *kept = s->state;
  unsigned mask;
  for (int i = 0; i < count && n_axes < 0; i++) axes[i] = i;
  QN_TRY(qn_axes_mask(s, axes, count, x->rank, &mask));
  memcpy(dims, x->dims, sizeof dims);
  for (int i = 0; i < QN_MAX_RANK; i++) kept->step[i] = 1;
  for (int i = 0; i < count; i++) {
    int axis;
    QN_TRY(qn_axis(s, axes[i], x->rank, &axis));
    int64_t dim = x->dims[axis], start = starts[i], end = ends[i], step = n_steps < 0 ? 1 : steps[i];
    if (step == 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "the step of axis %lld is 0", (long long)axes[i]);
    if (step > dim || step < -dim) step = dim == 0 ? 1 : step > 0 ? dim : -dim; /* longer ones take one element just the same */
    if (start < 0) start = start < -dim ? -1 : start + dim;
    if (end < 0) end = end < -dim ? -1 : end + dim;
    if (step > 0) {
      start = start < 0 ? 0 : start > dim ? dim : start;
      end = end < 0 ? 0 : end > dim ? dim : end;
      dims[axis] = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
      start = start < 0 ? 0 : start > dim - 1 ? dim - 1 : start;
      end = end > dim - 1 ? dim - 1 : end;
      dims[axis] = start > end ? (start - end - 1) / -step + 1 : 0;
    }
    kept->start[axis] = start;
    kept->step[axis] = step;
  }
  return qn_out_shape(s, 0, x->dtype, x->rank, dims);
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const slice *kept = s->state;
  qn_tensor *y = qn_out(s, 0);
  int64_t from[QN_MAX_RANK], to[QN_MAX_RANK], at = 0;
  if (y->count == 0) return QN_OK;
  qn_strides(x->rank, x->dims, from);
  qn_strides(y->rank, y->dims, to);
  for (int i = 0; i < x->rank; i++) {
    at += kept->start[i] * from[i];
    from[i] *= kept->step[i];
  }
  qn_copy_strided(qn_bits(x), y->rank, y->dims, x->data, at, from, y->data, 0, to);
  return QN_OK;
}

const qn_op qn_op_slice = {.domain = "", .name = "Slice", .since = 1, .min_in = 1, .max_in = 5, .min_out = 1, .max_out = 1,
                           .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
/* Slice with its bounds as inputs, as it was called before opset 10 took it in. */
const qn_op qn_op_dynamic_slice = {.domain = "", .name = "DynamicSlice", .since = 1, .min_in = 3, .max_in = 4, .min_out = 1, .max_out = 1,
                           .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
