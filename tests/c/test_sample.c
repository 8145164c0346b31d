/* GridSample, RoiAlign, MaxRoiPool, DeformConv, Col2Im, CenterCropPad, NegativeLogLikelihoodLoss against their definitions. */
#define _POSIX_C_SOURCE 199309L
#include "harness.h"

#include <math.h>

#include "one_node.h"

static uint64_t state = 3;
static double any(double low, double high) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * ((double)(state >> 11) / 9007199254740992.0);
}
static void fill(float *x, int n, double low, double high) { for (int i = 0; i < n; i++) x[i] = (float)any(low, high); }

/* The point at i, j of an h x w plane under a padding: 'z', 'b' or 'r'. */
static double mirror(double i, double low, double high) {
  while (i < low || i > high) i = i < low ? 2 * low - i : 2 * high - i; /* step by step, unlike the kernel */
  return i;
}
static double pixel(const float *x, int h, int w, double i, double j, char padding, bool corners) {
  if (padding == 'r') i = mirror(i, corners ? 0 : -0.5, corners ? h - 1 : h - 0.5), j = mirror(j, corners ? 0 : -0.5, corners ? w - 1 : w - 0.5);
  if (padding == 'z' && (i < 0 || i > h - 1 || j < 0 || j > w - 1)) return 0;
  i = fmin(fmax(i, 0), h - 1), j = fmin(fmax(j, 0), w - 1);
  return x[(int)i * w + (int)j];
}
static double keys(double d) {
  d = fabs(d);
  if (d >= 2) return 0;
  return d <= 1 ? 1.25 * d * d * d - 2.25 * d * d + 1 : -0.75 * (d * d * d - 5 * d * d + 8 * d - 4);
}
static double naive_sample(const float *x, int h, int w, double u, double v, const char *mode, char padding, bool corners) {
  double i = corners ? (v + 1) / 2 * (h - 1) : ((v + 1) * h - 1) / 2, j = corners ? (u + 1) / 2 * (w - 1) : ((u + 1) * w - 1) / 2, sum = 0;
  if (mode[0] == 'n') return pixel(x, h, w, rint(i), rint(j), padding, corners);
  if (padding == 'b') i = fmin(fmax(i, 0), h - 1), j = fmin(fmax(j, 0), w - 1);
  if (padding == 'r') i = mirror(i, corners ? 0 : -0.5, corners ? h - 1 : h - 0.5), j = mirror(j, corners ? 0 : -0.5, corners ? w - 1 : w - 0.5);
  for (int a = -1; a < 3; a++)
    for (int b = -1; b < 3; b++) {
      double p = floor(i) + a, q = floor(j) + b;
      double weight = mode[0] == 'l' ? fmax(0, 1 - fabs(p - i)) * fmax(0, 1 - fabs(q - j)) : keys(p - i) * keys(q - j);
      if (weight != 0) sum += weight * pixel(x, h, w, p, q, padding, corners);
    }
  return sum;
}

TEST(grid_sample) {
  static const char *const MODES[] = {"nearest", "linear", "cubic"}, *const PADDINGS[] = {"zeros", "border", "reflection"};
  static float x[2 * 3 * 5 * 4], grid[2 * 6 * 7 * 2];
  fill(x, 120, -1, 1);
  fill(grid, 168, -2.5, 2.5);
  for (int k = 0; k < 18; k++) {
    bool corners = k >= 9;
    begin_node("", "GridSample", 20, 1);
    attr_text("mode", MODES[k % 3]);
    attr_text("padding_mode", PADDINGS[k / 3 % 3]);
    attr_int("align_corners", corners);
    add_input(QN_FLOAT, DIMS(2, 3, 5, 4), x);
    add_input(QN_FLOAT, DIMS(2, 6, 7, 2), grid);
    CHECK(run_node() == QN_OK && result(0)->dims[2] == 6 && result(0)->dims[3] == 7);
    double worst = 0;
    for (int i = 0; i < 2 * 3 * 42; i++) {
      const float *g = grid + (i / 126 * 42 + i % 42) * 2;
      worst = fmax(worst, fabs(((const float *)result(0)->data)[i] - naive_sample(x + i / 42 * 20, 5, 4, g[0], g[1], MODES[k % 3], PADDINGS[k / 3 % 3][0], corners)));
    }
    CHECK(worst < 2e-5);
  }
}

