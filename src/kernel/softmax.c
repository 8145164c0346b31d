#include "kernel/softmax.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernel/cast.h"
#include "kernel/vmath4.h"

enum { TILE = 32, STRETCH = 512 };

static float largest_of(const float *x, int64_t n) { /* NaN need not come through: it does by way of the sum */
  int64_t i = 0;
  float lane[4], largest = x[0];
  if (n >= 8) {
    qn_f32x4 a = qn_load4(x), b = qn_load4(x + 4);
    for (i = 8; i + 8 <= n; i += 8) {
      a = qn_max4(a, qn_load4(x + i));
      b = qn_max4(b, qn_load4(x + i + 4));
    }
    qn_store4(lane, qn_max4(a, b));
    largest = lane[0];
    for (int k = 1; k < 4; k++) largest = largest < lane[k] ? lane[k] : largest;
  }
  for (; i < n; i++) largest = largest < x[i] ? x[i] : largest;
  return largest;
}

/* y = e^(x - largest), and their sum: of stretches that stay in the cache in float, of those in double. y: [n], or when it is not kept, room
 * for one stretch. Eight at a time hide each other's latencies and share the constants. */
static double powers(const float *x, int64_t n, float largest, float *y, bool keep) {
  const qn_f32x4 off = qn_splat4(largest);
  double total = 0;
  for (int64_t block = 0; block < n; block += STRETCH) {
    const int64_t count = n - block < STRETCH ? n - block : STRETCH;
    const float *from = x + block;
    float *to = keep ? y + block : y, lane[4], rest = 0;
    qn_f32x4 a = qn_splat4(0.0f), b = a;
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      const qn_f32x4 e0 = qn_exp_low4(qn_sub4(qn_load4(from + i), off)), e1 = qn_exp_low4(qn_sub4(qn_load4(from + i + 4), off));
      qn_store4(to + i, e0);
      qn_store4(to + i + 4, e1);
      a = qn_add(a, e0);
      b = qn_add(b, e1);
    }
    if (i < count) {
      float *tail = to + i;
      const int64_t left = count - i;
      QN_MAP4(left, from + i, tail, qn_exp_low4(qn_sub4(v, off)));
      for (int64_t k = 0; k < left; k++) rest += tail[k];
    }
    qn_store4(lane, qn_add(a, b));
    total += (double)(((lane[0] + lane[1]) + (lane[2] + lane[3])) + rest);
  }
  return total;
}

/* One row. Passes that each vectorise. */
static void softmax_row(const float *x, int64_t n, bool logs, float *y) {
  const float largest = largest_of(x, n);
  float room[STRETCH];
  const double total = powers(x, n, largest, logs ? room : y, !logs);
  if (logs) {
    const float off = (float)log(total);
    QN_SIMD
    for (int64_t i = 0; i < n; i++) y[i] = x[i] - largest - off;
  } else {
    qn_scaled_copy(y, n, (float)(1 / total), y);
  }
}

void qn_scaled_copy(const float *x, int64_t n, float factor, float *y) {
  QN_SIMD
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * factor;
}

float qn_softmax_powers(float *x, int64_t n, const float *bias) {
  if (bias) {
    QN_SIMD
    for (int64_t i = 0; i < n; i++) x[i] = bias[i] == -INFINITY ? bias[i] : x[i] + bias[i];
  }
  const float largest = n ? largest_of(x, n) : -INFINITY;
  int64_t i = 0;
  while (largest == -INFINITY && i < n && x[i] == largest) i++;
  if (i == n) {
    if (n) memset(x, 0, (size_t)n * sizeof *x);
    return 0;
  }
  return (float)(1 / powers(x, n, largest, x, true));
}

