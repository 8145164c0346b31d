/* wasm/strtod.c against the C library's: the same double, for numbers as JSON has them. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define strtod our_strtod
#include "../../wasm/strtod.c"
#undef strtod

static bool same(const char *text) {
  char *a, *b;
  const double want = strtod(text, &a), got = our_strtod(text, &b);
  const bool ok = !memcmp(&want, &got, sizeof got) && a == b;
  if (!ok) printf("'%s': %.17g, not %.17g; %d characters, not %d\n", text, got, want, (int)(b - text), (int)(a - text));
  return ok;
}

TEST(numbers_of_every_form) {
  static const char *const cases[] = {"0", "-0", "1", "-12.5e3x", "0.1", "1e22", "1e23", "123456789012345678", "9007199254740993", "18446744073709551615", "18446744073709551616", "0.30000000000000004",
    "5e", "5e+", "1.e2", ".5", "", "-", "abc", "1e400", "-1e400", "1e-400", "0e99999999", "1.7976931348623157e308", "2.2250738585072014e-308", "3.14159265358979323846264338327950288", "  7", "1e999999999999",
    "0.000000000000000000000000000000000000000000001", "100000000000000000000000000000000000000000000000000", "1..5", "1e5.5"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) CHECK(same(cases[i]));
}

/* As JavaScript writes doubles: the 17 digits that tell them apart, the shorter ones, and every exponent that a manifest could have. */
TEST(what_is_written_comes_back) {
  uint64_t seed = 88172645463325252u;
  for (int i = 0; i < 300000; i++) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    char text[64];
    const double x = ldexp((double)(seed >> 11), (int)(seed % 1600) - 850);
    snprintf(text, sizeof text, "%.*g", 1 + (int)(seed >> 32) % 17, i % 2 ? x : (double)(seed >> 11) / 9007199254740992.0);
    CHECK(same(text));
  }
}

int main(void) {
  RUN(numbers_of_every_form);
  RUN(what_is_written_comes_back);
  return DONE();
}