/* A grid that is far away, infinite or no number reads nothing outside, in all modes. */
TEST(grid_sample_of_wild_places) {
  static const float wild[] = {NAN, 0, INFINITY, -INFINITY, 1e30f, -1e30f, 3e9f, -3e9f};
  static const float x[] = {1, 2, 3, 4};
  for (int k = 0; k < 9; k++) {
    begin_node("", "GridSample", 16, 1);
    attr_text("mode", (const char *[]){"nearest", "bilinear", "bicubic"}[k % 3]);
    attr_text("padding_mode", (const char *[]){"zeros", "border", "reflection"}[k / 3]);
    add_input(QN_FLOAT, DIMS(1, 1, 2, 2), x);
    add_input(QN_FLOAT, DIMS(1, 1, 4, 2), wild);
    CHECK(run_node() == QN_OK);
    for (int i = 0; i < 4; i++) CHECK(fabsf(((const float *)result(0)->data)[i]) < 6);
  }
}

TEST(grid_sample_in_three_dimensions) {
  static float x[3 * 4 * 5], grid[9 * 3];
  fill(x, 60, -1, 1);
  fill(grid, 27, -1.2, 1.2);
  begin_node("", "GridSample", 22, 1);
  add_input(QN_FLOAT, DIMS(1, 1, 3, 4, 5), x);
  add_input(QN_FLOAT, DIMS(1, 1, 1, 9, 3), grid);
  CHECK(run_node() == QN_OK);
  double worst = 0;
  for (int i = 0; i < 9; i++) {
    const int n[3] = {3, 4, 5};
    double at[3], sum = 0;
    for (int d = 0; d < 3; d++) at[d] = ((grid[3 * i + 2 - d] + 1.0) * n[d] - 1) / 2;
    for (int p = 0; p < 60; p++) {
      const int q[3] = {p / 20, p / 5 % 4, p % 5};
      double weight = 1;
      for (int d = 0; d < 3; d++) weight *= fmax(0, 1 - fabs(q[d] - at[d]));
      sum += weight * x[p];
    }
    worst = fmax(worst, fabs(sum - ((const float *)result(0)->data)[i]));
  }
  CHECK(worst < 1e-5);
}

/* One value per picture row and bin, by the definition: the mean of interpolated samples. */
static double bilinear(const float *x, int h, int w, double v, double u) {
  if (v < -1 || v > h || u < -1 || u > w) return 0;
  v = fmin(fmax(v, 0), h - 1), u = fmin(fmax(u, 0), w - 1);
  double sum = 0;
  for (int i = 0; i < h; i++)
    for (int j = 0; j < w; j++) sum += fmax(0, 1 - fabs(i - v)) * fmax(0, 1 - fabs(j - u)) * x[i * w + j];
  return sum;
}

TEST(roi_align) {
  static float x[2 * 2 * 6 * 7], rois[5 * 4];
  const int64_t pictures[5] = {0, 1, 1, 0, 1};
  fill(x, 168, -1, 1);
  for (int r = 0; r < 5; r++)
    for (int k = 0; k < 2; k++) rois[4 * r + k] = (float)any(-6, 6), rois[4 * r + 2 + k] = rois[4 * r + k] + (float)any(0.2, 14);
  for (int half = 0; half < 2; half++)
    for (int ratio = 0; ratio < 3; ratio++) {
      begin_node("", "RoiAlign", 16, 1);
      attr_int("output_height", 2);
      attr_int("output_width", 3);
      attr_int("sampling_ratio", ratio);
      attr_float("spatial_scale", 0.75f);
      attr_text("coordinate_transformation_mode", half ? "half_pixel" : "output_half_pixel");
      add_input(QN_FLOAT, DIMS(2, 2, 6, 7), x);
      add_input(QN_FLOAT, DIMS(5, 4), rois);
      add_input(QN_INT64, DIMS(5), pictures);
      CHECK(run_node() == QN_OK);
      double worst = 0;
      for (int i = 0; i < 60; i++) {
        int r = i / 12, c = i / 6 % 2, ph = i % 6 / 3, pw = i % 3;
        double x1 = rois[4 * r] * 0.75 - 0.5 * half, y1 = rois[4 * r + 1] * 0.75 - 0.5 * half, width = (rois[4 * r + 2] - rois[4 * r]) * 0.75, height = (rois[4 * r + 3] - rois[4 * r + 1]) * 0.75;
        if (!half) width = fmax(width, 1), height = fmax(height, 1);
        double bh = height / 2, bw = width / 3, sum = 0;
        int nh = ratio ? ratio : (int)ceil(bh), nw = ratio ? ratio : (int)ceil(bw);
        for (int a = 0; a < nh; a++)
          for (int b = 0; b < nw; b++) sum += bilinear(x + (pictures[r] * 2 + c) * 42, 6, 7, y1 + ph * bh + (a + 0.5) * bh / nh, x1 + pw * bw + (b + 0.5) * bw / nw);
        worst = fmax(worst, fabs(sum / (nh * nw) - ((const float *)result(0)->data)[i]));
      }
      CHECK(worst < 1e-5);
    }
}

