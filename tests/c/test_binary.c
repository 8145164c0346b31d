/* kernel/binary.h and kernel/broadcast.h against plain loops over indices. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/binary.h"

static uint64_t state = 7;
static uint32_t next(uint32_t below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % below;
}

static qn_tensor tensor(qn_dtype dtype, int rank, const int64_t *dims, void *data) {
  qn_tensor t = {.data = data};
  qn_tensor_shape(&t, dtype, rank, dims, NULL);
  return t;
}

static int64_t offset_in(const qn_tensor *t, int rank, const int64_t *index) {
  int64_t at = 0;
  for (int d = 0; d < t->rank; d++) at = at * t->dims[d] + (t->dims[d] == 1 ? 0 : index[rank - t->rank + d]);
  return at;
}

static double reference(qn_binary f, double u, double v) {
  switch (f) {
    case QN_ADD: return u + v;
    case QN_SUB: return u - v;
    case QN_MUL: return u * v;
    case QN_DIV: return u / v;
    case QN_MAX: return u > v ? u : v;
    case QN_MIN: return u < v ? u : v;
    case QN_PRELU: return u < 0 ? u * v : u;
    case QN_POW: return pow(u, v);
    case QN_LESS: return u < v;
    case QN_GREATER_EQUAL: return u >= v;
    default: return u == v;
  }
}

/* Random shapes in which each dimension of each operand is full, 1 or left out. */
static bool random_case(qn_binary f, qn_dtype dtype, double tolerance) {
  int rank = (int)next(5);
  int64_t dims[QN_MAX_RANK], dims_a[QN_MAX_RANK], dims_b[QN_MAX_RANK];
  for (int i = 0; i < rank; i++) {
    dims[i] = next(4) ? 1 + next(9) : 1 + next(70);
    dims_a[i] = next(3) ? dims[i] : 1;
    dims_b[i] = next(3) ? dims[i] : 1;
    dims[i] = dims_a[i] > dims_b[i] ? dims_a[i] : dims_b[i];
  }
  int skip = rank ? (int)next((uint32_t)rank + 1) : 0, skip_a = next(2) ? skip : 0, skip_b = skip_a ? 0 : skip;
  for (int i = 0; i < skip; i++) dims[i] = skip_a ? dims_b[i] : dims_a[i];
  qn_tensor a = tensor(dtype, rank - skip_a, dims_a + skip_a, NULL), b = tensor(dtype, rank - skip_b, dims_b + skip_b, NULL);
  bool test = f >= QN_EQUAL;
  qn_tensor y = tensor(test ? QN_BOOL : dtype, rank, dims, NULL);
  double *wide_a = malloc((size_t)a.count * 8), *wide_b = malloc((size_t)b.count * 8), *got = malloc((size_t)y.count * 8);
  a.data = malloc((size_t)a.count * 8);
  b.data = malloc((size_t)b.count * 8);
  y.data = malloc((size_t)y.count * 8);
  for (int64_t i = 0; i < a.count; i++) wide_a[i] = f == QN_POW ? 1 + next(5) : (double)next(9) - 3;
  for (int64_t i = 0; i < b.count; i++) wide_b[i] = 1 + next(5);
  qn_store(QN_IN_F64, dtype, a.data, 0, (size_t)a.count, wide_a, (qn_cast_mode){0});
  qn_store(QN_IN_F64, dtype, b.data, 0, (size_t)b.count, wide_b, (qn_cast_mode){0});
  qn_load(QN_IN_F64, dtype, a.data, 0, (size_t)a.count, wide_a);
  bool ok = qn_binary_run(f, qn_compute_of(dtype), &a, &b, &y, -INFINITY, INFINITY);
  qn_load(QN_IN_F64, y.dtype, y.data, 0, (size_t)y.count, got);
  int64_t index[QN_MAX_RANK] = {0};
  for (int64_t i = 0; i < y.count; i++) {
    double want = reference(f, wide_a[offset_in(&a, rank, index)], wide_b[offset_in(&b, rank, index)]);
    if (f == QN_DIV && qn_dtype_of(dtype)->is_integer) want = trunc(want);
    if (!(fabs(got[i] - want) <= tolerance * fabs(want))) ok = false;
    for (int d = rank - 1; d >= 0 && ++index[d] == dims[d]; d--) index[d] = 0;
  }
  free(a.data); free(b.data); free(y.data); free(wide_a); free(wide_b); free(got);
  return ok;
}

TEST(broadcasting) {
  static const qn_binary F[] = {QN_ADD, QN_SUB, QN_MUL, QN_DIV, QN_MAX, QN_MIN, QN_PRELU, QN_POW, QN_EQUAL, QN_LESS, QN_GREATER_EQUAL};
  static const qn_dtype T[] = {QN_FLOAT, QN_DOUBLE, QN_INT32, QN_INT64, QN_UINT64, QN_FLOAT16, QN_UINT16};
  for (size_t t = 0; t < sizeof T / sizeof *T; t++)
    for (size_t f = 0; f < sizeof F / sizeof *F; f++) {
      if (F[f] == QN_SUB && !qn_dtype_of(T[t])->is_signed) continue; /* wraps */
      bool ok = true;
      for (int i = 0; i < 40; i++) ok = ok && random_case(F[f], T[t], T[t] == QN_FLOAT16 ? 1e-3 : 1e-6);
      CHECK(ok);
    }
}

