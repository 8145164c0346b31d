/* A tokenizer as Hugging Face's tokenizer.json describes it, version 1.0 of that format: texts to ids with their places in the source. The
 * reference is the library tokenizers 0.22 (tests/golden/make_tokenizer_golden.py). */
#ifndef QN_TEXT_TOKENIZER_H
#define QN_TEXT_TOKENIZER_H

#include "feature/text/normalizer.h"
#include "feature/text/pieces.h"
#include "feature/text/token_model.h"

/* A token that stands outside of the model: looked for in texts before anything else, or one that post-processing adds. */
typedef struct qn_added {
  qn_string text;
  const uint32_t *chars; /* [length], as it is looked for */
  size_t length;
  int32_t id, next;      /* next with such a first character; −1: none */
  bool single_word, left, right, normalized, special;
} qn_added;

typedef struct qn_added_list {
  qn_added *list;        /* [count] */
  int32_t count;
  int32_t heads[2][256]; /* of those looked for before and after normalization, by the lower bits of the first character */
} qn_added_list;

typedef struct qn_template_part {
  int which;             /* 0 the first text, 1 the second, −1 ids */
  int32_t type, count;
  const int32_t *ids;    /* [count] */
} qn_template_part;

typedef struct qn_template {
  const qn_template_part *parts; /* [count] */
  int32_t count, added;  /* tokens that are no text's */
} qn_template;

typedef enum qn_decoder_kind {
  QN_DECODE_BYTE_LEVEL, QN_DECODE_WORD_PIECE, QN_DECODE_METASPACE, QN_DECODE_BPE, QN_DECODE_CTC, QN_DECODE_FUSE, QN_DECODE_STRIP, QN_DECODE_REPLACE,
  QN_DECODE_BYTE_FALLBACK
} qn_decoder_kind;
typedef struct qn_decoder {
  qn_decoder_kind kind;
  qn_string a, b;        /* prefix, suffix or pattern; content or delimiter */
  bool flag;             /* cleanup; whether the first blank was put in */
  int32_t start, stop;
} qn_decoder;
#define QN_MOST_DECODERS 32

typedef enum qn_truncation { QN_LONGEST_FIRST, QN_ONLY_FIRST, QN_ONLY_SECOND } qn_truncation;

typedef struct qn_tokenizer {
  qn_pool pool;
  qn_unicode *unicode;
  qn_normals normals;
  qn_cutters cutters;
  qn_model model;
  qn_added_list added;
  qn_template single, pair;
  bool trims, trims_prefixed; /* offsets leave out blanks; a first blank was put in */
  int32_t most;               /* tokens of a result; 0: any number */
  qn_truncation truncation;
  bool cut_left;
  bool pads, pad_left;
  int32_t pad_to, pad_multiple; /* 0: the longest of a batch; 0 or 1: of any number */
  int32_t pad_id, pad_type;
  qn_decoder decoders[QN_MOST_DECODERS];
  int decoder_count;
} qn_tokenizer;

/* NULL without memory or when the file is refused: `err` says which. The file may go afterwards. */
qn_tokenizer *qn_tokenizer_create(const char *json, size_t length, qn_error *err);
void qn_tokenizer_free(qn_tokenizer *t);
/* The id of a token, or −1. */
int32_t qn_tokenizer_id(const qn_tokenizer *t, const char *text);

/* Parts of the reading. */
qn_status qn_model_read(const struct cJSON *json, qn_pool *pool, qn_model *m, qn_error *err);
qn_status qn_added_read(const struct cJSON *json, qn_tokenizer *t, qn_error *err);
qn_status qn_processor_read(const struct cJSON *json, qn_tokenizer *t, qn_error *err);
qn_status qn_decoder_read(const struct cJSON *json, qn_tokenizer *t, qn_error *err);

/* ---- encoding ---- */

typedef struct qn_coded { int32_t id, type, from, to; } qn_coded; /* a token of a result, at source[from, to) in UTF-16 units */
typedef struct qn_coded_list {
  qn_coded *list; /* [count] */
  size_t count, capacity;
} qn_coded_list;

/* What encoding wants while it works; zeroed at first, grows, and keeps what it has. */
typedef struct qn_encoder {
  qn_chars raw, segment, text, next;
  qn_pieces pieces, more;
  qn_tokens tokens;
  qn_model_room room;
  char *bytes;       /* of a piece */
  int32_t *places;   /* [bytes of the piece] which character each is of */
  size_t byte_capacity;
  qn_coded_list texts[2], out; /* out: all that was appended */
} qn_encoder;
void qn_encoder_free(qn_encoder *e);

/* Appends the tokens of a text, or of a pair of them (second.data not NULL), to e->out: with what post-processing adds when `special`, and truncated. */
qn_status qn_encode(const qn_tokenizer *t, qn_encoder *e, qn_string first, const qn_string *second, bool special, qn_error *err);
/* Cuts what has added tokens in it, and normalizes: e->raw to e->text and e->pieces. False without memory. */
bool qn_added_extract(const qn_tokenizer *t, qn_encoder *e);

/* ---- decoding ---- */

typedef struct qn_texts { /* texts one behind the other */
  char *bytes;
  size_t length, capacity;
  size_t *ends; /* [count] */
  size_t count, end_capacity;
} qn_texts;
void qn_texts_free(qn_texts *t);
bool qn_texts_put(qn_texts *t, const char *bytes, size_t n); /* to the last text; false without memory */
/* What the ids say, as one text in out (one entry). skip_special: without special tokens. */
qn_status qn_decode(const qn_tokenizer *t, const int64_t *ids, size_t count, bool skip_special, qn_texts *room, qn_texts *out, qn_error *err);

#endif
