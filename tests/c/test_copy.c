/* kernel/copy.h against an element-by-element reference. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/copy.h"

static uint64_t state;
static uint64_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

static unsigned get(const uint8_t *p, unsigned bits, int64_t i) {
  return (unsigned)p[i * bits / 8] >> (unsigned)(i * bits % 8) & ((1u << bits) - 1);
}

static bool same(const uint8_t *a, int64_t i, const uint8_t *b, int64_t j, unsigned bits) {
  if (bits < 8) return get(a, bits, i) == get(b, bits, j);
  return memcmp(a + i * bits / 8, b + j * bits / 8, bits / 8) == 0;
}

/* A random permutation of dimensions, some reversed or repeated, into a dense y. */
static void strided_case(unsigned bits) {
  enum { ELEMENTS = 1 << 16 };
  int rank = (int)(next() % 5);
  int64_t shape[8] = {0}, own[8], dims[8], xs[8], ys[8], at = 0, count = 1;
  int perm[8];
  for (int i = 0; i < rank; i++) {
    shape[i] = 1 + (int64_t)(next() % (rank > 3 ? 7 : 37));
    perm[i] = i;
  }
  for (int i = rank - 1; i > 0; i--) {
    int j = (int)(next() % (uint64_t)(i + 1)), swap = perm[i];
    perm[i] = perm[j];
    perm[j] = swap;
  }
  qn_strides(rank, shape, own);
  for (int i = 0; i < rank; i++) {
    dims[i] = shape[perm[i]];
    xs[i] = own[perm[i]];
    uint64_t kind = next() % 8;
    if (kind == 0) xs[i] = 0;
    if (kind == 1) {
      at += xs[i] * (dims[i] - 1);
      xs[i] = -xs[i];
    }
    count *= dims[i];
  }
  qn_strides(rank, dims, ys);
  size_t bytes = ELEMENTS * 16;
  uint8_t *x = malloc(bytes), *y = malloc(bytes);
  for (size_t i = 0; i < bytes; i++) x[i] = (uint8_t)next();
  memset(y, 0xa5, bytes);
  qn_copy_strided(bits, rank, dims, x, at, xs, y, 0, ys);
  bool ok = true;
  for (int64_t i = 0; i < count; i++) {
    int64_t from = at, rest = i;
    for (int d = rank - 1; d >= 0; d--) {
      from += rest % dims[d] * xs[d];
      rest /= dims[d];
    }
    ok = ok && same(x, from, y, i, bits);
  }
  for (size_t i = (size_t)(count * bits + 7) / 8; i < bytes && i < (size_t)(count * bits + 7) / 8 + 64; i++) ok = ok && y[i] == 0xa5;
  CHECK(ok);
  free(x);
  free(y);
}

TEST(strided_copies) {
  static const unsigned BITS[] = {2, 4, 8, 16, 32, 64, 128};
  state = 11;
  for (int b = 0; b < 7; b++)
    for (int i = 0; i < 60; i++) strided_case(BITS[b]);
}

TEST(runs_and_fills) {
  float x[5] = {1, 2, 3, 4, 5}, y[8] = {0};
  qn_copy_run(32, x, 1, y, 2, 3);
  CHECK(y[1] == 0 && y[2] == 2 && y[4] == 4 && y[5] == 0);
  qn_fill_run(32, x, 4, y, 5, 3);
  CHECK(y[4] == 4 && y[5] == 5 && y[7] == 5);
  uint8_t nibbles[2] = {0x21, 0x43}, to[2] = {0, 0};
  qn_copy_run(4, nibbles, 1, to, 0, 3);
  CHECK(to[0] == 0x32 && to[1] == 0x04);
  int64_t none[2] = {0, 5}, strides[2] = {5, 1};
  qn_copy_strided(32, 2, none, x, 0, strides, y, 0, strides);
  CHECK(y[0] == 0);
}

int main(void) {
  RUN(strided_copies);
  RUN(runs_and_fills);
  return DONE();
}
