/* What texts are split by: a text, a kind of character, or one of the regular expressions that published tokenizers have. These are matched by
 * code of their own, without backtracking; another one is refused. */
#ifndef QN_TEXT_SPLIT_PATTERN_H
#define QN_TEXT_SPLIT_PATTERN_H

#include "base/memory.h"
#include "feature/text/unicode.h"

struct cJSON;

typedef enum qn_pattern_kind {
  QN_BY_TEXT, QN_BY_SPACE, QN_BY_BERT_PUNCTUATION, QN_BY_NUMBER,  /* of these one character is a match */
  QN_BY_WORDS,          /* \w+|[^\w\s]+ */
  QN_BY_GPT2, QN_BY_CL100K, QN_BY_QWEN2, QN_BY_O200K, QN_BY_CLIP, QN_BY_CLIP_MARKS,
  QN_BY_SPACES, QN_BY_BLANKS, QN_BY_DIGITS3, QN_BY_NEWLINES /* \s+ · {2,} of the blank · \p{N}{1,3} · [\r\n] */
} qn_pattern_kind;

typedef struct qn_pattern {
  qn_pattern_kind kind;
  const uint32_t *text; /* [length], of QN_BY_TEXT */
  size_t length;
} qn_pattern;

/* {"String": "…"} or {"Regex": "…"}, or a text. */
qn_status qn_pattern_read(const struct cJSON *json, qn_pool *pool, qn_pattern *out, qn_error *err);
/* The end of the match that begins at c[at] within c[0, end), or `at` when there is none. */
size_t qn_pattern_match(const qn_pattern *p, const qn_unicode *u, const uint32_t *c, size_t at, size_t end);

#endif
