#include "base/math64.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts; the first has 21 zero bits at its end, so that its product with an exponent is exact. */
static const double LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33, LOG2_E = 0x1.71547652b82fep0;

/* ---- sums and products of two doubles without rounding error (Dekker, "A floating-point technique for extending the available precision", 1971) ---- */

typedef struct { double high, low; } pair;

static pair sum(double a, double b) {
  double s = a + b, t = s - a;
  return (pair){s, (a - (s - t)) + (b - t)};
}

static double upper_half(double a) {
  double c = 0x1.0000002p27 * a;
  return c - (c - a);
}

static pair product(double a, double b) {
  double p = a * b, ah = upper_half(a), bh = upper_half(b), al = a - ah, bl = b - bh;
  return (pair){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static pair times(pair a, pair b) {
  pair p = product(a.high, b.high);
  p.low += a.high * b.low + a.low * b.high;
  return p;
}

/* ---- the exponential ---- */

/* e^(x + low), low being less than a unit in the last place of x: 2^k · e^r with |r| ≤ ln 2 / 2, e^r by its series. */
static double exp_of_sum(double x, double low) {
  if (x != x) return x;
  if (x > 709.7827128933841) return INFINITY;
  if (x < -745.1332191019412) return 0;
  int k = (int)(x * LOG2_E + (x < 0 ? -0.5 : 0.5));
  const double high = x - k * LN2_HIGH, rest = k * LN2_LOW - low, r = high - rest;
  double q = 0;
  static const double TERMS[] = {1 / 6227020800., 1 / 479001600., 1 / 39916800., 1 / 3628800., 1 / 362880., 1 / 40320., 1 / 5040., 1 / 720., 1 / 120., 1 / 24., 1 / 6., 1 / 2.};
  for (int i = 0; i < 12; i++) q = q * r + TERMS[i];
  return scalbn(1 + (high + (r * r * q - rest)), k);
}

double qn_exp64(double x) { return exp_of_sum(x, 0); }

/* ---- the logarithm ---- */

/* x > 0, finite, as m · 2^k with m from √½ to √2. */
static double split(double x, int *k) {
  double m = frexp(x, k);
  if (m < 0x1.6a09e667f3bcdp-1) {
    m *= 2;
    --*k;
  }
  return m;
}

/* Σ 2 z^i / (2 i + first) for i from 0 to count - 1: the series of 2·atanh(s) - 2 s, where z is s², over s z. */
static double atanh_series(double z, int first, int count) {
  double t = 0;
  for (int i = count - 1; i >= 0; i--) t = t * z + 2.0 / (2 * i + first);
  return t;
}

double qn_log64(double x) {
  if (!(x > 0) || x == INFINITY) return x == 0 ? -INFINITY : x < 0 ? NAN : x;
  int k;
  double f = split(x, &k) - 1, s = f / (2 + f), z = s * s, half = f * f / 2, series = z * atanh_series(z, 3, 11);
  return k * LN2_HIGH - ((half - (s * (half + series) + k * LN2_LOW)) - f); /* ln m = 2 atanh(s), its large terms kept apart */
}

/* ln x to some 66 bits, by the same series in pairs. */
static pair log_pair(double x) {
  int k;
  double m = split(x, &k), f = m - 1;
  pair d = sum(m, 1), s = {f / d.high, 0}, back = product(s.high, d.high);
  s.low = ((f - back.high - back.low) - s.high * d.low) / d.high;
  pair z = times(s, s), third = sum(0x1.5555555555555p-1, z.high * atanh_series(z.high, 5, 12));
  third.low += 0x1.5555555555555p-55;
  pair tail = times(s, times(z, third)), log = sum(2 * s.high, tail.high);
  log.low += 2 * s.low + tail.low;
  pair all = sum(k * LN2_HIGH, log.high);
  return sum(all.high, all.low + log.low + k * LN2_LOW);
}

/* ---- the power ---- */

static bool is_odd(double y) { return fabs(y) < 0x1p53 && fmod(y, 2) != 0 && floor(y) == y; }

double qn_pow64(double x, double y) {
  if (y == 0 || x == 1) return 1;
  if (x != x || y != y) return x + y;
  const double sign = signbit(x) && is_odd(y) ? -1 : 1, base = fabs(x);
  if (x < 0 && base != INFINITY && fabs(y) != INFINITY && floor(y) != y) return NAN;
  if (base == 1) return sign;
  if (base == 0 || base == INFINITY || fabs(y) >= 0x1p63) return sign * ((base > 1) == (y > 0) ? INFINITY : 0);
  pair log = log_pair(base), exponent = product(log.high, y);
  if (fabs(exponent.high) > 1000) return sign * (exponent.high > 0 ? INFINITY : 0);
  return sign * exp_of_sum(exponent.high, exponent.low + log.low * y);
}

/* ---- large angles ---- */

/* The bits of 2/π after its point. */
static const uint32_t TWO_OVER_PI[] = {
  0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0,
  0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4,
  0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
  0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab};

int qn_reduce_angle64(double x, double y[2]) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int exponent = (int)(bits >> 52 & 0x7ff) - 1075; /* |x| is mantissa · 2^exponent; subnormals need no more than zero */
  const uint64_t mantissa = (bits & 0xfffffffffffffu) | 1ull << 52;
  y[0] = x;
  y[1] = 0;
  if (fabs(x) <= 0x1.921fb54442d18p-1) return 0;
  /* Bits of 2/π that stand for 8 and more after the product change nothing: start at the bit whose product weighs 4 · mantissa, or at the first. */
  enum { WORDS = 6 };
  const int start = exponent > 3 ? exponent - 3 : 0;
  uint32_t window[WORDS], result[WORDS + 2] = {0};
  for (int i = 0; i < WORDS; i++) {
    int word = (start >> 5) + i, shift = start & 31;
    window[i] = TWO_OVER_PI[word] << shift | (uint32_t)((uint64_t)TWO_OVER_PI[word + 1] >> (32 - shift));
  }
  for (int part = 0; part < 2; part++) { /* result = window · mantissa, most significant word first */
    const uint64_t digit = part ? mantissa >> 32 : mantissa & 0xffffffffu;
    uint64_t carry = 0;
    for (int i = WORDS - 1; i >= 0; i--) {
      const int at = i + 2 - part;
      carry += window[i] * digit + result[at];
      result[at] = (uint32_t)carry;
      carry >>= 32;
    }
    for (int at = 1 - part; at >= 0; at--) {
      carry += result[at];
      result[at] = (uint32_t)carry;
      carry >>= 32;
    }
  }
  /* The point stands `point` bits from the left: whole quarters before it (modulo 8), the fraction after it. */
  const int point = 64 + exponent - start;
  int quarters = 0;
  for (int i = point - 3; i < point; i++) quarters = quarters * 2 + (i < 0 ? 0 : (int)(result[i >> 5] >> (31 - (i & 31)) & 1));
  uint32_t fraction[5];
  for (int i = 0; i < 5; i++) {
    int at = point + 32 * i, word = at >> 5, shift = at & 31;
    uint64_t two = (uint64_t)(word < WORDS + 2 ? result[word] : 0) << 32 | (word + 1 < WORDS + 2 ? result[word + 1] : 0);
    fraction[i] = (uint32_t)(two >> (32 - shift));
  }
  bool above_half = fraction[0] >> 31;
  if (above_half)
    for (int i = 0; i < 5; i++) fraction[i] = ~fraction[i]; /* 1 - fraction, but for the last bit */
  pair turn = {0, 0};
  for (int i = 4; i >= 0; i--) {
    pair more = sum(scalbn(fraction[i], -32 * (i + 1)), turn.high);
    turn = sum(more.high, more.low + turn.low);
  }
  turn = times(turn, (pair){0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54});
  const double sign = (x < 0) == above_half ? 1 : -1;
  y[0] = sign * (turn.high + turn.low);
  y[1] = sign * ((turn.high - sign * y[0]) + turn.low);
  quarters += above_half;
  return (x < 0 ? -quarters : quarters) & 7;
}
