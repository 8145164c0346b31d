/* What Unicode says of characters, unpacked once for each tokenizer: categories, lower case, decompositions and compositions
 * (UAX #15), combining classes, what joins grapheme clusters (UAX #29). */
#ifndef QN_TEXT_UNICODE_H
#define QN_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum qn_category { /* in the order of tools/make-unicode-table.mjs */
  QN_CN, QN_CC, QN_CF, QN_CO, QN_LU, QN_LL, QN_LT, QN_LM, QN_LO, QN_MN, QN_MC, QN_ME, QN_ND, QN_NL, QN_NO,
  QN_PC, QN_PD, QN_PS, QN_PE, QN_PI, QN_PF, QN_PO, QN_SM, QN_SC, QN_SK, QN_SO, QN_ZS, QN_ZL, QN_ZP
} qn_category;

/* Sets of categories. */
#define QN_IN(category) (1u << (category))
#define QN_LETTER (QN_IN(QN_LU) | QN_IN(QN_LL) | QN_IN(QN_LT) | QN_IN(QN_LM) | QN_IN(QN_LO))
#define QN_MARK (QN_IN(QN_MN) | QN_IN(QN_MC) | QN_IN(QN_ME))
#define QN_NUMBER (QN_IN(QN_ND) | QN_IN(QN_NL) | QN_IN(QN_NO))
#define QN_PUNCTUATION (QN_IN(QN_PC) | QN_IN(QN_PD) | QN_IN(QN_PS) | QN_IN(QN_PE) | QN_IN(QN_PI) | QN_IN(QN_PF) | QN_IN(QN_PO))

typedef struct qn_unicode qn_unicode;

/* About 200 KB, or NULL. */
qn_unicode *qn_unicode_create(void);
void qn_unicode_free(qn_unicode *u);

qn_category qn_unicode_category(const qn_unicode *u, uint32_t c);
static inline bool qn_unicode_is(const qn_unicode *u, uint32_t c, uint32_t set) { return set >> qn_unicode_category(u, c) & 1; }
/* Unicode's \w: letters, marks, digits, connectors, joiners. */
bool qn_unicode_is_word(const qn_unicode *u, uint32_t c);
/* Simple lower case; U+0130 alone has two characters in the full mapping, 'i' and U+0307. */
uint32_t qn_unicode_lower(const qn_unicode *u, uint32_t c);
/* Ordered as the combining classes are; 0 is 0. */
uint8_t qn_unicode_class(const qn_unicode *u, uint32_t c);

#define QN_MOST_PARTS 18 /* of U+FDFA */
/* The full decomposition; a character without one is its own. Returns the count. */
int qn_unicode_decompose(const qn_unicode *u, uint32_t c, bool compatible, uint32_t parts[QN_MOST_PARTS]);
/* The primary composite of two characters, or 0. */
uint32_t qn_unicode_compose(const qn_unicode *u, uint32_t a, uint32_t b);
/* Whether the two may be in one extended grapheme cluster, of what texts below 6 bytes can have: no syllables, flags and sequences of emoji. */
bool qn_unicode_joins(const qn_unicode *u, uint32_t a, uint32_t b);

#endif
