/* kernel/unary.h and kernel/vmath.h against libm in double precision. */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/unary.h"

static uint64_t state = 1;
static double uniform(double low, double high) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * (double)(state >> 33) / 2147483648.0;
}

/* Largest error over a sweep of [low, high], relative above `floor_value` and else absolute by it. */
static double worst(qn_unary f, double low, double high, double floor_value, float a, float b) {
  enum { N = 20011 };
  static float x[N + 3], y[N + 3];
  static double wide[N], want[N];
  for (int i = 0; i < N; i++) wide[i] = x[i] = (float)uniform(low, high);
  y[N] = 1234.5f; /* must stay */
  qn_unary_run(f, QN_FLOAT, x, y, N, a, b);
  qn_unary_run(f, QN_DOUBLE, wide, want, N, a, b);
  CHECK(y[N] == 1234.5f);
  double most = 0;
  for (int i = 0; i < N; i++) {
    double scale = fabs(want[i]) > floor_value ? fabs(want[i]) : floor_value;
    double e = fabs((double)y[i] - want[i]) / scale;
    if (!(e <= most)) most = e;
  }
  return most;
}

TEST(transcendental) {
  CHECK(worst(QN_EXP, -87, 88.7, 0, 0, 0) < 2e-7);
  CHECK(worst(QN_EXP, -104, -86, FLT_MIN, 0, 0) < 3e-7);
  CHECK(worst(QN_LOG, 0, 4, 1e-3, 0, 0) < 2e-7);
  CHECK(worst(QN_LOG, 1, 1e30, 0, 0, 0) < 2e-7);
  CHECK(worst(QN_LOG, 0, 1e-38, 0, 0, 0) < 2e-7);
  CHECK(worst(QN_SIN, -50, 50, 1e-3, 0, 0) < 3e-7);
  CHECK(worst(QN_COS, -1e5, 1e5, 1e-1, 0, 0) < 3e-7);
  CHECK(worst(QN_SIN, -1e9, 1e9, 0, 0, 0) < 2e-7);
  CHECK(worst(QN_TANH, -12, 12, 0, 0, 0) < 3e-7);
  CHECK(worst(QN_TANH, -1e-3, 1e-3, 0, 0, 0) < 3e-7);
  CHECK(worst(QN_SIGMOID, -87, 20, 0, 0, 0) < 4e-7);
  CHECK(worst(QN_ERF, -5, 5, 1, 0, 0) < 1e-7);
  CHECK(worst(QN_ERF, -5, 5, 0, 0, 0) < 3e-7);
  CHECK(worst(QN_GELU, 0, 6, 1, 0, 0) < 4e-7);
  CHECK(worst(QN_GELU, -2, 0, 1, 0, 0) < 4e-7);
  CHECK(worst(QN_GELU, -6, -2, 1, 0, 0) < 1.3e-6); /* what half the erf's last bits become, times x */
  CHECK(worst(QN_GELU, -1e6, -5.7, 1e-9, 0, 0) < 1.3e-6); /* 0 */
  CHECK(worst(QN_GELU_TANH, -6, 6, 1, 0, 0) < 4e-7);
  CHECK(worst(QN_ELU, -90, 2, 0, 1.5f, 0) < 4e-7);
  CHECK(worst(QN_ELU, -1e-2, 0, 0, 1, 0) < 4e-7);
  CHECK(worst(QN_SELU, -9, 9, 0, 1.67f, 1.05f) < 4e-7);
  CHECK(worst(QN_SOFTPLUS, -60, 60, 0, 0, 0) < 4e-7);
  CHECK(worst(QN_MISH, -20, 30, 1e-3, 0, 0) < 6e-7);
  CHECK(worst(QN_SWISH, -20, 30, 1e-3, 1.25f, 0) < 6e-7);
  CHECK(worst(QN_TAN, -9, 9, 0, 0, 0) < 2e-7);
  CHECK(worst(QN_ATANH, -0.9, 0.9, 0, 0, 0) < 2e-7);
  CHECK(worst(QN_CELU, -5, 5, 0, 2, 0) < 2e-7);
}

TEST(simple) {
  CHECK(worst(QN_ABS, -9, 9, 0, 0, 0) == 0);
  CHECK(worst(QN_CEIL, -9, 9, 0, 0, 0) == 0);
  CHECK(worst(QN_ROUND, -9, 9, 0, 0, 0) == 0);
  CHECK(worst(QN_RELU, -9, 9, 1, 0, 0) == 0);
  CHECK(worst(QN_CLIP, -9, 9, 1, -2, 3) == 0);
  CHECK(worst(QN_SHRINK, -3, 3, 1, 0.5f, 0.25f) < 1e-7);
  CHECK(worst(QN_THRESHOLDEDRELU, -3, 3, 1, 1, 0) == 0);
  CHECK(worst(QN_LEAKYRELU, -3, 3, 0, 0.01f, 0) < 2e-7);
  CHECK(worst(QN_HARDSIGMOID, -9, 9, 1, 0.2f, 0.5f) < 2e-7);
  CHECK(worst(QN_HARDSWISH, -9, 9, 1, 0, 0) < 4e-7);
  CHECK(worst(QN_SQRT, 0, 9, 0, 0, 0) < 1e-7);
  CHECK(worst(QN_SOFTSIGN, -9, 9, 0, 0, 0) < 2e-7);
}

