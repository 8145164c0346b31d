/* exp of a float as a branch-free expression that compilers vectorise: 2^k times a polynomial (Cephes' expf), within
 * 2 ulp. Results below the smallest normal number are 0; NaN stays NaN. */
#ifndef QN_KERNEL_FAST_EXP_H
#define QN_KERNEL_FAST_EXP_H

#include <stdint.h>

#include "kernel/half.h"

static inline float qn_fast_exp(float x) {
  float clamped = x > 88.72283f ? 88.72283f : x; /* NaN fails the comparisons and passes through the polynomial */
  clamped = clamped < -87.33654f ? -87.33654f : clamped;
  float safe = clamped == clamped ? clamped : 0.0f;
  float shifted = safe * 1.44269504f + 12582912.0f; /* 1.5 · 2^23: the sum rounds to an integer */
  float k = shifted - 12582912.0f;
  float r = (safe - k * 0.693359375f) + k * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t e = (int32_t)k;
  /* In two factors, since 2^128 is no float. */
  float y = p * qn_float_of((uint32_t)(127 + (e >> 1)) << 23) * qn_float_of((uint32_t)(127 + e - (e >> 1)) << 23);
  y = x > 88.72283f ? qn_float_of(0x7f800000u) : y;
  y = x < -87.33654f ? 0.0f : y;
  return x == x ? y : x;
}

#endif
