/* What the fuzzers and the starvation test do with a file: load it, feed it, run it for a while. Include load_model.h first. */
#ifndef QN_TESTS_RUN_MODEL_H
#define QN_TESTS_RUN_MODEL_H

#include <stdlib.h>

/* A tensor that fits the port: symbolic dimensions become 1 to 4, contents come from `seed`. *fits is false for what is too large here. */
static qn_status feed_port(qn_model *m, int i, uint32_t seed, bool *fits) {
  const qn_port *p = qn_input_port(m, i);
  int64_t dims[QN_MAX_RANK], count = 1;
  int rank = p->rank < 0 ? (int)(seed % 3) : p->rank;
  *fits = p->kind == QN_KIND_TENSOR;
  for (int d = 0; d < rank && *fits; d++) {
    dims[d] = p->rank >= 0 && p->dims[d] >= 0 ? p->dims[d] : 1 + (int64_t)(seed >> d) % 4;
    *fits = dims[d] <= 1 << 16 && (count *= dims[d]) <= 1 << 16; /* a convolution of more with itself takes minutes under the sanitizers */
  }
  if (!*fits) return QN_OK;
  QN_TRY(qn_input_bind(m, i, p->dtype ? p->dtype : QN_FLOAT, rank, dims));
  qn_tensor *t = &qn_input_value(m, i)->tensor;
  size_t bytes = t->dtype == QN_STRING ? 0 : qn_tensor_bytes(t);
  for (int64_t k = 0; t->dtype == QN_STRING && k < t->count; k++) ((qn_string *)t->data)[k] = (qn_string){"a1 b", (size_t)(seed + k) % 5};
  size_t width = qn_dtype_size(t->dtype) ? qn_dtype_size(t->dtype) : 1; /* packed types have none */
  for (size_t k = 0; k < bytes; k++) { /* small numbers of either sign in integers, anything in floats */
    seed = seed * 1664525u + 1013904223u;
    ((uint8_t *)t->data)[k] = t->dtype == QN_FLOAT || t->dtype == QN_DOUBLE ? (uint8_t)(seed >> 24) : t->dtype == QN_BOOL ? (uint8_t)(seed >> 24 & 1) : k % width ? 0 : (uint8_t)(seed >> 24 & 7);
  }
  return QN_OK;
}

/* Loads and runs twice. The sentence is in qn_model_error(m) when it fails. */
static qn_status run_model(qn_model *m, const unsigned char *bytes, size_t size, uint64_t limit_us) {
  QN_TRY(load_model(m, bytes, size));
  uint64_t until = qn_now_us() + limit_us;
  for (uint32_t round = 0; round < 2; round++) {
    for (int i = 0; i < qn_input_count(m); i++) {
      bool fits;
      QN_TRY(feed_port(m, i, 7 + 5 * round + (uint32_t)i, &fits));
      if (!fits) return QN_OK;
    }
    QN_TRY(qn_run_start(m));
    bool done = false;
    while (!done && qn_now_us() < until) QN_TRY(qn_run_step(m, 10000, &done));
    if (!done) qn_run_cancel(m); /* a trip count may be anything; a run can always be stopped */
  }
  return QN_OK;
}

#endif
