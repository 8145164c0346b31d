#include "feature/post/ctc.h"

#include <string.h>

#include "base/memory.h"

qn_status qn_ctc_labels_read(qn_ctc_labels *labels, const char *text, size_t length, qn_error *err) {
  *labels = (qn_ctc_labels){0};
  if (length > 16 * 1024 * 1024) return qn_fail(err, QN_ERR_ARGUMENT, "A labels file of %zu bytes is too large: 16 MB at most.", length);
  size_t lines = 0;
  for (size_t i = 0; i < length; i++) lines += text[i] == '\n' || i + 1 == length;
  if (!lines) return qn_fail(err, QN_ERR_ARGUMENT, "The labels file is empty.");
  labels->text = qn_alloc(length + 1);
  labels->starts = qn_alloc((lines + 3) * sizeof *labels->starts);
  if (!labels->text || !labels->starts) {
    qn_ctc_labels_free(labels);
    return qn_fail(err, QN_ERR_MEMORY, "There is no memory for %zu labels.", lines);
  }
  uint32_t at = 0;
  labels->starts[labels->classes++] = 0; /* blank: no text */
  labels->starts[labels->classes++] = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] != '\n' && text[i] != '\r') labels->text[at++] = text[i];
    if (text[i] == '\n' || i + 1 == length) labels->starts[labels->classes++] = at;
  }
  labels->text[at++] = ' ';
  labels->starts[labels->classes] = at;
  return QN_OK;
}

void qn_ctc_labels_free(qn_ctc_labels *labels) {
  qn_free(labels->text);
  qn_free(labels->starts);
  *labels = (qn_ctc_labels){0};
}

enum { LANES = 16 };

/* Index of the first largest value; 0 (the blank) when there is none because of NaN. */
static int32_t largest(const float *p, int32_t n) {
  float lane[LANES]; /* several maxima side by side: compiles to SIMD */
  for (int k = 0; k < LANES; k++) lane[k] = p[0];
  int32_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) lane[k] = p[i + k] > lane[k] ? p[i + k] : lane[k];
  for (; i < n; i++) lane[0] = p[i] > lane[0] ? p[i] : lane[0];
  for (int k = 1; k < LANES; k++) lane[0] = lane[k] > lane[0] ? lane[k] : lane[0];
  for (i = 0; i < n; i++)
    if (p[i] == lane[0]) return i;
  return 0;
}

size_t qn_ctc_decode(const qn_ctc_labels *labels, const float *probabilities, int32_t steps, char *text,
                     size_t capacity, float *score) {
  size_t length = 0;
  double sum = 0;
  int32_t kept = 0, last = 0;
  for (int32_t t = 0; t < steps; t++, probabilities += labels->classes) {
    int32_t best = largest(probabilities, labels->classes);
    if (best && best != last) {
      uint32_t start = labels->starts[best], size = labels->starts[best + 1] - start;
      if (length + size <= capacity) memcpy(text + length, labels->text + start, size);
      else capacity = 0; /* nothing after what did not fit */
      length += size;
      sum += (double)probabilities[best];
      kept++;
    }
    last = best;
  }
  *score = kept ? (float)(sum / kept) : 0;
  return length;
}
