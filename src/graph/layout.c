/* Between [N, C, spatial…] and [N, spatial…, C]. */
#include <string.h>

#include "graph/planner.h"

void qn_dims_to_last(int rank, const int64_t *in, int64_t *out) {
  int64_t channels = in[1];
  out[0] = in[0];
  for (int d = 2; d < rank; d++) out[d - 1] = in[d];
  out[rank - 1] = channels;
}

void qn_dims_to_plain(int rank, const int64_t *in, int64_t *out) {
  int64_t channels = in[rank - 1];
  out[0] = in[0];
  for (int d = rank - 1; d > 1; d--) out[d] = in[d - 1];
  out[1] = channels;
}

bool qn_layout_is_trivial(int rank, const int64_t *dims) {
  int64_t points = 1;
  for (int d = 2; d < rank; d++) points *= dims[d] != 0;
  for (int d = 2; d < rank && points; d++)
    if (dims[d] != 1) points = 2;
  return points < 2 || dims[1] <= 1 || dims[0] == 0;
}

/* [rows, columns] → [columns, rows], in tiles that stay in the first-level cache. */
#define TRANSPOSE(type)                                                                          \
  static void transpose_##type(const type *in, type *out, size_t rows, size_t columns) {         \
    enum { TILE = 16 };                                                                          \
    for (size_t r0 = 0; r0 < rows; r0 += TILE) {                                                 \
      size_t r1 = r0 + TILE < rows ? r0 + TILE : rows;                                           \
      for (size_t c0 = 0; c0 < columns; c0 += TILE) {                                            \
        size_t c1 = c0 + TILE < columns ? c0 + TILE : columns;                                   \
        for (size_t c = c0; c < c1; c++)                                                         \
          for (size_t r = r0; r < r1; r++) out[c * rows + r] = in[r * columns + c];              \
      }                                                                                          \
    }                                                                                            \
  }
TRANSPOSE(uint8_t)
TRANSPOSE(uint32_t)

static void transpose_bytes(const uint8_t *in, uint8_t *out, size_t rows, size_t columns, size_t width) {
  for (size_t c = 0; c < columns; c++)
    for (size_t r = 0; r < rows; r++) memcpy(out + (c * rows + r) * width, in + (r * columns + c) * width, width);
}

static qn_status change(qn_step *s, bool to_last) {
  const qn_tensor *x = &s->in[0]->tensor;
  qn_tensor *y = &s->out[0]->tensor;
  if (x->count == 0) return QN_OK;
  size_t width = qn_dtype_size(x->dtype);
  if (width == 0) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a packed %s tensor in channels-last order", qn_dtype_name(x->dtype));
  int rank = y->rank;
  size_t channels = (size_t)(to_last ? y->dims[rank - 1] : y->dims[1]), batch = (size_t)y->dims[0];
  size_t points = (size_t)y->count / batch / channels;
  size_t rows = to_last ? channels : points, columns = to_last ? points : channels;
  for (size_t n = 0; n < batch; n++) {
    const uint8_t *in = (const uint8_t *)x->data + n * rows * columns * width;
    uint8_t *out = (uint8_t *)y->data + n * rows * columns * width;
    if (width == 4) transpose_uint32_t((const uint32_t *)(const void *)in, (uint32_t *)(void *)out, rows, columns);
    else if (width == 1) transpose_uint8_t(in, out, rows, columns);
    else transpose_bytes(in, out, rows, columns, width);
  }
  return QN_OK;
}

static qn_status run_to_last(qn_step *s) { return change(s, true); }
static qn_status run_to_plain(qn_step *s) { return change(s, false); }

const qn_op qn_op_to_channels_last = {.domain = "quern", .name = "ToChannelsLast", .run = run_to_last};
const qn_op qn_op_to_plain = {.domain = "quern", .name = "ToChannelsFirst", .run = run_to_plain};