/* A region larger than any picture ends soon, and a wrong picture is named. */
TEST(wild_regions) {
  static const float x[4] = {1, 2, 3, 4}, huge[] = {-1e12f, -1e12f, 1e12f, 1e12f, NAN, NAN, NAN, NAN};
  int64_t pictures[] = {0, 0};
  for (int k = 0; k < 3; k++) {
    begin_node("", "RoiAlign", 10, 1);
    attr_text("mode", k == 1 ? "max" : "avg");
    add_input(QN_FLOAT, DIMS(1, 1, 2, 2), x);
    add_input(QN_FLOAT, DIMS(2, 4), huge);
    pictures[1] = k == 2;
    add_input(QN_INT64, DIMS(2), pictures);
    CHECK(run_node() == (k == 2 ? QN_ERR_RANGE : QN_OK));
  }
  CHECK(strstr(one.error, "picture 1 of 1"));
  const float roi[] = {0, NAN, 0, 1, 1};
  begin_node("", "MaxRoiPool", 1, 1);
  attr_ints("pooled_shape", 2, (const int64_t[]){1, 1});
  add_input(QN_FLOAT, DIMS(1, 1, 2, 2), x);
  add_input(QN_FLOAT, DIMS(1, 5), roi);
  CHECK(run_node() == QN_ERR_RANGE);
}

TEST(max_roi_pool) {
  static float x[2 * 6 * 7];
  const float rois[] = {0, 1, 1, 5, 4, 0, 3, 2, 30, 40};
  fill(x, 84, -1, 1);
  begin_node("", "MaxRoiPool", 1, 1);
  attr_ints("pooled_shape", 2, (const int64_t[]){2, 2});
  add_input(QN_FLOAT, DIMS(1, 2, 6, 7), x);
  add_input(QN_FLOAT, DIMS(2, 5), rois);
  CHECK(run_node() == QN_OK);
  for (int i = 0; i < 16; i++) {
    const float *r = rois + 5 * (i / 8);
    double bh = (r[4] - r[2] + 1) / 2, bw = (r[3] - r[1] + 1) / 2, best = -INFINITY;
    for (int y = 0; y < 6; y++)
      for (int z = 0; z < 7; z++) { /* in the bin when the pixel's place touches it */
        double v = y - r[2], u = z - r[1];
        int ph = i % 4 / 2, pw = i % 2;
        if (v >= floor(ph * bh) && v < ceil((ph + 1) * bh) && u >= floor(pw * bw) && u < ceil((pw + 1) * bw)) best = fmax(best, x[i / 4 % 2 * 42 + y * 7 + z]);
      }
    CHECK(((const float *)result(0)->data)[i] == (float)(best == -INFINITY ? 0 : best));
  }
}

