/* Narrow floats: float16, bfloat16, the float8 family, float4e2m1 and float8e8m0 to and from float32.
 * Rounds to nearest even from the float; the float16 pair is branch-free, so its loops vectorise. */
#ifndef QN_KERNEL_HALF_H
#define QN_KERNEL_HALF_H

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t qn_bits_of(float x) {
  union { float f; uint32_t u; } v = {.f = x};
  return v.u;
}
static inline float qn_float_of(uint32_t u) {
  union { uint32_t u; float f; } v = {.u = u};
  return v.f;
}

static inline float qn_f16_to_f32(uint16_t h) {
  uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13;
  float scaled = qn_float_of(magnitude) * 0x1p112f; /* also renormalises subnormals */
  uint32_t bits = magnitude >= 0x7c00u << 13 ? (magnitude | 0x7f800000u) : qn_bits_of(scaled);
  return qn_float_of(bits | (uint32_t)(h & 0x8000) << 16);
}

/* The addition of a power of two lets the FPU do the rounding (Maratyszcza, FP16). */
static inline uint16_t qn_f32_to_f16(float x) {
  uint32_t w = qn_bits_of(x), twice = w + w;
  float base = qn_float_of(w & 0x7fffffffu) * 0x1p112f * 0x1p-110f;
  uint32_t bias = twice & 0xff000000u;
  bias = bias < 0x71000000u ? 0x71000000u : bias;
  uint32_t bits = qn_bits_of(qn_float_of((bias >> 1) + 0x07800000u) + base);
  uint32_t magnitude = ((bits >> 13) & 0x7c00u) + (bits & 0xfffu);
  return (uint16_t)((w >> 16 & 0x8000u) | (twice > 0xff000000u ? 0x7e00u : magnitude));
}

static inline float qn_bf16_to_f32(uint16_t h) { return qn_float_of((uint32_t)h << 16); }
static inline uint16_t qn_f32_to_bf16(float x) {
  uint32_t w = qn_bits_of(x);
  uint32_t rounded = (w + 0x7fffu + (w >> 16 & 1)) >> 16;
  return (uint16_t)((w & 0x7fffffffu) > 0x7f800000u ? (w >> 16 | 0x40u) : rounded);
}

/* A float of at most 8 bits, without the sign: code = exponent field and mantissa. */
typedef struct qn_minifloat {
  uint8_t mantissa;  /* bits */
  int8_t emin;       /* exponent of the smallest normal number */
  uint8_t max;       /* code of the largest finite number */
  uint8_t over;      /* whole byte, sign to be added, that out-of-range values give when they do not saturate */
  uint8_t nan;       /* whole byte of NaN */
  uint8_t sign;      /* sign bit */
  bool no_minus_zero;/* the ...UZ kinds: sign with zero is NaN */
} qn_minifloat;

static const qn_minifloat QN_F8E4M3FN = {3, -6, 0x7e, 0x7f, 0x7f, 0x80, false};
static const qn_minifloat QN_F8E4M3FNUZ = {3, -7, 0x7f, 0x80, 0x80, 0x80, true};
static const qn_minifloat QN_F8E5M2 = {2, -14, 0x7b, 0x7c, 0x7e, 0x80, false};
static const qn_minifloat QN_F8E5M2FNUZ = {2, -15, 0x7f, 0x80, 0x80, 0x80, true};
static const qn_minifloat QN_F4E2M1 = {1, 0, 7, 7, 8, 8, false};

float qn_minifloat_to_f32(const qn_minifloat *kind, unsigned code);
unsigned qn_minifloat_from_f32(const qn_minifloat *kind, float x, bool saturate);

typedef enum qn_round { QN_ROUND_UP, QN_ROUND_DOWN, QN_ROUND_NEAREST } qn_round; /* of float8e8m0 */
float qn_e8m0_to_f32(unsigned code);
unsigned qn_e8m0_from_f32(float x, qn_round round, bool saturate);

#endif
