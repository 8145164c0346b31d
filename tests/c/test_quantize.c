/* kernel/quantize.h against double precision. */
#include "harness.h"

#include <math.h>

#include "kernel/quantize.h"

static uint64_t state = 5;
static double uniform(double low, double high) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * (double)(state >> 33) / 2147483648.0;
}

enum { N = 1013 };

static bool round_trip(qn_dtype dtype) {
  float x[N], scale[N], zero[N], q[N], y[N], low, high;
  bool ok = qn_quantized_range(dtype, &low, &high);
  for (int i = 0; i < N; i++) {
    x[i] = (float)uniform(-2, 2);
    scale[i] = (float)uniform(0.001, 0.02) * 255 / (high - low);
    zero[i] = (float)rint(uniform(low, high));
  }
  qn_quantize(x, scale, zero, N, low, high, q);
  qn_dequantize(q, scale, zero, N, y);
  for (int i = 0; i < N; i++) {
    double want = rint((double)(x[i] / scale[i])) + zero[i];
    want = want < low ? low : want > high ? high : want;
    ok = ok && q[i] == want && fabs(y[i] - (want - zero[i]) * (double)scale[i]) < 1e-6;
  }
  return ok;
}

TEST(quantize) {
  CHECK(round_trip(QN_UINT8) && round_trip(QN_INT8) && round_trip(QN_UINT16) && round_trip(QN_INT16));
  CHECK(round_trip(QN_UINT4) && round_trip(QN_INT4) && round_trip(QN_INT2));
  float low, high;
  CHECK(!qn_quantized_range(QN_INT32, &low, &high) && !qn_quantized_range(QN_FLOAT, &low, &high));
}

TEST(quantize_special) {
  const float x[6] = {NAN, INFINITY, -INFINITY, 2.5f, 3.5f, 1}, one[6] = {1, 1, 1, 1, 1, 0}, none[6] = {0};
  float q[6];
  uint8_t y[6];
  qn_quantize(x, one, none, 6, -128, 127, q);
  CHECK(q[0] == -128 && q[1] == 127 && q[2] == -128 && q[3] == 2 && q[4] == 4 && q[5] == 127);
  qn_float_to_bytes(q, 6, y);
  CHECK(y[0] == 128 && y[1] == 127 && y[3] == 2);
}

TEST(dynamic) {
  for (int n = 0; n < 40; n++) {
    float x[40], low, high, want_low = 0, want_high = 0, scale, zero;
    for (int i = 0; i < n; i++) {
      x[i] = (float)uniform(-3, n % 2 ? 5 : -1);
      want_low = fminf(want_low, x[i]);
      want_high = fmaxf(want_high, x[i]);
    }
    qn_range_with_zero(x, (size_t)n, &low, &high);
    CHECK(low == want_low && high == want_high);
    qn_dynamic_scale(low, high, &scale, &zero);
    CHECK(scale > 0 && zero >= 0 && zero <= 255);
  }
}

int main(void) {
  RUN(quantize);
  RUN(quantize_special);
  RUN(dynamic);
  return DONE();
}
