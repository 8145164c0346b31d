/* What passes make of operators between DequantizeLinear and QuantizeLinear that work element by element: a table over all bytes for
 * one input, and sums and products of two, computed in float32 as the separate operators do. */
#include "kernel/broadcast.h"
#include "kernel/quantize.h"
#include "kernel/vmath.h"
#include "op/quantized.h"

static qn_status plan_table(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_BYTES_8));
  QN_TRY(qn_check_type(s, 1, QN_BYTES_8));
  if (qn_in(s, 1)->count != 256) return qn_step_fail(s, QN_ERR_SHAPE, "the table has %lld elements; 256 are expected", (long long)qn_in(s, 1)->count);
  return qn_out_shape(s, 0, qn_in(s, 1)->dtype, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status run_table(qn_step *s) {
  const uint8_t *x = qn_in(s, 0)->data, *table = qn_in(s, 1)->data;
  uint8_t *y = qn_out(s, 0)->data;
  for (size_t i = 0, n = (size_t)qn_in(s, 0)->count; i < n; i++) y[i] = table[x[i]];
  return QN_OK;
}

const qn_op qn_op_byte_table = {.domain = "quern", .name = "ByteTable", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                                .flags = QN_LAYOUT_FOLLOW | QN_INPLACE, .plan = plan_table, .run = run_table};

/* a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero; zero points of inputs may be absent */
static qn_status plan(qn_step *s) {
  for (int i = 0; i < 8; i++) {
    if (!qn_in(s, i) && (i == 2 || i == 5)) continue;
    const bool scale = i == 1 || i == 4 || i == 6;
    QN_TRY(qn_check_type(s, i, scale ? QN_TYPE_BIT(QN_FLOAT) : QN_BYTES_8));
    if (i != 0 && i != 3 && qn_in(s, i)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "input %d must be a scalar", i);
  }
  qn_value *ports[2] = {s->in[0], s->in[3]};
  qn_step two = *s;
  two.in = ports;
  two.n_in = 2;
  int rank;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_broadcast(&two, 0, 2, &rank, dims));
  return qn_out_shape(s, 0, qn_in(s, 7)->dtype, rank, dims);
}

static const float *dequantized(const qn_step *s, int i, qn_feed *feed, size_t n, uint8_t *bytes, float *out) {
  const void *q = qn_feed_next(feed, n, bytes);
  qn_dequantize_bytes(q, qn_in(s, i)->dtype == QN_INT8, *(const float *)qn_in(s, i + 1)->data, qn_zero_at(qn_in(s, i + 2), 0), n, out);
  return out;
}

static qn_status run(qn_step *s) {
  const qn_tensor *y = qn_out(s, 0);
  const bool add = s->op->name[9] == 'A', clamped = s->clamp_min > -INFINITY || s->clamp_max < INFINITY;
  qn_feed feed_a, feed_b;
  uint8_t bytes_a[QN_FEED_CHUNK], bytes_b[QN_FEED_CHUNK];
  float room_a[QN_FEED_CHUNK], room_b[QN_FEED_CHUNK], sum[QN_FEED_CHUNK];
  qn_feed_init(&feed_a, QN_IN_RAW, qn_in(s, 0), y->rank, y->dims);
  qn_feed_init(&feed_b, QN_IN_RAW, qn_in(s, 3), y->rank, y->dims);
  for (size_t done = 0, n, count = (size_t)y->count; done < count; done += n) {
    n = count - done < QN_FEED_CHUNK ? count - done : QN_FEED_CHUNK;
    const float *a = dequantized(s, 0, &feed_a, n, bytes_a, room_a), *b = dequantized(s, 3, &feed_b, n, bytes_b, room_b);
    if (add) {
      QN_SIMD
      for (size_t i = 0; i < n; i++) sum[i] = a[i] + b[i];
    } else {
      QN_SIMD
      for (size_t i = 0; i < n; i++) sum[i] = a[i] * b[i];
    }
    if (clamped) {
      QN_SIMD
      for (size_t i = 0; i < n; i++) sum[i] = qn_at_most(qn_at_least(sum[i], s->clamp_min), s->clamp_max);
    }
    qn_quantize_bytes(sum, *(const float *)qn_in(s, 6)->data, qn_zero_at(qn_in(s, 7), 0), n, y->dtype == QN_INT8, (uint8_t *)y->data + done);
  }
  return QN_OK;
}

const qn_op qn_op_quantized_add = {.domain = "quern", .name = "QuantizedAdd", .since = 1, .min_in = 8, .max_in = 8, .min_out = 1, .max_out = 1,
                                   .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan, .run = run};
const qn_op qn_op_quantized_mul = {.domain = "quern", .name = "QuantizedMul", .since = 1, .min_in = 8, .max_in = 8, .min_out = 1, .max_out = 1,
                                   .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan, .run = run};
