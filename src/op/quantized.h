/* Scales and zero points of quantised operators. QLinearConv, QLinearMatMul and what passes make of them (QuantizedConv and
 * QuantizedMatMul of the domain "quern") have their inputs in one order: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero, bias.
 * The made ones may go without y_scale and y_zero: their output is float32 then. Their bias may be float32 too. */
#ifndef QN_OP_QUANTIZED_H
#define QN_OP_QUANTIZED_H

#include <math.h>

#include "kernel/requantize.h"
#include "op/scratch.h"

#define QN_BYTES_8 (QN_TYPE_BIT(QN_INT8) | QN_TYPE_BIT(QN_UINT8))
#define QN_FLOATS_8 (QN_TYPE_BIT(QN_FLOAT8E4M3FN) | QN_TYPE_BIT(QN_FLOAT8E4M3FNUZ) | QN_TYPE_BIT(QN_FLOAT8E5M2) | QN_TYPE_BIT(QN_FLOAT8E5M2FNUZ))

/* Element i of a scale (float32, float16, bfloat16). */
static inline float qn_scale_at(const qn_tensor *t, int64_t i) {
  if (t->dtype == QN_FLOAT) return ((const float *)t->data)[i];
  uint16_t h = ((const uint16_t *)t->data)[i];
  return t->dtype == QN_FLOAT16 ? qn_f16_to_f32(h) : qn_bf16_to_f32(h);
}
/* Element i of an 8-bit zero point; 0 when it is absent. */
static inline int32_t qn_zero_at(const qn_tensor *t, int64_t i) {
  if (!t) return 0;
  return t->dtype == QN_INT8 ? ((const int8_t *)t->data)[i] : ((const uint8_t *)t->data)[i];
}
/* Zero points of the packed form of 8-bit weights, [n] into `out`: one for all or element first + i. False when all are 0. */
bool qn_packed_zeros(const qn_tensor *zero, bool is_signed, int64_t first, int64_t n, int32_t *out);

/* plan(): the types of inputs 1, 4, 6, 7, 8, one y_scale and y_zero, and bias [n]; the output's type. */
qn_status qn_quantized_check(const qn_step *s, uint32_t scale_types, int64_t n, qn_dtype *type);
/* run(): how sums of `n` columns become outputs. a_scale is one number, b_scale one or element first + i. scale, bias: [n] room. */
void qn_quantized_out(const qn_step *s, float a_scale, const qn_tensor *b_scale, int64_t first, int64_t n, float *scale, float *bias, qn_i8_out *out);

#endif
