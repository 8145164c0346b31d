/* kernel/cast.h: narrow floats bit by bit, saturation, wrapping, packed types, numbers as text. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cast.h"

static uint64_t state = 3;
static uint32_t bits(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 32);
}

TEST(float16_round_trip) {
  bool ok = true;
  for (unsigned h = 0; h < 65536; h++) {
    float x = qn_f16_to_f32((uint16_t)h);
    int e = (int)(h >> 10 & 31);
    double m = h & 1023, want = e == 0 ? ldexp(m, -24) : ldexp(m + 1024, e - 25);
    if (e == 31) ok = ok && (m ? isnan(x) : isinf(x)) && (isnan(x) || !signbit(x) == !(h >> 15));
    else ok = ok && x == (h >> 15 ? -want : want) && qn_f32_to_f16(x) == h;
  }
  CHECK(ok);
  CHECK(qn_f32_to_f16(65520.0f) == 0x7c00 && qn_f32_to_f16(65519.0f) == 0x7bff && qn_f32_to_f16(NAN) == 0x7e00);
}

/* The nearest of all codes, ties to the even one. */
static bool nearest(const qn_minifloat *kind, unsigned codes) {
  bool ok = true;
  for (int i = 0; i < 4000; i++) {
    float x = ldexpf((float)(bits() & 0xfff) / 512.0f, (int)(bits() % 12) - 8);
    if (fabsf(x) > qn_minifloat_to_f32(kind, kind->max)) continue;
    unsigned got = qn_minifloat_from_f32(kind, x, true), best = 0;
    double least = INFINITY;
    for (unsigned c = 0; c <= kind->max && c < codes; c++) {
      double d = fabs((double)qn_minifloat_to_f32(kind, c) - x);
      if (d < least || (d == least && !(c & 1))) least = d, best = c;
    }
    ok = ok && got == best && (best == 0 || qn_minifloat_from_f32(kind, -x, true) == (best | kind->sign));
  }
  return ok;
}

TEST(minifloats) {
  CHECK(nearest(&QN_F8E4M3FN, 256) && nearest(&QN_F8E4M3FNUZ, 256) && nearest(&QN_F8E5M2, 256) && nearest(&QN_F8E5M2FNUZ, 256));
  CHECK(nearest(&QN_F4E2M1, 16));
  CHECK(qn_minifloat_to_f32(&QN_F8E4M3FN, 0x7e) == 448 && qn_minifloat_to_f32(&QN_F8E4M3FNUZ, 0x7f) == 240);
  CHECK(qn_minifloat_to_f32(&QN_F8E5M2, 0x7b) == 57344 && qn_minifloat_to_f32(&QN_F8E5M2FNUZ, 0x7f) == 57344);
  CHECK(qn_minifloat_to_f32(&QN_F4E2M1, 7) == 6 && isnan(qn_minifloat_to_f32(&QN_F8E4M3FN, 0xff)));
  CHECK(qn_minifloat_from_f32(&QN_F8E4M3FN, 1000, true) == 0x7e && qn_minifloat_from_f32(&QN_F8E4M3FN, 1000, false) == 0x7f);
  CHECK(qn_minifloat_from_f32(&QN_F8E5M2, INFINITY, false) == 0x7c && qn_minifloat_from_f32(&QN_F8E5M2, -INFINITY, true) == 0xfb);
  CHECK(qn_minifloat_from_f32(&QN_F8E5M2FNUZ, -INFINITY, false) == 0x80 && qn_minifloat_from_f32(&QN_F8E5M2FNUZ, -0.0f, true) == 0);
  CHECK(qn_e8m0_from_f32(3.0f, QN_ROUND_UP, true) == 129 && qn_e8m0_from_f32(3.0f, QN_ROUND_DOWN, true) == 128);
  CHECK(qn_e8m0_from_f32(INFINITY, QN_ROUND_UP, true) == 255 && qn_e8m0_to_f32(127) == 1 && isnan(qn_e8m0_to_f32(255)));
}

static int64_t to_integer(double x, qn_dtype to) {
  uint64_t y = 0;
  int64_t wide;
  qn_cast(QN_DOUBLE, &x, to, &y, 1, (qn_cast_mode){0});
  qn_load(QN_IN_I64, to, &y, 0, 1, &wide);
  return wide;
}

TEST(saturation) {
  CHECK(to_integer(1e30, QN_INT32) == INT32_MAX && to_integer(-1e30, QN_INT32) == INT32_MIN && to_integer(NAN, QN_INT32) == 0);
  CHECK(to_integer(1e30, QN_INT64) == INT64_MAX && to_integer(-INFINITY, QN_INT64) == INT64_MIN && to_integer(NAN, QN_INT64) == 0);
  CHECK(to_integer(-5, QN_UINT8) == 0 && to_integer(300, QN_UINT8) == 255 && to_integer(-1.9, QN_INT8) == -1);
  CHECK(to_integer(1e30, QN_UINT64) == -1 && to_integer(-3, QN_UINT64) == 0 && to_integer(0.25, QN_BOOL) == 1);
  int32_t x = 0x12345;
  uint8_t y;
  qn_cast(QN_INT32, &x, QN_UINT8, &y, 1, (qn_cast_mode){0});
  CHECK(y == 0x45);
  double d = 1.0 + 0x1p-11 + 0x1p-40; /* a tie in float, but not in double */
  uint16_t h;
  qn_cast(QN_DOUBLE, &d, QN_FLOAT16, &h, 1, (qn_cast_mode){0});
  CHECK(h == 0x3c01);
}

