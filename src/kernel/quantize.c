#include "kernel/quantize.h"

#include <math.h>

#include "kernel/vmath.h"

bool qn_quantized_range(qn_dtype dtype, float *low, float *high) {
  const qn_dtype_info *info = qn_dtype_of(dtype);
  if (!info->is_integer || info->bits > 16) return false;
  *low = info->is_signed ? -(float)(1 << (info->bits - 1)) : 0;
  *high = (float)((1 << (info->bits - info->is_signed)) - 1);
  return true;
}

void qn_quantize(const float *x, const float *scale, const float *zero, size_t n, float low, float high, float *y) {
  QN_SIMD
  for (size_t i = 0; i < n; i++) {
    float q = rintf(x[i] / scale[i]) + zero[i];
    q = q > low ? q : low;
    y[i] = q < high ? q : high;
  }
}

void qn_dequantize(const float *q, const float *scale, const float *zero, size_t n, float *y) {
  QN_SIMD
  for (size_t i = 0; i < n; i++) y[i] = (q[i] - zero[i]) * scale[i];
}

void qn_float_to_bytes(const float *x, size_t n, uint8_t *y) {
  QN_SIMD
  for (size_t i = 0; i < n; i++) y[i] = (uint8_t)(int32_t)x[i];
}

void qn_range_with_zero(const float *x, size_t n, float *low, float *high) {
  enum { LANES = 8 }; /* independent chains that fit vector registers */
  float lo[LANES] = {0}, hi[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const float v = x[i + (size_t)k];
      lo[k] = v < lo[k] ? v : lo[k];
      hi[k] = v > hi[k] ? v : hi[k];
    }
  for (; i < n; i++) {
    lo[0] = x[i] < lo[0] ? x[i] : lo[0];
    hi[0] = x[i] > hi[0] ? x[i] : hi[0];
  }
  *low = lo[0];
  *high = hi[0];
  for (int k = 1; k < LANES; k++) {
    *low = lo[k] < *low ? lo[k] : *low;
    *high = hi[k] > *high ? hi[k] : *high;
  }
}

void qn_dynamic_scale(float low, float high, float *scale, float *zero) {
  *scale = high > low ? (high - low) / 255.0f : 1.0f;
  float z = rintf(-low / *scale);
  *zero = z > 0 ? (z < 255.0f ? z : 255.0f) : 0;
}
