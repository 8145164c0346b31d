/* The loops that profiles are measured against do what they say: rounds that compilers cannot leave out, and every byte read once. */
#include <stdlib.h>

#include "harness.h"
#include "kernel/peak.h"

TEST(multiply_adds) {
  CHECK(qn_peak_multiply_add(0) == 4 * 45.0f);
  /* One round is eight steps: x -> 2 + (x - 2) / 256. */
  float expected = 0;
  for (int c = 0; c < 10; c++) expected += 4 * (2 + (c - 2) / 256.0f);
  CHECK(qn_peak_multiply_add(1) == expected);
  CHECK(qn_peak_multiply_add(640) == expected && qn_peak_multiply_add(641) != expected);
  CHECK(qn_peak_multiply_add(100000) == QN_PEAK_SUM);
}

TEST(reads) {
  enum { WORDS = 1000 };
  uint64_t *words = malloc(WORDS * sizeof *words), expected = 0;
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < WORDS; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    words[i] = x;
  }
  for (size_t size = 0; size <= WORDS * 8; size += 56) {
    expected = 0;
    for (size_t i = 0; i < size / 64 * 8; i++) expected ^= words[i];
    uint64_t found = qn_peak_read(words, size);
    CHECK(found == expected);
  }
  free(words);
}

int main(void) {
  RUN(multiply_adds);
  RUN(reads);
  return DONE();
}
