/* strtod for the modules of the features, which read numbers in manifests: the C library's computes in 128 bits, 15 KB of wasm.
 * Digits and power of ten are sums of two doubles (Dekker 1971, "A floating-point technique for extending the available precision"), exact to some
 * 2^-100, so that what is rounded at the end is the nearest double but for one in 10^13 (tests/c/test_strtod.c). No hexadecimal, infinities or NaN. */
#include <stdint.h>
#include <stdlib.h>

typedef struct pair {
  double high, low;
} pair;

/* a + b with |a| ≥ |b|, and what rounding lost. */
static pair sum(double a, double b) {
  const double s = a + b;
  return (pair){s, b - (s - a)};
}

static pair product(pair a, pair b) {
  const double split = 134217729; /* 2^27 + 1 */
  const double p = a.high * b.high, ta = split * a.high, tb = split * b.high, ah = ta - (ta - a.high), bh = tb - (tb - b.high), al = a.high - ah, bl = b.high - bh;
  return sum(p, ((ah * bh - p) + ah * bl + al * bh) + al * bl + (a.high * b.low + a.low * b.high));
}

static pair quotient(pair a, pair b) {
  const double q = a.high / b.high;
  const pair back = product((pair){q, 0}, b);
  return sum(q, ((a.high - back.high) - back.low + a.low) / b.high);
}

/* x · 10^e, e from 0 to 290. */
static pair scaled(pair x, int e, int down) {
  pair power = {10, 0}, all = {1, 0};
  for (; e; e >>= 1) {
    if (e & 1) all = product(all, power);
    if (e > 1) power = product(power, power);
  }
  return down ? quotient(x, all) : product(x, all);
}

double strtod(const char *text, char **end) {
  const char *p = text;
  while (*p == ' ' || (*p >= '\t' && *p <= '\r')) p++;
  const int negative = *p == '-';
  if (*p == '-' || *p == '+') p++;
  uint64_t digits = 0;
  int exponent = 0, any = 0, point = 0;
  for (;; p++) {
    if (*p == '.' && !point) {
      point = 1;
      continue;
    }
    if (*p < '0' || *p > '9') break;
    any = 1;
    if (digits < UINT64_MAX / 10 - 1) digits = digits * 10 + (uint64_t)(*p - '0'), exponent -= point; /* 19 digits decide */
    else if (exponent < 100000) exponent += !point;
  }
  if (end) *end = (char *)(any ? p : text);
  if (!any) return 0;
  if (*p == 'e' || *p == 'E') {
    const char *q = p + 1;
    const int minus = *q == '-';
    int e = 0;
    if (*q == '-' || *q == '+') q++;
    if (*q >= '0' && *q <= '9') {
      for (; *q >= '0' && *q <= '9'; q++)
        if (e < 100000) e = e * 10 + *q - '0';
      exponent += minus ? -e : e;
      if (end) *end = (char *)q;
    }
  }
  const double high = (double)(digits & ~(uint64_t)0x7ff), low = (double)(digits & 0x7ff);
  pair x = sum(high, low);
  if (digits && exponent) {
    /* Far from 1 in two strides: the second leaves the range of doubles only where the result does. */
    const int far = exponent < 0 ? -exponent : exponent, down = exponent < 0;
    if (far > 700) x = (pair){down ? 0 : 1e308 * 10, 0};
    else {
      int first = far > 270 ? far - 270 : 0;
      if (down) x = scaled(x, far - first, 1);
      else x = scaled(x, far - first, 0);
      if (first) {
        /* The last stride by plain steps: near the ends of the range the pairs have no room. */
        while (first >= 22) x.high = down ? x.high / 1e22 : x.high * 1e22, first -= 22;
        while (first--) x.high = down ? x.high / 10 : x.high * 10;
        x.low = 0;
      }
    }
  }
  const double value = x.high + x.low;
  return negative ? -value : value;
}
