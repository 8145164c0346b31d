#include "feature/text/token_model.h"

#include <string.h>

bool qn_tokens_reserve(qn_tokens *t, size_t more) {
  if (more <= t->capacity - t->count) return true;
  if (more > INT32_MAX / 4 || t->count > INT32_MAX / 4) return false;
  size_t wanted = t->capacity * 2 < 64 ? 64 : t->capacity * 2;
  if (wanted < t->count + more) wanted = t->count + more;
  qn_token *list = qn_alloc(wanted * sizeof *list);
  if (!list) return false;
  if (t->count) memcpy(list, t->list, t->count * sizeof *list);
  qn_free(t->list);
  t->list = list, t->capacity = wanted;
  return true;
}

void qn_tokens_free(qn_tokens *t) {
  qn_free(t->list);
  *t = (qn_tokens){0};
}

void *qn_model_room_get(qn_model_room *room, size_t bytes) {
  if (bytes <= room->capacity) return room->block;
  qn_free(room->block);
  const size_t wanted = bytes < SIZE_MAX / 2 ? bytes + bytes / 2 : bytes;
  room->block = qn_alloc(wanted);
  room->capacity = room->block ? wanted : 0;
  return room->block;
}

qn_status qn_unknown(const qn_model *m, const char *text, size_t length, int32_t from, int32_t to, qn_tokens *out, qn_error *err) {
  if (m->unk < 0) {
    char words[48];
    size_t n = 0;
    while (n < length && n + qn_char_bytes(text[n]) < sizeof words) n += qn_char_bytes(text[n]);
    if (n > length) n = length;
    memcpy(words, text, n);
    words[n] = 0;
    return qn_fail(err, QN_ERR_RANGE, "the vocabulary has no token for '%s' and none for what is unknown", words);
  }
  if (!qn_tokens_reserve(out, 1)) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for tokens");
  out->list[out->count++] = (qn_token){m->unk, from, to};
  return QN_OK;
}

#define MOST_HASHES 1024 /* bytes of a token; model_read.c refuses longer ones of WordPiece */

/* The longest beginning that is in the vocabulary, then the longest of the rest behind the prefix, and so on (M. Schuster, K. Nakajima:
 * Japanese and Korean voice search, 2012). */
qn_status qn_word_piece_cut(const qn_model *m, const char *text, size_t length, qn_tokens *out, qn_error *err) {
  size_t chars = 0;
  for (size_t i = 0; i < length; i++) chars += ((uint8_t)text[i] & 0xC0) != 0x80;
  if (chars > (size_t)m->most_chars) return qn_unknown(m, text, length, 0, (int32_t)length, out, err);
  const size_t before = out->count;
  if (!qn_tokens_reserve(out, length)) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for tokens");
  for (size_t start = 0; start < length;) {
    const qn_string prefix = start ? m->prefix : (qn_string){0};
    size_t end = length - start > m->vocab.longest ? start + m->vocab.longest : length;
    if (end - start > MOST_HASHES) end = start + MOST_HASHES;
    /* hashes of all beginnings upwards, then the longest first: most words are in the vocabulary as they are */
    uint32_t hashes[MOST_HASHES], hash = start ? m->prefix_hash : QN_HASH_START;
    for (size_t i = start; i < end; i++) hashes[i - start] = hash = qn_hash_next(hash, (uint8_t)text[i]);
    int32_t id = -1;
    for (; end > start; end--) {
      if (end < length && ((uint8_t)text[end] & 0xC0) == 0x80) continue;
      id = qn_vocab_find_hashed(&m->vocab, hashes[end - start - 1], prefix, text + start, end - start);
      if (id >= 0) break;
    }
    if (id < 0) {
      out->count = before;
      return qn_unknown(m, text, length, 0, (int32_t)length, out, err);
    }
    out->list[out->count++] = (qn_token){id, (int32_t)start, (int32_t)end};
    start = end;
  }
  return QN_OK;
}

qn_status qn_model_cut(const qn_model *m, qn_model_room *room, const char *text, size_t length, qn_tokens *out, qn_error *err) {
  switch (m->kind) {
    case QN_WORD_PIECE: return qn_word_piece_cut(m, text, length, out, err);
    case QN_BPE: return qn_bpe_cut(m, room, text, length, out, err);
    case QN_UNIGRAM: return qn_unigram_cut(m, room, text, length, out, err);
    case QN_WORD_LEVEL: break;
  }
  const int32_t id = qn_vocab_find(&m->vocab, text, length);
  if (id < 0) return qn_unknown(m, text, length, 0, (int32_t)length, out, err);
  if (!qn_tokens_reserve(out, 1)) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for tokens");
  out->list[out->count++] = (qn_token){id, 0, (int32_t)length};
  return QN_OK;
}
