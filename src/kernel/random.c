#include "kernel/random.h"

#include <math.h>

void qn_random_seed(qn_random *r, uint32_t seed) {
  r->words[0] = seed;
  for (uint32_t i = 1; i < 624; i++) r->words[i] = 1812433253u * (r->words[i - 1] ^ r->words[i - 1] >> 30) + i;
  r->at = 624;
  r->has_spare = false;
}

static uint32_t next(qn_random *r) {
  uint32_t *w = r->words;
  if (r->at >= 624) {
    for (int i = 0; i < 624; i++) {
      uint32_t y = (w[i] & 0x80000000u) | (w[(i + 1) % 624] & 0x7fffffffu);
      w[i] = w[(i + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    r->at = 0;
  }
  uint32_t y = w[r->at++];
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

double qn_random_uniform(qn_random *r) {
  uint32_t high = next(r) >> 5, low = next(r) >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

/* Marsaglia and Bray's polar method, 1964. */
double qn_random_normal(qn_random *r) {
  double u, v, square;
  if (r->has_spare) {
    r->has_spare = false;
    return r->spare;
  }
  do {
    u = 2 * qn_random_uniform(r) - 1;
    v = 2 * qn_random_uniform(r) - 1;
    square = u * u + v * v;
  } while (square >= 1 || square == 0);
  double f = sqrt(-2 * log(square) / square);
  r->spare = f * u;
  r->has_spare = true;
  return f * v;
}
