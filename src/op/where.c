/* Where: elements of one operand or another, of any type. */
#include "kernel/broadcast.h"
#include "op/elementwise.h"

static qn_status plan_where(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_BOOL)));
  for (int i = 1; i < 3; i++)
    QN_TRY(qn_check_type(s, i, QN_NUMERIC_TYPES | QN_FLOAT8_TYPES | QN_TYPE_BIT(QN_BOOL) | QN_TYPE_BIT(QN_STRING) |
                                   QN_TYPE_BIT(QN_COMPLEX64) | QN_TYPE_BIT(QN_COMPLEX128)));
  const qn_dtype dtype = qn_in(s, 1)->dtype;
  if (qn_in(s, 2)->dtype != dtype)
    return qn_step_fail(s, QN_ERR_TYPE, "input 2 is %s but input 1 is %s", qn_dtype_name(qn_in(s, 2)->dtype), qn_dtype_name(dtype));
  int rank;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_broadcast(s, 0, 3, &rank, dims));
  QN_TRY(qn_out_shape(s, 0, dtype, rank, dims));
  if (dtype == QN_STRING && qn_out(s, 0)) { /* the bytes must live as long as the output: it gets a block of its own */
    s->scratch_size = qn_tensor_bytes(qn_out(s, 0));
    s->dynamic = true;
  }
  return QN_OK;
}

static qn_status run_where(qn_step *s) {
  qn_value text = {.kind = QN_KIND_TENSOR};
  qn_tensor *y = qn_out(s, 0);
  if (!y) return QN_OK;
  if (s->dynamic) {
    int rank;
    int64_t dims[QN_MAX_RANK];
    QN_TRY(qn_broadcast(s, 0, 3, &rank, dims));
    QN_TRY(qn_tensor_shape(&text.tensor, QN_STRING, rank, dims, s->err));
    text.tensor.data = s->scratch;
    y = &text.tensor;
  }
  uint8_t mask[QN_FEED_CHUNK];
  uint64_t left[2 * QN_FEED_CHUNK], right[2 * QN_FEED_CHUNK];
  qn_feed feed_mask, feed_u, feed_v;
  qn_feed_init(&feed_mask, QN_IN_RAW, qn_in(s, 0), y->rank, y->dims);
  qn_feed_init(&feed_u, QN_IN_RAW, qn_in(s, 1), y->rank, y->dims);
  qn_feed_init(&feed_v, QN_IN_RAW, qn_in(s, 2), y->rank, y->dims);
  const size_t count = (size_t)y->count, size = qn_dtype_size(y->dtype);
  for (size_t done = 0, n; done < count; done += n) {
    n = count - done < QN_FEED_CHUNK ? count - done : QN_FEED_CHUNK;
    const uint8_t *which = qn_feed_next(&feed_mask, n, mask);
    const void *u = qn_feed_next(&feed_u, n, left), *v = qn_feed_next(&feed_v, n, right);
    qn_select(size, which, u, v, (char *)y->data + done * size, n);
  }
  return s->dynamic ? qn_value_copy(s->out[0], &text, s->err) : QN_OK;
}

const qn_op qn_op_where = {.domain = "", .name = "Where", .since = 9, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                           .flags = QN_LAYOUT_ELEMENTWISE | QN_INPLACE, .plan = plan_where, .run = run_where};
