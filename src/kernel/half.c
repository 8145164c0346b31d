#include "kernel/half.h"

#include <math.h>

static float power_of_two(int e) { /* -126 … 127 */
  return qn_float_of((uint32_t)(e + 127) << 23);
}

float qn_minifloat_to_f32(const qn_minifloat *kind, unsigned code) {
  unsigned magnitude = code & (kind->sign - 1u);
  if (kind->no_minus_zero ? code == kind->nan : magnitude > kind->max)
    return magnitude == kind->over && kind->over != kind->nan ? (code & kind->sign ? -INFINITY : INFINITY) : NAN;
  unsigned field = magnitude >> kind->mantissa, m = magnitude & ((1u << kind->mantissa) - 1);
  int e = kind->emin - kind->mantissa;
  if (field) {
    m += 1u << kind->mantissa;
    e += (int)field - 1;
  }
  float value = (float)m * power_of_two(e);
  return code & kind->sign ? -value : value;
}

unsigned qn_minifloat_from_f32(const qn_minifloat *kind, float x, bool saturate) {
  uint32_t w = qn_bits_of(x);
  unsigned sign = w >> 31 ? kind->sign : 0;
  w &= 0x7fffffffu;
  if (w > 0x7f800000u) return kind->nan & kind->sign ? kind->nan : kind->nan | sign;
  unsigned code = kind->max + 1u;
  if (w < 0x7f800000u) {
    int e = (int)(w >> 23) - 127;
    if (e < kind->emin) e = kind->emin;
    if (e < 64) /* larger is out of range for every kind */
      code = (unsigned)(e - kind->emin) * (1u << kind->mantissa) +
             (unsigned)rintf(qn_float_of(w) * power_of_two(kind->mantissa - e)); /* a carry goes into the exponent */
  }
  if (code > kind->max) {
    if (!saturate) return kind->no_minus_zero ? kind->nan : kind->over | sign;
    code = kind->max;
  }
  return code == 0 && kind->no_minus_zero ? 0 : code | sign;
}

float qn_e8m0_to_f32(unsigned code) {
  if (code == 255) return NAN;
  return qn_float_of(code ? code << 23 : 0x00400000u);
}

/* As onnx.numpy_helper.to_float8e8m0 of ONNX 1.20: the sign is dropped. */
unsigned qn_e8m0_from_f32(float x, qn_round round, bool saturate) {
  uint32_t w = qn_bits_of(x);
  unsigned e = w >> 23 & 255, fraction = w & 0x7fffffu;
  if (e == 255) return 255;
  bool up = round == QN_ROUND_UP ? fraction != 0
            : round == QN_ROUND_NEAREST ? fraction > 0x400000u || (fraction == 0x400000u && e > 0)
                                        : false;
  if (up) e++;
  return e > 254 ? (saturate ? 254 : 255) : e;
}
