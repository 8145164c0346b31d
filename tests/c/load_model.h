/* For native programs around a whole model: the clock that the core asks for, and loading from bytes in memory.
 * Define _POSIX_C_SOURCE before the first include. */
#ifndef QN_TESTS_LOAD_MODEL_H
#define QN_TESTS_LOAD_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quern.h"

uint64_t qn_now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The whole file, for the caller to free; NULL when it cannot be read. */
static inline unsigned char *read_file(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  *size = (size_t)ftell(f);
  rewind(f);
  unsigned char *bytes = malloc(*size + 1);
  if (bytes && fread(bytes, 1, *size, f) != *size) free(bytes), bytes = NULL;
  fclose(f);
  return bytes;
}

/* bytes: [size], the whole file */
static inline qn_status load_model(qn_model *m, const unsigned char *bytes, size_t size) {
  size_t at = 0;
  while (at < size) {
    void *p;
    size_t n;
    QN_TRY(qn_model_want(m, &p, &n));
    if (n > size - at) n = size - at;
    memcpy(p, bytes + at, n);
    QN_TRY(qn_model_commit(m, n));
    at += n;
  }
  return qn_model_finish(m);
}

#endif