TEST(deform_conv) { /* two groups, two offset groups, stride, dilation, pads, mask, bias */
  static float x[4 * 7 * 6], w[4 * 2 * 2 * 3], offset[2 * 6 * 2 * 4 * 3], mask[2 * 6 * 4 * 3], bias[4];
  fill(x, 168, -1, 1), fill(w, 48, -1, 1), fill(offset, 288, -2, 2), fill(mask, 144, 0, 1), fill(bias, 4, -1, 1);
  begin_node("", "DeformConv", 19, 1);
  attr_int("group", 2);
  attr_int("offset_group", 2);
  attr_ints("strides", 2, (const int64_t[]){2, 1});
  attr_ints("dilations", 2, (const int64_t[]){1, 2});
  attr_ints("pads", 4, (const int64_t[]){1, 0, 0, 1});
  add_input(QN_FLOAT, DIMS(1, 4, 7, 6), x);
  add_input(QN_FLOAT, DIMS(4, 2, 2, 3), w);
  add_input(QN_FLOAT, DIMS(1, 24, 4, 3), offset);
  add_input(QN_FLOAT, DIMS(4), bias);
  add_input(QN_FLOAT, DIMS(1, 12, 4, 3), mask);
  CHECK(run_node() == QN_OK && result(0)->dims[2] == 4 && result(0)->dims[3] == 3);
  double worst = 0;
  for (int i = 0; i < 48; i++) {
    int m = i / 12, oy = i % 12 / 3, ox = i % 3;
    double sum = bias[m];
    for (int c = 0; c < 2; c++)
      for (int k = 0; k < 6; k++) {
        int channel = m / 2 * 2 + c, row = channel / 2 * 6 + k;
        double v = oy * 2 - 1 + k / 3 + offset[(2 * row) * 12 + i % 12], u = ox + k % 3 * 2 + offset[(2 * row + 1) * 12 + i % 12], value = 0;
        for (int p = 0; p < 42; p++) value += fmax(0, 1 - fabs(p / 6 - v)) * fmax(0, 1 - fabs(p % 6 - u)) * x[channel * 42 + p];
        sum += w[(m * 2 + c) * 6 + k] * mask[row * 12 + i % 12] * value;
      }
    worst = fmax(worst, fabs(sum - ((const float *)result(0)->data)[i]));
  }
  CHECK(worst < 1e-5);
  begin_node("", "DeformConv", 19, 1);
  attr_int("group", 2);
  add_input(QN_FLOAT, DIMS(1, 4, 7, 6), x);
  add_input(QN_FLOAT, DIMS(4, 2, 2, 3), w);
  add_input(QN_FLOAT, DIMS(1, 12, 4, 3), offset);
  CHECK(run_node() == QN_ERR_SHAPE && strstr(one.error, "offset"));
}

TEST(col2im) { /* [1, 2 * 3 * 2, blocks] over 5 x 6 with stride, dilation and pads; integers, exactly */
  static int32_t x[12 * 100];
  int64_t image[] = {5, 6}, block[] = {3, 2};
  int rows = (5 + 1 + 0 - 2 - 1) / 2 + 1, columns = (6 + 0 + 2 - 2 - 1) / 1 + 1;
  for (int i = 0; i < 12 * rows * columns; i++) x[i] = (int32_t)any(-100, 100);
  begin_node("", "Col2Im", 18, 1);
  attr_ints("strides", 2, (const int64_t[]){2, 1});
  attr_ints("dilations", 2, (const int64_t[]){1, 2});
  attr_ints("pads", 4, (const int64_t[]){1, 0, 0, 2});
  add_input(QN_INT32, DIMS(1, 12, rows * columns), x);
  add_input(QN_INT64, DIMS(2), image);
  add_input(QN_INT64, DIMS(2), block);
  CHECK(run_node() == QN_OK);
  bool right = result(0)->dims[1] == 2;
  for (int c = 0; c < 2; c++)
    for (int p = 0; p < 30; p++) {
      int32_t sum = 0;
      for (int k = 0; k < 6; k++)
        for (int b = 0; b < rows * columns; b++)
          if (b / columns * 2 - 1 + k / 2 == p / 6 && b % columns + k % 2 * 2 == p % 6) sum += x[(c * 6 + k) * rows * columns + b];
      right = right && ((const int32_t *)result(0)->data)[c * 30 + p] == sum;
    }
  CHECK(right);
  begin_node("", "Col2Im", 18, 1);
  add_input(QN_INT32, DIMS(1, 12, 7), x);
  add_input(QN_INT64, DIMS(2), image);
  add_input(QN_INT64, DIMS(2), block);
  CHECK(run_node() == QN_ERR_SHAPE && strstr(one.error, "[1, 12, 7]"));
}

