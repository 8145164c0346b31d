/* A text as characters that know which part of the source they come from, as transformations leave it. Offsets count UTF-16 units. */
#ifndef QN_TEXT_CHARS_H
#define QN_TEXT_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Grows, and keeps what it has. */
typedef struct qn_chars {
  uint32_t *c;         /* [count] */
  int32_t *from, *to;  /* [count]: source[from, to) */
  size_t count, capacity;
} qn_chars;

/* False when there is no memory; what is there stays. */
bool qn_chars_reserve(qn_chars *t, size_t capacity);
void qn_chars_free(qn_chars *t);
static inline bool qn_chars_put(qn_chars *t, uint32_t c, int32_t from, int32_t to) {
  if (t->count == t->capacity && !qn_chars_reserve(t, t->count + 1)) return false;
  t->c[t->count] = c, t->from[t->count] = from, t->to[t->count] = to;
  t->count++;
  return true;
}
/* Bytes that should be UTF-8: each byte that is not becomes U+FFFD, as decoders that replace do it (the longest beginnings of a character
 * together, https://encoding.spec.whatwg.org/#utf-8-decoder). */
bool qn_chars_read(qn_chars *t, const char *text, size_t length);

/* A new text in the making: characters with a change, which is 1 for one that is inserted, 0 for one that takes the place of the next old
 * character, −n for one that takes the place of the next and is followed by n removed ones. (The convention of Hugging Face's tokenizers.) */
static inline bool qn_chars_change(qn_chars *next, uint32_t c, int32_t change) { return qn_chars_put(next, c, change, 0); }
/* Gives `next`, made by qn_chars_change from old[0, count), the places of the source, and swaps the two. skipped: removed at the beginning. */
void qn_chars_transform(qn_chars *old, qn_chars *next, size_t skipped);

#endif