static bool pair_i64(qn_binary f, qn_dtype dtype, int64_t u, int64_t v, int64_t *y) {
  int64_t x[2] = {0}, z = 0;
  qn_store(QN_IN_I64, dtype, &x[0], 0, 1, &u, (qn_cast_mode){0});
  qn_store(QN_IN_I64, dtype, &x[1], 0, 1, &v, (qn_cast_mode){0});
  qn_tensor a = tensor(dtype, 0, NULL, &x[0]), b = tensor(dtype, 0, NULL, &x[1]), c = tensor(dtype, 0, NULL, &z);
  bool ok = qn_binary_run(f, qn_compute_of(dtype), &a, &b, &c, -INFINITY, INFINITY);
  qn_load(QN_IN_I64, dtype, &z, 0, 1, y);
  return ok;
}

TEST(integers) {
  int64_t y;
  CHECK(!pair_i64(QN_DIV, QN_INT32, 1, 0, &y));
  CHECK(!pair_i64(QN_MOD, QN_INT64, 1, 0, &y));
  CHECK(!pair_i64(QN_FMOD, QN_UINT64, 1, 0, &y));
  CHECK(pair_i64(QN_DIV, QN_INT32, INT32_MIN, -1, &y) && y == INT32_MIN);
  CHECK(pair_i64(QN_DIV, QN_INT64, INT64_MIN, -1, &y) && y == INT64_MIN);
  CHECK(pair_i64(QN_MOD, QN_INT64, INT64_MIN, -1, &y) && y == 0);
  CHECK(pair_i64(QN_DIV, QN_INT8, -7, 2, &y) && y == -3);
  CHECK(pair_i64(QN_MOD, QN_INT8, -7, 3, &y) && y == 2);
  CHECK(pair_i64(QN_MOD, QN_INT8, 7, -3, &y) && y == -2);
  CHECK(pair_i64(QN_FMOD, QN_INT8, -7, 3, &y) && y == -1);
  CHECK(pair_i64(QN_ADD, QN_INT64, INT64_MAX, 1, &y) && y == INT64_MIN);
  CHECK(pair_i64(QN_POW, QN_INT32, 3, 4, &y) && y == 81);
  CHECK(pair_i64(QN_POW, QN_INT64, 2, -1, &y) && y == 0);
  CHECK(pair_i64(QN_POW, QN_INT64, -1, -3, &y) && y == -1);
  CHECK(pair_i64(QN_SHIFT_LEFT, QN_UINT8, 255, 4, &y) && y == 240);
  CHECK(pair_i64(QN_SHIFT_LEFT, QN_UINT32, 1, 32, &y) && y == 0);
  CHECK(pair_i64(QN_SHIFT_RIGHT, QN_UINT64, -1, 63, &y) && y == 1);
  CHECK(pair_i64(QN_SHIFT_RIGHT, QN_UINT64, -1, 64, &y) && y == 0);
  CHECK(pair_i64(QN_SHIFT_RIGHT, QN_INT64, -7, 1, &y) && y == -4);
  CHECK(pair_i64(QN_SHIFT_RIGHT, QN_INT64, INT64_MIN, -1, &y) && y == -1);
}

static float pair_f32(qn_binary f, float u, float v) {
  float y;
  qn_tensor a = tensor(QN_FLOAT, 0, NULL, &u), b = tensor(QN_FLOAT, 0, NULL, &v), c = tensor(QN_FLOAT, 0, NULL, &y);
  qn_binary_run(f, QN_IN_F32, &a, &b, &c, -INFINITY, INFINITY);
  return y;
}

TEST(floats) {
  CHECK(isnan(pair_f32(QN_MAX, NAN, 1)) && isnan(pair_f32(QN_MAX, 1, NAN)));
  CHECK(isnan(pair_f32(QN_MIN, NAN, 1)) && isnan(pair_f32(QN_MIN, 1, NAN)));
  CHECK(pair_f32(QN_POW, -3, 2) == 9 && pair_f32(QN_POW, -2, 3) == -8 && pair_f32(QN_POW, 9, 0.5f) == 3);
  CHECK(pair_f32(QN_POW, -INFINITY, 0.5f) == INFINITY && !signbit(pair_f32(QN_POW, -0.0f, 0.5f)));
  CHECK(pair_f32(QN_FMOD, -5.5f, 3) == -2.5f && pair_f32(QN_MOD, -5.5f, 3) == 0.5f);
}

TEST(clamped_in_place) {
  int64_t dims[1] = {1301};
  float x[1301], z[1301];
  for (int i = 0; i < 1301; i++) x[i] = (float)(i % 17) - 8, z[i] = (float)(i % 5);
  qn_tensor a = tensor(QN_FLOAT, 1, dims, x), b = tensor(QN_FLOAT, 1, dims, z);
  qn_binary_run(QN_ADD, QN_IN_F32, &a, &b, &a, 0, 6);
  bool ok = true;
  for (int i = 0; i < 1301; i++) {
    float want = (float)(i % 17) - 8 + (float)(i % 5);
    ok = ok && x[i] == (want < 0 ? 0 : want > 6 ? 6 : want);
  }
  CHECK(ok);
}

TEST(select) {
  uint8_t which[700];
  uint64_t a[1400], b[1400], y[1400];
  for (int i = 0; i < 700; i++) which[i] = (uint8_t)next(2);
  for (int i = 0; i < 1400; i++) a[i] = state ^ (uint64_t)i * 77, b[i] = ~a[i] + next(99);
  for (size_t size = 1; size <= 16; size *= 2) {
    qn_select(size, which, a, b, y, 699);
    bool ok = true;
    for (size_t i = 0; i < 699; i++)
      ok = ok && memcmp((char *)y + i * size, (const char *)(which[i] ? a : b) + i * size, size) == 0;
    CHECK(ok);
  }
}

int main(void) {
  RUN(broadcasting);
  RUN(integers);
  RUN(floats);
  RUN(clamped_in_place);
  RUN(select);
  return DONE();
}