TEST(center_crop_pad) {
  int16_t x[15];
  const int64_t shape[] = {6, 2};
  const int16_t want[] = {0, 0, 1, 2, 6, 7, 11, 12, 0, 0, 0, 0}; /* one row before, two after; one column off the left, two off the right */
  for (int i = 0; i < 15; i++) x[i] = (int16_t)i;
  begin_node("", "CenterCropPad", 18, 1);
  add_input(QN_INT16, DIMS(3, 5), x);
  add_input(QN_INT64, DIMS(2), shape);
  CHECK(run_node() == QN_OK && !memcmp(result(0)->data, want, sizeof want));
  begin_node("", "CenterCropPad", 18, 1);
  attr_ints("axes", 1, (const int64_t[]){1});
  add_input(QN_INT16, DIMS(3, 5), x);
  add_input(QN_INT64, DIMS(2), shape);
  CHECK(run_node() == QN_ERR_SHAPE);
}

TEST(losses) {
  static float x[2 * 5 * 3], weight[5];
  int64_t label[6] = {0, 4, 2, -7, 1, 3};
  fill(x, 30, -3, 3), fill(weight, 5, 0.1, 2);
  for (int k = 0; k < 4; k++) {
    bool softmax = k % 2, weighted = k / 2;
    begin_node("", softmax ? "SoftmaxCrossEntropyLoss" : "NegativeLogLikelihoodLoss", 13, softmax ? 2 : 1);
    attr_int("ignore_index", -7);
    add_input(QN_FLOAT, DIMS(2, 5, 3), x);
    add_input(QN_INT64, DIMS(2, 3), label);
    if (weighted) add_input(QN_FLOAT, DIMS(5), weight);
    CHECK(run_node() == QN_OK && result(0)->rank == 0);
    double sum = 0, weights = 0;
    for (int i = 0; i < 6; i++) {
      double all = 0;
      for (int c = 0; c < 5; c++) all += exp(x[i / 3 * 15 + c * 3 + i % 3]);
      if (label[i] < 0) continue;
      double p = x[i / 3 * 15 + label[i] * 3 + i % 3] - (softmax ? log(all) : 0), w = weighted ? weight[label[i]] : 1;
      sum -= p * w, weights += w;
    }
    CHECK(fabs(sum / weights - *(const float *)result(0)->data) < 1e-6);
  }
  begin_node("", "NegativeLogLikelihoodLoss", 13, 1);
  add_input(QN_FLOAT, DIMS(2, 5, 3), x);
  add_input(QN_INT64, DIMS(2, 3), label);
  CHECK(run_node() == QN_ERR_RANGE && strstr(one.error, "-7"));
  begin_node("", "SoftmaxCrossEntropyLoss", 13, 1);
  attr_text("reduction", "median");
  add_input(QN_FLOAT, DIMS(2, 5, 3), x);
  add_input(QN_INT64, DIMS(2, 3), label);
  CHECK(run_node() == QN_ERR_ARGUMENT);
}

TEST(training_steps) { /* two tensors at once give what each gives alone */
  const float rate = 0.1f, x[] = {1, 2, -3}, g[] = {0.5f, -1, 0.25f}, v[] = {0.1f, 0.2f, 0.3f}, h[] = {1, 2, 3};
  const float *lists[] = {x, g, v, h};
  const int64_t steps = 3;
  for (int together = 0; together < 2; together++) {
    begin_node("ai.onnx.preview.training", "Adam", 1, together ? 6 : 3);
    attr_float("norm_coefficient", 0.01f);
    add_input(QN_FLOAT, 0, NULL, &rate);
    add_input(QN_INT64, 0, NULL, &steps);
    for (int k = 0; k < 4; k++) {
      add_input(QN_FLOAT, DIMS(3), lists[k]);
      if (together) add_input(QN_FLOAT, DIMS(1), lists[k] + 1);
    }
    CHECK(run_node() == QN_OK);
    const float *got[3];
    for (int k = 0; k < 3; k++) got[k] = result(together ? 2 * k : k)->data;
    for (int i = 0; i < 3; i++) {
      double gradient = g[i] + 0.01 * x[i], nv = 0.9 * v[i] + 0.1 * gradient, nh = 0.999 * h[i] + 0.001 * gradient * gradient;
      double r = 0.1 * sqrt(1 - pow(0.999, 3)) / (1 - pow(0.9, 3));
      CHECK(fabs(got[0][i] - (x[i] - r * nv / (sqrt(nh) + 1e-6))) < 1e-5 && fabs(got[1][i] - nv) < 1e-6 && fabs(got[2][i] - nh) < 1e-6);
    }
    if (together) CHECK(*(const float *)result(1)->data == got[0][1]);
  }
  begin_node("ai.onnx.preview.training", "Momentum", 1, 2);
  add_input(QN_FLOAT, 0, NULL, &rate);
  add_input(QN_INT64, 0, NULL, &steps);
  for (int k = 0; k < 4; k++) add_input(QN_FLOAT, DIMS(3), lists[k]);
  CHECK(run_node() == QN_ERR_ARGUMENT);
}

