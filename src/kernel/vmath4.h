/* The functions of vmath.h for four floats at once, with fused multiply-adds where the machine has them: the same polynomials,
 * about 2 ulp, NaN and infinities likewise. */
#ifndef QN_KERNEL_VMATH4_H
#define QN_KERNEL_VMATH4_H

#include "kernel/simd.h"
#include "kernel/vmath.h"

#ifdef __wasm_simd128__
static inline qn_f32x4 qn_sub4(qn_f32x4 a, qn_f32x4 b) { return wasm_f32x4_sub(a, b); }
static inline qn_f32x4 qn_div4(qn_f32x4 a, qn_f32x4 b) { return wasm_f32x4_div(a, b); }
static inline qn_f32x4 qn_abs4(qn_f32x4 a) { return wasm_f32x4_abs(a); }

static inline qn_f32x4 qn_exp2_int4(v128_t k) { return wasm_i32x4_shl(wasm_i32x4_add(k, wasm_i32x4_splat(127)), 23); }

/* Step by step as qn_exp_f32(). */
static inline qn_f32x4 qn_exp4(qn_f32x4 x) {
  const qn_f32x4 magic = qn_splat4(12582912.0f);
  x = qn_max4(qn_min4(x, qn_splat4(89.0f)), qn_splat4(-104.0f));
  qn_f32x4 t = qn_madd4(x, qn_splat4(1.44269504f), magic), n = qn_sub4(t, magic);
  v128_t k = wasm_i32x4_sub(t, magic), half = wasm_i32x4_shr(k, 1);
  qn_f32x4 r = qn_madd4(n, qn_splat4(2.12194440e-4f), qn_madd4(n, qn_splat4(-0.693359375f), x));
  qn_f32x4 p = qn_madd4(qn_splat4(1.9875691500E-4f), r, qn_splat4(1.3981999507E-3f));
  p = qn_madd4(p, r, qn_splat4(8.3334519073E-3f));
  p = qn_madd4(p, r, qn_splat4(4.1665795894E-2f));
  p = qn_madd4(p, r, qn_splat4(1.6666665459E-1f));
  p = qn_madd4(p, r, qn_splat4(5.0000001201E-1f));
  p = qn_add(qn_madd4(p, qn_mul4(r, r), r), qn_splat4(1.0f));
  return qn_mul4(qn_mul4(p, qn_exp2_int4(half)), qn_exp2_int4(wasm_i32x4_sub(k, half)));
}

static inline qn_f32x4 qn_sigmoid4(qn_f32x4 x) {
  const qn_f32x4 one = qn_splat4(1.0f), e = qn_exp4(wasm_f32x4_neg(qn_abs4(x)));
  return qn_div4(wasm_v128_bitselect(e, one, wasm_f32x4_lt(x, qn_splat4(0.0f))), qn_add(one, e));
}

static inline qn_f32x4 qn_copysign4(qn_f32x4 x, qn_f32x4 sign) { return wasm_v128_bitselect(sign, x, wasm_i32x4_splat(INT32_MIN)); }

static inline qn_f32x4 qn_tanh4(qn_f32x4 x) {
  const qn_f32x4 one = qn_splat4(1.0f), a = qn_abs4(x), z = qn_mul4(x, x), capped = qn_min4(a, qn_splat4(20.0f));
  qn_f32x4 p = qn_madd4(qn_splat4(-5.70498872745E-3f), z, qn_splat4(2.06390887954E-2f));
  p = qn_madd4(p, z, qn_splat4(-5.37397155531E-2f));
  p = qn_madd4(p, z, qn_splat4(1.33314422036E-1f));
  p = qn_madd4(p, z, qn_splat4(-3.33332819422E-1f));
  qn_f32x4 near = qn_madd4(qn_mul4(p, z), x, x);
  qn_f32x4 far = qn_sub4(one, qn_div4(qn_splat4(2.0f), qn_add(qn_exp4(qn_add(capped, capped)), one)));
  return qn_copysign4(wasm_v128_bitselect(near, far, wasm_f32x4_lt(a, qn_splat4(0.625f))), x);
}

