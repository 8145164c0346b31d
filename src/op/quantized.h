/* Scales and zero points of quantised operators. */
#ifndef QN_OP_QUANTIZED_H
#define QN_OP_QUANTIZED_H

#include <math.h>

#include "op/scratch.h"

#define QN_BYTES_8 (QN_TYPE_BIT(QN_INT8) | QN_TYPE_BIT(QN_UINT8))

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
/* Rounds half to even, adds the zero point and saturates to the 8-bit type. */
static inline uint8_t qn_requantize(float x, int32_t zero, bool is_signed) {
  float low = is_signed ? -128.0f : 0.0f, high = low + 255.0f;
  float y = x == x ? rintf(x) + (float)zero : (float)zero;
  return (uint8_t)(int32_t)(y < low ? low : y > high ? high : y);
}

#endif
