/* NFD, NFC, NFKD and NFKC (UAX #15), with the changes as they come about: a character that is composed counts as followed by removed ones. */
#include <string.h>

#include "feature/text/normalizer.h"

/* Marks from `begin` on in the order of their classes, equal ones as they were. Only characters move, changes stay with them. */
static bool order_marks(const qn_unicode *u, qn_chars *t, size_t begin) {
  const size_t n = t->count - begin;
  if (n > 24) { /* a hostile text may have a million: one pass for each class */
    if (!qn_chars_reserve(t, t->count + n)) return false;
    size_t out = t->count;
    for (int class = 1; class < 256 && out < t->count + n; class++)
      for (size_t i = begin; i < t->count; i++)
        if (qn_unicode_class(u, t->c[i]) == class) t->c[out] = t->c[i], t->from[out] = t->from[i], out++;
    memcpy(t->c + begin, t->c + t->count, n * sizeof *t->c);
    memcpy(t->from + begin, t->from + t->count, n * sizeof *t->from);
    return true;
  }
  for (size_t i = begin + 1; i < t->count; i++) {
    const uint32_t c = t->c[i];
    const int32_t change = t->from[i];
    const uint8_t class = qn_unicode_class(u, c);
    size_t k = i;
    for (; k > begin && qn_unicode_class(u, t->c[k - 1]) > class; k--) t->c[k] = t->c[k - 1], t->from[k] = t->from[k - 1];
    t->c[k] = c, t->from[k] = change;
  }
  return true;
}

static bool decompose(const qn_unicode *u, bool compatible, const qn_chars *t, qn_chars *next) {
  if (!qn_chars_reserve(next, t->count)) return false;
  size_t marks = 0; /* where the run of marks at the end begins */
  for (size_t i = 0; i < t->count; i++) {
    uint32_t parts[QN_MOST_PARTS];
    const int n = qn_unicode_decompose(u, t->c[i], compatible, parts);
    for (int k = 0; k < n; k++) {
      if (parts[k] < 0x300 || !qn_unicode_class(u, parts[k])) {
        if (next->count - marks > 1 && !order_marks(u, next, marks)) return false;
        marks = next->count + 1;
      } else if (marks > next->count) {
        marks = next->count;
      }
      if (!qn_chars_change(next, parts[k], k > 0)) return false;
    }
  }
  return next->count <= marks + 1 || order_marks(u, next, marks);
}

static void compose(const qn_unicode *u, qn_chars *t) {
  size_t out = 0, starter = SIZE_MAX;
  uint8_t last = 0; /* class of the character before, of those that stayed behind the starter */
  for (size_t i = 0; i < t->count; i++) {
    const uint32_t c = t->c[i];
    const int32_t change = t->from[i];
    const uint8_t class = c < 0x300 ? 0 : qn_unicode_class(u, c);
    const bool blocked = out && out - 1 != starter && (last >= class);
    const uint32_t whole = starter != SIZE_MAX && !blocked ? qn_unicode_compose(u, t->c[starter], c) : 0;
    if (whole) {
      t->c[starter] = whole;
      t->from[starter] += change - 1;
      continue;
    }
    if (!class) starter = out;
    last = class;
    t->c[out] = c, t->from[out] = change;
    out++;
  }
  t->count = out;
}

bool qn_normal_decompose(const qn_unicode *u, bool compatible, bool composes, qn_chars *t, qn_chars *next) {
  /* texts without accents are their own normal form; most are */
  size_t i = 0;
  const uint32_t least = compatible ? 0xA0 : composes ? 0x300 : 0xC0;
  while (i < t->count && t->c[i] < least) i++;
  if (i == t->count) return true;
  if (!decompose(u, compatible, t, next)) return false;
  if (composes) compose(u, next);
  qn_chars_transform(t, next, 0);
  return true;
}