static inline qn_f32x4 qn_erf4(qn_f32x4 x) {
  const qn_f32x4 a = qn_min4(qn_abs4(x), qn_splat4(4.0f)), s = qn_mul4(a, a);
  qn_f32x4 r = qn_madd4(qn_splat4(-1.72853470e-5f), a, qn_splat4(3.83197126e-4f));
  r = qn_madd4(r, s, qn_madd4(qn_splat4(-3.88396438e-3f), a, qn_splat4(2.42546219e-2f)));
  r = qn_madd4(r, a, qn_splat4(-1.06777877e-1f));
  r = qn_madd4(r, a, qn_splat4(-6.34846687e-1f));
  r = qn_madd4(r, a, qn_splat4(-1.28717512e-1f));
  qn_f32x4 far = qn_sub4(qn_splat4(1.0f), qn_exp4(qn_sub4(qn_mul4(r, a), a)));
  qn_f32x4 p = qn_madd4(qn_splat4(-5.96761703e-4f), s, qn_splat4(4.99119423e-3f));
  p = qn_madd4(p, s, qn_splat4(-2.67681349e-2f));
  p = qn_madd4(p, s, qn_splat4(1.12819925e-1f));
  p = qn_madd4(p, s, qn_splat4(-3.76125336e-1f));
  p = qn_madd4(p, s, qn_splat4(1.28379166e-1f));
  return qn_copysign4(wasm_v128_bitselect(far, qn_madd4(p, a, a), wasm_f32x4_gt(a, qn_splat4(0.927734375f))), x);
}
#else
#define QN_EACH(name, scalar)                                    \
  static inline qn_f32x4 name(qn_f32x4 x) {                      \
    for (int i = 0; i < 4; i++) x.v[i] = scalar(x.v[i]);         \
    return x;                                                    \
  }
QN_EACH(qn_exp4, qn_exp_f32)
QN_EACH(qn_sigmoid4, qn_sigmoid_f32)
QN_EACH(qn_tanh4, qn_tanh_f32)
QN_EACH(qn_erf4, qn_erf_f32)
#undef QN_EACH
static inline qn_f32x4 qn_sub4(qn_f32x4 a, qn_f32x4 b) {
  for (int i = 0; i < 4; i++) a.v[i] -= b.v[i];
  return a;
}
#endif

/* to[i] = expression of v for `count` elements of `from`, four at a time; both may be one. The second round is of the rest, in
 * a copy; it is no code of its own, as an expression is long. */
#if defined(__clang__)
#define QN_NOT_UNROLLED _Pragma("clang loop unroll(disable)")
#else
#define QN_NOT_UNROLLED
#endif
#define QN_MAP4(count, from, to, expression)                                       \
  do {                                                                             \
    size_t whole_ = (size_t)(count) & ~(size_t)3, rest_ = (size_t)(count) & 3;     \
    const float *from_ = (from);                                                   \
    float *to_ = (to), part_[4] = {0}, *const end_ = to_ + whole_;                 \
    if (rest_) memcpy(part_, from_ + whole_, rest_ * sizeof(float));               \
    QN_NOT_UNROLLED                                                                \
    for (int round_ = 0; round_ < 2; round_++) {                                   \
      for (size_t i_ = 0; i_ < whole_; i_ += 4) {                                  \
        const qn_f32x4 v = qn_load4(from_ + i_);                                   \
        qn_store4(to_ + i_, (expression));                                         \
      }                                                                            \
      from_ = to_ = part_;                                                         \
      whole_ = rest_ ? 4 : 0;                                                      \
    }                                                                              \
    if (rest_) memcpy(end_, part_, rest_ * sizeof(float));                         \
  } while (0)

#endif
