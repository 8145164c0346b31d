#include "base/math64.h"

#include <math.h>
#include <stdbool.h>

#include "base/pair64.h"

/* ln 2 in two parts; the first has 21 zero bits at its end, so that its product with an exponent is exact. */
static const double LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33, LOG2_E = 0x1.71547652b82fep0;

/* ---- the exponential ---- */

/* e^(x + low) - 1 as 2^k · (1 + rest) - 1, low being less than a unit in the last place of x, for x between the logarithms of the least and the
 * largest double: |x - k ln 2| ≤ ln 2 / 2, and e to that by its series. Returns the rest. */
static double exp_parts(double x, double low, int *k) {
  *k = (int)(x * LOG2_E + (x < 0 ? -0.5 : 0.5));
  const double high = x - *k * LN2_HIGH, rest = *k * LN2_LOW - low, r = high - rest;
  double q = 0;
  static const double TERMS[] = {1 / 6227020800., 1 / 479001600., 1 / 39916800., 1 / 3628800., 1 / 362880., 1 / 40320., 1 / 5040., 1 / 720., 1 / 120., 1 / 24., 1 / 6., 1 / 2.};
  for (int i = 0; i < 12; i++) q = q * r + TERMS[i];
  return high + (r * r * q - rest);
}

static double exp_of_sum(double x, double low) {
  if (x != x) return x;
  if (x > 709.7827128933841) return INFINITY;
  if (x < -745.1332191019412) return 0;
  int k;
  double rest = exp_parts(x, low, &k);
  return scalbn(1 + rest, k);
}

double qn_exp64(double x) { return exp_of_sum(x, 0); }

double qn_expm1_64(double x) {
  if (x == 0 || !(x > -38 && x < 38)) return x == 0 ? x : exp_of_sum(x, 0) - 1; /* from 38 on, 1 is less than half a unit in the last place */
  int k;
  double rest = exp_parts(x, 0, &k), scale = scalbn(1, k);
  return scale * rest + (scale - 1);
}

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

double qn_log10_64(double x) {
  if (!(x > 0) || x == INFINITY) return qn_log64(x);
  pair log = times(log_pair(x), (pair){0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57}); /* 1 / ln 10 */
  return log.high + log.low;
}

/* The part of x that 1 + x loses is added behind the logarithm. */
double qn_log1p_64(double x) {
  pair u = sum(1, x);
  return x == 0 || !(x > -1) || u.high == INFINITY ? x == 0 ? x : qn_log64(1 + x) : qn_log64(u.high) + u.low / u.high;
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

/* ---- the error function ---- */

/* Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 (a series of positive terms) for small |x|, 7.1.14 (a continued fraction of the
 * complement) for large; e^(-x²) from x² in two parts. */
double qn_erf64(double x) {
  const double TWO_OVER_ROOT_PI = 0x1.20dd750429b6dp+0, a = fabs(x);
  if (x != x || x == 0) return x;
  if (a > 6) return x < 0 ? -1 : 1;
  pair square = product(a, a);
  double e = exp_of_sum(-square.high, -square.low), t = a < 1 ? 1 : a;
  if (a < 1)
    for (int n = 22; n > 0; n--) t = 1 + t * square.high * 2 / (2 * n + 1);
  else
    for (int n = 200; n > 0; n--) t = a + n * 0.5 / t;
  double y = a < 1 ? TWO_OVER_ROOT_PI * a * e * t : 1 - TWO_OVER_ROOT_PI / 2 * e / t;
  return x < 0 ? -y : y;
}
