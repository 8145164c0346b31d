/* MurmurHash3's 32-bit hash for x86 (A. Appleby, smhasher), of bytes that come in pieces. */
#ifndef QN_KERNEL_MURMUR3_H
#define QN_KERNEL_MURMUR3_H

#include <stddef.h>
#include <stdint.h>

typedef struct qn_murmur3 {
  uint32_t hash; /* begins as the seed */
  uint32_t word; /* the last length % 4 bytes */
  uint32_t length;
} qn_murmur3;

static inline uint32_t qn_murmur3_turn(uint32_t x, int by) { return x << by | x >> (32 - by); }

static inline void qn_murmur3_add(qn_murmur3 *m, const void *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    m->word |= (uint32_t)((const uint8_t *)bytes)[i] << 8 * (m->length++ & 3);
    if (m->length & 3) continue;
    m->hash ^= qn_murmur3_turn(m->word * 0xcc9e2d51u, 15) * 0x1b873593u;
    m->hash = qn_murmur3_turn(m->hash, 13) * 5 + 0xe6546b64u;
    m->word = 0;
  }
}

static inline uint32_t qn_murmur3_end(const qn_murmur3 *m) {
  uint32_t h = m->hash ^ qn_murmur3_turn(m->word * 0xcc9e2d51u, 15) * 0x1b873593u ^ m->length;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

#endif
