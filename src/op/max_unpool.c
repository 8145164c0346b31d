/* MaxUnpool: values go back to the positions that MaxPool's indices name. */
#include <string.h>

#include "op/conv_shape.h"
#include "op/op.h"
#include "op/scratch.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(QN_INT64)));
  const qn_tensor *x = qn_in(s, 0);
  int64_t dims[QN_MAX_RANK], given[QN_MAX_RANK], channels;
  int count, spatial;
  int64_t in[QN_SPATIAL];
  if (!qn_tensor_same_shape(x, qn_in(s, 1))) return qn_step_fail(s, QN_ERR_SHAPE, "values and indices differ in shape");
  QN_TRY(qn_planes_shape(s, x, &spatial, &channels, in));
  int64_t kernel[QN_SPATIAL], stride[QN_SPATIAL], pads[2 * QN_SPATIAL] = {0};
  int has_stride = qn_attr_ints(s, "strides", stride, spatial), has_pads = qn_attr_ints(s, "pads", pads, 2 * spatial);
  if (qn_attr_ints(s, "kernel_shape", kernel, spatial) != spatial || (has_stride >= 0 && has_stride != spatial) || (has_pads >= 0 && has_pads != 2 * spatial))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "kernel_shape, strides and pads do not fit rank %d", x->rank);
  dims[0] = x->dims[0];
  dims[1] = channels;
  for (int d = 0; d < spatial; d++) {
    if (has_stride < 0) stride[d] = 1;
    if (stride[d] < 1 || stride[d] > INT32_MAX || kernel[d] < 1 || kernel[d] > INT32_MAX || pads[d] < 0 || pads[d] > INT32_MAX || pads[spatial + d] < 0 ||
        pads[spatial + d] > INT32_MAX)
      return qn_step_fail(s, QN_ERR_ARGUMENT, "kernel_shape, strides or pads are out of range");
    dims[d + 2] = (in[d] - 1) * stride[d] + kernel[d] - pads[d] - pads[spatial + d];
    if (dims[d + 2] < 0) dims[d + 2] = 0;
  }
  /* Indices count in the shape that kernel, strides and pads give, whatever output_shape says. */
  qn_tensor inferred;
  QN_TRY(qn_tensor_shape(&inferred, x->dtype, x->rank, dims, s->err));
  QN_TRY(qn_state(s, sizeof inferred));
  *(qn_tensor *)s->state = inferred;
  QN_TRY(qn_need_ints(s, 2, given, QN_MAX_RANK, &count));
  if (count >= 0 && count != x->rank) return qn_step_fail(s, QN_ERR_SHAPE, "output_shape has %d entries for rank %d", count, x->rank);
  return qn_out_shape(s, 0, x->dtype, x->rank, count >= 0 ? given : dims);
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const qn_tensor *from = s->state;
  const int64_t *at = qn_in(s, 1)->data;
  size_t width = qn_dtype_size(x->dtype);
  if (y->count) memset(y->data, 0, (size_t)y->count * width);
  for (int64_t i = 0; i < x->count; i++) {
    int64_t rest = at[i], to = 0, step = 1;
    bool inside = rest >= 0 && rest < from->count;
    for (int d = y->rank - 1; inside && d >= 0; d--) {
      int64_t c = rest % from->dims[d];
      rest /= from->dims[d];
      inside = c < y->dims[d];
      to += c * step;
      step *= y->dims[d];
    }
    if (!inside) return qn_step_fail(s, QN_ERR_RANGE, "index %lld is outside the output", (long long)at[i]);
    memcpy((uint8_t *)y->data + (size_t)to * width, (const uint8_t *)x->data + (size_t)i * width, width);
  }
  return QN_OK;
}

const qn_op qn_op_max_unpool = {.domain = "", .name = "MaxUnpool", .since = 9, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
