#include "kernel/peak.h"

#include "kernel/simd.h"

/* Ten chains: multiply-adds take four to five cycles and cores begin two in each, and with the two factors ten fit into sixteen registers
 * even where a multiply-add is two instructions. */
enum { CHAINS = 10, STEPS = 8, ROUND = CHAINS * STEPS * 4 * 2 };

float qn_peak_multiply_add(size_t operations) {
  qn_f32x4 half = qn_splat4(0.5f), one = qn_splat4(1.0f), chain[CHAINS];
  QN_UNROLL(10) for (int c = 0; c < CHAINS; c++) chain[c] = qn_splat4((float)c);
  for (size_t done = 0; done < operations; done += ROUND)
    QN_UNROLL(8) for (int step = 0; step < STEPS; step++)
      QN_UNROLL(10) for (int c = 0; c < CHAINS; c++) chain[c] = qn_madd4(chain[c], half, one); /* x/2 + 1: settles at 2, never denormal */
  float lanes[4], sum = 0;
  for (int c = 0; c < CHAINS; c++) {
    qn_store4(lanes, chain[c]);
    for (int i = 0; i < 4; i++) sum += lanes[i];
  }
  return sum;
}

/* Integers, since adding floats that happen to be denormal is slow. Compilers do not see that scalar ones could be vectors. */
#ifdef __wasm_simd128__
typedef v128_t words;
#define READ(p, i) wasm_v128_load((p) + 2 * (i))
#define XOR(a, b) wasm_v128_xor(a, b)
#define FOLD(a) ((uint64_t)(wasm_i64x2_extract_lane(a, 0) ^ wasm_i64x2_extract_lane(a, 1)))
#define NOTHING wasm_i64x2_const_splat(0)
#else
typedef struct words {
  uint64_t low, high;
} words;
#define READ(p, i) ((words){(p)[2 * (i)], (p)[2 * (i) + 1]})
#define XOR(a, b) ((words){(a).low ^ (b).low, (a).high ^ (b).high})
#define FOLD(a) ((a).low ^ (a).high)
#define NOTHING ((words){0, 0})
#endif

uint64_t qn_peak_read(const void *memory, size_t size) {
  const uint64_t *p = memory, *end = p + size / 64 * 8;
  words a = NOTHING, b = NOTHING, c = NOTHING, d = NOTHING;
  for (; p < end; p += 8) {
    a = XOR(a, READ(p, 0));
    b = XOR(b, READ(p, 1));
    c = XOR(c, READ(p, 2));
    d = XOR(d, READ(p, 3));
  }
  return FOLD(a) ^ FOLD(b) ^ FOLD(c) ^ FOLD(d);
}
