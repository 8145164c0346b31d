#include "kernel/quantize.h"

#include <math.h>

#include "kernel/simd_i8.h"
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

void qn_quantize_bytes(const float *x, float scale, int32_t zero, size_t n, bool is_signed, uint8_t *y) {
  const float low = (float)((is_signed ? -128 : 0) - zero), high = low + 255.0f;
  size_t i = 0;
#ifdef __wasm_simd128__
  const v128_t scales = wasm_f32x4_splat(scale), min = wasm_f32x4_splat(low), max = wasm_f32x4_splat(high), shift = qn_round_shift(zero);
  for (; i + 8 <= n; i += 8)
    qn_store8_i8(y + i, qn_round4(wasm_f32x4_div(wasm_v128_load(x + i), scales), min, max, shift),
                 qn_round4(wasm_f32x4_div(wasm_v128_load(x + i + 4), scales), min, max, shift), is_signed);
#endif
  for (; i < n; i++) {
    float v = x[i] / scale;
    v = v > low ? v : low;
    v = v < high ? v : high;
    y[i] = (uint8_t)((int32_t)rintf(v) + zero);
  }
}

void qn_dequantize_bytes(const uint8_t *q, bool is_signed, float scale, int32_t zero, size_t n, float *y) {
  const int flip = is_signed ? 0x80 : 0, shift = zero + flip; /* (b ^ 0x80) - 0x80 is the signed value */
  size_t i = 0;
#ifdef __wasm_simd128__
  const v128_t flips = wasm_i16x8_splat((int16_t)flip), shifts = wasm_i16x8_splat((int16_t)shift), scales = wasm_f32x4_splat(scale);
  for (; i + 8 <= n; i += 8) {
    const v128_t v = wasm_i16x8_sub(wasm_v128_xor(wasm_u16x8_load8x8(q + i), flips), shifts);
    wasm_v128_store(y + i, wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(v)), scales));
    wasm_v128_store(y + i + 4, wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(v)), scales));
  }
#endif
  for (; i < n; i++) y[i] = (float)((q[i] ^ flip) - shift) * scale;
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