static float at(qn_unary f, float x) {
  float y;
  qn_unary_run(f, QN_FLOAT, &x, &y, 1, 1, 1);
  return y;
}

TEST(special_values) {
  static const qn_unary ALL[] = {QN_ABS, QN_NEG, QN_RELU, QN_CEIL, QN_ROUND, QN_SQRT, QN_RECIPROCAL, QN_EXP, QN_LOG, QN_SIN, QN_COS, QN_ERF,
                                 QN_TANH, QN_SIGMOID, QN_HARDSIGMOID, QN_HARDSWISH, QN_LEAKYRELU, QN_ELU, QN_SELU, QN_CELU, QN_SOFTPLUS,
                                 QN_SOFTSIGN, QN_THRESHOLDEDRELU, QN_MISH, QN_GELU, QN_GELU_TANH, QN_SWISH, QN_CLIP, QN_SHRINK, QN_SIGN};
  for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) CHECK(isnan(at(ALL[i], NAN)));
  CHECK(at(QN_EXP, INFINITY) == INFINITY && at(QN_EXP, -INFINITY) == 0 && at(QN_EXP, 0) == 1 && at(QN_EXP, 200) == INFINITY);
  CHECK(at(QN_LOG, 0) == -INFINITY && at(QN_LOG, INFINITY) == INFINITY && isnan(at(QN_LOG, -1)) && at(QN_LOG, 1) == 0);
  CHECK(fabs(at(QN_LOG, 0x1p-149f) + 103.278929903) < 1e-5);
  CHECK(at(QN_TANH, INFINITY) == 1 && at(QN_TANH, -INFINITY) == -1 && signbit(at(QN_TANH, -0.0f)));
  CHECK(at(QN_ERF, INFINITY) == 1 && at(QN_ERF, -INFINITY) == -1 && signbit(at(QN_ERF, -0.0f)));
  CHECK(at(QN_SIGMOID, INFINITY) == 1 && at(QN_SIGMOID, -INFINITY) == 0 && at(QN_SIGMOID, 0) == 0.5f);
  CHECK(at(QN_SOFTPLUS, INFINITY) == INFINITY && at(QN_SOFTPLUS, -INFINITY) == 0 && at(QN_SOFTPLUS, 100) == 100);
  CHECK(at(QN_ELU, -INFINITY) == -1 && at(QN_MISH, INFINITY) == INFINITY && isnan(at(QN_SIN, INFINITY)));
  CHECK(at(QN_ROUND, 0.5f) == 0 && at(QN_ROUND, 1.5f) == 2 && at(QN_ROUND, -2.5f) == -2);
}

TEST(integers_and_halves) {
  const int8_t x[5] = {-128, -1, 0, 7, 127};
  int8_t y[5];
  qn_unary_run(QN_ABS, QN_INT8, x, y, 5, 0, 0);
  CHECK(y[0] == -128 && y[1] == 1 && y[4] == 127);
  qn_unary_run(QN_SIGN, QN_INT8, x, y, 5, 0, 0);
  CHECK(y[0] == -1 && y[2] == 0 && y[3] == 1);
  qn_unary_run(QN_BITNOT, QN_INT8, x, y, 5, 0, 0);
  CHECK(y[0] == 127 && y[1] == 0);
  const uint64_t u[2] = {UINT64_MAX, 0};
  uint64_t v[2];
  qn_unary_run(QN_SIGN, QN_UINT64, u, v, 2, 0, 0);
  CHECK(v[0] == 1 && v[1] == 0);
  qn_unary_run(QN_ABS, QN_UINT64, u, v, 2, 0, 0);
  CHECK(v[0] == UINT64_MAX);
  int64_t m = INT64_MIN;
  qn_unary_run(QN_NEG, QN_INT64, &m, &m, 1, 0, 0);
  CHECK(m == INT64_MIN);
  uint16_t h[601];
  for (int i = 0; i < 601; i++) h[i] = qn_f32_to_f16((float)i * 0.01f);
  qn_unary_run(QN_EXP, QN_FLOAT16, h, h, 601, 0, 0);
  bool ok = true;
  for (int i = 0; i < 601; i++) ok = ok && fabs(qn_f16_to_f32(h[i]) / exp(qn_f16_to_f32(qn_f32_to_f16((float)i * 0.01f))) - 1) < 1e-3;
  CHECK(ok);
}

int main(void) {
  RUN(transcendental);
  RUN(simple);
  RUN(special_values);
  RUN(integers_and_halves);
  return DONE();
}
