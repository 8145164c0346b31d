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

/* Engines build a constant vector anew in each iteration, by three instructions; reading one from memory takes one. So the numbers of
 * vmath.h are read, by a pointer that hides from the compiler what it points to. A series begins with its highest power. */
typedef struct qn_vmath_numbers {
  float one, two, magic, log2e, minus_ln2_high, minus_ln2_low, exp_highest, exp_high, exp_low, exp_tail[6];
  float tanh_high, tanh_border, tanh_near[5];
  float erf_high, erf_border, erf_far[7], erf_near[6];
  float half, minus_half, gelu_high, gelu_low, gelu_over[6], gelu_under[6];
} qn_vmath_numbers;
static inline const qn_vmath_numbers *qn_vmath(void) {
  static const qn_vmath_numbers numbers = {
    1.0f, 2.0f, 12582912.0f, 1.44269504f, -0.693359375f, 2.12194440e-4f, 89.0f, -104.0f, -88.0f,
    {1.9875691500E-4f, 1.3981999507E-3f, 8.3334519073E-3f, 4.1665795894E-2f, 1.6666665459E-1f, 5.0000001201E-1f},
    20.0f, 0.625f, {-5.70498872745E-3f, 2.06390887954E-2f, -5.37397155531E-2f, 1.33314422036E-1f, -3.33332819422E-1f},
    4.0f, 0.927734375f, {-1.72853470e-5f, 3.83197126e-4f, -3.88396438e-3f, 2.42546219e-2f, -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f},
    {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f},
    0.5f, -0.5f, 5.6f, -5.6f, {2.19321947e-8f, 6.27361987e-6f, 1.7094583e-4f, 4.68900381e-3f, 3.41587402e-2f, 3.98942262e-1f},
    {1.16771355e-6f, 7.38341478e-5f, 1.89695694e-3f, 2.88027972e-2f, 2.52289563e-1f, 1.0f}};
  const qn_vmath_numbers *p = &numbers;
  __asm__("" : "+r"(p));
  return p;
}
#define QN_NUMBER(name) qn_load_splat4(&qn_vmath()->name)

/* The value at x of a series of `terms` coefficients. */
static inline qn_f32x4 qn_series4(const float *series, int terms, qn_f32x4 x) {
  qn_f32x4 p = qn_load_splat4(series);
  QN_UNROLL(8) for (int i = 1; i < terms; i++) p = qn_madd4(p, x, qn_load_splat4(series + i));
  return p;
}

/* e^r, and x = k ln 2 + r, step by step as in qn_exp_f32(); k stands in the low bits. */
static inline qn_f32x4 qn_exp_parts4(qn_f32x4 x, v128_t *k) {
  const qn_f32x4 magic = QN_NUMBER(magic), t = qn_madd4(x, QN_NUMBER(log2e), magic), n = qn_sub4(t, magic);
  *k = t;
  const qn_f32x4 r = qn_madd4(n, QN_NUMBER(minus_ln2_low), qn_madd4(n, QN_NUMBER(minus_ln2_high), x));
  return qn_add(qn_madd4(qn_series4(qn_vmath()->exp_tail, 6, r), qn_mul4(r, r), r), QN_NUMBER(one));
}
static inline qn_f32x4 qn_exp2_int4(v128_t k) { return wasm_i32x4_add(wasm_i32x4_shl(k, 23), QN_NUMBER(one)); }

static inline qn_f32x4 qn_exp4(qn_f32x4 x) {
  v128_t k;
  const qn_f32x4 p = qn_exp_parts4(qn_max4(qn_min4(x, QN_NUMBER(exp_highest)), QN_NUMBER(exp_high)), &k);
  k = wasm_i32x4_sub(k, QN_NUMBER(magic));
  const v128_t half = wasm_i32x4_shr(k, 1); /* in two steps: 2^k itself may be subnormal or infinite */
  return qn_mul4(qn_mul4(p, qn_exp2_int4(half)), qn_exp2_int4(wasm_i32x4_sub(k, half)));
}
/* For x within ±88, in one step. */
static inline qn_f32x4 qn_exp_near4(qn_f32x4 x) {
  v128_t k;
  const qn_f32x4 p = qn_exp_parts4(x, &k);
  return qn_mul4(p, qn_exp2_int4(k));
}
/* For x up to 88: what would be subnormal is 0. */
static inline qn_f32x4 qn_exp_low4(qn_f32x4 x) { return qn_exp_near4(qn_max4(x, QN_NUMBER(exp_low))); }

