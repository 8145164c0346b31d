#include "op/quantized.h"

bool qn_packed_zeros(const qn_tensor *zero, bool is_signed, int64_t first, int64_t n, int32_t *out) {
  bool any = false;
  for (int64_t i = 0; i < n; i++) {
    out[i] = qn_zero_at(zero, zero && zero->count > 1 ? first + i : 0) - (is_signed ? 0 : 128);
    any = any || out[i];
  }
  return any;
}

qn_status qn_quantized_check(const qn_step *s, uint32_t scale_types, int64_t n, qn_dtype *type) {
  const bool made = s->op->domain[0] != 0;
  const qn_tensor *y_scale = qn_in(s, 6), *y_zero = qn_in(s, 7), *bias = qn_in(s, 8);
  QN_TRY(qn_check_type(s, 1, scale_types));
  QN_TRY(qn_check_type(s, 4, scale_types));
  *type = QN_FLOAT;
  if (y_scale || !made) {
    QN_TRY(qn_check_type(s, 6, scale_types));
    QN_TRY(qn_check_type(s, 7, QN_BYTES_8 | (!made && s->op->name[7] == 'M' ? QN_FLOATS_8 : 0))); /* of QLinearMatMul */
    if (y_scale->count != 1 || y_zero->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "y_scale and y_zero_point must be scalars");
    *type = y_zero->dtype;
  }
  if (!bias) return QN_OK;
  QN_TRY(qn_check_type(s, 8, QN_TYPE_BIT(QN_INT32) | (made ? QN_TYPE_BIT(QN_FLOAT) : 0)));
  if (bias->count != n) return qn_step_fail(s, QN_ERR_SHAPE, "the bias has %lld elements; %lld are expected", (long long)bias->count, (long long)n);
  return QN_OK;
}

/* A scale folded into the sums' is rounded once less than the separate operators round: results differ where a value lies within
 * a few units in the last place of a rounding boundary (DECISIONS.md). QLinearConv and QLinearMatMul are defined so. */
void qn_quantized_out(const qn_step *s, float a_scale, const qn_tensor *b_scale, int64_t first, int64_t n, float *scale, float *bias, qn_i8_out *out) {
  const qn_tensor *y_scale = qn_in(s, 6), *shift = qn_in(s, 8);
  const float step = y_scale ? qn_scale_at(y_scale, 0) : 1.0f;
  *out = (qn_i8_out){.dtype = qn_out(s, 0)->dtype, .scale = scale, .min = s->clamp_min, .max = s->clamp_max};
  for (int64_t i = 0; i < n; i++) scale[i] = a_scale * qn_scale_at(b_scale, b_scale->count > 1 ? first + i : 0) / step;
  if (shift && shift->dtype == QN_INT32) out->offset = shift->data;
  if (shift && shift->dtype == QN_FLOAT) {
    for (int64_t i = 0; i < n; i++) bias[i] = ((const float *)shift->data)[i] / step;
    out->bias = bias;
  }
  if (!y_scale) return;
  out->zero = qn_zero_at(qn_in(s, 7), 0);
  const float low = (float)((out->dtype == QN_INT8 ? -128 : 0) - out->zero), high = low + 255.0f;
  /* Rounding is monotone: clamping may follow it. */
  const float min = s->clamp_min > -INFINITY ? rintf(s->clamp_min / step) : low, max = s->clamp_max < INFINITY ? rintf(s->clamp_max / step) : high;
  out->min = min > low ? (min < high ? min : high) : low;
  out->max = max < high ? (max > low ? max : low) : high;
}
