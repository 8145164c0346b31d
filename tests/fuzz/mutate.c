/* Damages a model and runs what is left of it: mutate FILE [flips [seed]]. Cuts it at every fiftieth, then flips one byte at
 * a time. Every damaged file must load and run, or fail with a sentence; the sanitizers watch the rest.
 * Prints `N passed, N failed`. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../c/load_model.h"

static uint64_t state;
static uint32_t draw(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

static int failed, passed, loaded, ran;

static qn_status run(qn_model *m) {
  for (int i = 0; i < qn_input_count(m); i++) {
    const qn_port *p = qn_input_port(m, i);
    int64_t dims[QN_MAX_RANK], count = 1;
    for (int d = 0; d < p->rank; d++) {
      dims[d] = p->dims[d] > 0 ? p->dims[d] : d == 0 ? 1 : p->rank == 4 ? 64 : p->rank == 2 ? 576 : 1; /* pictures, samples, states */
      if (dims[d] > 1024) return QN_OK; /* a flipped dimension: legal, but too much for a test */
      count *= dims[d];
    }
    if (count > 1 << 22 || p->kind != QN_KIND_TENSOR) return QN_OK;
    QN_TRY(qn_input_bind(m, i, p->dtype ? p->dtype : QN_FLOAT, p->rank < 0 ? 0 : p->rank, dims));
    qn_tensor *t = &qn_input_value(m, i)->tensor;
    memset(t->data, 0, qn_tensor_bytes(t));
    if (t->dtype == QN_INT64 && t->count == 1) *(int64_t *)t->data = 16000; /* a sample rate picks Silero's main branch */
  }
  QN_TRY(qn_run_start(m));
  bool done = false;
  uint64_t until = qn_now_us() + 2000000;
  while (!done && qn_now_us() < until) QN_TRY(qn_run_step(m, 100000, &done));
  if (!done) qn_run_cancel(m); /* a flipped trip count may loop for long; it can always be stopped */
  ran++;
  return QN_OK;
}

static void attempt(const unsigned char *bytes, size_t size, const char *what, size_t at) {
  size_t before = qn_alloc_bytes();
  qn_model *m = qn_model_create();
  qn_status status = load_model(m, bytes, size);
  if (status == QN_OK) {
    loaded++;
    status = run(m);
  }
  bool ok = status == QN_OK || strlen(qn_model_error(m)->text) > 10;
  if (getenv("VERBOSE")) printf("%s %zu: %s\n", what, at, status == QN_OK ? "runs" : qn_model_error(m)->text);
  qn_model_free(m);
  if (qn_alloc_bytes() != before) { printf("%s %zu: %zu bytes leaked\n", what, at, qn_alloc_bytes() - before); ok = false; }
  if (!ok) printf("%s %zu: no sentence for status %d\n", what, at, (int)status);
  if (ok) passed++; else failed++;
}

int main(int argc, char **argv) {
  size_t size;
  unsigned char *bytes = argc > 1 ? read_file(argv[1], &size) : NULL;
  if (!bytes) return 2;
  int flips = argc > 2 ? atoi(argv[2]) : 2000;
  state = argc > 3 ? (uint64_t)atoll(argv[3]) : 1;
  for (size_t k = 0; k < 50; k++) attempt(bytes, size * k / 50, "cut at", size * k / 50);
  for (int k = 0; k < flips; k++) {
    /* weights are most of a file and flip harmlessly: half of the flips go to bytes that look like structure */
    size_t at = ((size_t)draw() << 16 ^ draw()) % size;
    if (k & 1) for (int tries = 0; tries < 200 && (at + 8 > size || bytes[at] > 0x7a || bytes[at + 1] > 0x7a || bytes[at + 2] > 0x7a || bytes[at + 3] > 0x7a); tries++) at = ((size_t)draw() << 16 ^ draw()) % size;
    unsigned char old = bytes[at];
    bytes[at] ^= (unsigned char)(1u << draw() % 8);
    if (k % 3 == 0) bytes[at] = (unsigned char)draw();
    attempt(bytes, size, "flip at", at);
    bytes[at] = old;
  }
  printf("%d loaded, %d ran\n%d passed, %d failed\n", loaded, ran, passed, failed);
  free(bytes);
  return failed != 0;
}
