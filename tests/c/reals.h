/* Seeded random numbers for kernel tests: the file that includes this defines `static uint32_t seed` before. */
#ifndef QN_TESTS_REALS_H
#define QN_TESTS_REALS_H

#include "base/memory.h"

static uint32_t next(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }
static int64_t below(int64_t n) { return (int64_t)(next() % (uint32_t)n); }

/* The same numbers as float and double. */
typedef struct both {
  float *f;
  double *d;
} both;
static both reals(int64_t n) {
  both x = {qn_alloc((size_t)n * sizeof(float)), qn_alloc((size_t)n * sizeof(double))};
  for (int64_t i = 0; i < n; i++) x.d[i] = x.f[i] = (float)next() / 8388608.0f - 1.0f;
  return x;
}
static void drop(both x) { qn_free(x.f), qn_free(x.d); }

#endif
