/* The convolutions against the definition in double, in both storage orders, on random geometries. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness.h"
#include "kernel/conv.h"

static uint32_t seed = 7;
#include "reals.h"

static void finish(qn_window *w) {
  w->in_points = w->out_points = w->taps = 1;
  for (int d = 0; d < w->rank; d++) {
    w->in_points *= w->in[d];
    w->out_points *= w->out[d];
    w->taps *= w->kernel[d];
  }
}

static qn_window random_window(void) {
  qn_window w = {.rank = 1 + (int)below(3)};
  for (int d = 0; d < w.rank; d++) {
    w.kernel[d] = 1 + below(3);
    w.stride[d] = 1 + below(3);
    w.dilation[d] = 1 + below(2);
    w.pad[d] = below(3);
    w.pad_end[d] = below(3);
    int64_t reach = (w.kernel[d] - 1) * w.dilation[d] + 1;
    w.in[d] = reach + below(6);
    w.out[d] = (w.in[d] + w.pad[d] + w.pad_end[d] - reach) / w.stride[d] + 1;
  }
  finish(&w);
  return w;
}

static qn_conv random_conv(bool last, bool transposed) {
  qn_conv c = {.window = random_window(), .batch = 1 + below(2), .groups = 1 + below(3)};
  bool depthwise = below(3) == 0;
  if (depthwise) c.groups = 1 + below(40);
  c.channels = c.groups * (depthwise ? 1 : 1 + below(5));
  c.maps = c.groups * (depthwise ? 1 : 1 + below(11));
  c.min = below(2) ? -0.5f : -INFINITY;
  c.max = below(2) ? 0.75f : INFINITY;
  c.x = qn_planes_of(last, c.channels, transposed ? c.window.out_points : c.window.in_points);
  c.y = qn_planes_of(last, c.maps, transposed ? c.window.in_points : c.window.out_points);
  return c;
}

static int differences(const float *got, const double *want, int64_t n, double slack) {
  int bad = 0;
  for (int64_t i = 0; i < n; i++) bad += !(fabs(got[i] - want[i]) <= slack);
  return bad;
}

static void one_conv(bool last) {
  qn_conv c = random_conv(last, false);
  int64_t each = c.channels / c.groups, taps = c.window.taps, n_y = c.batch * c.y.batch;
  both x = reals(c.batch * c.x.batch), w = reals(c.maps * each * taps), bias = reals(c.maps), y = reals(n_y);
  float *packed = qn_alloc(qn_conv_packed_count(c.groups, c.maps, each, taps, sizeof(float)) * sizeof(float));
  void *room = qn_alloc(qn_conv_room(&c));
  bool with_bias = below(2);
  qn_conv_pack(c.groups, c.maps, each, taps, w.f, packed);
  qn_conv_f32(&c, x.f, packed, with_bias ? bias.f : NULL, y.f, room);
  qn_conv_ref(&c, x.d, w.d, with_bias ? bias.d : NULL, y.d, room);
  CHECK(differences(y.f, y.d, n_y, 1e-6 * (double)(each * taps + 4)) == 0);
  drop(x), drop(w), drop(bias), drop(y), qn_free(packed), qn_free(room);
}

TEST(convolutions) {
  for (int i = 0; i < 200; i++) one_conv(i % 2);
}

TEST(pointwise_reads_its_input_in_place) {
  qn_conv c = {.window = {.rank = 2, .in = {5, 7}, .out = {5, 7}, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}}, .batch = 2, .groups = 2,
               .channels = 6, .maps = 10, .min = -INFINITY, .max = INFINITY};
  finish(&c.window);
  c.x = qn_planes_of(true, 6, 35);
  c.y = qn_planes_of(true, 10, 35);
  both x = reals(2 * 6 * 35), w = reals(10 * 3), y = reals(2 * 10 * 35);
  float packed[2 * 3 * 8];
  CHECK(qn_conv_packed_count(2, 10, 3, 1, sizeof(float)) == 48);
  void *room = qn_alloc(qn_conv_room(&c));
  qn_conv_pack(2, 10, 3, 1, w.f, packed);
  qn_conv_f32(&c, x.f, packed, NULL, y.f, room);
  qn_conv_ref(&c, x.d, w.d, NULL, y.d, room);
  CHECK(differences(y.f, y.d, 2 * 10 * 35, 1e-6) == 0);
  drop(x), drop(w), drop(y), qn_free(room);
}

static void one_transpose(bool last, bool partitions) {
  qn_conv c = random_conv(last, true);
  if (partitions) { /* no two taps meet */
    qn_window *w = &c.window;
    w->rank = 1 + (int)below(2);
    for (int d = 0; d < w->rank; d++) {
      w->kernel[d] = w->stride[d];
      w->dilation[d] = 1;
      w->pad[d] = w->pad_end[d] = 0;
      w->out[d] = 1 + below(9);
      w->in[d] = w->out[d] * w->kernel[d];
    }
    finish(w);
    c.groups = 1;
    c.x = qn_planes_of(last, c.channels, w->out_points);
    c.y = qn_planes_of(last, c.maps, w->in_points);
  }
  int64_t maps = c.maps / c.groups, taps = c.window.taps, n_y = c.batch * c.y.batch;
  both x = reals(c.batch * c.x.batch), w = reals(c.channels * maps * taps), bias = reals(c.maps), y = reals(n_y);
  float *packed = qn_alloc(qn_conv_transpose_packed_count(c.groups, c.channels, maps, taps) * sizeof(float));
  void *room = qn_alloc(qn_conv_transpose_room(&c));
  qn_conv_transpose_pack(c.groups, c.channels, maps, taps, w.f, packed);
  bool with_bias = below(4) > 0;
  qn_conv_transpose_f32(&c, x.f, packed, with_bias ? bias.f : NULL, y.f, room);
  qn_conv_transpose_ref(&c, x.d, w.d, with_bias ? bias.d : NULL, y.d, room);
  CHECK(differences(y.f, y.d, n_y, 1e-6 * (double)(c.channels * taps + 4)) == 0);
  drop(x), drop(w), drop(bias), drop(y), qn_free(packed), qn_free(room);
}

TEST(transposed_convolutions) {
  for (int i = 0; i < 300; i++) one_transpose(i % 2, i % 3 == 0);
}

TEST(taps_are_those_inside_the_input) {
  qn_window w = {.rank = 1, .in = {4}, .kernel = {3}, .stride = {2}, .dilation = {2}, .pad = {3}, .pad_end = {3}, .out = {3}};
  finish(&w);
  qn_tap taps[3];
  int64_t padded;
  CHECK(qn_window_taps(&w, 0, taps, &padded) == 1 && taps[0].index == 2 && taps[0].at == 1 && padded == 3);
  CHECK(qn_window_taps(&w, 1, taps, NULL) == 2 && taps[0].index == 1 && taps[0].at == 1 && taps[1].at == 3);
  CHECK(qn_window_taps(&w, 2, taps, NULL) == 2 && taps[0].index == 0 && taps[1].index == 1);
}

int main(void) {
  RUN(convolutions);
  RUN(pointwise_reads_its_input_in_place);
  RUN(transposed_convolutions);
  RUN(taps_are_those_inside_the_input);
  return DONE();
}
