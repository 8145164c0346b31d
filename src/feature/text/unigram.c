/* The most probable way to cut a text into pieces of the vocabulary, by Viterbi's algorithm (T. Kudo: Subword regularization, ACL 2018).
 * Pieces that are in no vocabulary stand together as one unknown. */
#include "feature/text/token_model.h"

typedef struct node { double score; int32_t start, id; } node; /* of the best path that ends here; start −1: none */

static bool is_start(char byte) { return ((uint8_t)byte & 0xC0) != 0x80; }

static qn_status emit(const qn_model *m, const char *text, int32_t from, int32_t to, qn_tokens *out, qn_error *err) {
  const int32_t id = qn_vocab_find(&m->vocab, text + from, (size_t)(to - from));
  if (!qn_tokens_reserve(out, (size_t)(to - from))) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for tokens");
  if (id >= 0) {
    out->list[out->count++] = (qn_token){id, from, to};
  } else if (m->byte_fallback && m->byte_ids[0] >= 0) {
    for (int32_t i = from; i < to; i++) out->list[out->count++] = (qn_token){m->byte_ids[(uint8_t)text[i]], from, to};
  } else {
    return qn_unknown(m, text + from, (size_t)(to - from), from, to, out, err);
  }
  return QN_OK;
}

qn_status qn_unigram_cut(const qn_model *m, qn_model_room *room, const char *text, size_t length, qn_tokens *out, qn_error *err) {
  node *best = qn_model_room_get(room, (length + 1) * sizeof *best);
  if (!best) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for a piece of %zu bytes", length);
  for (size_t i = 0; i <= length; i++) best[i] = (node){0, -1, -1};
  for (size_t start = 0; start < length; start += qn_char_bytes(text[start])) {
    const double here = best[start].score;
    const size_t one = start + qn_char_bytes(text[start]), most = length - start > m->vocab.longest ? start + m->vocab.longest : length;
    bool single = false;
    uint32_t hash = QN_HASH_START;
    for (size_t end = start + 1; end <= most; end++) {
      hash = qn_hash_next(hash, (uint8_t)text[end - 1]);
      if (end < length && !is_start(text[end])) continue;
      const int32_t id = qn_vocab_find_hashed(&m->vocab, hash, (qn_string){0}, text + start, end - start);
      if (id < 0) continue;
      const double score = here + m->scores[id];
      if (best[end].start < 0 || score > best[end].score) best[end] = (node){score, (int32_t)start, id};
      single = single || end == one;
    }
    if (!single && (best[one].start < 0 || here + m->unk_score > best[one].score)) best[one] = (node){here + m->unk_score, (int32_t)start, m->unk};
  }
  /* backwards along the path, leaving in each node where the next piece ends */
  int32_t next = -1;
  for (int32_t at = (int32_t)length; at > 0;) {
    const int32_t start = best[at].start;
    const int32_t id = best[at].id;
    best[at].start = next; /* of the piece that begins here */
    best[at].score = id;
    next = at;
    at = start;
  }
  /* now best[end].score is the id of the piece that ends there, best[end].start where the piece behind it ends */
  for (int32_t from = 0, end = next; end >= 0;) {
    int32_t to = end;
    const bool unknown = m->unk >= 0 && (int32_t)best[end].score == m->unk;
    end = best[end].start;
    while (unknown && end >= 0 && (int32_t)best[end].score == m->unk) to = end, end = best[end].start;
    QN_TRY(emit(m, text, from, to, out, err));
    from = to;
  }
  return QN_OK;
}
