/* Text from the output of a CTC recogniser: greedy decoding with PaddleOCR's conventions. */
#ifndef QN_FEATURE_CTC_H
#define QN_FEATURE_CTC_H

#include "base/status.h"
#include <stdint.h>

/* Class 0 is the blank, class i the i-th line of the labels file, and one class more behind them is the space. */
typedef struct qn_ctc_labels {
  char *text;       /* the file, owned */
  uint32_t *starts; /* [classes + 1] into text, owned; label i is text[starts[i] … starts[i + 1]) */
  int32_t classes;
} qn_ctc_labels;

/* Reads UTF-8 lines ("\n" or "\r\n", the last one with or without). text: [length], caller owns, copied. */
qn_status qn_ctc_labels_read(qn_ctc_labels *labels, const char *text, size_t length, qn_error *err);
void qn_ctc_labels_free(qn_ctc_labels *labels);

/* The best class of each step; repeats and blanks dropped. probabilities: [steps, labels->classes], caller owns.
 * Writes at most `capacity` bytes of UTF-8 to `text` (whole characters; no NUL) and returns the bytes that the whole
 * text has: text may be NULL with capacity 0. *score: mean probability of the characters kept, 0 without any. */
size_t qn_ctc_decode(const qn_ctc_labels *labels, const float *probabilities, int32_t steps, char *text,
                     size_t capacity, float *score);

#endif
