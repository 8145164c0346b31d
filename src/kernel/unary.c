#include "kernel/unary.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernel/vmath4.h"

#define CHUNK 256
#define LOOP(code, expression)           \
  case code:                             \
    QN_SIMD                              \
    for (size_t i = 0; i < n; i++) {     \
      const T v = x[i];                  \
      y[i] = (T)(expression);            \
    }                                    \
    break;

/* The same where the expression calls a function: a promise to vectorise would make compilers warn. */
#define CALL(code, expression)           \
  case code:                             \
    for (size_t i = 0; i < n; i++) {     \
      const T v = x[i];                  \
      y[i] = (T)(expression);            \
    }                                    \
    break;

#define T double
QN_COLD static void unary_f64(qn_unary f, const double *x, double *y, size_t n, double a, double b) {
  switch (f) {
    CALL(QN_ABS, fabs(v))
    CALL(QN_NEG, -v)
    CALL(QN_SIGN, v > 0 ? 1 : v < 0 ? -1 : v + 0.0)
    CALL(QN_RELU, v < 0 ? 0 : v)
    CALL(QN_CEIL, ceil(v))
    CALL(QN_FLOOR, floor(v))
    CALL(QN_ROUND, rint(v))
    CALL(QN_SQRT, sqrt(v))
    CALL(QN_RECIPROCAL, 1 / v)
    CALL(QN_EXP, exp(v))
    CALL(QN_LOG, log(v))
    CALL(QN_SIN, sin(v))
    CALL(QN_COS, cos(v))
    CALL(QN_TAN, tan(v))
    CALL(QN_ASIN, asin(v))
    CALL(QN_ACOS, acos(v))
    CALL(QN_ATAN, atan(v))
    CALL(QN_SINH, sinh(v))
    CALL(QN_COSH, cosh(v))
    CALL(QN_TANH, tanh(v))
    CALL(QN_ASINH, asinh(v))
    CALL(QN_ACOSH, acosh(v))
    CALL(QN_ATANH, atanh(v))
    CALL(QN_ERF, erf(v))
    CALL(QN_SIGMOID, 1 / (1 + exp(-v)))
    CALL(QN_HARDSIGMOID, a * v + b > 1 ? 1 : a * v + b < 0 ? 0 : a * v + b)
    CALL(QN_HARDSWISH, v * (v > 3 ? 1 : v < -3 ? 0 : v / 6 + 0.5))
    CALL(QN_LEAKYRELU, v < 0 ? a * v : v)
    CALL(QN_ELU, v < 0 ? a * expm1(v) : v)
    CALL(QN_SELU, v <= 0 ? b * a * expm1(v) : b * v)
    CALL(QN_CELU, (v < 0 ? 0 : v) + (a * expm1(v / a) > 0 ? 0 : a * expm1(v / a)))
    CALL(QN_SOFTPLUS, (v > 0 ? v : 0) + log1p(exp(-fabs(v))))
    CALL(QN_SOFTSIGN, v / (1 + fabs(v)))
    CALL(QN_THRESHOLDEDRELU, v > a ? v : v != v ? v : 0)
    CALL(QN_MISH, v * tanh((v > 0 ? v : 0) + log1p(exp(-fabs(v)))))
    CALL(QN_GELU, 0.5 * v * (1 + erf(v * 0.70710678118654752440)))
    CALL(QN_GELU_TANH, 0.5 * v * (1 + tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v))))
    CALL(QN_SWISH, v / (1 + exp(-a * v)))
    CALL(QN_CLIP, (v < a ? a : v) > b ? b : (v < a ? a : v))
    CALL(QN_SHRINK, v < -a ? v + b : v > a ? v - b : v != v ? v : 0)
    CALL(QN_COPY, v)
    case QN_BITNOT:
    case QN_NOT: break;
  }
}
#undef T

static void sines(qn_unary f, const float *x, float *y, size_t n) {
  uint32_t quarter = f == QN_COS;
  for (size_t done = 0; done < n; done += CHUNK) {
    size_t m = n - done < CHUNK ? n - done : CHUNK;
    uint32_t wide = 0;
    for (size_t i = 0; i < m; i++) wide |= !(qn_abs_f32(x[done + i]) <= QN_SIN_LIMIT); /* NaN too */
    if (!wide) {
      QN_SIMD
      for (size_t i = 0; i < m; i++) y[done + i] = qn_sin_f32(x[done + i], quarter);
    } else {
      for (size_t i = 0; i < m; i++) y[done + i] = (float)(quarter ? cos((double)x[done + i]) : sin((double)x[done + i]));
    }
  }
}

#define T float
static inline float mish(float v) { /* tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2) */
  float e = qn_exp_f32(qn_at_most(v, 20.0f)), w = e * (e + 2.0f);
  return v * (w / (w + 2.0f));
}

#define MAP4(code, expression) \
  case code: QN_MAP4(n, x, y, expression); break;

