/* Byte pair encoding: of the pairs of neighbours the one of the lowest rank becomes one symbol, until no pair is in the list of merges
 * (R. Sennrich, B. Haddow, A. Birch: Neural machine translation of rare words with subword units, ACL 2016). */
#include <string.h>

#include "feature/text/token_model.h"

typedef struct symbol { int32_t id, prev, next, bytes; } symbol; /* bytes 0: merged into the one before */
typedef struct candidate { int32_t rank, at, id; } candidate;

static uint32_t slot_of(const qn_model *m, uint64_t pair) {
  const uint64_t h = pair * 0x9E3779B97F4A7C15u;
  return (uint32_t)(h >> 32) & m->merge_mask;
}

void qn_bpe_merge_put(qn_model *m, int32_t first, int32_t second, int32_t rank, int32_t id) {
  const uint64_t pair = (uint64_t)(uint32_t)first << 32 | (uint32_t)second;
  uint32_t at = slot_of(m, pair);
  while (m->merges[at].rank >= 0 && m->merges[at].pair != pair) at = (at + 1) & m->merge_mask;
  m->merges[at] = (qn_merge){pair, rank, id};
}

static const qn_merge *merge_of(const qn_model *m, int32_t first, int32_t second) {
  const uint64_t pair = (uint64_t)(uint32_t)first << 32 | (uint32_t)second;
  for (uint32_t at = slot_of(m, pair); m->merges[at].rank >= 0; at = (at + 1) & m->merge_mask)
    if (m->merges[at].pair == pair) return &m->merges[at];
  return NULL;
}

static bool before(candidate a, candidate b) { return a.rank != b.rank ? a.rank < b.rank : a.at < b.at; }

static void heap_push(candidate *heap, size_t *count, candidate x) {
  size_t i = (*count)++;
  for (; i && before(x, heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
  heap[i] = x;
}

static candidate heap_pop(candidate *heap, size_t *count) {
  const candidate top = heap[0], x = heap[--*count];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < *count; i = child) {
    if (child + 1 < *count && before(heap[child + 1], heap[child])) child++;
    if (!before(heap[child], x)) break;
    heap[i] = heap[child];
  }
  heap[i] = x;
  return top;
}

static void look(const qn_model *m, const symbol *s, int32_t at, candidate *heap, size_t *count) {
  const qn_merge *found = at >= 0 && s[at].next >= 0 ? merge_of(m, s[at].id, s[s[at].next].id) : NULL;
  if (found) heap_push(heap, count, (candidate){found->rank, at, found->id});
}

static void add(symbol *s, int32_t *count, int32_t id, int32_t bytes) {
  const int32_t at = (*count)++;
  s[at] = (symbol){id, at - 1, -1, bytes};
  if (at) s[at - 1].next = at;
}

/* The id of a character as a symbol, with what the model puts before those within a word and behind the last; −1: none. */
static int32_t symbol_of(const qn_model *m, const char *text, size_t n, bool first, bool last) {
  const qn_string prefix = first ? (qn_string){0} : m->prefix;
  uint32_t hash = prefix.length ? m->prefix_hash : QN_HASH_START;
  if (!last || !m->suffix.length) {
    for (size_t i = 0; i < n; i++) hash = qn_hash_next(hash, (uint8_t)text[i]);
    return qn_vocab_find_hashed(&m->vocab, hash, prefix, text, n);
  }
  char whole[256]; /* prefix and suffix have at most 100 bytes each */
  if (prefix.length) memcpy(whole, prefix.data, prefix.length);
  memcpy(whole + prefix.length, text, n);
  memcpy(whole + prefix.length + n, m->suffix.data, m->suffix.length);
  return qn_vocab_find(&m->vocab, whole, prefix.length + n + m->suffix.length);
}

qn_status qn_bpe_cut(const qn_model *m, qn_model_room *room, const char *text, size_t length, qn_tokens *out, qn_error *err) {
  if (!qn_tokens_reserve(out, length)) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for tokens");
  if (m->ignore_merges) {
    const int32_t id = qn_vocab_find(&m->vocab, text, length);
    if (id >= 0) {
      out->list[out->count++] = (qn_token){id, 0, (int32_t)length};
      return QN_OK;
    }
  }
  /* each merge puts at most two candidates in and there are fewer merges than symbols: three for each at most. Byte tokens of a prefix or
   * suffix count too */
  const size_t most = length + 256;
  symbol *s = qn_model_room_get(room, most * (sizeof *s + 3 * sizeof(candidate)));
  if (!s) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for a piece of %zu bytes", length);
  candidate *heap = (candidate *)(s + most);
  int32_t count = 0, unknown = 0; /* unknown: bytes of unknown characters not yet added */
  for (size_t i = 0; i < length;) {
    const size_t n = qn_char_bytes(text[i]);
    const int32_t id = symbol_of(m, text + i, n, i == 0, i + n >= length);
    if (id >= 0) {
      if (unknown) add(s, &count, m->unk, unknown), unknown = 0;
      add(s, &count, id, (int32_t)n);
    } else if (m->byte_fallback && m->byte_ids[0] >= 0) {
      /* the characters that the model adds are given as bytes too; an unknown one before stays behind, as in the reference */
      if (i && m->prefix.length)
        for (size_t k = 0; k < m->prefix.length; k++) add(s, &count, m->byte_ids[(uint8_t)m->prefix.data[k]], 1);
      for (size_t k = 0; k < n; k++) add(s, &count, m->byte_ids[(uint8_t)text[i + k]], 1);
      if (i + n >= length)
        for (size_t k = 0; k < m->suffix.length; k++) add(s, &count, m->byte_ids[(uint8_t)m->suffix.data[k]], 1);
      if ((size_t)count + 128 > most) return qn_fail(err, QN_ERR_UNSUPPORTED, "a prefix of subwords together with byte fallback makes too many tokens");
    } else if (m->unk >= 0) {
      if (unknown && !m->fuse_unk) add(s, &count, m->unk, unknown), unknown = 0;
      unknown += (int32_t)n;
    } /* else it is left out, as in the reference */
    i += n;
  }
  if (unknown) add(s, &count, m->unk, unknown);
  size_t waiting = 0;
  for (int32_t i = 0; i + 1 < count; i++) look(m, s, i, heap, &waiting);
  while (waiting) {
    const candidate top = heap_pop(heap, &waiting);
    symbol *left = &s[top.at];
    if (!left->bytes || left->next < 0) continue;
    symbol *right = &s[left->next];
    const qn_merge *now = merge_of(m, left->id, right->id);
    if (!now || now->id != top.id) continue; /* one of the two has changed since */
    left->id = top.id, left->bytes += right->bytes, right->bytes = 0;
    left->next = right->next;
    if (left->next >= 0) s[left->next].prev = top.at;
    look(m, s, left->prev, heap, &waiting);
    look(m, s, top.at, heap, &waiting);
  }
  if (!qn_tokens_reserve(out, (size_t)count)) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for tokens");
  int32_t at = 0;
  for (int32_t i = 0; i < count; i++) {
    if (!s[i].bytes) continue;
    out->list[out->count++] = (qn_token){s[i].id, at, at + s[i].bytes};
    at += s[i].bytes;
  }
  return QN_OK;
}
