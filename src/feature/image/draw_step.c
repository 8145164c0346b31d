/* Strokes of a pen as a picture: white on black, in the middle and as large as the picture lets them be, as detypify draws what it was trained on
 * (a canvas of lines with flat ends and mitred corners, points rounded to pixels). */
#include <string.h>

#include "feature/image/picture.h"

enum { SIZE, MARGIN, PEN, PARAMS };

static const qn_param params[PARAMS] = {
  [SIZE] = {"size", QN_PARAM_INT, 8, 2048, .fallback = 224}, /* of the square picture */
  [MARGIN] = {"margin", QN_PARAM_NUMBER, 0, 1000, .fallback = 10},
  [PEN] = {"pen", QN_PARAM_NUMBER, 0.5, 256, .fallback = 8},
};

/* A pixel is 4×4 samples, one bit each. */
enum { FINE = 4 };

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  const int64_t size = qn_stage_int(s, SIZE);
  if (s->input_count != 2) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes points and where strokes end, got %d inputs", s->input_count);
  const qn_tensor *points = qn_stage_in(s, 0), *ends = qn_stage_in(s, 1);
  if (points->dtype != QN_FLOAT || points->rank != 2 || points->dims[1] != 2 || points->dims[0] > INT32_MAX / 4)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is %s %s; it takes points, float32 [n, 2]", s->inputs[0]->name, qn_dtype_name(points->dtype), qn_shape_text(shape, points->rank, points->dims));
  if (ends->dtype != QN_INT32 || ends->rank != 1) return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is %s %s; it takes int32 [strokes]", s->inputs[1]->name, qn_dtype_name(ends->dtype), qn_shape_text(shape, ends->rank, ends->dims));
  if (2 * qn_stage_number(s, MARGIN) >= (double)size) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "a margin of %g leaves nothing of a picture of %lld", qn_stage_number(s, MARGIN), (long long)size);
  s->scratch_size = (size_t)size * (size_t)size * sizeof(uint16_t);
  return qn_stage_result(s, "picture", QN_UINT8, 3, (int64_t[]){size, size, 1}, err);
}

/* Marks the samples inside of a convex polygon, whichever way round it goes. */
static void fill(uint16_t *mask, int32_t size, const double (*corner)[2], int n) {
  double low[2] = {corner[0][0], corner[0][1]}, high[2] = {corner[0][0], corner[0][1]}, area = 0;
  for (int i = 0; i < n; i++) {
    const double *a = corner[i], *b = corner[(i + 1) % n];
    area += a[0] * b[1] - a[1] * b[0];
    for (int k = 0; k < 2; k++) low[k] = a[k] < low[k] ? a[k] : low[k], high[k] = a[k] > high[k] ? a[k] : high[k];
  }
  const int32_t most = size * FINE;
  const int32_t x0 = low[0] <= 0 ? 0 : (int32_t)(low[0] * FINE), y0 = low[1] <= 0 ? 0 : (int32_t)(low[1] * FINE);
  const int32_t x1 = high[0] >= size ? most : (int32_t)(high[0] * FINE) + 1, y1 = high[1] >= size ? most : (int32_t)(high[1] * FINE) + 1;
  for (int32_t y = y0; y < y1 && y < most; y++)
    for (int32_t x = x0; x < x1 && x < most; x++) {
      const double px = (x + 0.5) / FINE, py = (y + 0.5) / FINE;
      bool in = true;
      for (int i = 0; i < n && in; i++) {
        const double *a = corner[i], *b = corner[(i + 1) % n], side = (b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0]);
        in = area > 0 ? side >= 0 : side <= 0;
      }
      if (in) mask[(size_t)(y / FINE) * (size_t)size + (size_t)(x / FINE)] |= (uint16_t)(1 << (y % FINE * FINE + x % FINE));
    }
}

/* From a to b, with flat ends. */
static void segment(uint16_t *mask, int32_t size, const double a[2], const double b[2], double half) {
  const double length = hypot(b[0] - a[0], b[1] - a[1]), nx = -(b[1] - a[1]) / length * half, ny = (b[0] - a[0]) / length * half;
  const double corner[4][2] = {{a[0] + nx, a[1] + ny}, {b[0] + nx, b[1] + ny}, {b[0] - nx, b[1] - ny}, {a[0] - nx, a[1] - ny}};
  fill(mask, size, corner, 4);
}

