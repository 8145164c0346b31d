/* Finding a string or a number in a list of an untrusted file: sorted once, then searched by halves (a hash table would be at
 * the mercy of the file). */
#ifndef QN_KERNEL_LOOKUP_H
#define QN_KERNEL_LOOKUP_H

#include "base/value.h"

typedef struct qn_lookup {
  const qn_string *text;    /* [count], or NULL */
  const uint64_t *numbers;  /* [count], or NULL */
  size_t count;
  const uint32_t *order;    /* [count] */
} qn_lookup;

/* Sorts text or numbers, whichever is set. order, spare: [count]; the order stays in one of the two, which has to live as long as *l. */
void qn_lookup_sort(qn_lookup *l, uint32_t *order, uint32_t *spare);
/* Index of the key, the last of equal ones; -1 when it is not there. */
int64_t qn_lookup_text(const qn_lookup *l, qn_string key);
int64_t qn_lookup_number(const qn_lookup *l, uint64_t key);
/* Any real number as a key: equal numbers give equal keys, and so do all NaN. */
uint64_t qn_lookup_key(double value);

/* -1, 0, 1 by bytes. */
int qn_string_compare(qn_string a, qn_string b);

#endif