/* `width` neighbouring columns of n rows, `step` apart. */
#define DEFINE_COLUMNS(T, EXP)                                                                        \
  static void columns_##T(const T *x, int64_t n, int64_t step, int64_t width, bool logs, T *y) {      \
    T largest[TILE], sum[TILE];                                                                       \
    for (int64_t j = 0; j < width; j++) {                                                             \
      largest[j] = x[j];                                                                              \
      sum[j] = 0;                                                                                     \
    }                                                                                                 \
    for (int64_t i = 1; i < n; i++)                                                                   \
      for (int64_t j = 0; j < width; j++) {                                                           \
        T v = x[i * step + j];                                                                        \
        largest[j] = largest[j] >= v || largest[j] != largest[j] ? largest[j] : v;                    \
      }                                                                                               \
    for (int64_t i = 0; i < n; i++)                                                                   \
      for (int64_t j = 0; j < width; j++) {                                                           \
        T v = x[i * step + j] - largest[j], e = EXP(v);                                               \
        y[i * step + j] = logs ? v : e;                                                               \
        sum[j] += e;                                                                                  \
      }                                                                                               \
    for (int64_t j = 0; j < width; j++) sum[j] = logs ? (T)log((double)sum[j]) : 1 / sum[j];          \
    for (int64_t i = 0; i < n; i++)                                                                   \
      for (int64_t j = 0; j < width; j++)                                                             \
        y[i * step + j] = logs ? y[i * step + j] - sum[j] : y[i * step + j] * sum[j];                 \
  }
DEFINE_COLUMNS(float, qn_exp_f32)
DEFINE_COLUMNS(double, exp)

/* One at the first largest element of each column. */
#define DEFINE_HARD(T)                                                                                \
  static void hard_##T(const T *x, int64_t n, int64_t step, int64_t width, T *y) {                    \
    for (int64_t j = 0; j < width; j++) {                                                             \
      int64_t best = 0;                                                                               \
      for (int64_t i = 1; i < n; i++)                                                                 \
        if (x[i * step + j] > x[best * step + j]) best = i;                                           \
      for (int64_t i = 0; i < n; i++) y[i * step + j] = i == best;                                    \
    }                                                                                                 \
  }
DEFINE_HARD(float)
DEFINE_HARD(double)

size_t qn_softmax_scratch(qn_dtype dtype, int64_t n, int64_t inner) {
  if (dtype == QN_FLOAT || dtype == QN_DOUBLE) return 0;
  return (size_t)n * (size_t)(inner < TILE ? inner : TILE) * sizeof(float);
}

static void run_float(qn_softmax_kind kind, const float *x, int64_t n, int64_t step, int64_t width, float *y) {
  if (kind == QN_HARDMAX) hard_float(x, n, step, width, y);
  else if (step == 1) softmax_row(x, n, kind == QN_LOG_SOFTMAX, y);
  else columns_float(x, n, step, width, kind == QN_LOG_SOFTMAX, y);
}

typedef struct job {
  qn_softmax_kind kind;
  qn_dtype dtype;
  int64_t n, inner, across; /* tiles of columns side by side */
  const void *x;
  void *y, *scratch;
} job;

static void normalize(const void *argument, int64_t first, int64_t last, int worker) {
  const job *t = argument;
  const qn_softmax_kind kind = t->kind;
  const qn_dtype dtype = t->dtype;
  const void *x = t->x;
  void *y = t->y;
  const int64_t n = t->n, inner = t->inner;
  (void)worker;
  for (int64_t item = first; item < last; item++) {
    int64_t j = item % t->across * TILE, width = inner - j < TILE ? inner - j : TILE, at = item / t->across * n * inner + j;
    if (dtype == QN_FLOAT) run_float(kind, (const float *)x + at, n, inner, width, (float *)y + at);
    else if (dtype == QN_DOUBLE && kind == QN_HARDMAX) hard_double((const double *)x + at, n, inner, width, (double *)y + at);
    else if (dtype == QN_DOUBLE) columns_double((const double *)x + at, n, inner, width, kind == QN_LOG_SOFTMAX, (double *)y + at);
    else {
      float *wide = t->scratch;
      for (int64_t i = 0; i < n; i++) qn_load(QN_IN_F32, dtype, x, (size_t)(at + i * inner), (size_t)width, wide + i * width);
      run_float(kind, wide, n, width, width, wide);
      for (int64_t i = 0; i < n; i++)
        qn_store(QN_IN_F32, dtype, y, (size_t)(at + i * inner), (size_t)width, wide + i * width, (qn_cast_mode){0});
    }
  }
}

void qn_softmax(qn_softmax_kind kind, qn_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y, void *scratch) {
  if (n == 0) return;
  const job j = {kind, dtype, n, inner, (inner + TILE - 1) / TILE, x, y, scratch};
  qn_parallel(outer * j.across, scratch ? -1 /* it is for one thread */ : n * (inner < TILE ? inner : TILE) * 40, normalize, &j);
}
