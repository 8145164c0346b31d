#include "feature/text/chars.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/utf8.h"

static bool grow(void **block, size_t count, size_t capacity, size_t size) {
  void *next = capacity < SIZE_MAX / size ? qn_alloc(capacity * size) : NULL;
  if (!next) return false;
  if (count) memcpy(next, *block, count * size);
  qn_free(*block);
  *block = next;
  return true;
}

bool qn_chars_reserve(qn_chars *t, size_t capacity) {
  if (capacity <= t->capacity) return true;
  if (capacity > INT32_MAX / 2) return false;
  size_t wanted = t->capacity * 2 < 64 ? 64 : t->capacity * 2;
  if (wanted < capacity) wanted = capacity;
  void *c = t->c, *from = t->from, *to = t->to;
  const bool ok = grow(&c, t->count, wanted, sizeof *t->c) && grow(&from, t->count, wanted, sizeof *t->from) && grow(&to, t->count, wanted, sizeof *t->to);
  t->c = c, t->from = from, t->to = to;
  if (ok) t->capacity = wanted;
  return ok;
}

void qn_chars_free(qn_chars *t) {
  qn_free(t->c);
  qn_free(t->from);
  qn_free(t->to);
  *t = (qn_chars){0};
}

/* How many bytes from p on are a beginning of a character that does not go on. */
static size_t broken_length(const uint8_t *p, const uint8_t *end) {
  const uint8_t lead = *p;
  const int more = lead < 0xC2 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : lead < 0xF5 ? 3 : 0;
  size_t n = 1;
  for (int i = 1; i < more && p + n < end; i++, n++) { /* a whole character was none, so at most more − 1 fit, or the last does not */
    uint8_t least = 0x80, most = 0xBF;
    if (i == 1) least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80, most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (p[n] < least || p[n] > most) break;
  }
  return n;
}

bool qn_chars_read(qn_chars *t, const char *text, size_t length) {
  t->count = 0;
  if (!qn_chars_reserve(t, length)) return false;
  const char *p = text, *end = text + length;
  int32_t at = 0;
  while (p < end) {
    const char *begin = p;
    uint32_t c = (uint8_t)*p < 0x80 ? (uint8_t)*p++ : qn_utf8_next(&p, end);
    if (c == QN_UTF8_BAD) c = 0xFFFD, p = begin + broken_length((const uint8_t *)begin, (const uint8_t *)end);
    const int32_t next = at + (c > 0xFFFF ? 2 : 1);
    t->c[t->count] = c, t->from[t->count] = at, t->to[t->count] = next;
    t->count++;
    at = next;
  }
  return true;
}

void qn_chars_transform(qn_chars *old, qn_chars *next, size_t skipped) {
  size_t at = skipped;
  for (size_t i = 0; i < next->count; i++) {
    const int32_t change = next->from[i];
    const size_t like = change > 0 ? at ? at - 1 : 0 : at;
    const bool known = like < old->count && (change <= 0 || at > 0);
    next->from[i] = known ? old->from[like] : 0;
    next->to[i] = known ? old->to[like] : 0;
    if (change <= 0) at += 1 + (size_t)-(int64_t)change;
  }
  const qn_chars t = *old;
  *old = *next;
  *next = t;
  next->count = 0;
}
