/* What ONNX allows and its own cases do not have: floats of 8 bits in QLinearMatMul, complex numbers in Unique, and of opset 28 the
 * order of SpaceToDepth and shifts of signed numbers. */
#define _POSIX_C_SOURCE 199309L
#include <math.h>
#include <string.h>

#include "harness.h"
#include "kernel/cast.h"
#include "one_node.h"

static uint32_t seed = 1;
static int below(int n) { return (int)((seed = seed * 1664525u + 1013904223u) >> 8) % n; }

static const qn_dtype BYTES[] = {QN_FLOAT8E4M3FN, QN_FLOAT8E4M3FNUZ, QN_FLOAT8E5M2, QN_FLOAT8E5M2FNUZ, QN_INT8, QN_UINT8};
static bool whole(qn_dtype t) { return t == QN_INT8 || t == QN_UINT8; }

static double value(qn_dtype t, const uint8_t *bytes, int i) {
  double v;
  qn_cast(t, bytes + i, QN_DOUBLE, &v, 1, (qn_cast_mode){0});
  return v;
}
static void fill(qn_dtype t, uint8_t *bytes, int n) {
  for (int i = 0; i < n; i++) {
    const float v = whole(t) ? (float)below(100) : (float)(below(400) - 200) / 25.0f;
    qn_cast(QN_FLOAT, &v, t, bytes + i, 1, (qn_cast_mode){0});
  }
}

/* y = saturate(Σ (a - a_zero) · (b - b_zero) · a_scale · b_scale / y_scale + y_zero), all scales for each row and column. */
TEST(floats_of_8_bits_multiply) {
  for (int round = 0; round < 60; round++) {
    enum { M = 3, K = 5, N = 4 };
    const qn_dtype ta = BYTES[round < 4 ? round : below(6)], tb = BYTES[round < 4 ? round : below(6)], ty = BYTES[round < 4 ? round : below(6)];
    uint8_t a[M * K], b[K * N], za[M] = {0}, zb[N] = {0}, zy[1] = {0}, want[M * N];
    float sa[M], sb[N], sy[1] = {0.4f};
    fill(ta, a, M * K), fill(tb, b, K * N);
    if (whole(ta)) fill(ta, za, M);
    if (whole(tb)) fill(tb, zb, N);
    if (whole(ty)) fill(ty, zy, 1);
    for (int i = 0; i < M; i++) sa[i] = 0.05f + 0.01f * (float)below(10);
    for (int i = 0; i < N; i++) sb[i] = 0.05f + 0.01f * (float)below(10);
    begin_node("", "QLinearMatMul", 21, 1);
    add_input(ta, DIMS(M, K), a), add_input(QN_FLOAT, DIMS(M), sa);
    if (whole(ta)) add_input(ta, DIMS(M), za);
    else absent_input(); /* is zero */
    add_input(tb, DIMS(K, N), b), add_input(QN_FLOAT, DIMS(N), sb), add_input(tb, DIMS(N), zb);
    add_input(QN_FLOAT, DIMS(1), sy), add_input(ty, DIMS(1), zy);
    CHECK(run_node() == QN_OK);
    for (int i = 0; i < M * N; i++) {
      double sum = 0;
      for (int k = 0; k < K; k++) sum += (value(ta, a, i / N * K + k) - value(ta, za, i / N)) * (value(tb, b, k * N + i % N) - value(tb, zb, i % N));
      const float v = (float)(sum * (double)(sa[i / N] * sb[i % N] / sy[0])), y = (whole(ty) ? rintf(v) : v) + (float)value(ty, zy, 0);
      qn_cast(QN_FLOAT, &y, ty, want + i, 1, (qn_cast_mode){0});
    }
    CHECK(result(0)->dtype == ty && result(0)->count == M * N && memcmp(result(0)->data, want, sizeof want) == 0);
  }
  const uint8_t bytes[4] = {0};
  const float scale = 1;
  begin_node("", "QLinearMatMul", 21, 1);
  add_input(QN_FLOAT8E5M2, DIMS(2, 2), bytes), add_input(QN_FLOAT, DIMS(1), &scale), add_input(QN_FLOAT8E4M3FN, DIMS(1), bytes);
  add_input(QN_INT8, DIMS(2, 2), bytes), add_input(QN_FLOAT, DIMS(1), &scale), add_input(QN_INT8, DIMS(1), bytes);
  add_input(QN_FLOAT, DIMS(1), &scale), add_input(QN_INT8, DIMS(1), bytes);
  CHECK(run_node() == QN_ERR_TYPE && strstr(one.error, "zero point differs"));
}