static inline qn_f32x4 qn_sigmoid4(qn_f32x4 x) {
  const qn_f32x4 one = QN_NUMBER(one), e = qn_exp_low4(wasm_f32x4_neg(qn_abs4(x)));
  return qn_div4(wasm_v128_bitselect(e, one, wasm_i32x4_shr(x, 31)), qn_add(one, e));
}

/* The magnitude of y, which is positive, with the sign of x. */
static inline qn_f32x4 qn_with_sign4(qn_f32x4 y, qn_f32x4 x, qn_f32x4 magnitude) { return wasm_v128_or(y, wasm_v128_xor(x, magnitude)); }

static inline qn_f32x4 qn_tanh4(qn_f32x4 x) {
  const qn_f32x4 one = QN_NUMBER(one), a = qn_abs4(x), z = qn_mul4(a, a), capped = qn_min4(a, QN_NUMBER(tanh_high));
  const qn_f32x4 near = qn_madd4(qn_mul4(qn_series4(qn_vmath()->tanh_near, 5, z), z), a, a);
  const qn_f32x4 far = qn_sub4(one, qn_div4(QN_NUMBER(two), qn_add(qn_exp_near4(qn_add(capped, capped)), one)));
  return qn_with_sign4(wasm_v128_bitselect(near, far, wasm_f32x4_lt(a, QN_NUMBER(tanh_border))), x, a);
}

static inline qn_f32x4 qn_erf4(qn_f32x4 x) {
  const qn_f32x4 a = qn_abs4(x), b = qn_min4(a, QN_NUMBER(erf_high)), s = qn_mul4(b, b);
  const float *series = qn_vmath()->erf_far;
  qn_f32x4 r = qn_madd4(qn_series4(series, 2, b), s, qn_series4(series + 2, 2, b));
  QN_UNROLL(3) for (int i = 4; i < 7; i++) r = qn_madd4(r, b, qn_load_splat4(series + i));
  const qn_f32x4 far = qn_sub4(QN_NUMBER(one), qn_exp_near4(qn_sub4(qn_mul4(r, b), b)));
  const qn_f32x4 near = qn_madd4(qn_series4(qn_vmath()->erf_near, 6, s), b, b);
  return qn_with_sign4(wasm_v128_bitselect(far, near, wasm_f32x4_gt(b, QN_NUMBER(erf_border))), x, a);
}

/* x · (1 + erf(x / √2)) / 2, where half the erf is x times a quotient of polynomials in x², fitted within 2.4e-8 of it and to pass 1/2 at the
 * border, where it stays: a third of the work of qn_erf4(). */
static inline qn_f32x4 qn_gelu4(qn_f32x4 x) {
  const qn_f32x4 a = qn_min4(qn_max4(x, QN_NUMBER(gelu_low)), QN_NUMBER(gelu_high)), s = qn_mul4(a, a), half = QN_NUMBER(half);
  const qn_f32x4 h = qn_div4(qn_mul4(a, qn_series4(qn_vmath()->gelu_over, 6, s)), qn_series4(qn_vmath()->gelu_under, 6, s));
  return qn_mul4(x, qn_add(half, qn_min4(qn_max4(h, QN_NUMBER(minus_half)), half)));
}
#else
#define QN_EACH(name, scalar)                                    \
  static inline qn_f32x4 name(qn_f32x4 x) {                      \
    for (int i = 0; i < 4; i++) x.v[i] = scalar(x.v[i]);         \
    return x;                                                    \
  }
QN_EACH(qn_exp4, qn_exp_f32)
QN_EACH(qn_exp_low4, qn_exp_f32)
QN_EACH(qn_sigmoid4, qn_sigmoid_f32)
QN_EACH(qn_tanh4, qn_tanh_f32)
QN_EACH(qn_erf4, qn_erf_f32)
QN_EACH(qn_gelu4, qn_gelu_f32)
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
