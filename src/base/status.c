/* A formatter of its own keeps printf (15 KB of wasm) out of the build. */
#include "base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct sink {
  char *text;
  size_t length, capacity; /* capacity leaves room for the NUL */
} sink;

static void put(sink *s, char c) {
  if (s->length < s->capacity) s->text[s->length++] = c;
}

static void put_text(sink *s, const char *text) {
  /* Names come from untrusted files: control characters would garble the sentence. */
  for (; *text; text++) put(s, (unsigned char)*text < 32 || *text == 127 ? '?' : *text);
}

static void put_unsigned(sink *s, uint64_t n) {
  char digits[20];
  int count = 0;
  do digits[count++] = (char)('0' + n % 10);
  while (n /= 10);
  while (count) put(s, digits[--count]);
}

static void put_signed(sink *s, int64_t n) {
  if (n < 0) put(s, '-');
  put_unsigned(s, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

/* Six significant digits or fewer: enough for a message. */
static void put_double(sink *s, double x) {
  if (x != x) { put_text(s, "NaN"); return; }
  if (x < 0) { put(s, '-'); x = -x; }
  if (x > 1.7e308) { put_text(s, "infinity"); return; }
  int exponent = 0;
  if (x != 0) {
    while (x >= 1e6) { x /= 10; exponent++; }
    while (x < 1e-4) { x *= 10; exponent--; }
  }
  uint64_t whole = (uint64_t)x;
  uint64_t fraction = (uint64_t)((x - (double)whole) * 1e6 + 0.5);
  if (fraction >= 1000000) { whole++; fraction = 0; }
  put_unsigned(s, whole);
  if (fraction) {
    put(s, '.');
    for (uint64_t scale = 100000; scale && fraction; scale /= 10) {
      put(s, (char)('0' + fraction / scale));
      fraction %= scale;
    }
  }
  if (exponent) { put(s, 'e'); put_signed(s, exponent); }
}

static void format_into(sink *s, const char *format, va_list args) {
  for (const char *p = format; *p; p++) {
    if (*p != '%') { put(s, *p); continue; }
    p++;
    int longs = 0;
    bool size = false;
    while (*p == 'l' || *p == 'z') { longs += *p == 'l'; size = size || *p == 'z'; p++; }
    switch (*p) {
      case 's': { const char *text = va_arg(args, const char *); put_text(s, text ? text : ""); break; }
      case 'c': put(s, (char)va_arg(args, int)); break;
      case 'd': put_signed(s, longs == 2 ? va_arg(args, long long) : longs ? va_arg(args, long) : va_arg(args, int)); break;
      case 'u':
        put_unsigned(s, size ? va_arg(args, size_t) : longs == 2 ? va_arg(args, unsigned long long)
                             : longs ? va_arg(args, unsigned long) : va_arg(args, unsigned));
        break;
      case 'g': put_double(s, va_arg(args, double)); break;
      case 0: return;
      default: put(s, *p);
    }
  }
}

qn_status qn_fail(qn_error *err, qn_status code, const char *format, ...) {
  if (!err) return code;
  sink s = {err->text, 0, sizeof err->text - 1};
  va_list args;
  va_start(args, format);
  format_into(&s, format, args);
  va_end(args);
  err->text[s.length] = 0;
  err->code = code;
  err->node[0] = err->op[0] = 0;
  return code;
}

qn_status qn_fail_step(qn_error *err, qn_status code, const char *op, const char *node, const char *format, va_list args) {
  if (!err) return code;
  sink s = {err->text, 0, sizeof err->text - 1};
  put_text(&s, op);
  if (node[0]) { put_text(&s, " '"); put_text(&s, node); put(&s, '\''); }
  put_text(&s, ": ");
  format_into(&s, format, args);
  err->text[s.length] = 0;
  err->code = code;
  s = (sink){err->node, 0, sizeof err->node - 1};
  put_text(&s, node);
  err->node[s.length] = 0;
  s = (sink){err->op, 0, sizeof err->op - 1};
  put_text(&s, op);
  err->op[s.length] = 0;
  return code;
}
