/* The models that cut pieces of text into tokens: WordPiece, WordLevel, BPE, Unigram. Each gives the tokens of Hugging Face's tokenizers 0.22. */
#ifndef QN_TEXT_TOKEN_MODEL_H
#define QN_TEXT_TOKEN_MODEL_H

#include "base/status.h"
#include "feature/text/vocab.h"

typedef struct qn_token { int32_t id, from, to; } qn_token; /* of a piece: bytes [from, to) */

/* Grows, and keeps what it has. */
typedef struct qn_tokens {
  qn_token *list; /* [count] */
  size_t count, capacity;
} qn_tokens;
bool qn_tokens_reserve(qn_tokens *t, size_t more); /* room for that many more; false without memory */
void qn_tokens_free(qn_tokens *t);

typedef enum qn_model_kind { QN_WORD_PIECE, QN_WORD_LEVEL, QN_BPE, QN_UNIGRAM } qn_model_kind;

typedef struct qn_merge { uint64_t pair; int32_t rank, id; } qn_merge; /* rank −1: free. pair: first id << 32 | second */

typedef struct qn_model {
  qn_model_kind kind;
  qn_vocab vocab;
  int32_t unk;                 /* id; −1: none */
  qn_string prefix, suffix;    /* of continuing subwords; of words' ends; data NULL: none */
  int32_t most_chars;          /* WordPiece: longer words are unknown */
  uint32_t prefix_hash;
  /* BPE */
  qn_merge *merges;            /* [merge_mask + 1], by hash */
  uint32_t merge_mask;
  bool fuse_unk, byte_fallback, ignore_merges;
  int32_t byte_ids[256];       /* of "<0x00>" …; −1: none. −1 in the first: the vocabulary lacks some */
  /* Unigram */
  const double *scores;        /* [vocab.size] */
  double unk_score;
} qn_model;

/* What a model wants while it works; grows, and keeps what it has. */
typedef struct qn_model_room {
  void *block;
  size_t capacity;
} qn_model_room;
void *qn_model_room_get(qn_model_room *room, size_t bytes); /* or NULL; contents are lost */

/* Appends the tokens of a piece (UTF-8, length > 0). QN_ERR_RANGE where a text is unknown and the model has no token for that. */
qn_status qn_model_cut(const qn_model *m, qn_model_room *room, const char *text, size_t length, qn_tokens *out, qn_error *err);

/* The parts of it, by kind. */
qn_status qn_word_piece_cut(const qn_model *m, const char *text, size_t length, qn_tokens *out, qn_error *err);
qn_status qn_bpe_cut(const qn_model *m, qn_model_room *room, const char *text, size_t length, qn_tokens *out, qn_error *err);
qn_status qn_unigram_cut(const qn_model *m, qn_model_room *room, const char *text, size_t length, qn_tokens *out, qn_error *err);
qn_status qn_unknown(const qn_model *m, const char *text, size_t length, int32_t from, int32_t to, qn_tokens *out, qn_error *err);
void qn_bpe_merge_put(qn_model *m, int32_t first, int32_t second, int32_t rank, int32_t id);

/* Bytes of the character that begins here; the text is UTF-8. */
static inline size_t qn_char_bytes(char lead) {
  const uint8_t b = (uint8_t)lead;
  return b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
}

#endif