TEST(complex_numbers_are_found_once) {
  const float x[] = {1, 2, 0, 5, 1, -2, 1, 2, 0, 5, 3, 0}, sorted[] = {0, 5, 1, -2, 1, 2, 3, 0};
  const double rows[] = {1, 1, 2, 2, 0, 0, 9, 9, 1, 1, 2, 2}, kept[] = {0, 0, 9, 9, 1, 1, 2, 2};
  const int64_t inverse[] = {2, 0, 1, 2, 0, 3}, counts[] = {2, 1, 2, 1};
  begin_node("", "Unique", 11, 4);
  add_input(QN_COMPLEX64, DIMS(6), x);
  CHECK(run_node() == QN_OK);
  CHECK(result(0)->dtype == QN_COMPLEX64 && result(0)->count == 4 && memcmp(result(0)->data, sorted, sizeof sorted) == 0);
  CHECK(memcmp(result(2)->data, inverse, sizeof inverse) == 0 && memcmp(result(3)->data, counts, sizeof counts) == 0);
  begin_node("", "Unique", 11, 1);
  attr_int("axis", 0);
  add_input(QN_COMPLEX128, DIMS(3, 2), rows);
  CHECK(run_node() == QN_OK);
  CHECK(result(0)->count == 4 && result(0)->dims[0] == 2 && memcmp(result(0)->data, kept, sizeof kept) == 0);
}

TEST(blocks_in_both_orders) {
  float x[16], dcr[16], crd[16]; /* [1, 2, 2, 4] -> [1, 8, 1, 2] */
  for (int c = 0; c < 2; c++)
    for (int i = 0; i < 2; i++)
      for (int j = 0; j < 2; j++)
        for (int w = 0; w < 2; w++) {
          const float v = x[(c * 2 + i) * 4 + w * 2 + j] = (float)(c * 1000 + i * 100 + w * 10 + j);
          dcr[((i * 2 + j) * 2 + c) * 2 + w] = crd[((c * 2 + i) * 2 + j) * 2 + w] = v;
        }
  for (int order = 0; order < 2; order++) {
    begin_node("", "SpaceToDepth", 28, 1);
    attr_int("blocksize", 2);
    attr_text("mode", order ? "CRD" : "DCR");
    add_input(QN_FLOAT, DIMS(1, 2, 2, 4), x);
    CHECK(run_node() == QN_OK && result(0)->dims[1] == 8 && memcmp(result(0)->data, order ? crd : dcr, sizeof x) == 0);
  }
  begin_node("", "SpaceToDepth", 28, 1);
  attr_int("blocksize", 2);
  attr_text("mode", "RCD");
  add_input(QN_FLOAT, DIMS(1, 2, 2, 4), x);
  CHECK(run_node() == QN_ERR_ARGUMENT && strstr(one.error, "RCD"));
}

TEST(shifts_copy_the_sign) {
  const int8_t x[] = {-128, -1, -3, 127, -5, 64}, y[] = {1, 7, 8, 1, -1, 1}, right[] = {-64, -1, -1, 63, -1, 32}, left[] = {0, -128, 0, -2, 0, -128};
  for (int way = 0; way < 2; way++) {
    begin_node("", "BitShift", 28, 1);
    attr_text("direction", way ? "LEFT" : "RIGHT");
    add_input(QN_INT8, DIMS(6), x), add_input(QN_INT8, DIMS(6), y);
    CHECK(run_node() == QN_OK && memcmp(result(0)->data, way ? left : right, sizeof x) == 0);
  }
}

int main(void) {
  RUN(floats_of_8_bits_multiply);
  RUN(complex_numbers_are_found_once);
  RUN(blocks_in_both_orders);
  RUN(shifts_copy_the_sign);
  qn_model_free(one.model);
  return DONE();
}
