/* kernel/reduce.h and kernel/order.h against sums in long double. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cast.h"
#include "kernel/copy.h"
#include "kernel/order.h"
#include "kernel/reduce.h"

static uint64_t state;
static uint64_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

static double reference(qn_reduction kind, const double *v, int64_t n) {
  long double sum = 0, squares = 0, absolute = 0, product = 1, exps = 0;
  double most = -(double)INFINITY, least = (double)INFINITY;
  for (int64_t i = 0; i < n; i++) {
    sum += v[i];
    squares += (long double)v[i] * v[i];
    absolute += fabs(v[i]);
    product *= v[i];
    exps += expl(v[i]);
    most = v[i] > most ? v[i] : most;
    least = v[i] < least ? v[i] : least;
  }
  switch (kind) {
    case QN_REDUCE_SUM: return (double)sum;
    case QN_REDUCE_MEAN: return (double)(sum / n);
    case QN_REDUCE_MAX: return most;
    case QN_REDUCE_MIN: return least;
    case QN_REDUCE_PROD: return (double)product;
    case QN_REDUCE_L1: return (double)absolute;
    case QN_REDUCE_L2: return (double)sqrtl(squares);
    case QN_REDUCE_LOG_SUM: return (double)logl(sum);
    case QN_REDUCE_LOG_SUM_EXP: return (double)logl(exps);
    default: return (double)squares;
  }
}

static void one(qn_reduction kind, qn_dtype dtype) {
  static const int64_t LONG[] = {1, 300, 70, 5, 129};
  int rank = (int)(next() % 4) + 1;
  int64_t dims[4], out[4], strides[4], x_strides[4], count = 1, results;
  unsigned mask = (unsigned)next() & ((1u << rank) - 1);
  bool integer = qn_dtype_of(dtype)->is_integer;
  for (int i = 0; i < rank; i++) {
    /* the reference looks at every element for every result: long lines in rank 1 only */
    dims[i] = rank == 1 ? LONG[next() % 5] : rank == 2 ? 1 + (int64_t)(next() % 40) : 1 + (int64_t)(next() % (rank == 3 ? 13 : 7));
    out[i] = mask >> i & 1 ? 1 : dims[i];
    count *= dims[i];
  }
  qn_strides(rank, out, strides);
  qn_strides(rank, dims, x_strides);
  results = qn_product(out, rank);
  double *values = malloc((size_t)count * sizeof(double)), *line = malloc((size_t)count * sizeof(double));
  uint64_t *x = malloc((size_t)count * 8), *y = malloc((size_t)results * 8);
  bool product = kind == QN_REDUCE_PROD;
  for (int64_t i = 0; i < count; i++) {
    double u = (double)next() / 2147483648.0;
    values[i] = integer ? (product ? 1 + (next() % 64 == 0) : floor(u * 100)) : product ? 0.9 + 0.2 * u : kind == QN_REDUCE_LOG_SUM ? u + 0.1 : 4 * u - 2;
  }
  qn_store(QN_IN_F64, dtype, x, 0, (size_t)count, values, (qn_cast_mode){0});
  qn_load(QN_IN_F64, dtype, x, 0, (size_t)count, values);
  qn_reduce_plan plan;
  qn_reduce_prepare(&plan, kind, dtype, rank, dims, mask, strides);
  qn_reduce(&plan, x, y);
  double tolerance = dtype == QN_DOUBLE ? 1e-12 : dtype == QN_FLOAT ? 2e-6 : dtype == QN_FLOAT16 ? 2e-3 : 0;
  bool ok = true;
  for (int64_t r = 0; r < results; r++) {
    int64_t n = 0;
    double scale = 0;
    for (int64_t i = 0; i < count; i++) {
      int64_t at = 0;
      for (int d = 0; d < rank; d++)
        if (!(mask >> d & 1)) at += i / x_strides[d] % dims[d] * strides[d];
      if (at != r) continue;
      line[n++] = values[i];
      scale += fabs(values[i]);
    }
    double want = reference(kind, line, n), got;
    if (integer) want = trunc(want);
    if (dtype == QN_UINT8 || dtype == QN_INT32) { /* wraps as the type does */
      if (fabs(want) > 255 && dtype == QN_UINT8) want = (double)((uint64_t)want & 255);
    }
    qn_load(QN_IN_F64, dtype, y, (size_t)r, 1, &got);
    if (kind == QN_REDUCE_MEAN) scale /= (double)n;
    if (product) scale = fabs(want) * (double)n;
    ok = ok && (want == got || fabs(got - want) <= tolerance * (scale + fabs(want)));
  }
  CHECK(ok);
  free(values);
  free(line);
  free(x);
  free(y);
}