/* What is outside of a corner at b: up to the tip where the edges meet, or cut off where that is further than ten times half the pen. */
static void corner_at(uint16_t *mask, int32_t size, const double a[2], const double b[2], const double c[2], double half) {
  const double l = hypot(b[0] - a[0], b[1] - a[1]), m = hypot(c[0] - b[0], c[1] - b[1]);
  const double u[2] = {(b[0] - a[0]) / l, (b[1] - a[1]) / l}, v[2] = {(c[0] - b[0]) / m, (c[1] - b[1]) / m};
  const double turn = u[0] * v[1] - u[1] * v[0], along = u[0] * v[0] + u[1] * v[1], side = turn > 0 ? -1 : 1;
  double corner[4][2] = {{b[0], b[1]}, {b[0] - u[1] * half * side, b[1] + u[0] * half * side}, {0, 0}, {b[0] - v[1] * half * side, b[1] + v[0] * half * side}};
  if (fabs(turn) < 1e-9) return;
  const double tip = sqrt(2 / (1 + along)); /* from b, in halves of the pen */
  if (!(tip <= 10)) {
    memcpy(corner[2], corner[3], sizeof corner[2]);
    fill(mask, size, corner, 3);
    return;
  }
  const double wx = -(u[1] + v[1]) * side, wy = (u[0] + v[0]) * side, w = hypot(wx, wy);
  corner[2][0] = b[0] + wx / w * tip * half, corner[2][1] = b[1] + wy / w * tip * half;
  fill(mask, size, corner, 4);
}

static qn_status run(qn_stage *s, qn_error *err) {
  const int32_t size = qn_stage_int(s, SIZE);
  const qn_tensor *points = qn_stage_in(s, 0), *ends = qn_stage_in(s, 1);
  const float *p = points->data;
  const int32_t *end = ends->data, n = (int32_t)points->dims[0];
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (int32_t i = 0; i < 2 * n; i++) {
    if (!isfinite(p[i])) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "point %d is not a number", i / 2);
    low[i % 2] = p[i] < low[i % 2] ? p[i] : low[i % 2], high[i % 2] = p[i] > high[i % 2] ? p[i] : high[i % 2];
  }
  const double wide = fmax(high[0] - low[0], high[1] - low[1]), scale = wide > 1e-6 ? (size - 2 * qn_stage_number(s, MARGIN)) / wide : 1, half = qn_stage_number(s, PEN) / 2;
  uint16_t *mask = s->scratch;
  memset(mask, 0, s->scratch_size);
  for (int32_t k = 0, i = 0; k < (int32_t)ends->count; k++) {
    if (end[k] < i || end[k] > n) return qn_stage_fail(s, err, QN_ERR_SHAPE, "stroke %d ends at point %d of %d, the one before at %d", k, end[k], n, i);
    double last[3][2];
    for (int32_t have = 0; i < end[k]; i++) { /* points that fall on the one before draw nothing */
      for (int a = 0; a < 2; a++) last[2][a] = floor((p[2 * i + a] - (low[a] + high[a]) / 2) * scale + size / 2.0 + 0.5);
      if (have && last[2][0] == last[1][0] && last[2][1] == last[1][1]) continue;
      if (have) segment(mask, size, last[1], last[2], half);
      if (have > 1) corner_at(mask, size, last[0], last[1], last[2], half);
      memcpy(last[0], last[1], sizeof last[0]), memcpy(last[1], last[2], sizeof last[1]);
      have = have < 2 ? have + 1 : 2;
    }
  }
  uint8_t *out = qn_stage_out(s, 0)->data;
  for (int32_t i = 0; i < size * size; i++) {
    int bits = 0;
    for (unsigned m = mask[i]; m; m &= m - 1) bits++;
    out[i] = (uint8_t)((bits * 255 + 8) / 16);
  }
  return QN_OK;
}

const qn_step_type qn_step_draw = {"draw", params, PARAMS, QN_SOURCE_STROKES, .plan = plan, .run = run};
