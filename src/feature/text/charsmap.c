/* SentencePiece's rules of normalization, as its files have them in base64: the size of a double array trie (Darts-clone), the trie, and the
 * texts that its leaves point to. */
#include <string.h>

#include "feature/text/normalizer.h"
#include "kernel/utf8.h"

static int digit_of(char c) {
  return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

qn_status qn_charsmap_read(const char *base64, qn_pool *pool, qn_charsmap *out, qn_error *err) {
  const size_t length = strlen(base64);
  uint8_t *bytes = qn_pool_alloc(pool, length / 4 * 3 + 8);
  if (!bytes) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for the rules of a normalizer");
  size_t count = 0;
  uint32_t bits = 0;
  int held = 0;
  for (size_t i = 0; i < length && base64[i] != '='; i++) {
    const int d = digit_of(base64[i]);
    if (d < 0) return qn_fail(err, QN_ERR_FORMAT, "the rules of the normalizer Precompiled are not base64");
    bits = bits << 6 | (uint32_t)d, held += 6;
    if (held >= 8) bytes[count++] = (uint8_t)(bits >> (held -= 8));
  }
  uint32_t trie = 0;
  if (count >= 4) memcpy(&trie, bytes, 4);
  if (count < 4 || trie % 4 || trie > count - 4 || trie < 4) return qn_fail(err, QN_ERR_FORMAT, "the rules of the normalizer Precompiled are cut off");
  *out = (qn_charsmap){(const uint32_t *)(bytes + 4), trie / 4, (const char *)bytes + 4 + trie, count - 4 - trie};
  return QN_OK;
}

/* What the shortest rule makes of a beginning of the text; NULL: no rule. */
static const char *rule_of(const qn_charsmap *m, const char *text, size_t length, size_t *out) {
  size_t at = 0;
  uint32_t unit = m->units[0];
  at ^= (unit >> 10) << ((unit & 1u << 9) >> 6);
  for (size_t i = 0; i < length && text[i]; i++) {
    at ^= (uint8_t)text[i];
    if (at >= m->count) return NULL;
    unit = m->units[at];
    if ((unit & (1u << 31 | 0xFF)) != (uint8_t)text[i]) return NULL;
    at ^= (unit >> 10) << ((unit & 1u << 9) >> 6);
    if (!(unit >> 8 & 1)) continue;
    if (at >= m->count) return NULL;
    const uint32_t begin = m->units[at] & 0x7FFFFFFF;
    if (begin >= m->length) return NULL;
    const char *end = memchr(m->texts + begin, 0, m->length - begin);
    *out = (end ? (size_t)(end - m->texts) : m->length) - begin;
    return m->texts + begin;
  }
  return NULL;
}

/* Puts a rule's text in the place of `old` characters: the last ones are inserted when it is longer, the last is followed by removed ones when it
 * is shorter. False without memory. */
static bool put_rule(qn_chars *next, const char *text, size_t length, size_t old) {
  const size_t begin = next->count;
  for (const char *p = text, *end = text + length; p < end;) {
    const uint32_t c = qn_utf8_next(&p, end);
    if (!qn_chars_change(next, c == QN_UTF8_BAD ? 0xFFFD : c, 0)) return false;
  }
  const size_t made = next->count - begin;
  for (size_t i = old; i < made; i++) next->from[next->count - 1 - (i - old)] = 1;
  if (made < old && next->count) next->from[next->count - 1] -= (int32_t)(old - made);
  return true;
}

bool qn_charsmap_apply(const qn_charsmap *m, const qn_unicode *u, qn_chars *t, qn_chars *next) {
  bool changed = false;
  if (!qn_chars_reserve(next, t->count)) return false;
  for (size_t i = 0; i < t->count;) {
    char bytes[16];
    size_t end = i + 1, n = qn_utf8_put(t->c[i], bytes), length = 0;
    for (; end < t->count && qn_unicode_joins(u, t->c[end - 1], t->c[end]); end++)
      if (n < 6) n += qn_utf8_put(t->c[end], bytes + n);
    const char *rule = n < 6 ? rule_of(m, bytes, n, &length) : NULL;
    if (rule) {
      if (!put_rule(next, rule, length, end - i)) return false;
      changed = true, i = end;
      continue;
    }
    for (; i < end; i++) {
      n = qn_utf8_put(t->c[i], bytes);
      rule = rule_of(m, bytes, n, &length);
      if (rule ? !put_rule(next, rule, length, 1) : !qn_chars_change(next, t->c[i], 0)) return false;
      changed = changed || rule;
    }
  }
  if (changed) qn_chars_transform(t, next, 0);
  next->count = 0;
  return true;
}
