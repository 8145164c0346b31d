/* What scikit-learn's vectorizers take a text apart into: n-grams of words, of characters, or of characters within words (scikit-learn 1.9,
 * feature_extraction.text). */
#ifndef QN_TEXT_TERMS_H
#define QN_TEXT_TERMS_H

#include "feature/text/chars.h"
#include "feature/text/unicode.h"
#include "feature/text/vocab.h"

typedef enum qn_analyzer { QN_WORDS, QN_CHARS, QN_CHARS_IN_WORDS } qn_analyzer;
typedef enum qn_accents { QN_ACCENTS_STAY, QN_ACCENTS_ASCII, QN_ACCENTS_UNICODE } qn_accents;

typedef struct qn_terms {
  qn_analyzer analyzer;
  qn_accents accents;
  bool lowercase;
  int32_t least, most;   /* n of the n-grams */
  int32_t shortest;      /* characters of a word; shorter ones are left out */
  qn_vocab stop_words;   /* slots NULL: none */
} qn_terms;

/* Grows, and keeps what it has. */
typedef struct qn_terms_room {
  qn_chars text, next;
  char *bytes;           /* UTF-8 */
  size_t *begins, *ends; /* of words or characters in bytes */
  size_t byte_capacity, capacity;
} qn_terms_room;
void qn_terms_room_free(qn_terms_room *room);

typedef void qn_term_sink(void *to, const char *term, size_t length);
/* Gives each n-gram of the text to the sink, as often as it occurs. False without memory. */
bool qn_terms_each(const qn_terms *t, const qn_unicode *u, qn_terms_room *room, qn_string text, qn_term_sink *sink, void *to);

#endif
