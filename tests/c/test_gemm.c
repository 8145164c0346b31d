/* The products against sums in double, on odd shapes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness.h"
#include "kernel/gemm.h"

static uint32_t seed = 1;
static uint32_t next(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }
static int64_t below(int64_t n) { return (int64_t)(next() % (uint32_t)n); }
static float real(void) { return (float)next() / 8388608.0f - 1.0f; }

static float *reals(size_t n) {
  float *x = qn_alloc(n * sizeof(float));
  for (size_t i = 0; i < n; i++) x[i] = real();
  return x;
}

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static void one_product(int64_t m, int64_t n, int64_t k, bool turned, bool with_bias, bool clamped) {
  int64_t lda = k + below(3), ldc = n + below(3), row = turned ? 1 : n, column = turned ? k : 1;
  float *a = reals((size_t)(m * lda)), *b = reals((size_t)(k * n)), *bias = reals((size_t)n);
  float *c = qn_alloc((size_t)(m * ldc) * sizeof(float)), *raw = qn_alloc((size_t)(m * ldc) * sizeof(float));
  float *packed = qn_alloc(qn_gemm_packed_count(k, n, sizeof(float)) * sizeof(float));
  float *scratch = qn_alloc(qn_gemm_raw_room(k, n) * sizeof(float));
  qn_epilogue e = {with_bias ? bias : NULL, clamped ? 0.0f : -INFINITY, clamped ? 0.5f : INFINITY};
  for (int64_t i = 0; i < m * ldc; i++) c[i] = raw[i] = 77.0f;
  qn_gemm_pack(k, n, b, row, column, packed);
  qn_gemm(m, n, k, a, lda, packed, c, ldc, &e);
  qn_gemm_raw(m, n, k, a, lda, b, row, column, raw, ldc, &e, scratch);
  int bad = 0;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < ldc; j++) {
      double sum = with_bias && j < n ? bias[j] : 0;
      for (int64_t l = 0; l < k && j < n; l++) sum += (double)a[i * lda + l] * b[l * row + j * column];
      double want = j < n ? clamp(sum, e.min, e.max) : 77.0, slack = 1e-6 * (double)(k + 4);
      bad += !(fabs(c[i * ldc + j] - want) <= slack) || !(fabs(raw[i * ldc + j] - want) <= slack);
    }
  CHECK(bad == 0);
  qn_free(a), qn_free(b), qn_free(bias), qn_free(c), qn_free(raw), qn_free(packed), qn_free(scratch);
}

TEST(float_products) {
  for (int i = 0; i < 120; i++) one_product(1 + below(14), 1 + below(70), 1 + below(40), below(2), below(2), below(2));
  one_product(101, 19, 7, false, true, false);
  one_product(3, 300, 5, true, true, false); /* more columns than are packed at a time */
  one_product(1, 40, 64, true, false, false);
  one_product(5, 21, 400, false, true, true);
  for (int64_t m = 2; m < 10; m++) one_product(m, 12, 4100, m & 1, true, true); /* in two parts, with tiles of every height */
  one_product(65, 9, 1200, true, true, true);
  one_product(129, 8, 385, false, false, false);
}

TEST(an_empty_sum_is_the_bias) {
  const float bias[3] = {1, 2, 3};
  float c[6] = {0}, packed[8] = {0};
  qn_epilogue e = {bias, -INFINITY, INFINITY};
  qn_gemm(2, 3, 0, c, 0, packed, c, 3, &e);
  CHECK(c[0] == 1 && c[2] == 3 && c[5] == 3);
}

TEST(nan_and_clamps) { /* a clamp keeps NaN, as Relu does */
  const float a[1] = {NAN};
  float b[8] = {1, 1, 1, 1, 1, 1, 1, 1}, c[8];
  qn_epilogue e = {NULL, 0.0f, INFINITY};
  qn_gemm(1, 8, 1, a, 1, b, c, 8, &e);
  CHECK(isnan(c[0]) && isnan(c[7]));
}

TEST(plain_products) {
  const int64_t a[4] = {1, 2, 3, INT64_MAX}, b[4] = {5, 6, 7, 8};
  int64_t c[4];
  qn_matmul_plain(QN_INT64, 2, 2, 2, a, 2, 1, b, 2, 1, c);
  CHECK(c[0] == 19 && c[1] == 22);
  CHECK((uint64_t)c[2] == 15u + (uint64_t)INT64_MAX * 7u); /* wraps */
  const double x[2] = {0.5, -2}, y[2] = {4, 0.25};
  double z;
  qn_matmul_plain(QN_DOUBLE, 1, 1, 2, x, 2, 1, y, 1, 1, &z);
  CHECK(z == 1.5);
}

TEST(sizes_that_overflow) {
  CHECK(qn_gemm_packed_count(INT64_MAX, 8, 4) == 0);
  CHECK(qn_gemm_packed_count(1, INT64_MAX, 4) == 0);
  CHECK(qn_gemm_packed_count(3, 9, 4) == 48);
}

int main(void) {
  RUN(float_products);
  RUN(an_empty_sum_is_the_bias);
  RUN(nan_and_clamps);
  RUN(plain_products);
  RUN(sizes_that_overflow);
  return DONE();
}
