/* kernel/matmul_nbits.h: unpacking against the format, the product against double precision. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernel/cast.h"
#include "kernel/matmul_nbits.h"

static uint64_t state;
static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 33) / 2147483648.0;
}
static int64_t below(int64_t n) { return (int64_t)(uniform() * (double)n); }

static void one_case(int bits) {
  static const qn_dtype FLOATS[] = {QN_FLOAT, QN_FLOAT16, QN_BFLOAT16};
  int64_t m = 1 + below(uniform() < 0.5 ? 4 : 20), n = 1 + below(30), k = 1 + below(200), block = (int64_t)16 << below(4), blocks = (k + block - 1) / block;
  int64_t bytes = block * bits / 8, zero_bytes = (blocks * bits + 7) / 8;
  uint8_t *weights = malloc((size_t)(n * blocks * bytes)), *packed = malloc((size_t)(n * zero_bytes));
  float *a = malloc((size_t)(m * k + 8) * 4), *bias = malloc((size_t)n * 4), *y = malloc((size_t)(m * n) * 4);
  uint64_t *scales = malloc((size_t)(n * blocks) * 8), *zeros = malloc((size_t)(n * blocks) * 8);
  double *scale = malloc((size_t)(n * blocks) * 8), *zero = malloc((size_t)(n * blocks) * 8);
  int32_t *group = malloc((size_t)k * 4);
  for (int64_t i = 0; i < n * blocks * bytes; i++) weights[i] = (uint8_t)below(256);
  for (int64_t i = 0; i < n * zero_bytes; i++) packed[i] = (uint8_t)below(256);
  for (int64_t i = 0; i < m * k; i++) a[i] = (float)(2 * uniform() - 1);
  for (int64_t i = 0; i < n; i++) bias[i] = (float)uniform();
  for (int64_t i = 0; i < k; i++) group[i] = (int32_t)below(blocks);
  for (int64_t i = 0; i < n * blocks; i++) scale[i] = uniform() * 0.1, zero[i] = 10 * uniform();
  qn_nbits w = {.n = n, .k = k, .block = block, .blocks = blocks, .bits = bits, .weights = weights, .scales = scales, .scale_dtype = FLOATS[below(3)], .zero_dtype = FLOATS[below(3)]};
  qn_store(QN_IN_F64, w.scale_dtype, scales, 0, (size_t)(n * blocks), scale, (qn_cast_mode){0});
  qn_load(QN_IN_F64, w.scale_dtype, scales, 0, (size_t)(n * blocks), scale);
  qn_store(QN_IN_F64, w.zero_dtype, zeros, 0, (size_t)(n * blocks), zero, (qn_cast_mode){0});
  qn_load(QN_IN_F64, w.zero_dtype, zeros, 0, (size_t)(n * blocks), zero);
  int64_t kind = below(3);
  if (kind == 0) w.zeros = zeros;
  if (kind == 1) w.zeros = packed, w.zero_dtype = QN_UINT8;
  if (uniform() < 0.2) w.group = group;
  bool biased = uniform() < 0.5;
  float *scratch = aligned_alloc(QN_ALIGN, qn_align_up(qn_nbits_room(&w, m) * sizeof(float) + QN_SLACK));
  qn_nbits_matmul(&w, m, a, biased ? bias : NULL, y, scratch);
  bool ok = true;
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < m; i++) {
      double sum = biased ? (double)bias[j] : 0, size = 1;
      for (int64_t l = 0; l < k; l++) {
        int64_t g = w.group ? group[l] : l / block, bit = l % block * bits;
        unsigned q = (unsigned)weights[(j * blocks + l / block) * bytes + bit / 8] >> bit % 8 & ((1u << bits) - 1);
        double z = kind == 0 ? zero[j * blocks + g] : kind == 1 ? (double)((unsigned)packed[j * zero_bytes + g * bits / 8] >> g * bits % 8 & ((1u << bits) - 1)) : (double)(1 << (bits - 1));
        sum += (double)a[i * k + l] * ((double)q - z) * scale[j * blocks + g];
        size += fabs((double)a[i * k + l]) * ((double)q + z) * scale[j * blocks + g];
      }
      ok = ok && fabs((double)y[i * n + j] - sum) <= 1e-6 * size;
    }
  CHECK(ok);
  free(weights), free(packed), free(a), free(bias), free(y), free(scales), free(zeros), free(scale), free(zero), free(group), free(scratch);
}

TEST(products) {
  state = 11;
  for (int i = 0; i < 200; i++)
    for (int bits = 2; bits <= 8; bits *= 2) one_case(bits);
}

TEST(too_large) {
  qn_nbits w = {.n = 1, .k = INT64_MAX / 2, .block = 16, .blocks = INT64_MAX / 32, .bits = 4};
  CHECK(qn_nbits_room(&w, 1) == 0);
}

int main(void) {
  RUN(products);
  RUN(too_large);
  return DONE();
}
