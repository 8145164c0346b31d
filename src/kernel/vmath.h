/* Float32 functions written so that a loop over them vectorises: no branches, calls or float-to-integer conversions.
 * About 2 ulp; infinities, NaN and subnormal numbers as in C's math.h. tests/c/test_unary.c holds them to libm in double. */
#ifndef QN_KERNEL_VMATH_H
#define QN_KERNEL_VMATH_H

#include <math.h>

#include "kernel/half.h"

/* Elements may be rewritten in place, so a loop has no dependence between iterations even when the arrays are the same. */
#if defined(__clang__)
#define QN_SIMD _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define QN_SIMD _Pragma("GCC ivdep")
#else
#define QN_SIMD
#endif

static inline float qn_abs_f32(float x) { return qn_float_of(qn_bits_of(x) & 0x7fffffffu); }
/* Both give NaN when x is NaN. */
static inline float qn_at_most(float x, float high) { return x > high ? high : x; }
static inline float qn_at_least(float x, float low) { return x < low ? low : x; }
static inline float qn_copysign_f32(float x, float sign) {
  return qn_float_of((qn_bits_of(x) & 0x7fffffffu) | (qn_bits_of(sign) & 0x80000000u));
}

/* x = k ln 2 + r with |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to an integer that stands in the low bits of the sum. */
static inline float qn_exp_reduce(float x, uint32_t *k) {
  const float magic = 12582912.0f;
  float t = x * 1.44269504f + magic;
  *k = qn_bits_of(t) - qn_bits_of(magic);
  float n = t - magic;
  return (x - n * 0.693359375f) - n * -2.12194440e-4f;
}
/* (e^r - 1 - r) / r^2; Cephes, expf.c */
static inline float qn_exp_tail(float r) {
  float p = 1.9875691500E-4f;
  p = p * r + 1.3981999507E-3f;
  p = p * r + 8.3334519073E-3f;
  p = p * r + 4.1665795894E-2f;
  p = p * r + 1.6666665459E-1f;
  return p * r + 5.0000001201E-1f;
}
static inline float qn_exp2_int(uint32_t k) { return qn_float_of((k + 127u) << 23); }

static inline float qn_exp_f32(float x) {
  uint32_t k;
  float r = qn_exp_reduce(qn_at_least(qn_at_most(x, 89.0f), -104.0f), &k);
  uint32_t half = (uint32_t)((int32_t)k >> 1); /* in two steps: 2^k itself may be subnormal or infinite */
  return (qn_exp_tail(r) * r * r + r + 1.0f) * qn_exp2_int(half) * qn_exp2_int(k - half);
}

/* For x <= 0 (larger x: up to 88). */
static inline float qn_expm1_f32(float x) {
  uint32_t k;
  float r = qn_exp_reduce(qn_at_least(qn_at_most(x, 88.0f), -87.0f), &k);
  float scale = qn_exp2_int(k);
  return (qn_exp_tail(r) * r * r + r) * scale + (scale - 1.0f);
}

/* FreeBSD, e_logf.c */
static inline float qn_log_f32(float x) {
  float tiny = x < 1.17549435e-38f ? 1.0f : 0.0f;
  float scaled = x * (1.0f + tiny * 33554431.0f); /* * 2^25 */
  uint32_t u = qn_bits_of(scaled) + (0x3f800000u - 0x3f3504f3u);
  float k = (float)(int32_t)((u >> 23) - 127u) - tiny * 25.0f;
  float f = qn_float_of((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float s = f / (2.0f + f), z = s * s, w = z * z;
  float t1 = w * (0.40000972152f + w * 0.24279078841f), t2 = z * (0.66666662693f + w * 0.28498786688f);
  float half = 0.5f * f * f;
  float y = s * (half + t2 + t1) + k * 9.0580006145e-06f - half + f + k * 6.9313812256e-01f;
  y = x == 0 ? -INFINITY : y;
  y = x < 0 ? NAN : y;
  return x < INFINITY ? y : x; /* infinity and NaN */
}

/* log(1 + x) for x >= 0 */
static inline float qn_log1p_f32(float x) {
  float w = 1.0f + x, d = w - 1.0f;
  float y = qn_log_f32(w) * (x / (d == 0 ? 1.0f : d));
  return d == 0 ? x : y;
}

static inline float qn_sigmoid_f32(float x) {
  float e = qn_exp_f32(-qn_abs_f32(x));
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

static inline float qn_tanh_f32(float x) { /* Cephes, tanhf.c */
  float a = qn_abs_f32(x), z = x * x;
  float p = -5.70498872745E-3f;
  p = p * z + 2.06390887954E-2f;
  p = p * z - 5.37397155531E-2f;
  p = p * z + 1.33314422036E-1f;
  p = p * z - 3.33332819422E-1f;
  float near = p * z * x + x;
  float far = 1.0f - 2.0f / (qn_exp_f32(2.0f * qn_at_most(a, 20.0f)) + 1.0f);
  return qn_copysign_f32(a < 0.625f ? near : far, x);
}

static inline float qn_erf_f32(float x) { /* N. Juffa's two-interval minimax fit */
  float a = qn_at_most(qn_abs_f32(x), 4.0f), s = a * a;
  float r = -1.72853470e-5f * a + 3.83197126e-4f;
  float u = -3.88396438e-3f * a + 2.42546219e-2f;
  r = r * s + u;
  r = r * a - 1.06777877e-1f;
  r = r * a - 6.34846687e-1f;
  r = r * a - 1.28717512e-1f;
  r = r * a - a;
  float far = 1.0f - qn_exp_f32(r);
  float p = -5.96761703e-4f;
  p = p * s + 4.99119423e-3f;
  p = p * s - 2.67681349e-2f;
  p = p * s + 1.12819925e-1f;
  p = p * s - 3.76125336e-1f;
  p = p * s + 1.28379166e-1f;
  float near = p * a + a;
  return qn_copysign_f32(a > 0.927734375f ? far : near, x);
}

static inline float qn_gelu_f32(float x) { return x * 0.5f * (1.0f + qn_erf_f32(x * 0.70710678f)); }

/* Sine of x + quarter * pi/2 for |x| <= QN_SIN_LIMIT; the reduction is in double. */
#define QN_SIN_LIMIT 1e6f
static inline float qn_sin_f32(float x, uint32_t quarter) {
  const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
  union { double d; uint64_t u; } t = {.d = (double)x * 0.63661977236758134308 + magic};
  float r = (float)(((double)x - (t.d - magic) * 1.57079632679489655800) - (t.d - magic) * 6.12323399573676603587e-17);
  uint32_t q = (uint32_t)t.u + quarter;
  float z = r * r;
  float s = ((-1.9515295891E-4f * z + 8.3321608736E-3f) * z - 1.6666654611E-1f) * z * r + r;
  float c = ((2.443315711809948E-005f * z - 1.388731625493765E-003f) * z + 4.166664568298827E-002f) * z * z - 0.5f * z + 1.0f;
  float y = q & 1 ? c : s;
  return qn_float_of(qn_bits_of(y) ^ (q & 2) << 30);
}

#endif
