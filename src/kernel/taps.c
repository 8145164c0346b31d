#include "kernel/taps.h"

#include <math.h>

#include "kernel/cast.h"

/* Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.75 as PyTorch has it. */
static void cubic(double t, double w[4]) {
  const double a = -0.75;
  for (int i = 0; i < 4; i++) {
    double d = fabs(t + 1 - i);
    w[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
}

static double reflect(double x, double low, double high) {
  double range = high - low;
  if (!(range > 0)) return low;
  double d = fmod(fabs(x - low), 2 * range);
  return low + (d > range ? 2 * range - d : d);
}

/* A grid point for index i, or -1 where there is none. */
static int64_t padded(const qn_grid *g, double i, int64_t n, double low, double high) {
  if (g->padding == QN_TAPS_ZEROS) return i >= 0 && i < (double)n ? (int64_t)i : -1;
  if (g->padding == QN_TAPS_REFLECTION) i = reflect(i, low, high);
  return i >= (double)n ? n - 1 : i > 0 ? (int64_t)i : 0;
}

size_t qn_taps_at(const qn_grid *g, const double *x, qn_tap *taps) {
  size_t n = 1;
  taps[0] = (qn_tap){0, 1};
  for (int d = 0; d < g->rank; d++) {
    double low = g->corners ? 0 : -0.5, high = low + (double)g->dims[d] - (g->corners ? 1 : 0), at = x[d], w[4] = {1};
    if (g->dims[d] == 0) return 0;
    if (!(fabs(at) < 1e15)) { /* NaN and what no grid reaches */
      if (g->padding == QN_TAPS_ZEROS) return 0;
      at = at > 0 ? 1e15 : at < 0 ? -1e15 : 0;
    }
    if (g->mode == QN_TAPS_NEAREST) at = rint(at);
    if (g->padding == QN_TAPS_BORDER) at = at < 0 ? 0 : at > (double)g->dims[d] - 1 ? (double)g->dims[d] - 1 : at;
    else if (g->padding == QN_TAPS_REFLECTION && (at < low || at > high)) at = reflect(at, low, high);
    int points = g->mode == QN_TAPS_NEAREST ? 1 : g->mode == QN_TAPS_LINEAR ? 2 : 4;
    double first = g->mode == QN_TAPS_NEAREST ? at : floor(at) - (points == 4);
    if (points == 2) w[1] = at - first, w[0] = 1 - w[1];
    if (points == 4) cubic(at - floor(at), w);
    size_t before = n;
    n = 0;
    qn_tap old[1 << (2 * (QN_TAPS_RANK - 1))];
    for (size_t k = 0; k < before; k++) old[k] = taps[k];
    for (size_t k = 0; k < before; k++)
      for (int p = 0; p < points; p++) {
        int64_t index = padded(g, first + p, g->dims[d], low, high);
        if (index >= 0 && w[p] != 0) taps[n++] = (qn_tap){old[k].at * g->dims[d] + index, old[k].weight * w[p]};
      }
  }
  return n;
}

double qn_taps_sum(qn_dtype dtype, const void *data, int64_t base, const qn_tap *taps, size_t n) {
  double sum = 0;
  if (dtype == QN_FLOAT) {
    const float *p = (const float *)data + base;
    for (size_t k = 0; k < n; k++) sum += taps[k].weight * p[taps[k].at];
    return sum;
  }
  for (size_t k = 0; k < n; k++) {
    double v;
    qn_load(QN_IN_F64, dtype, data, (size_t)(base + taps[k].at), 1, &v);
    sum += taps[k].weight * v;
  }
  return sum;
}
