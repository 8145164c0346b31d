#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/math64.h"
#include "base/pair64.h"

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

double qn_tan64(double x) {
  if (x == 0 || !(fabs(x) < INFINITY)) return x == 0 ? x : x - x;
  double y[2];
  const int quarters = qn_reduce_angle64(x, y);
  const double s0 = sin(y[0]), c0 = cos(y[0]), s = s0 + y[1] * c0, c = c0 - y[1] * s0;
  return quarters & 1 ? -c / s : s / c;
}

double qn_asin64(double x) { return atan2(x, sqrt((1 - x) * (1 + x))); }
double qn_acos64(double x) { return atan2(sqrt((1 - x) * (1 + x)), x); }
