#include "kernel/inflate.h"

#include <string.h>

enum { MAX_BITS = 15 };

typedef struct bits {
  const uint8_t *p, *end;
  uint32_t held, count;
  bool failed;                /* read past the end */
} bits;

static uint32_t take(bits *b, uint32_t n) {
  while (b->count < n) {
    if (b->p == b->end) {
      b->failed = true;
      return 0;
    }
    b->held |= (uint32_t)*b->p++ << b->count;
    b->count += 8;
  }
  uint32_t value = b->held & ((1u << n) - 1);
  b->held >>= n;
  b->count -= n;
  return value;
}

/* A canonical Huffman code: how many codes have each length, and the symbols in order of their codes. */
typedef struct code { uint16_t count[MAX_BITS + 1], symbol[288]; } code;

static bool make_code(code *c, const uint8_t *length, int n) {
  uint16_t at[MAX_BITS + 2];
  memset(c->count, 0, sizeof c->count);
  for (int i = 0; i < n; i++) c->count[length[i]]++;
  c->count[0] = 0;
  int left = 1;
  at[1] = 0;
  for (int k = 1; k <= MAX_BITS; k++) {
    left = 2 * left - c->count[k];
    if (left < 0) return false; /* more codes than there is room for */
    at[k + 1] = (uint16_t)(at[k] + c->count[k]);
  }
  for (int i = 0; i < n; i++)
    if (length[i]) c->symbol[at[length[i]]++] = (uint16_t)i;
  return true;
}

static int decode(bits *b, const code *c) {
  int value = 0, first = 0, index = 0;
  for (int k = 1; k <= MAX_BITS && !b->failed; k++) {
    value |= (int)take(b, 1);
    if (value - first < c->count[k]) return c->symbol[index + value - first];
    index += c->count[k];
    first = (first + c->count[k]) * 2;
    value *= 2;
  }
  b->failed = true;
  return 0;
}

/* Sections 3.2.6 and 3.2.7: the two codes of a block. */
static bool read_codes(bits *b, bool dynamic, code *literals, code *distances) {
  static const uint8_t ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  uint8_t length[320] = {0};
  int n_literals = 288, n_distances = 30;
  if (!dynamic) {
    for (int i = 0; i < 288; i++) length[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    memset(length + 288, 5, 30);
  } else {
    n_literals = (int)take(b, 5) + 257;
    n_distances = (int)take(b, 5) + 1;
    int n_lengths = (int)take(b, 4) + 4;
    for (int i = 0; i < n_lengths; i++) length[ORDER[i]] = (uint8_t)take(b, 3);
    if (n_literals > 286 || n_distances > 30 || !make_code(literals, length, 19)) return false;
    memset(length, 0, sizeof length);
    for (int i = 0; i < n_literals + n_distances && !b->failed;) {
      int symbol = decode(b, literals), repeat = 1;
      uint8_t value = (uint8_t)symbol;
      if (symbol >= 16) {
        if (symbol == 16 && i == 0) return false;
        value = symbol == 16 ? length[i - 1] : 0;
        repeat = symbol == 16 ? 3 + (int)take(b, 2) : symbol == 17 ? 3 + (int)take(b, 3) : 11 + (int)take(b, 7);
      }
      if (i + repeat > n_literals + n_distances) return false;
      while (repeat--) length[i++] = value;
    }
  }
  return !b->failed && make_code(literals, length, n_literals) && make_code(distances, length + n_literals, n_distances);
}

static bool block(bits *b, const code *literals, const code *distances, uint8_t *out, size_t size, size_t *at) {
  while (!b->failed) {
    int symbol = decode(b, literals);
    if (b->failed || symbol == 256) break;
    if (symbol < 256) {
      if (*at == size) return false;
      out[(*at)++] = (uint8_t)symbol;
      continue;
    }
    uint32_t k = (uint32_t)symbol - 257; /* lengths in steps that double every four symbols, distances every two */
    if (k > 28) return false;
    uint32_t length = k < 8 ? k + 3 : k == 28 ? 258 : ((4 + (k & 3)) << (k / 4 - 1)) + 3 + take(b, k / 4 - 1);
    uint32_t d = (uint32_t)decode(b, distances);
    if (d > 29) return false;
    uint32_t distance = d < 4 ? d + 1 : ((2 + (d & 1)) << (d / 2 - 1)) + 1 + take(b, d / 2 - 1);
    if (b->failed || distance > *at || length > size - *at) return false;
    for (; length--; (*at)++) out[*at] = out[*at - distance];
  }
  return !b->failed;
}

bool qn_inflate_zlib(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size) {
  if (in_size < 2 || (in[0] & 15) != 8 || (in[0] << 8 | in[1]) % 31 || (in[1] & 32)) return false;
  bits b = {in + 2, in + in_size, 0, 0, false};
  size_t at = 0;
  code literals, distances;
  for (bool last = false; !last;) {
    last = take(&b, 1);
    uint32_t kind = take(&b, 2);
    if (b.failed || kind == 3) return false;
    if (kind == 0) {
      b.held = b.count = 0; /* to the next byte; no more than 7 bits are held */
      if (b.end - b.p < 4) return false;
      size_t n = (size_t)(b.p[0] | b.p[1] << 8);
      b.p += 4;
      if (n > (size_t)(b.end - b.p) || n > out_size - at) return false;
      if (n) memcpy(out + at, b.p, n);
      b.p += n;
      at += n;
    } else if (!read_codes(&b, kind == 2, &literals, &distances) || !block(&b, &literals, &distances, out, out_size, &at)) {
      return false;
    }
  }
  return at == out_size;
}
