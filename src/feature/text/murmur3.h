/* MurmurHash3 for 32 bits (A. Appleby, public domain), with seed 0: what scikit-learn's hashing vectorizer and feature hasher place terms by. */
#ifndef QN_TEXT_MURMUR3_H
#define QN_TEXT_MURMUR3_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t qn_rotate32(uint32_t x, int n) { return x << n | x >> (32 - n); }

static inline uint32_t qn_murmur3(const char *text, size_t length) {
  const uint8_t *p = (const uint8_t *)text;
  uint32_t h = 0;
  for (size_t i = 0; i < length; i += 4) {
    const size_t n = length - i < 4 ? length - i : 4;
    uint32_t k = 0;
    for (size_t b = 0; b < n; b++) k |= (uint32_t)p[i + b] << (8 * b);
    h ^= qn_rotate32(k * 0xCC9E2D51u, 15) * 0x1B873593u;
    if (n == 4) h = qn_rotate32(h, 13) * 5 + 0xE6546B64u;
  }
  h ^= (uint32_t)length;
  h = (h ^ h >> 16) * 0x85EBCA6Bu;
  h = (h ^ h >> 13) * 0xC2B2AE35u;
  return h ^ h >> 16;
}

#endif
