#include "kernel/utf8.h"

#include "kernel/case_table.h"

uint32_t qn_utf8_next(const char **p, const char *end) {
  static const uint32_t LEAST[] = {0, 0x80, 0x800, 0x10000};
  const uint8_t *s = (const uint8_t *)*p;
  const int more = s[0] < 0x80 ? 0 : s[0] < 0xC2 ? -1 : s[0] < 0xE0 ? 1 : s[0] < 0xF0 ? 2 : s[0] < 0xF5 ? 3 : -1;
  ++*p;
  if (more <= 0) return more ? QN_UTF8_BAD : s[0];
  if (end - *p < more) return QN_UTF8_BAD;
  uint32_t c = s[0] & (0x3Fu >> more);
  for (int i = 1; i <= more; i++) {
    if ((s[i] & 0xC0) != 0x80) return QN_UTF8_BAD;
    c = c << 6 | (s[i] & 0x3F);
  }
  if (c < LEAST[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return QN_UTF8_BAD;
  *p += more;
  return c;
}

size_t qn_utf8_put(uint32_t c, char *to) {
  const int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const uint8_t LEAD[] = {0, 0xC0, 0xE0, 0xF0};
  for (int i = more; i > 0; i--, c >>= 6) to[i] = (char)(0x80 | (c & 0x3F));
  to[0] = (char)(LEAD[more] | c);
  return (size_t)more + 1;
}

static uint32_t number(const uint8_t **p) {
  uint32_t n = 0;
  int shift = 0;
  do n |= (uint32_t)(**p & 127) << shift, shift += 7;
  while (*(*p)++ & 128);
  return n;
}

/* The distance of c's run, 0 when it is in none. `back`: c is what the run maps to. */
static int32_t distance(const uint8_t *p, size_t size, uint32_t c, bool back) {
  const uint8_t *end = p + size;
  uint32_t last = 0;
  while (p < end) {
    const uint32_t first = last + number(&p), shape = number(&p), z = number(&p), step = 1 + (shape & 1);
    const int32_t d = z & 1 ? -(int32_t)(z / 2) - 1 : (int32_t)(z / 2);
    last = first + (shape >> 1) * step;
    const uint32_t at = back ? c - (uint32_t)d : c;
    if (at >= first && at <= last && (at - first) % step == 0) return d;
    if (!back && c < first) return 0;
  }
  return 0;
}

uint32_t qn_to_lower(uint32_t c) {
  if (c < 0x80) return c - 'A' < 26u ? c + 32 : c;
  const int32_t d = distance(CASE_PAIRS, sizeof CASE_PAIRS, c, false);
  return c + (uint32_t)(d ? d : distance(CASE_LOWER_ONLY, sizeof CASE_LOWER_ONLY, c, false));
}

uint32_t qn_to_upper(uint32_t c) {
  if (c < 0x80) return c - 'a' < 26u ? c - 32 : c;
  const int32_t d = distance(CASE_PAIRS, sizeof CASE_PAIRS, c, true);
  return d ? c - (uint32_t)d : c + (uint32_t)distance(CASE_UPPER_ONLY, sizeof CASE_UPPER_ONLY, c, false);
}

bool qn_is_space(uint32_t c) {
  return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}