TEST(reductions) {
  static const qn_dtype TYPES[] = {QN_FLOAT, QN_DOUBLE, QN_FLOAT16, QN_INT32, QN_INT64, QN_UINT64, QN_UINT32};
  state = 5;
  for (int kind = QN_REDUCE_SUM; kind <= QN_REDUCE_SUM_SQUARE; kind++)
    for (size_t t = 0; t < sizeof TYPES / sizeof *TYPES; t++) {
      /* Sums of float16 leave its range, and log of an integer is a matter of one more or less. */
      if (TYPES[t] == QN_FLOAT16 && kind == QN_REDUCE_SUM_SQUARE) continue;
      if (qn_dtype_of(TYPES[t])->is_integer && kind >= QN_REDUCE_PROD && kind != QN_REDUCE_L1 && kind != QN_REDUCE_L2 && kind != QN_REDUCE_SUM_SQUARE) continue;
      for (int i = 0; i < 12; i++) one((qn_reduction)kind, TYPES[t]);
    }
}

TEST(extremes) {
  qn_reduce_plan p;
  int64_t dims[1] = {3}, none[1] = {0}, stride[1] = {1};
  uint64_t big[3] = {1, UINT64_MAX, 5}, most;
  qn_reduce_prepare(&p, QN_REDUCE_MAX, QN_UINT64, 1, dims, 1, stride);
  qn_reduce(&p, big, &most);
  CHECK(most == UINT64_MAX);
  float f;
  qn_reduce_prepare(&p, QN_REDUCE_MAX, QN_FLOAT, 1, none, 1, stride);
  qn_reduce(&p, NULL, &f);
  CHECK(f == -INFINITY);
  int8_t least;
  qn_reduce_prepare(&p, QN_REDUCE_MIN, QN_INT8, 1, none, 1, stride);
  qn_reduce(&p, NULL, &least);
  CHECK(least == 127);
  float with_nan[3] = {1, NAN, 3};
  qn_reduce_prepare(&p, QN_REDUCE_MIN, QN_FLOAT, 1, dims, 1, stride);
  qn_reduce(&p, with_nan, &f);
  CHECK(f != f);
  float far[3] = {1000, 1000, -INFINITY};
  qn_reduce_prepare(&p, QN_REDUCE_LOG_SUM_EXP, QN_FLOAT, 1, dims, 1, stride);
  qn_reduce(&p, far, &f);
  CHECK(fabsf(f - 1000.6931f) < 1e-3f);
}

TEST(top_k_is_stable) {
  state = 3;
  for (int round = 0; round < 50; round++) {
    enum { N = 200 };
    int32_t x[N];
    int64_t keys[N], order[N], n = 1 + (int64_t)(next() % N), k = (int64_t)(next() % (uint64_t)(n + 1));
    bool largest = next() & 1;
    for (int64_t i = 0; i < n; i++) x[i] = (int32_t)(next() % 50) - 25;
    qn_order_keys(QN_INT32, x, 0, n, keys);
    qn_top_k(keys, n, k, largest, order);
    bool taken[N] = {false}, ok = true;
    for (int64_t i = 0; i < k; i++) {
      int64_t best = -1;
      for (int64_t j = 0; j < n; j++)
        if (!taken[j] && (best < 0 || (largest ? x[j] > x[best] : x[j] < x[best]))) best = j;
      taken[best] = true;
      ok = ok && order[i] == best;
    }
    CHECK(ok);
  }
}

TEST(arg_best) {
  state = 9;
  for (int round = 0; round < 200; round++) {
    enum { MOST = 4096 };
    static float x[MOST];
    static int64_t y[MOST];
    int64_t outer = 1 + (int64_t)(next() % 3), inner = round % 2 ? 1 : 1 + (int64_t)(next() % 90), n = 1 + (int64_t)(next() % (inner == 1 ? 1000 : 13));
    bool largest = next() & 1, last = next() & 1, ok = true;
    for (int64_t i = 0; i < outer * n * inner; i++) x[i] = (float)(next() % 20) - 10;
    qn_arg_best(QN_FLOAT, x, outer, n, inner, largest, last, y);
    for (int64_t o = 0; o < outer; o++)
      for (int64_t j = 0; j < inner; j++) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++) {
          float a = x[(o * n + i) * inner + j], b = x[(o * n + best) * inner + j];
          if ((largest ? a > b : a < b) || (last && a == b)) best = i;
        }
        ok = ok && y[o * inner + j] == best;
      }
    CHECK(ok);
  }
}

int main(void) {
  RUN(reductions);
  RUN(extremes);
  RUN(top_k_is_stable);
  RUN(arg_best);
  return DONE();
}
