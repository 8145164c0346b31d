/* kernel/softmax.h and kernel/norm.h against double precision. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cast.h"
#include "kernel/norm.h"
#include "kernel/softmax.h"

static uint64_t state;
static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 33) / 2147483648.0;
}

static void softmax_case(qn_softmax_kind kind, qn_dtype dtype, int64_t outer, int64_t n, int64_t inner) {
  size_t count = (size_t)(outer * n * inner);
  double *v = malloc(count * sizeof(double));
  uint64_t *x = malloc(count * 8), *y = malloc(count * 8);
  void *scratch = malloc(qn_softmax_scratch(dtype, n, inner) + 1);
  for (size_t i = 0; i < count; i++) v[i] = 40 * uniform() - 20;
  qn_store(QN_IN_F64, dtype, x, 0, count, v, (qn_cast_mode){0});
  qn_load(QN_IN_F64, dtype, x, 0, count, v);
  qn_softmax(kind, dtype, outer, n, inner, x, y, scratch);
  double tolerance = dtype == QN_DOUBLE ? 1e-13 : dtype == QN_FLOAT ? 3e-6 : 2e-3;
  bool ok = true;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t j = 0; j < inner; j++) {
      double most = -1e300, sum = 0;
      int64_t best = 0;
      for (int64_t i = 0; i < n; i++) {
        double e = v[(o * n + i) * inner + j];
        if (e > most) most = e, best = i;
      }
      for (int64_t i = 0; i < n; i++) sum += exp(v[(o * n + i) * inner + j] - most);
      for (int64_t i = 0; i < n; i++) {
        double got, e = v[(o * n + i) * inner + j] - most;
        double want = kind == QN_HARDMAX ? i == best : kind == QN_LOG_SOFTMAX ? e - log(sum) : exp(e) / sum;
        qn_load(QN_IN_F64, dtype, y, (size_t)((o * n + i) * inner + j), 1, &got);
        ok = ok && fabs(got - want) <= tolerance * (kind == QN_LOG_SOFTMAX ? 1 + fabs(want) : fabs(want) + (dtype == QN_FLOAT16 ? 1e-4 : 1e-6));
      }
    }
  CHECK(ok);
  free(v);
  free(x);
  free(y);
  free(scratch);
}

TEST(softmax) {
  static const qn_dtype TYPES[] = {QN_FLOAT, QN_DOUBLE, QN_FLOAT16};
  static const int64_t SIZES[] = {1, 2, 7, 8, 33, 1000};
  state = 7;
  for (int kind = QN_SOFTMAX; kind <= QN_HARDMAX; kind++)
    for (int t = 0; t < 3; t++)
      for (int i = 0; i < 6; i++) {
        softmax_case((qn_softmax_kind)kind, TYPES[t], 3, SIZES[i], 1);
        softmax_case((qn_softmax_kind)kind, TYPES[t], 2, SIZES[i], 41);
      }
}

TEST(softmax_of_infinities) {
  float x[3] = {-INFINITY, 0, -INFINITY}, y[3];
  qn_softmax(QN_SOFTMAX, QN_FLOAT, 1, 3, 1, x, y, NULL);
  CHECK(y[0] == 0 && y[1] == 1 && y[2] == 0);
}

TEST(powers_and_their_factor) {
  enum { MOST = 1200 };
  static const int64_t SIZES[] = {1, 3, 4, 9, 31, 512, 513, MOST};
  float x[MOST], bias[MOST];
  double want[MOST];
  state = 5;
  for (int i = 0; i < 24; i++) {
    const int64_t n = SIZES[i % 8];
    const bool biased = i >= 8, all = i >= 16;
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
      x[j] = (float)(20 * uniform());
      bias[j] = all || (j % 3 == 2 && uniform() < 0.5) ? -INFINITY : (float)uniform();
      want[j] = (double)x[j] + (biased ? (double)bias[j] : 0);
      if (biased && bias[j] == -INFINITY && j % 2) x[j] = j % 4 == 1 ? INFINITY : NAN; /* does not count either */
      largest = want[j] > largest ? want[j] : largest;
    }
    const float factor = qn_softmax_powers(x, n, biased ? bias : NULL);
    bool ok = true;
    for (int64_t j = 0; j < n; j++) sum += all && biased ? 0 : exp(want[j] - largest);
    for (int64_t j = 0; j < n; j++) ok = ok && (all && biased ? x[j] == 0 && factor == 0 : fabs((double)x[j] * (double)factor - exp(want[j] - largest) / sum) <= 1e-6);
    CHECK(ok);
  }
  float one[2] = {-INFINITY, NAN};
  const float spoilt = qn_softmax_powers(one, 2, NULL);
  CHECK(isnan(one[1] * spoilt));
}

static void group_case(int64_t samples, int64_t channels, int64_t space, int64_t groups, bool last) {
  int64_t count = samples * channels * space, per = channels / groups;
  float *x = malloc((size_t)count * 4), *y = malloc((size_t)count * 4), *gain = malloc((size_t)channels * 4), *bias = malloc((size_t)channels * 4);
  double *scratch = malloc((size_t)channels * 4 * sizeof(double));
  for (int64_t i = 0; i < count; i++) x[i] = (float)(3 + uniform());
  for (int64_t c = 0; c < channels; c++) {
    gain[c] = (float)uniform();
    bias[c] = (float)uniform();
  }
  qn_group_norm(x, samples, channels, space, groups, last, 1e-5f, gain, bias, y, scratch);
  bool ok = true;
  for (int64_t s = 0; s < samples; s++)
    for (int64_t g = 0; g < groups; g++) {
      double sum = 0, squares = 0, mean;
#define AT(c, i) (s * channels * space + (last ? (i) * channels + (c) : (c) * space + (i)))
      for (int64_t c = g * per; c < (g + 1) * per; c++)
        for (int64_t i = 0; i < space; i++) sum += (double)x[AT(c, i)];
      mean = sum / (double)(per * space);
      for (int64_t c = g * per; c < (g + 1) * per; c++)
        for (int64_t i = 0; i < space; i++) squares += ((double)x[AT(c, i)] - mean) * ((double)x[AT(c, i)] - mean);
      for (int64_t c = g * per; c < (g + 1) * per; c++)
        for (int64_t i = 0; i < space; i++) {
          double want = ((double)x[AT(c, i)] - mean) / sqrt(squares / (double)(per * space) + 1e-5) * (double)gain[c] + (double)bias[c];
          ok = ok && fabs(want - (double)y[AT(c, i)]) < 2e-5;
        }
    }
  CHECK(ok);
  free(x);
  free(y);
  free(gain);
  free(bias);
  free(scratch);
}

TEST(group_norm) {
  state = 13;
  for (int last = 0; last < 2; last++) {
    group_case(2, 6, 35, 6, last);
    group_case(2, 6, 35, 2, last);
    group_case(1, 130, 700, 10, last);
    group_case(3, 4, 1000, 1, last);
  }
}

int main(void) {
  RUN(softmax);
  RUN(softmax_of_infinities);
  RUN(powers_and_their_factor);
  RUN(group_norm);
  return DONE();
}
