#include "kernel/binary.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernel/simd.h"
#include "kernel/vmath.h"

#define LOOP(code, expression)           \
  case code:                             \
    QN_SIMD                              \
    for (size_t i = 0; i < n; i++) {     \
      const T u = a[i], v = b[i];        \
      y[i] = (T)(expression);            \
    }                                    \
    break;
/* The same where the expression calls a function or divides: a promise to vectorise would make compilers warn. */
#define CALL(code, expression)           \
  case code:                             \
    for (size_t i = 0; i < n; i++) {     \
      const T u = a[i], v = b[i];        \
      y[i] = (T)(expression);            \
    }                                    \
    break;
#define TEST(code, expression)                                         \
  case code:                                                           \
    QN_SIMD                                                            \
    for (size_t i = 0; i < n; i++) truth[i] = (uint8_t)(a[i] expression b[i]); \
    break;
#define TESTS                   \
  TEST(QN_EQUAL, ==)            \
  TEST(QN_LESS, <)              \
  TEST(QN_LESS_EQUAL, <=)       \
  TEST(QN_GREATER, >)           \
  TEST(QN_GREATER_EQUAL, >=)

/* Max and Min give NaN when either is NaN. */
#define FLOAT_LOOPS                               \
  LOOP(QN_ADD, u + v)                             \
  LOOP(QN_SUB, u - v)                             \
  LOOP(QN_MUL, u * v)                             \
  LOOP(QN_DIV, u / v)                             \
  LOOP(QN_MAX, u > v || u != u ? u : v)           \
  LOOP(QN_MIN, u < v || u != u ? u : v)           \
  LOOP(QN_PRELU, u < 0 ? u * v : u)

static bool same(const float *b, size_t n, float value) {
  for (size_t i = 0; i < n; i++)
    if (b[i] != value) return false;
  return true;
}

static inline float root(float v) { return v == -INFINITY ? INFINITY : sqrtf(v + 0.0f); } /* pow(-0, 0.5) is +0 */

static void pow_f32(const float *a, const float *b, float *y, size_t n) {
  const float e = n ? b[0] : 0;
  const bool one = (e == 2 || e == 0.5f || e == 3) && same(b, n, e);
  if (one && e == 2) {
    QN_SIMD
    for (size_t i = 0; i < n; i++) y[i] = a[i] * a[i];
  } else if (one && e == 3) {
    QN_SIMD
    for (size_t i = 0; i < n; i++) y[i] = a[i] * a[i] * a[i];
  } else if (one) {
    QN_SIMD
    for (size_t i = 0; i < n; i++) y[i] = root(a[i]);
  } else {
    for (size_t i = 0; i < n; i++) y[i] = powf(a[i], b[i]);
  }
}

static double float_mod(double u, double v) {
  double r = fmod(u, v);
  if (r == 0) return copysign(0.0, v);
  return (r < 0) != (v < 0) ? r + v : r;
}

#define T float
static void binary_f32(qn_binary f, const float *a, const float *b, float *y, uint8_t *truth, size_t n) {
  switch (f) {
    FLOAT_LOOPS
    case QN_POW: pow_f32(a, b, y, n); break;
    CALL(QN_FMOD, (float)fmod((double)u, (double)v)) /* exact */
    CALL(QN_MOD, (float)float_mod(u, v))
    TESTS
    default: break;
  }
}
#undef T

#define T double
QN_COLD static void binary_f64(qn_binary f, const double *a, const double *b, double *y, uint8_t *truth, size_t n) {
  switch (f) {
    FLOAT_LOOPS
    CALL(QN_POW, pow(u, v))
    CALL(QN_FMOD, fmod(u, v))
    CALL(QN_MOD, float_mod(u, v))
    TESTS
    default: break;
  }
}
#undef T

static bool any_zero(const uint64_t *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (b[i] == 0) return true;
  return false;
}

/* Wraps; a negative exponent gives what 1 / x^n truncates to. */
static uint64_t pow_int(uint64_t x, uint64_t e, bool is_signed) {
  if (is_signed && e >> 63) {
    if (x == UINT64_MAX) return e & 1 ? x : 1;
    return x == 1;
  }
  uint64_t y = 1;
  for (; e; e >>= 1, x *= x)
    if (e & 1) y *= x;
  return y;
}

static int64_t remainder_of(int64_t u, int64_t v) { return v == -1 ? 0 : u % v; }
static int64_t floor_mod(int64_t u, int64_t v) {
  int64_t r = remainder_of(u, v);
  return r != 0 && (r < 0) != (v < 0) ? r + v : r;
}

