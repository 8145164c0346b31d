/* Pooling against the definition, in both storage orders and both types. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness.h"
#include "kernel/pool.h"

static uint32_t seed = 3;
static uint32_t next(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }
static int64_t below(int64_t n) { return (int64_t)(next() % (uint32_t)n); }

static qn_pool_spec random_pool(qn_pooling kind, bool last) {
  qn_pool_spec p = {.kind = kind, .count_padding = below(2), .p = 1 + (double)below(3), .batch = 1 + below(2), .channels = 1 + below(below(2) ? 9 : 40)};
  qn_window *w = &p.window;
  w->rank = 2;
  w->in_points = w->out_points = w->taps = 1;
  for (int d = 0; d < 2; d++) {
    w->kernel[d] = 1 + below(3);
    w->stride[d] = 1 + below(3);
    w->dilation[d] = 1 + below(2);
    w->pad[d] = below(w->kernel[d]);
    w->pad_end[d] = below(w->kernel[d]);
    int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1;
    w->in[d] = reach + below(5);
    w->out[d] = (w->in[d] + w->pad[d] + w->pad_end[d] - reach) / w->stride[d] + 1;
    w->in_points *= w->in[d];
    w->out_points *= w->out[d];
    w->taps *= w->kernel[d];
  }
  p.x = qn_planes_of(last, p.channels, w->in_points);
  p.y = qn_planes_of(last, p.channels, w->out_points);
  return p;
}

/* One result straight from the definition; *at gets the flat position of the maximum. */
static double expected(const qn_pool_spec *p, const double *x, int64_t n, int64_t c, int64_t i, int64_t j, int64_t *at) {
  const qn_window *w = &p->window;
  double top = -INFINITY, sum = 0, norm = 0;
  int64_t inside = 0;
  for (int64_t a = 0; a < w->kernel[0]; a++)
    for (int64_t b = 0; b < w->kernel[1]; b++) {
      int64_t y = i * w->stride[0] - w->pad[0] + a * w->dilation[0], z = j * w->stride[1] - w->pad[1] + b * w->dilation[1];
      if (y < 0 || z < 0 || y >= w->in[0] || z >= w->in[1]) continue;
      double v = x[n * p->x.batch + c * p->x.channel + (y * w->in[1] + z) * p->x.point];
      if (v > top) {
        top = v;
        *at = (n * p->channels + c) * w->in_points + (p->column_major ? z * w->in[0] + y : y * w->in[1] + z);
      }
      sum += v;
      norm += pow(fabs(v), p->p);
      inside++;
    }
  if (p->kind == QN_POOL_MAX) return top;
  if (p->kind == QN_POOL_LP) return pow(norm, 1 / p->p);
  int64_t over = p->count_padding ? w->taps : inside;
  return over ? sum / (double)over : 0;
}

static void one_pool(qn_pooling kind, bool last, bool with_indices) {
  qn_pool_spec p = random_pool(kind, last);
  p.column_major = below(2);
  const qn_window *w = &p.window;
  int64_t n_x = p.batch * p.x.batch, n_y = p.batch * p.y.batch;
  float *xf = qn_alloc((size_t)n_x * sizeof(float)), *yf = qn_alloc((size_t)n_y * sizeof(float));
  double *x = qn_alloc((size_t)n_x * sizeof(double)), *y = qn_alloc((size_t)n_y * sizeof(double));
  int64_t *indices = qn_alloc((size_t)n_y * sizeof(int64_t));
  qn_tap *taps = qn_alloc((size_t)w->taps * sizeof(qn_tap));
  for (int64_t i = 0; i < n_x; i++) x[i] = xf[i] = (float)next() / 8388608.0f - 1.0f;
  qn_pool_f64(&p, x, y, with_indices ? indices : NULL, taps);
  float *line = qn_alloc(qn_pool_line(w) * sizeof(float));
  qn_pool_f32(&p, xf, yf, NULL, taps, line);
  qn_free(line);
  int bad = 0;
  for (int64_t n = 0; n < p.batch; n++)
    for (int64_t c = 0; c < p.channels; c++)
      for (int64_t i = 0; i < w->out[0]; i++)
        for (int64_t j = 0; j < w->out[1]; j++) {
          int64_t to = n * p.y.batch + c * p.y.channel + (i * w->out[1] + j) * p.y.point, at = -1;
          double want = expected(&p, x, n, c, i, j, &at);
          if (want == y[to] && want == yf[to]) continue; /* also -infinity, where all of a dilated window is padding */
          bad += !(fabs(y[to] - want) <= 1e-12) || !(fabs(yf[to] - want) <= 1e-5);
        }
  for (int64_t n = 0; with_indices && n < p.batch; n++)
    for (int64_t c = 0; c < p.channels; c++)
      for (int64_t k = 0; k < w->out_points; k++) {
        int64_t at = -1;
        expected(&p, x, n, c, k / w->out[1], k % w->out[1], &at);
        if (at >= 0) bad += indices[n * p.y.batch + c * p.y.channel + k * p.y.point] != at;
      }
  CHECK(bad == 0);
  qn_free(xf), qn_free(yf), qn_free(x), qn_free(y), qn_free(indices), qn_free(taps);
}

TEST(pools) {
  for (int i = 0; i < 180; i++) one_pool((qn_pooling)(i % 3), i % 2, i % 3 == 0 && below(2));
}

TEST(nan_is_the_maximum) {
  for (int last = 0; last < 2; last++) {
    qn_pool_spec p = {.kind = QN_POOL_MAX, .batch = 1, .channels = 1, .window = {.rank = 1, .in = {3}, .kernel = {3}, .stride = {1}, .dilation = {1},
                      .out = {1}, .in_points = 3, .taps = 3, .out_points = 1}};
    p.x = qn_planes_of(last, 1, 3);
    p.y = qn_planes_of(last, 1, 1);
    const float x[3] = {1, NAN, 2};
    float y;
    qn_tap taps[3];
    float line[64];
    CHECK(qn_pool_line(&p.window) <= 64);
    qn_pool_f32(&p, x, &y, NULL, taps, line);
    CHECK(isnan(y));
  }
}

int main(void) {
  RUN(pools);
  RUN(nan_is_the_maximum);
  return DONE();
}
