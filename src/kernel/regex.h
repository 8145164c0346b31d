/* Regular expressions in RE2's syntax, matched against a whole text in time proportional to its length.
 * The pattern becomes a program of a nondeterministic automaton, all of whose states are followed side by side
 * (K. Thompson: Regular expression search algorithm, CACM 1968). Nothing backtracks, so no pattern is slow. */
#ifndef QN_KERNEL_REGEX_H
#define QN_KERNEL_REGEX_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct qn_regex_step {
  uint32_t op;
  uint32_t a, b;
} qn_regex_step;

typedef struct qn_regex {
  qn_regex_step *code; /* [count], qn_alloc, owned by whoever compiled it */
  size_t count;
} qn_regex;

/* Fails with a sentence on a pattern that is malformed, too large, or uses Unicode classes (\p), which are not supported. */
qn_status qn_regex_compile(const char *pattern, size_t length, qn_regex *r, qn_error *err);
/* 32-bit words of `room` that a match wants. */
static inline size_t qn_regex_room(const qn_regex *r) { return 6 * r->count; }
bool qn_regex_full_match(const qn_regex *r, const char *text, size_t length, uint32_t *room);
/* The longest of the leftmost matches that begin at text[*from] or behind it: text[*from .. *to). */
bool qn_regex_find(const qn_regex *r, const char *text, size_t length, size_t *from, size_t *to, uint32_t *room);

#endif