#define T int64_t
static bool binary_i64(qn_binary f, const int64_t *a, const int64_t *b, int64_t *y, uint8_t *truth, size_t n) {
  if ((f == QN_DIV || f == QN_MOD || f == QN_FMOD) && any_zero((const uint64_t *)b, n)) return false;
  switch (f) {
    LOOP(QN_ADD, (uint64_t)u + (uint64_t)v)
    LOOP(QN_SUB, (uint64_t)u - (uint64_t)v)
    LOOP(QN_MUL, (uint64_t)u * (uint64_t)v)
    CALL(QN_DIV, v == -1 ? 0 - (uint64_t)u : (uint64_t)(u / v))
    LOOP(QN_MAX, u > v ? u : v)
    LOOP(QN_MIN, u < v ? u : v)
    LOOP(QN_PRELU, u < 0 ? (uint64_t)u * (uint64_t)v : (uint64_t)u)
    CALL(QN_POW, pow_int((uint64_t)u, (uint64_t)v, true))
    CALL(QN_MOD, floor_mod(u, v))
    CALL(QN_FMOD, remainder_of(u, v))
    LOOP(QN_BITAND, u & v)
    LOOP(QN_BITOR, u | v)
    LOOP(QN_BITXOR, u ^ v)
    LOOP(QN_SHIFT_LEFT, (uint64_t)v > 63 ? 0 : (uint64_t)u << v)
    LOOP(QN_SHIFT_RIGHT, u >> ((uint64_t)v > 63 ? 63 : v)) /* copies the sign */
    TESTS
  }
  return true;
}
#undef T

#define T uint64_t
static bool binary_u64(qn_binary f, const uint64_t *a, const uint64_t *b, uint64_t *y, uint8_t *truth, size_t n) {
  if ((f == QN_DIV || f == QN_MOD || f == QN_FMOD) && any_zero(b, n)) return false;
  switch (f) {
    CALL(QN_DIV, u / v)
    LOOP(QN_MAX, u > v ? u : v)
    LOOP(QN_MIN, u < v ? u : v)
    CALL(QN_POW, pow_int(u, v, false))
    case QN_FMOD:
    CALL(QN_MOD, u % v)
    LOOP(QN_PRELU, ((void)v, u))
    LOOP(QN_SHIFT_RIGHT, v > 63 ? 0 : u >> v)
    TESTS
    default: return binary_i64(f, (const int64_t *)a, (const int64_t *)b, (int64_t *)y, truth, n);
  }
  return true;
}
#undef T

static void clamp(qn_compute c, void *y, size_t n, float low, float high) {
  if (c == QN_IN_F32) {
    float *p = y;
    for (size_t i = 0; i < n; i++) p[i] = qn_at_most(qn_at_least(p[i], low), high);
  } else if (c == QN_IN_F64) {
    double *p = y;
    for (size_t i = 0; i < n; i++) p[i] = p[i] < low ? low : p[i] > high ? high : p[i];
  }
}

typedef struct job {
  qn_binary f;
  qn_compute c;
  const qn_tensor *a, *b;
  qn_tensor *y;
  float low, high;
  bool *divides; /* set to false where an integer is divided by zero */
} job;

/* Chunks of elements. */
static void combine(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const qn_compute c = j->c;
  const qn_tensor *y = j->y;
  uint64_t left[QN_FEED_CHUNK], right[QN_FEED_CHUNK], result[QN_FEED_CHUNK];
  qn_feed feed_a, feed_b;
  (void)worker;
  qn_feed_init(&feed_a, c, j->a, y->rank, y->dims);
  qn_feed_init(&feed_b, c, j->b, y->rank, y->dims);
  const bool test = j->f >= QN_EQUAL, direct = test || y->dtype == qn_compute_dtype(c);
  const bool clamps = !test && (j->low > -INFINITY || j->high < INFINITY);
  const size_t size = test ? 1 : c == QN_IN_F32 ? 4 : 8, end = (size_t)last * QN_FEED_CHUNK, count = end < (size_t)y->count ? end : (size_t)y->count;
  qn_feed_seek(&feed_a, (size_t)first * QN_FEED_CHUNK);
  qn_feed_seek(&feed_b, (size_t)first * QN_FEED_CHUNK);
  for (size_t done = (size_t)first * QN_FEED_CHUNK, n; done < count; done += n) {
    n = count - done < QN_FEED_CHUNK ? count - done : QN_FEED_CHUNK;
    const void *u = qn_feed_next(&feed_a, n, left), *v = qn_feed_next(&feed_b, n, right);
    void *to = direct ? (char *)y->data + done * size : (void *)result;
    bool divides = true;
    switch (c) {
      case QN_IN_F32: binary_f32(j->f, u, v, to, to, n); break;
      case QN_IN_F64: binary_f64(j->f, u, v, to, to, n); break;
      case QN_IN_U64: divides = binary_u64(j->f, u, v, to, to, n); break;
      default: divides = binary_i64(j->f, u, v, to, to, n);
    }
    if (!divides) {
      *j->divides = false;
      return;
    }
    if (clamps) clamp(c, to, n, j->low, j->high);
    if (!direct) qn_store(c, y->dtype, y->data, done, n, result, (qn_cast_mode){0});
  }
}

bool qn_binary_run(qn_binary f, qn_compute c, const qn_tensor *a, const qn_tensor *b, qn_tensor *y, float low, float high) {
  bool divides = true;
  const job j = {f, c, a, b, y, low, high, &divides};
  const int64_t chunks = (y->count + QN_FEED_CHUNK - 1) / QN_FEED_CHUNK;
  qn_parallel(chunks, c == QN_IN_F32 ? QN_FEED_CHUNK * 8 : -1, combine, &j);
  return divides;
}
