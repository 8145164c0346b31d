#include "feature/text/vocab.h"

#include <string.h>

bool qn_vocab_open(qn_vocab *v, qn_pool *pool, size_t count, size_t size) {
  uint32_t slots = 16;
  while (slots < 2 * count) slots *= 2;
  v->slots = qn_pool_alloc(pool, slots * sizeof *v->slots);
  v->texts = qn_pool_alloc(pool, (size + 1) * sizeof *v->texts);
  if (!v->slots || !v->texts) return false;
  for (uint32_t i = 0; i < slots; i++) v->slots[i].id = -1;
  v->mask = slots - 1, v->size = (int32_t)size, v->count = 0, v->longest = 0;
  return true;
}

static inline uint32_t place(const qn_vocab *v, uint32_t hash) { return (hash ^ hash >> 16) & v->mask; }

/* Short texts: a call of memcmp would take longer than this. */
static inline bool same(const char *a, const char *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (a[i] != b[i]) return false;
  return true;
}

int32_t qn_vocab_find_hashed(const qn_vocab *v, uint32_t hash, qn_string prefix, const char *text, size_t length) {
  if (!v->slots) return -1;
  for (uint32_t at = place(v, hash);; at = (at + 1) & v->mask) {
    const qn_vocab_slot *s = &v->slots[at];
    if (s->id < 0) return -1;
    if (s->hash != hash) continue;
    const qn_string t = v->texts[s->id];
    if (t.length == prefix.length + length && same(t.data, prefix.data, prefix.length) && same(t.data + prefix.length, text, length)) return s->id;
  }
}

static uint32_t hash_of(const char *text, size_t length) {
  uint32_t h = QN_HASH_START;
  for (size_t i = 0; i < length; i++) h = qn_hash_next(h, (uint8_t)text[i]);
  return h;
}

int32_t qn_vocab_find(const qn_vocab *v, const char *text, size_t length) {
  return qn_vocab_find_hashed(v, hash_of(text, length), (qn_string){0}, text, length);
}

void qn_vocab_put(qn_vocab *v, qn_string text, int32_t id) {
  const uint32_t hash = hash_of(text.data, text.length);
  v->texts[id] = text;
  if (text.length > v->longest) v->longest = text.length;
  uint32_t at = place(v, hash);
  for (; v->slots[at].id >= 0; at = (at + 1) & v->mask) {
    const qn_string t = v->texts[v->slots[at].id];
    if (v->slots[at].hash == hash && t.length == text.length && !memcmp(t.data, text.data, t.length)) {
      v->slots[at].id = id;
      return;
    }
  }
  v->slots[at] = (qn_vocab_slot){hash, id};
  v->count++;
}
