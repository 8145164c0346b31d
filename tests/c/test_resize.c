/* Resampling of an axis against a sum over the whole axis in double precision. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernel/resize.h"

static uint32_t seed = 5;
static uint32_t next(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }
static int64_t below(int64_t n) { return (int64_t)(next() % (uint32_t)n); }

/* Where output point i lies on the input, by the formulas of the standard. */
static double place(qn_coordinates c, const qn_resize_axis *a, double i) {
  double in = (double)a->in, out = (double)a->out, scale = a->scale;
  if (c == QN_HALF_PIXEL) return (i + 0.5) / scale - 0.5;
  if (c == QN_ASYMMETRIC) return i / scale;
  if (c == QN_ALIGN_CORNERS) return out == 1 ? 0 : i * (in - 1) / (in * scale - 1);
  return out > 1 ? (i + 0.5) / scale - 0.5 : 0; /* pytorch_half_pixel */
}

static double bump(qn_resize_mode mode, double a, double x) {
  x = fabs(x);
  if (mode == QN_RESIZE_LINEAR) return x < 1 ? 1 - x : 0;
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

/* One output point: every input point (and its repetitions beyond the edges) weighted by the filter. */
static double expected(const qn_resize_spec *s, const qn_resize_axis *a, int64_t i, const float *in, int64_t stride) {
  double x = place(s->coordinates, a, (double)i), k = s->antialias && a->scale < 1 ? a->scale : 1, sum = 0, norm = 0;
  int64_t reach = (int64_t)(2 / k) + 3;
  for (int64_t p = -reach; p < a->in + reach; p++) {
    bool inside = p >= 0 && p < a->in;
    if (s->exclude_outside && !inside) continue;
    double w = bump(s->mode, s->cubic_a, ((double)p - x) * k);
    sum += w * in[(p < 0 ? 0 : p >= a->in ? a->in - 1 : p) * stride];
    norm += w;
  }
  return s->exclude_outside || k != 1 ? sum / norm : sum;
}

TEST(linear_and_cubic) {
  for (int round = 0; round < 300; round++) {
    qn_resize_spec s = {.mode = below(2) ? QN_RESIZE_LINEAR : QN_RESIZE_CUBIC, .coordinates = (qn_coordinates[]){QN_HALF_PIXEL, QN_ASYMMETRIC, QN_ALIGN_CORNERS, QN_PYTORCH_HALF_PIXEL}[below(4)],
                        .antialias = below(2), .exclude_outside = below(3) == 0, .cubic_a = below(2) ? -0.75 : -0.5};
    qn_resize_axis a = {.in = 2 + below(9), .out = 1 + below(16), .end = 1};
    a.scale = (double)a.out / (double)a.in;
    a.taps = qn_resize_taps(&s, &a);
    int64_t outer = 1 + below(3), inner = 1 + below(5);
    int32_t *index = malloc((size_t)(a.out * a.taps) * sizeof *index);
    float *weight = malloc((size_t)(a.out * a.taps) * sizeof *weight), *in = malloc((size_t)(outer * a.in * inner) * sizeof *in), *out = malloc((size_t)(outer * a.out * inner) * sizeof *out);
    uint8_t *outside = malloc((size_t)a.out);
    for (int64_t i = 0; i < outer * a.in * inner; i++) in[i] = (float)below(2000) / 1000 - 1;
    qn_resize_table(&s, &a, index, weight, outside);
    qn_resize_apply(&a, index, weight, outer, inner, in, out);
    for (int64_t o = 0; o < outer; o++)
      for (int64_t i = 0; i < a.out; i++)
        for (int64_t c = 0; c < inner; c++) {
          double want = expected(&s, &a, i, in + o * a.in * inner + c, inner), got = out[(o * a.out + i) * inner + c];
          CHECK(fabs(got - want) <= 1e-5 + 1e-5 * fabs(want));
        }
    for (int64_t i = 0; i < a.out; i++) CHECK(!outside[i]);
    free(index), free(weight), free(in), free(out), free(outside);
  }
}

TEST(nearest_rounds_as_asked) {
  qn_resize_axis a = {.in = 4, .out = 8, .scale = 2, .end = 1, .taps = 1};
  static const struct { qn_nearest mode; int32_t want[8]; } cases[] = { /* asymmetric: points at 0, 0.5, 1, 1.5 … */
    {QN_ROUND_PREFER_FLOOR, {0, 0, 1, 1, 2, 2, 3, 3}}, {QN_ROUND_PREFER_CEIL, {0, 1, 1, 2, 2, 3, 3, 3}},
    {QN_FLOOR, {0, 0, 1, 1, 2, 2, 3, 3}}, {QN_CEIL, {0, 1, 1, 2, 2, 3, 3, 3}}, {QN_SIMPLE, {0, 0, 1, 1, 2, 2, 3, 3}}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    qn_resize_spec s = {.mode = QN_RESIZE_NEAREST, .coordinates = QN_ASYMMETRIC, .nearest = cases[k].mode};
    int32_t index[8];
    float weight[8];
    uint8_t outside[8], in[12], out[24];
    CHECK(qn_resize_taps(&s, &a) == 1);
    qn_resize_table(&s, &a, index, weight, outside);
    CHECK(!memcmp(index, cases[k].want, sizeof index));
    for (int i = 0; i < 12; i++) in[i] = (uint8_t)(i * 7);
    qn_resize_pick(&a, index, 1, 3, in, out); /* elements of three bytes */
    for (int i = 0; i < 8; i++) CHECK(!memcmp(out + 3 * i, in + 3 * cases[k].want[i], 3));
  }
}

TEST(crop_marks_points_off_the_input) {
  qn_resize_spec s = {.mode = QN_RESIZE_LINEAR, .coordinates = QN_TF_CROP_AND_RESIZE};
  qn_resize_axis a = {.in = 5, .out = 4, .scale = 0.8, .start = -0.5, .end = 1};
  a.taps = qn_resize_taps(&s, &a);
  int32_t index[16];
  float weight[16];
  uint8_t outside[4];
  qn_resize_table(&s, &a, index, weight, outside); /* points at -2, 0, 2, 4 */
  CHECK(outside[0] && !outside[1] && !outside[2] && !outside[3]);
  for (int i = 0; i < 4 * a.taps; i++) CHECK(index[i] >= 0 && index[i] < 5);
}

TEST(positions_without_a_meaning_stay_inside) {
  for (int k = 0; k < 3; k++) {
    qn_resize_spec s = {.mode = k == 0 ? QN_RESIZE_NEAREST : k == 1 ? QN_RESIZE_LINEAR : QN_RESIZE_CUBIC, .coordinates = QN_HALF_PIXEL, .cubic_a = -0.75};
    qn_resize_axis a = {.in = 3, .out = 4, .scale = k ? 1e-300 : NAN, .end = 1};
    a.taps = qn_resize_taps(&s, &a);
    int32_t index[32];
    float weight[32];
    uint8_t outside[4];
    CHECK(4 * a.taps <= 32);
    qn_resize_table(&s, &a, index, weight, outside);
    for (int i = 0; i < 4 * a.taps; i++) CHECK(index[i] >= 0 && index[i] < 3);
  }
}

int main(void) {
  RUN(linear_and_cubic);
  RUN(nearest_rounds_as_asked);
  RUN(crop_marks_points_off_the_input);
  RUN(positions_without_a_meaning_stay_inside);
  return DONE();
}
