/* A text in pieces, and the pre-tokenizers of tokenizer.json that cut them further. */
#ifndef QN_TEXT_PIECES_H
#define QN_TEXT_PIECES_H

#include "feature/text/normalizer.h"

typedef struct qn_piece { int32_t begin, end, token; } qn_piece; /* of the text's characters; token −1: to be cut into tokens */

/* Grows, and keeps what it has. */
typedef struct qn_pieces {
  qn_piece *list; /* [count] */
  size_t count, capacity;
} qn_pieces;
bool qn_pieces_put(qn_pieces *p, size_t begin, size_t end, int32_t token); /* false without memory; empty pieces are left out */
void qn_pieces_free(qn_pieces *p);

typedef enum qn_behavior { QN_REMOVED, QN_ISOLATED, QN_MERGED_WITH_PREVIOUS, QN_MERGED_WITH_NEXT, QN_CONTIGUOUS } qn_behavior;
typedef enum qn_cutter_kind { QN_CUT_SPLIT, QN_CUT_BERT, QN_CUT_PREFIX_SPACE, QN_CUT_BYTES, QN_CUT_METASPACE } qn_cutter_kind;

typedef struct qn_cutter {
  qn_cutter_kind kind;
  qn_pattern pattern;
  qn_behavior behavior;
  bool invert;
  uint32_t mark;        /* of metaspace */
  int prepend;          /* 0 never, 1 always, 2 for the beginning of the source */
} qn_cutter;

#define QN_MOST_CUTTERS 64
typedef struct qn_cutters {
  qn_cutter list[QN_MOST_CUTTERS];
  int count;
} qn_cutters;

/* json: the member "pre_tokenizer"; NULL or null: none. */
qn_status qn_cutters_read(const struct cJSON *json, qn_pool *pool, qn_cutters *out, qn_error *err);
/* Cuts the pieces that are no tokens yet; `next` and `more` are room. False without memory. */
bool qn_cutters_apply(const qn_cutters *c, const qn_unicode *u, qn_chars *text, qn_chars *next, qn_pieces *pieces, qn_pieces *more);

#endif