TEST(experiments_of_old) {
  static float x[2 * 4 * 5];
  fill(x, 40, -3, 3);
  static const char *const NAMES[] = {"Affine", "ScaledTanh", "ParametricSoftplus"};
  for (int k = 0; k < 3; k++) {
    begin_node("", NAMES[k], 7, 1);
    attr_float("alpha", 2);
    attr_float("beta", 0.5f);
    add_input(QN_FLOAT, DIMS(40), x);
    CHECK(run_node() == QN_OK);
    for (int i = 0; i < 40; i++) {
      double want = k == 0 ? 2 * x[i] + 0.5 : k == 1 ? 2 * tanh(0.5 * x[i]) : 2 * log(1 + exp(0.5 * x[i]));
      CHECK(fabs(want - ((const float *)result(0)->data)[i]) < 1e-6);
    }
  }
  begin_node("", "Crop", 6, 1);
  attr_ints("border", 4, (const int64_t[]){1, 2, 0, 1});
  add_input(QN_FLOAT, DIMS(1, 2, 4, 5), x);
  CHECK(run_node() == QN_OK && result(0)->dims[2] == 1 && result(0)->dims[3] == 4);
  for (int i = 0; i < 8; i++) CHECK(((const float *)result(0)->data)[i] == x[i / 4 * 20 + 2 * 5 + 1 + i % 4]);
  begin_node("", "Crop", 6, 1);
  attr_ints("border", 4, (const int64_t[]){3, 0, 3, 0});
  add_input(QN_FLOAT, DIMS(1, 2, 4, 5), x);
  CHECK(run_node() == QN_ERR_SHAPE);
  begin_node("", "Upsample", 1, 1);
  attr_float("height_scale", 2);
  attr_float("width_scale", 1);
  add_input(QN_FLOAT, DIMS(1, 2, 4, 5), x);
  CHECK(run_node() == QN_OK && result(0)->dims[2] == 8 && result(0)->dims[3] == 5);
  for (int i = 0; i < 80; i++) CHECK(((const float *)result(0)->data)[i] == x[i / 40 * 20 + i % 40 / 5 / 2 * 5 + i % 5]);
}

/* What interpolation does with types that it does not know by name: integers round towards zero from the exact value. */
TEST(resize_of_integers) {
  const uint16_t x[] = {10, 60000, 20, 40};
  const float scales[] = {1, 1, 1, 2};
  begin_node("", "Resize", 13, 1);
  attr_text("mode", "linear");
  add_input(QN_UINT16, DIMS(1, 1, 1, 4), x);
  absent_input();
  add_input(QN_FLOAT, DIMS(4), scales);
  CHECK(run_node() == QN_OK && result(0)->dtype == QN_UINT16);
  const uint16_t want[] = {10, 15007, 45002, 45005, 15015, 25, 35, 40};
  CHECK(!memcmp(result(0)->data, want, sizeof want));
}

int main(void) {
  RUN(grid_sample);
  RUN(grid_sample_of_wild_places);
  RUN(grid_sample_in_three_dimensions);
  RUN(roi_align);
  RUN(wild_regions);
  RUN(max_roi_pool);
  RUN(deform_conv);
  RUN(col2im);
  RUN(center_crop_pad);
  RUN(losses);
  RUN(training_steps);
  RUN(experiments_of_old);
  RUN(resize_of_integers);
  qn_model_free(one.model);
  return DONE();
}
