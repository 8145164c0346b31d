/* Numbers as text and back, without stdio and its locale. */
#include <math.h>

#include "kernel/cast.h"

static double scale10(double x, int e) {
  static const double POWER[] = {1e1, 1e2, 1e4, 1e8, 1e16, 1e32, 1e64, 1e128, 1e256};
  int a = e < 0 ? -e : e;
  if (a > 400) a = 400;
  for (int i = 0; a; i++, a >>= 1)
    if (a & 1) x = e < 0 ? x / POWER[i] : x * POWER[i];
  return x;
}

size_t qn_int_text(uint64_t magnitude, bool negative, char *text) {
  char digits[20];
  size_t count = 0, length = 0;
  do digits[count++] = (char)('0' + magnitude % 10);
  while (magnitude /= 10);
  if (negative) text[length++] = '-';
  while (count) text[length++] = digits[--count];
  return length;
}

static size_t put(char *text, const char *word) {
  size_t n = 0;
  for (; word[n]; n++) text[n] = word[n];
  return n;
}

size_t qn_float_text(double value, bool single, char *text) {
  if (value != value) return put(text, "NaN");
  if (isinf(value)) return put(text, value < 0 ? "-INF" : "INF");
  size_t n = 0;
  if (signbit(value)) text[n++] = '-';
  value = fabs(value);
  if (value == 0) return n + put(text + n, "0.0");
  int e = (int)floor(log10(value)); /* decimal exponent, possibly one off: the digit count below corrects it */
  uint64_t digits = 0;
  int kept = 1, most = single ? 9 : 17;
  for (;; kept++) {
    digits = (uint64_t)rint(scale10(value, kept - 1 - e));
    double back = scale10((double)digits, e - kept + 1);
    if (kept == most || (single ? (float)back == (float)value : back == value)) break;
  }
  char d[QN_NUMBER_TEXT];
  int count = (int)qn_int_text(digits, false, d);
  e += count - kept; /* now the exponent of the first digit */
  while (count > 1 && d[count - 1] == '0') count--;
  if (e < -4 || e >= 16) {
    text[n++] = d[0];
    if (count > 1) text[n++] = '.';
    for (int i = 1; i < count; i++) text[n++] = d[i];
    text[n++] = 'e';
    text[n++] = e < 0 ? '-' : '+';
    int a = e < 0 ? -e : e;
    if (a < 10) text[n++] = '0';
    return n + qn_int_text((uint64_t)a, false, text + n);
  }
  if (e < 0) {
    n += put(text + n, "0.");
    for (int i = -1; i > e; i--) text[n++] = '0';
    for (int i = 0; i < count; i++) text[n++] = d[i];
    return n;
  }
  for (int i = 0; i <= e; i++) text[n++] = i < count ? d[i] : '0';
  text[n++] = '.';
  if (count <= e + 1) text[n++] = '0';
  for (int i = e + 1; i < count; i++) text[n++] = d[i];
  return n;
}

static bool word(const char *text, size_t length, const char *lower) {
  size_t i = 0;
  for (; i < length && lower[i]; i++)
    if ((text[i] | 32) != lower[i]) return false;
  return i == length && !lower[i];
}

/* A sum of two doubles with 106 bits (T. J. Dekker 1971, "A floating-point technique for extending the available precision"). */
typedef struct pair {
  double high, low;
} pair;

static pair sum_of(double high, double low) { /* |high| ≥ |low| */
  const double sum = high + low;
  return (pair){sum, low - (sum - high)};
}

static pair product_of(pair a, pair b) {
  const double split = 134217729, p = a.high * b.high; /* 2^27 + 1 */
  const double s = split * a.high, t = split * b.high, ah = s - (s - a.high), bh = t - (t - b.high), al = a.high - ah, bl = b.high - bh;
  return sum_of(p, ((ah * bh - p) + ah * bl + al * bh) + al * bl + (a.high * b.low + a.low * b.high));
}

/* mantissa · 10^exponent as mantissa · 5^exponent · 2^exponent, rounded once: what a program in JavaScript or Python wrote is read as the same
 * number, which categories need. */
static double decimal(uint64_t mantissa, int exponent) {
  pair x = sum_of((double)(mantissa >> 32) * 4294967296.0, (double)(uint32_t)mantissa), power = {1, 0}, five = {5, 0};
  const int n = exponent < -400 || exponent > 400 ? 400 : exponent < 0 ? -exponent : exponent;
  for (int bits = n; bits; bits >>= 1, five = product_of(five, five))
    if (bits & 1) power = product_of(power, five);
  union { uint64_t bits; double value; } two = {(uint64_t)(1023 + (exponent < 0 ? -n : n)) << 52};
  if (exponent >= 0) {
    x = product_of(x, power);
    return (x.high + x.low) * two.value;
  }
  const double quotient = x.high / power.high;
  const pair back = product_of((pair){quotient, 0}, power);
  return (quotient + (((x.high - back.high) - back.low) + x.low) / power.high) * two.value;
}

bool qn_parse_number(const char *text, size_t length, double *value, uint64_t *integer, bool *is_integer) {
  size_t i = 0;
  while (i < length && (text[i] == ' ' || (text[i] >= 9 && text[i] <= 13))) i++;
  while (length > i && (text[length - 1] == ' ' || (text[length - 1] >= 9 && text[length - 1] <= 13))) length--;
  bool negative = i < length && text[i] == '-';
  if (i < length && (text[i] == '-' || text[i] == '+')) i++;
  *is_integer = false;
  *integer = 0;
  if (word(text + i, length - i, "nan")) { *value = NAN; return true; }
  if (word(text + i, length - i, "inf") || word(text + i, length - i, "infinity")) {
    *value = negative ? -INFINITY : INFINITY;
    return true;
  }
  uint64_t mantissa = 0, whole = 0;
  int exponent = 0;
  bool any = false, point = false;
  for (; i < length; i++) {
    if (text[i] == '.' && !point) { point = true; continue; }
    if (text[i] < '0' || text[i] > '9') break;
    unsigned digit = (unsigned)(text[i] - '0');
    any = true;
    if (!point) whole = whole * 10 + digit;
    if (mantissa < UINT64_MAX / 10 - 1) { /* 19 digits decide */
      mantissa = mantissa * 10 + digit;
      if (point && exponent > -100000) exponent--;
    } else if (!point && exponent < 100000) {
      exponent++;
    }
  }
  if (!any) return false;
  *is_integer = !point && i == length;
  if (i < length && (text[i] | 32) == 'e') {
    i++;
    bool minus = i < length && text[i] == '-';
    if (i < length && (text[i] == '-' || text[i] == '+')) i++;
    int e = 0;
    bool digits = false;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++, digits = true)
      if (e < 10000) e = e * 10 + (text[i] - '0');
    if (!digits) return false;
    exponent += minus ? -e : e;
  }
  if (i != length) return false;
  const double x = decimal(mantissa, exponent);
  *value = negative ? -x : x;
  *integer = negative ? 0 - whole : whole;
  return true;
}