TEST(packed) {
  float x[9] = {-9, -8, -1, 0, 1, 7, 8, 3.9f, -3.9f}, back[9];
  uint8_t y[5] = {255, 255, 255, 255, 255};
  const float saturated[9] = {-8, -8, -1, 0, 1, 7, 7, 3, -3}, wrapped[9] = {7, -8, -1, 0, 1, 7, -8, 3, -3};
  qn_cast(QN_FLOAT, x, QN_INT4, y, 9, (qn_cast_mode){0});
  qn_cast(QN_INT4, y, QN_FLOAT, back, 9, (qn_cast_mode){0});
  CHECK(memcmp(back, saturated, sizeof back) == 0 && y[4] >> 4 == 0);
  qn_cast(QN_FLOAT, x, QN_INT4, y, 9, (qn_cast_mode){.wrap = true});
  qn_cast(QN_INT4, y, QN_FLOAT, back, 9, (qn_cast_mode){0});
  CHECK(memcmp(back, wrapped, sizeof back) == 0);
  const int8_t small[5] = {-2, -1, 0, 1, 1};
  int8_t again[5];
  qn_cast(QN_INT8, small, QN_INT2, y, 5, (qn_cast_mode){0});
  qn_cast(QN_INT2, y, QN_INT8, again, 5, (qn_cast_mode){0});
  CHECK(memcmp(small, again, 5) == 0);
}

/* Every pair of types, on small whole numbers that all of them hold, in an odd count that spans chunks. */
TEST(all_pairs) {
  enum { N = 771 };
  static uint64_t a[N], b[N];
  static double v[N], w[N];
  bool ok = true;
  for (int from = 1; from < QN_DTYPE_COUNT; from++)
    for (int to = 1; to < QN_DTYPE_COUNT; to++) {
      if (from == QN_STRING || to == QN_STRING || from == QN_COMPLEX64 || from == QN_COMPLEX128 || to == QN_COMPLEX64 || to == QN_COMPLEX128) continue;
      for (int i = 0; i < N; i++) v[i] = from == QN_FLOAT8E8M0 || to == QN_FLOAT8E8M0 || i % 3 == 1;
      qn_store(QN_IN_F64, (qn_dtype)from, a, 0, N, v, (qn_cast_mode){0});
      qn_cast((qn_dtype)from, a, (qn_dtype)to, b, N, (qn_cast_mode){0});
      qn_load(QN_IN_F64, (qn_dtype)to, b, 0, N, w);
      for (int i = 0; i < N; i++) ok = ok && v[i] == w[i];
    }
  CHECK(ok);
}

static bool reads(double x, bool single, const char *want) {
  char text[QN_NUMBER_TEXT];
  size_t n = qn_float_text(x, single, text);
  return n == strlen(want) && memcmp(text, want, n) == 0;
}

TEST(text) {
  CHECK(reads(0.1f, true, "0.1") && reads(1, true, "1.0") && reads(-1234.5, false, "-1234.5") && reads(100, true, "100.0"));
  CHECK(reads(1e-5, false, "1e-05") && reads(1.5e20, false, "1.5e+20") && reads(0.001, false, "0.001"));
  CHECK(reads(NAN, true, "NaN") && reads(INFINITY, true, "INF") && reads(-INFINITY, true, "-INF") && reads(-0.0, true, "-0.0"));
  CHECK(reads(3.14159274f, true, "3.1415927") && reads(16777216, true, "16777216.0") && reads(0.3, false, "0.3"));
  CHECK(reads(9.999999f, true, "9.999999") && reads(99999.99f, true, "99999.99"));
  bool ok = true;
  for (int i = 0; i < 20000; i++) {
    char text[QN_NUMBER_TEXT];
    float x = qn_float_of(bits());
    double back;
    uint64_t whole;
    bool integer;
    if (!isfinite(x)) continue;
    size_t n = qn_float_text(x, true, text);
    ok = ok && n <= QN_NUMBER_TEXT && qn_parse_number(text, n, &back, &whole, &integer) && (float)back == x;
  }
  CHECK(ok);
  double v;
  uint64_t whole;
  bool integer;
  CHECK(qn_parse_number("-9223372036854775808", 20, &v, &whole, &integer) && integer && (int64_t)whole == INT64_MIN);
  CHECK(qn_parse_number(" 1.5e3 ", 7, &v, &whole, &integer) && !integer && v == 1500);
  CHECK(qn_parse_number("+INF", 4, &v, &whole, &integer) && v == INFINITY);
  CHECK(qn_parse_number("1e99999", 7, &v, &whole, &integer) && v == INFINITY);
  CHECK(qn_parse_number("1e-99999", 8, &v, &whole, &integer) && v == 0);
  ok = true;
  for (int i = 0; i < 20000; i++) { /* what another program wrote with 17 digits is the same number */
    char text[40];
    const double x = ldexp(1 + bits() / 4294967296.0 + bits() / 18446744073709551616.0, (int)(bits() % 2040) - 1020);
    ok = ok && qn_parse_number(text, (size_t)snprintf(text, sizeof text, "%.17g", x), &v, &whole, &integer) && v == x;
  }
  CHECK(ok);
  const char *shorts[] = {"3.14159", "0.1", "1e22", "1e23", "8.5e-7", "123456.789", "0.30000000000000004", "9007199254740993", "5e-324", "1.7976931348623157e308"};
  for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++) CHECK(qn_parse_number(shorts[i], strlen(shorts[i]), &v, &whole, &integer) && v == strtod(shorts[i], NULL));
  CHECK(!qn_parse_number("", 0, &v, &whole, &integer) && !qn_parse_number("1x", 2, &v, &whole, &integer) && !qn_parse_number("e5", 2, &v, &whole, &integer));
}

int main(void) {
  RUN(float16_round_trip);
  RUN(minifloats);
  RUN(saturation);
  RUN(packed);
  RUN(all_pairs);
  RUN(text);
  return DONE();
}
