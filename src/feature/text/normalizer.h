/* The normalizers of tokenizer.json as a flat list of operations on a text. */
#ifndef QN_TEXT_NORMALIZER_H
#define QN_TEXT_NORMALIZER_H

#include "feature/text/chars.h"
#include "feature/text/split_pattern.h"

typedef enum qn_normal_kind {
  QN_NORMAL_BERT_CLEAN, QN_NORMAL_SPACED_CHINESE, QN_NORMAL_NFD, QN_NORMAL_NFC, QN_NORMAL_NFKD, QN_NORMAL_NFKC, QN_NORMAL_LOWERCASE,
  QN_NORMAL_WITHOUT_MN, QN_NORMAL_WITHOUT_MARKS, QN_NORMAL_STRIP, QN_NORMAL_REPLACE, QN_NORMAL_PREPEND, QN_NORMAL_CHARSMAP, QN_NORMAL_NMT, QN_NORMAL_BYTES
} qn_normal_kind;

/* SentencePiece's precompiled rules: a double array trie of texts, and what each becomes. */
typedef struct qn_charsmap {
  const uint32_t *units; /* [count] */
  size_t count;
  const char *texts;     /* NUL-terminated one behind the other */
  size_t length;
} qn_charsmap;

typedef struct qn_normal {
  qn_normal_kind kind;
  qn_pattern pattern;
  const uint32_t *text;  /* [length]: what is put in */
  size_t length;
  bool left, right;
  qn_charsmap charsmap;
} qn_normal;

#define QN_MOST_NORMALS 64
typedef struct qn_normals {
  qn_normal list[QN_MOST_NORMALS];
  int count;
} qn_normals;

/* json: the member "normalizer"; NULL or null: none. Texts go into the pool. */
qn_status qn_normals_read(const struct cJSON *json, qn_pool *pool, qn_normals *out, qn_error *err);
/* Changes the text; `next` is room. False without memory. */
bool qn_normals_apply(const qn_normals *n, const qn_unicode *u, qn_chars *text, qn_chars *next);

/* The parts in files of their own. */
bool qn_normal_decompose(const qn_unicode *u, bool compatible, bool compose, qn_chars *text, qn_chars *next);
qn_status qn_charsmap_read(const char *base64, qn_pool *pool, qn_charsmap *out, qn_error *err);
bool qn_charsmap_apply(const qn_charsmap *m, const qn_unicode *u, qn_chars *text, qn_chars *next);
/* Byte-level characters: each byte of UTF-8 as one visible character (GPT-2). */
uint32_t qn_byte_char(uint8_t byte);
int qn_char_byte(uint32_t c); /* −1: none */
/* The text of a JSON member as characters in the pool. False without memory. */
bool qn_text_chars(const char *text, qn_pool *pool, const uint32_t **chars, size_t *count);

#endif