/* False: not here; compute in double. */
static bool fast_f32(qn_unary f, const float *x, float *y, size_t n, float a, float b) {
  switch (f) {
    LOOP(QN_ABS, qn_abs_f32(v))
    LOOP(QN_NEG, -v)
    LOOP(QN_RELU, v < 0 ? 0 : v)
    LOOP(QN_CEIL, ceilf(v))
    LOOP(QN_FLOOR, floorf(v))
    LOOP(QN_ROUND, rintf(v))
    LOOP(QN_SQRT, sqrtf(v))
    LOOP(QN_RECIPROCAL, 1.0f / v)
    MAP4(QN_EXP, qn_exp4(v))
    LOOP(QN_LOG, qn_log_f32(v))
    case QN_SIN:
    case QN_COS: sines(f, x, y, n); break;
    MAP4(QN_ERF, qn_erf4(v))
    MAP4(QN_TANH, qn_tanh4(v))
    MAP4(QN_SIGMOID, qn_sigmoid4(v))
    LOOP(QN_HARDSIGMOID, qn_at_least(qn_at_most(a * v + b, 1.0f), 0.0f))
    LOOP(QN_HARDSWISH, v * qn_at_least(qn_at_most(v * (1.0f / 6) + 0.5f, 1.0f), 0.0f))
    LOOP(QN_LEAKYRELU, v < 0 ? a * v : v)
    LOOP(QN_ELU, v < 0 ? a * qn_expm1_f32(v) : v)
    LOOP(QN_SELU, b * (v < 0 ? a * qn_expm1_f32(v) : v))
    LOOP(QN_SOFTPLUS, (v < 0 ? 0 : v) + qn_log1p_f32(qn_exp_f32(-qn_abs_f32(v))))
    LOOP(QN_SOFTSIGN, v / (1.0f + qn_abs_f32(v)))
    LOOP(QN_THRESHOLDEDRELU, v <= a ? 0 : v)
    LOOP(QN_MISH, mish(v))
    MAP4(QN_GELU, qn_gelu4(v))
    MAP4(QN_GELU_TANH, qn_mul4(v, qn_sigmoid4(qn_mul4(qn_splat4(1.59576912f), qn_madd4(qn_mul4(qn_splat4(0.044715f), qn_mul4(v, v)), v, v)))))
    MAP4(QN_SWISH, qn_mul4(v, qn_sigmoid4(qn_mul4(qn_splat4(a), v))))
    LOOP(QN_CLIP, qn_at_most(qn_at_least(v, a), b))
    LOOP(QN_COPY, v)
    default: return false;
  }
  return true;
}
#undef T

void qn_unary_f32(qn_unary f, const float *x, float *y, size_t n, float a, float b) {
  if (fast_f32(f, x, y, n, a, b)) return;
  double wide[CHUNK];
  for (size_t done = 0; done < n; done += CHUNK) {
    size_t m = n - done < CHUNK ? n - done : CHUNK;
    for (size_t i = 0; i < m; i++) wide[i] = x[done + i];
    unary_f64(f, wide, wide, m, a, b);
    for (size_t i = 0; i < m; i++) y[done + i] = (float)wide[i];
  }
}

#define T int64_t
QN_COLD static void unary_i64(qn_unary f, const int64_t *x, int64_t *y, size_t n) {
  switch (f) {
    LOOP(QN_ABS, v < 0 ? 0 - (uint64_t)v : (uint64_t)v)
    LOOP(QN_NEG, 0 - (uint64_t)v)
    LOOP(QN_SIGN, (v > 0) - (v < 0))
    LOOP(QN_RELU, v < 0 ? 0 : v)
    LOOP(QN_BITNOT, ~v)
    LOOP(QN_NOT, !v)
    LOOP(QN_COPY, v)
    default: break;
  }
}
#undef T

typedef struct job {
  qn_unary f;
  qn_dtype dtype;
  const void *x;
  void *y;
  size_t n;
  float a, b;
} job;

/* Chunks of elements. */
static void map(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  qn_unary f = j->f;
  const qn_dtype dtype = j->dtype;
  const float a = j->a, b = j->b;
  const size_t end = (size_t)last * CHUNK, n = end < j->n ? end : j->n;
  (void)worker;
  qn_compute c = qn_compute_of(dtype);
  bool whole = c == QN_IN_I64 || c == QN_IN_U64;
  if (c == QN_IN_U64 && (f == QN_ABS || f == QN_RELU)) f = QN_COPY;
  if (whole && f > QN_COPY) c = QN_IN_F64, whole = false;
  const size_t size = c == QN_IN_F32 ? 4 : 8;
  const bool direct = dtype == qn_compute_dtype(c);
  uint64_t chunk[CHUNK];
  for (size_t done = (size_t)first * CHUNK, m; done < n; done += m) {
    m = direct ? n - done : n - done < CHUNK ? n - done : CHUNK;
    const void *from = (const char *)j->x + done * size;
    void *to = (char *)j->y + done * size;
    if (!direct) {
      qn_load(c, dtype, j->x, done, m, chunk);
      from = to = chunk;
    }
    if (whole && c == QN_IN_U64 && f == QN_SIGN)
      for (size_t i = 0; i < m; i++) ((uint64_t *)to)[i] = ((const uint64_t *)from)[i] != 0;
    else if (whole) unary_i64(f, from, to, m);
    else if (c == QN_IN_F32) qn_unary_f32(f, from, to, m, a, b);
    else unary_f64(f, from, to, m, a, b);
    if (!direct) qn_store(c, dtype, j->y, done, m, chunk, (qn_cast_mode){0});
  }
}

void qn_unary_run(qn_unary f, qn_dtype dtype, const void *x, void *y, size_t n, float a, float b) {
  const job j = {f, dtype, x, y, n, a, b};
  qn_parallel((int64_t)((n + CHUNK - 1) / CHUNK), CHUNK * 12, map, &j);
}
