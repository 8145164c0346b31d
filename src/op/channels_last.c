#include "op/channels_last.h"

#include "kernel/transpose.h"

static qn_status change(qn_step *s, bool to_last) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  if (x->count == 0) return QN_OK;
  size_t width = qn_dtype_size(x->dtype);
  if (width == 0) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a packed %s tensor in channels-last order", qn_dtype_name(x->dtype));
  int64_t channels = to_last ? y->dims[y->rank - 1] : y->dims[1], batch = y->dims[0], points = y->count / batch / channels;
  int64_t rows = to_last ? channels : points, columns = to_last ? points : channels;
  for (int64_t n = 0; n < batch; n++) {
    const size_t at = (size_t)(n * rows * columns) * width;
    qn_transpose_2d((unsigned)width * 8, rows, columns, (const uint8_t *)x->data + at, columns, (uint8_t *)y->data + at, rows);
  }
  return QN_OK;
}

static qn_status run_to_last(qn_step *s) { return change(s, true); }
static qn_status run_to_plain(qn_step *s) { return change(s, false); }

const qn_op qn_op_to_channels_last = {.domain = "quern", .name = "ToChannelsLast", .run = run_to_last};
const qn_op qn_op_to_plain = {.domain = "quern", .name = "ToChannelsFirst", .run = run_to_plain};
