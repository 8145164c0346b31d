/* base/math64.h against the C library, in units in the last place. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/math64.h"

static uint64_t state = 7;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}
static double between(double low, double high) { return low + (high - low) * ((double)(next() >> 11) / 9007199254740992.0); }
static double any_bits(void) {
  uint64_t bits = next();
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Difference in units in the last place of the wanted number; equal infinities and NaN count as none. */
static double units(double got, double want) {
  if (got == want || (got != got && want != want)) return 0;
  if (got != got || want != want || isinf(got) || isinf(want)) return INFINITY;
  int e;
  frexp(want, &e);
  return fabs(got - want) / ldexp(1, e - 53 < -1074 ? -1074 : e - 53);
}

TEST(exponential) {
  double worst = 0;
  for (int i = 0; i < 300000; i++) {
    double x = i % 3 ? between(-746, 710) : between(-1, 1);
    worst = fmax(worst, units(qn_exp64(x), exp(x)));
  }
  for (int i = 0; i < 100000; i++) {
    double x = any_bits();
    worst = fmax(worst, units(qn_exp64(x), exp(x)));
  }
  CHECK(worst <= 1);
  CHECK(qn_exp64(0) == 1 && qn_exp64(-0.0) == 1 && qn_exp64(INFINITY) == INFINITY && qn_exp64(-INFINITY) == 0 && isnan(qn_exp64(NAN)));
}

TEST(logarithm) {
  double worst = 0;
  for (int i = 0; i < 300000; i++) {
    double x = i % 3 ? between(0, 3) : fabs(any_bits());
    worst = fmax(worst, units(qn_log64(x), log(x)));
  }
  for (int i = 1; i < 2000; i++) worst = fmax(worst, units(qn_log64(i * 0x1p-1074), log(i * 0x1p-1074)));
  for (int i = -1000; i < 1000; i++) worst = fmax(worst, units(qn_log64(1 + i * 0x1p-50), log(1 + i * 0x1p-50)));
  CHECK(worst <= 1);
  CHECK(qn_log64(1) == 0 && qn_log64(0) == -INFINITY && qn_log64(-0.0) == -INFINITY && qn_log64(INFINITY) == INFINITY);
  CHECK(isnan(qn_log64(-1)) && isnan(qn_log64(-INFINITY)) && isnan(qn_log64(NAN)));
}

TEST(power) {
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double x = i % 4 == 0 ? between(0, 2) : i % 4 == 1 ? fabs(any_bits()) : between(0, 1e6), y = i % 3 ? between(-50, 50) : between(-1000, 1000);
    worst = fmax(worst, units(qn_pow64(x, y), pow(x, y)));
  }
  for (int i = 0; i < 100000; i++) { /* results of every size, from bases close to one */
    double x = 1 + between(-1e-6, 1e-6), y = between(-7e8, 7e8);
    worst = fmax(worst, units(qn_pow64(x, y), pow(x, y)));
  }
  for (int i = -30; i < 30; i++)
    for (int n = -12; n <= 12; n++) worst = fmax(worst, units(qn_pow64(i, n), pow(i, n)));
  CHECK(worst <= 1);
  static const double SPECIAL[] = {0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1e-300, -1e300, INFINITY, -INFINITY, NAN, 0x1p53, 0x1p53 + 2, -0x1p52, 0x1.fffffffffffffp1023, 4e-324};
  const int n = (int)(sizeof SPECIAL / sizeof *SPECIAL);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++) {
      double got = qn_pow64(SPECIAL[i], SPECIAL[k]), want = pow(SPECIAL[i], SPECIAL[k]);
      if (units(got, want) > 1) printf("%a ^ %a is %a, not %a\n", SPECIAL[i], SPECIAL[k], got, want);
      CHECK(units(got, want) <= 1 && (want != want || signbit(got) == signbit(want)));
    }
}

TEST(large_angles) {
  double worst = 0;
  long wrong = 0;
  for (int i = 0; i < 300000; i++) {
    double x = i % 4 == 0 ? between(-1e3, 1e3) : i % 4 == 1 ? between(-1e16, 1e16) : any_bits(), y[2];
    if (!isfinite(x)) continue;
    int n = qn_reduce_angle64(x, y) & 3;
    double s = sin(y[0]) + y[1] * cos(y[0]), c = cos(y[0]) - y[1] * sin(y[0]);
    worst = fmax(worst, fmax(units(n & 1 ? c : s, n & 2 ? -sin(x) : sin(x)), units(n & 1 ? -s : c, n & 2 ? -cos(x) : cos(x))));
    wrong += fabs(y[0]) > 0.7853981633974485;
  }
  CHECK(worst <= 1.5); /* half a unit more for the sum of the two parts here */
  CHECK(wrong == 0);
  double y[2];
  CHECK(qn_reduce_angle64(6381956970095103.0 * 0x1p797, y) >= 0 && fabs(y[0]) < 1e-18 && y[0] != 0); /* the double nearest to a multiple of π/2 */
}

/* Over numbers of [low, high] and over all doubles. */
static double worst_of(double (*got)(double), double (*want)(double), double low, double high) {
  double worst = 0;
  for (int i = 0; i < 300000; i++) {
    double x = i % 3 ? between(low, high) : any_bits(), u = units(got(x), want(x));
    if (u > worst) worst = u;
  }
  static const double SPECIAL[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 0x1.fffffffffffffp1023, 4e-324, -4e-324, 1e-300, 0x1p-53, -0x1p-54};
  for (int i = 0; i < (int)(sizeof SPECIAL / sizeof *SPECIAL); i++) {
    double a = got(SPECIAL[i]), b = want(SPECIAL[i]), u = units(a, b);
    if (u > 2) printf("of %a is %a, not %a\n", SPECIAL[i], a, b);
    if (u > worst) worst = u;
    if (b == b && signbit(a) != signbit(b)) worst = INFINITY;
  }
  return worst;
}

TEST(near_one) {
  CHECK(worst_of(qn_expm1_64, expm1, -1, 1) <= 2);
  CHECK(worst_of(qn_expm1_64, expm1, -50, 720) <= 2);
  CHECK(worst_of(qn_log1p_64, log1p, -1, 1) <= 2);
  CHECK(worst_of(qn_log1p_64, log1p, -1e-9, 1e3) <= 2);
}
TEST(decimal_logarithm) {
  CHECK(worst_of(qn_log10_64, log10, 0, 3) <= 2); /* the C library's is 1.6 units off there, this one half a unit */
  for (int i = -300; i <= 22; i++) {
    char text[16];
    snprintf(text, sizeof text, "1e%d", i);
    CHECK(i < 0 || qn_log10_64(strtod(text, NULL)) == i);
  }
}
TEST(error_function) {
  CHECK(worst_of(qn_erf64, erf, -3, 3) <= 4);
  CHECK(worst_of(qn_erf64, erf, -7, 7) <= 4);
}
TEST(angles) {
  CHECK(worst_of(qn_tan64, tan, -10, 10) <= 3);
  CHECK(worst_of(qn_tan64, tan, -1e9, 1e9) <= 3);
  CHECK(worst_of(qn_asin64, asin, -1, 1) <= 2);
  CHECK(worst_of(qn_acos64, acos, -1, 1) <= 2);
  CHECK(worst_of(qn_acos64, acos, 0.999, 1) <= 2);
}

int main(void) {
  RUN(exponential);
  RUN(logarithm);
  RUN(power);
  RUN(large_angles);
  RUN(near_one);
  RUN(decimal_logarithm);
  RUN(error_function);
  RUN(angles);
  return DONE();
}
