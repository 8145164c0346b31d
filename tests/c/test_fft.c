/* kernel/fft.h and the operators over it against the sum that defines the transform. */
#define _POSIX_C_SOURCE 199309L
#include "harness.h"

#include <math.h>

#include "kernel/fft.h"
#include "one_node.h"

static const double PI = 3.14159265358979323846;
static uint64_t state = 1;
static double any(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) / 9007199254740992.0 - 0.5;
}

static void naive(int n, const double *x, bool inverse, double *y) {
  for (int k = 0; k < n; k++) {
    y[2 * k] = y[2 * k + 1] = 0;
    for (int i = 0; i < n; i++) {
      double a = (inverse ? 2 : -2) * PI * (double)((int64_t)i * k % n) / n;
      y[2 * k] += x[2 * i] * cos(a) - x[2 * i + 1] * sin(a);
      y[2 * k + 1] += x[2 * i] * sin(a) + x[2 * i + 1] * cos(a);
    }
  }
}

TEST(every_length) {
  static double x[600], want[600];
  for (int n = 1; n <= 300; n = n < 40 ? n + 1 : n + 13)
    for (int inverse = 0; inverse < 2; inverse++) {
      double *scratch = malloc(qn_fft_scratch((size_t)n) * sizeof(double)), worst = 0;
      qn_fft_prepare((size_t)n, scratch);
      for (int again = 0; again < 2; again++) { /* the tables serve many */
        for (int i = 0; i < 2 * n; i++) x[i] = any();
        naive(n, x, inverse, want);
        qn_fft((size_t)n, x, inverse, scratch);
        for (int i = 0; i < 2 * n; i++) worst = fmax(worst, fabs(x[i] - want[i]));
      }
      CHECK(worst < 1e-12 * n + 1e-13);
      free(scratch);
    }
}

/* x: [2, 6, 3, 2] along axis 1 of length 6, cut to `length` or padded. */
TEST(dft_of_a_middle_axis) {
  static float x[72];
  for (int i = 0; i < 72; i++) x[i] = (float)any();
  for (int64_t length = 4; length <= 9; length++) {
    begin_node("", "DFT", 20, 1);
    add_input(QN_FLOAT, DIMS(2, 6, 3, 2), x);
    add_scalar_int(length);
    add_scalar_int(-3);
    CHECK(run_node() == QN_OK);
    const qn_tensor *y = result(0);
    CHECK(y->rank == 4 && y->dims[1] == length && y->dims[3] == 2);
    double in[18] = {0}, want[18], worst = 0;
    for (int b = 0; b < 2; b++)
      for (int c = 0; c < 3; c++) {
        memset(in, 0, sizeof in);
        for (int i = 0; i < 6 && i < length; i++)
          for (int part = 0; part < 2; part++) in[2 * i + part] = x[((b * 6 + i) * 3 + c) * 2 + part];
        naive((int)length, in, false, want);
        for (int i = 0; i < 2 * length; i++)
          worst = fmax(worst, fabs(want[i] - ((const float *)y->data)[((b * length + i / 2) * 3 + c) * 2 + i % 2]));
      }
    CHECK(worst < 1e-6);
  }
}

/* One side of the spectrum, and back from it: even and odd lengths. */
TEST(one_side_and_back) {
  for (int64_t n = 5; n <= 8; n++) {
    static float x[8], half[10];
    for (int i = 0; i < n; i++) x[i] = (float)any();
    begin_node("", "DFT", 17, 1);
    attr_int("onesided", 1);
    add_input(QN_FLOAT, DIMS(1, n, 1), x);
    CHECK(run_node() == QN_OK && result(0)->dims[1] == n / 2 + 1);
    memcpy(half, result(0)->data, (size_t)(n / 2 + 1) * 8);
    begin_node("", "DFT", 17, 1);
    attr_int("onesided", 1);
    attr_int("inverse", 1);
    add_input(QN_FLOAT, DIMS(1, n / 2 + 1, 2), half);
    add_scalar_int(n);
    CHECK(run_node() == QN_OK && result(0)->dims[1] == n && result(0)->dims[2] == 1);
    double worst = 0;
    for (int i = 0; i < n; i++) worst = fmax(worst, fabs(((const float *)result(0)->data)[i] - x[i]));
    CHECK(worst < 1e-6);
  }
}

TEST(refusals) {
  static float x[12];
  begin_node("", "DFT", 20, 1);
  add_input(QN_FLOAT, DIMS(2, 2, 3), x);
  CHECK(run_node() == QN_ERR_SHAPE && strstr(one.error, "[2, 2, 3]"));
  begin_node("", "DFT", 17, 1);
  attr_int("axis", 2);
  add_input(QN_FLOAT, DIMS(2, 3, 2), x);
  CHECK(run_node() == QN_ERR_ARGUMENT && strstr(one.error, "last dimension"));
  begin_node("", "DFT", 17, 1);
  add_input(QN_FLOAT, DIMS(2, 3, 2), x);
  add_scalar_int(0);
  CHECK(run_node() == QN_ERR_SHAPE);
  const float length = 3;
  begin_node("", "DFT", 17, 1);
  add_input(QN_FLOAT, DIMS(2, 3, 2), x);
  add_input(QN_FLOAT, 0, NULL, &length);
  CHECK(run_node() == QN_ERR_TYPE);
  begin_node("", "STFT", 17, 1);
  add_input(QN_FLOAT, DIMS(1, 12, 1), x);
  add_scalar_int(0);
  CHECK(run_node() == QN_ERR_ARGUMENT && strstr(one.error, "frame_step"));
  begin_node("", "STFT", 17, 1);
  add_input(QN_FLOAT, DIMS(1, 12, 1), x);
  add_scalar_int(1);
  absent_input();
  add_scalar_int(13);
  CHECK(run_node() == QN_ERR_SHAPE);
}

/* STFT frame by frame, with a window shorter than the frame. */
TEST(stft) {
  static float x[23], window[6];
  for (int i = 0; i < 23; i++) x[i] = (float)any();
  for (int i = 0; i < 6; i++) window[i] = (float)any();
  begin_node("", "STFT", 17, 1);
  attr_int("onesided", 0);
  add_input(QN_FLOAT, DIMS(1, 23, 1), x);
  add_scalar_int(3);
  add_input(QN_FLOAT, DIMS(6), window);
  add_scalar_int(7);
  CHECK(run_node() == QN_OK);
  const qn_tensor *y = result(0);
  CHECK(y->dims[1] == 6 && y->dims[2] == 7);
  double worst = 0;
  for (int f = 0; f < 6; f++) {
    double in[14] = {0}, want[14];
    for (int i = 0; i < 6; i++) in[2 * i] = x[3 * f + i] * window[i];
    naive(7, in, false, want);
    for (int i = 0; i < 14; i++) worst = fmax(worst, fabs(want[i] - ((const float *)y->data)[f * 14 + i]));
  }
  CHECK(worst < 1e-6);
}

int main(void) {
  RUN(every_length);
  RUN(dft_of_a_middle_axis);
  RUN(one_side_and_back);
  RUN(stft);
  RUN(refusals);
  qn_model_free(one.model);
  return DONE();
}
