/* The channels-last convolutions, with what follows them, against the definition in double on random geometries. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness.h"
#include "kernel/conv_strips.h"
#include "kernel/conv_winograd.h"
#include "kernel/depthwise.h"

static uint32_t seed = 11;
#include "reals.h"

static qn_conv random_conv(int rank, int kind) {
  qn_conv c = {.window = {.rank = rank, .in_points = 1, .out_points = 1, .taps = 1}, .batch = 1 + below(2), .groups = 1, .min = -INFINITY, .max = INFINITY};
  qn_window *w = &c.window;
  for (int d = 0; d < rank; d++) {
    w->kernel[d] = kind == 1 ? 1 : 1 + below(5);
    w->stride[d] = 1 + below(2);
    w->dilation[d] = below(4) ? 1 : 2;
    w->pad[d] = kind == 1 ? 0 : below(4);
    w->pad_end[d] = kind == 1 ? 0 : below(4);
    int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1, room = reach - w->pad[d] - w->pad_end[d];
    w->in[d] = (room > 1 ? room : 1) + below(12);
    w->out[d] = (w->in[d] + w->pad[d] + w->pad_end[d] - reach) / w->stride[d] + 1;
    w->in_points *= w->in[d];
    w->out_points *= w->out[d];
    w->taps *= w->kernel[d];
  }
  if (kind == 2) c.groups = 1 + below(3);
  c.channels = c.groups * (1 + below(9));
  c.maps = c.groups * (1 + below(27));
  c.x = qn_planes_of(true, c.channels, w->in_points);
  c.y = qn_planes_of(true, c.maps, w->out_points);
  return c;
}

static double activate(const qn_activation *a, double s) {
  double v = a->gated ? a->alpha * s + a->beta : s;
  v = v < a->min ? a->min : v > a->max ? a->max : v;
  return a->gated ? s * v * a->scale + a->shift : v;
}

static qn_activation random_activation(void) {
  if (below(2)) return (qn_activation){.min = below(2) ? -0.5f : -INFINITY, .max = below(2) ? 0.75f : INFINITY};
  return (qn_activation){.gated = true, .min = 0, .max = 6, .alpha = 1.5f, .beta = 3, .scale = 0.25f, .shift = -0.125f};
}

static void expect(const qn_conv *c, const both *x, const both *w, const both *bias, const both *residual, const qn_conv_tail *t, both *y) {
  qn_tap *taps = qn_alloc((size_t)qn_conv_tap_room(&c->window) * sizeof(qn_tap));
  qn_conv_ref(c, x->d, w->d, bias ? bias->d : NULL, y->d, taps);
  qn_free(taps);
  for (int64_t p = 0; p < c->batch * c->window.out_points; p++)
    for (int64_t m = 0; m < c->maps; m++) {
      double s = y->d[p * c->maps + m];
      if (t->residual && m < t->residual_channels) s += residual->d[p * t->residual_channels + m];
      y->d[p * c->maps + m] = activate(&t->activation, s);
    }
}

static int differences(const both *y, int64_t n, double slack) {
  int bad = 0;
  for (int64_t i = 0; i < n; i++) bad += !(fabs(y->f[i] - y->d[i]) <= slack);
  return bad;
}

static void one(int rank, int kind) {
  qn_conv c = random_conv(rank, kind);
  int64_t each = c.channels / c.groups, taps = c.window.taps, n_y = c.batch * c.y.batch;
  bool with_bias = below(2);
  both x = reals(c.batch * c.x.batch), w = reals(c.maps * each * taps), bias = reals(c.maps), y = reals(n_y), residual = reals(n_y);
  qn_conv_tail tail = {.activation = random_activation()};
  if (below(2)) tail.residual_channels = below(2) ? c.maps : 1 + below(c.maps);
  tail.residual = tail.residual_channels ? residual.f : NULL;
  float *packed = qn_alloc(qn_conv_nhwc_packed_count(c.groups, c.maps, each, taps) * sizeof(float));
  void *room = qn_alloc(qn_conv_nhwc_room(&c));
  float *pack_room = qn_alloc((size_t)(8 * each * taps) * sizeof(float));
  bool in_place = c.maps / c.groups % 4 == 0;
  if (in_place) packed = (qn_free(packed), w.f);
  expect(&c, &x, &w, with_bias ? &bias : NULL, &residual, &tail, &y);
  qn_conv_nhwc_pack(c.groups, c.maps, each, taps, w.f, packed, pack_room);
  qn_conv_nhwc(&c, x.f, packed, with_bias ? bias.f : NULL, &tail, y.f, room);
  double slack = 2e-6 * (double)(each * taps + 4);
  CHECK(differences(&y, n_y, slack) == 0);
  if (tail.residual_channels == c.maps) { /* the sum in place */
    qn_conv_nhwc(&c, x.f, packed, with_bias ? bias.f : NULL, &tail, residual.f, room);
    y.f = (memcpy(y.f, residual.f, (size_t)n_y * sizeof(float)), y.f);
    CHECK(differences(&y, n_y, slack) == 0);
  }
  drop(x), drop(w), drop(bias), drop(y), drop(residual), qn_free(in_place ? NULL : packed), qn_free(room), qn_free(pack_room);
}

TEST(convolutions) {
  for (int i = 0; i < 300; i++) one(1 + i % 2, i % 3);
}

static void one_depthwise(int rank, int64_t kernel) {
  qn_conv c = random_conv(rank, 0);
  qn_window *w = &c.window;
  if (kernel) { /* the sizes with a form of their own */
    w->out_points = w->in_points = w->taps = 1;
    for (int d = 0; d < rank; d++) {
      w->kernel[d] = kernel;
      w->dilation[d] = 1;
      w->in[d] = kernel + below(20);
      w->out[d] = (w->in[d] + w->pad[d] + w->pad_end[d] - kernel) / w->stride[d] + 1;
      w->in_points *= w->in[d], w->out_points *= w->out[d], w->taps *= kernel;
    }
  }
  c.groups = c.channels = c.maps = 2 + below(40);
  c.x = qn_planes_of(true, c.channels, w->in_points);
  c.y = qn_planes_of(true, c.maps, w->out_points);
  int64_t n_y = c.batch * c.y.batch;
  both x = reals(c.batch * c.x.batch), weights = reals(c.maps * w->taps), bias = reals(c.maps), y = reals(n_y), residual = reals(n_y);
  qn_conv_tail tail = {.activation = random_activation()};
  if (below(2)) tail.residual_channels = below(2) ? c.maps : 1 + below(c.maps);
  tail.residual = tail.residual_channels ? residual.f : NULL;
  float *packed = qn_alloc((size_t)(c.maps * w->taps) * sizeof(float));
  for (int64_t m = 0; m < c.maps; m++)
    for (int64_t t = 0; t < w->taps; t++) packed[t * c.maps + m] = weights.f[m * w->taps + t];
  expect(&c, &x, &weights, &bias, &residual, &tail, &y);
  qn_depthwise_f32(&c, x.f, packed, bias.f, &tail, y.f);
  CHECK(differences(&y, n_y, 2e-6 * (double)(w->taps + 4)) == 0);
  drop(x), drop(weights), drop(bias), drop(y), drop(residual), qn_free(packed);
}

TEST(depthwise_convolutions) {
  for (int i = 0; i < 300; i++) one_depthwise(1 + (i % 4 != 0), i % 3 == 0 ? 0 : i % 3 == 1 ? 3 : 5);
}

typedef struct stage_data {
  both weights, bias;
  float *packed;
} stage_data;

/* A chain strip by strip gives the bits that one stage after another does. */
static void one_chain(int stages) {
  qn_conv_stage stage[QN_STRIP_STAGES];
  stage_data data[QN_STRIP_STAGES];
  int64_t channels = 1 + below(9), in[2] = {20 + below(60), 20 + below(400)}, batch = 1 + below(2), n = batch * channels * in[0] * in[1];
  both x = reals(n);
  float *from = x.f, *got = NULL;
  for (int i = 0; i < stages; i++) {
    qn_conv_stage *s = &stage[i];
    *s = (qn_conv_stage){.c = random_conv(2, 0), .depthwise = i == stages - 2, .tail = {.activation = random_activation()}};
    qn_window *w = &s->c.window;
    s->c.batch = batch;
    s->c.channels = channels;
    s->c.maps = s->depthwise ? channels : 1 + below(50);
    s->c.groups = s->depthwise ? channels : 1;
    w->in_points = w->out_points = 1;
    for (int d = 0; d < 2; d++) {
      const int64_t reach = (w->kernel[d] - 1) * w->dilation[d] + 1, least = reach - w->pad[d] - w->pad_end[d];
      w->in[d] = in[d];
      if (in[d] < least) w->pad[d] += least - in[d];
      w->out[d] = in[d] = (in[d] + w->pad[d] + w->pad_end[d] - reach) / w->stride[d] + 1;
      w->in_points *= w->in[d], w->out_points *= w->out[d];
    }
    s->c.x = qn_planes_of(true, channels, w->in_points);
    s->c.y = qn_planes_of(true, s->c.maps, w->out_points);
    const int64_t each = channels / s->c.groups;
    data[i] = (stage_data){reals(s->c.maps * each * w->taps), reals(s->c.maps), qn_alloc((s->depthwise ? (size_t)(channels * w->taps) : qn_conv_nhwc_packed_count(1, s->c.maps, each, w->taps)) * sizeof(float))};
    float *pack_room = qn_alloc((size_t)(8 * each * w->taps) * sizeof(float)), *y = qn_alloc((size_t)(batch * s->c.y.batch) * sizeof(float));
    if (s->depthwise) memcpy(data[i].packed, data[i].weights.f, (size_t)(channels * w->taps) * sizeof(float));
    else qn_conv_nhwc_pack(1, s->c.maps, each, w->taps, data[i].weights.f, data[i].packed, pack_room);
    s->packed = data[i].packed;
    s->bias = data[i].bias.f;
    void *room = qn_alloc(qn_conv_nhwc_room(&s->c));
    both residual = reals(batch * s->c.y.batch);
    if (i == stages - 1) s->tail.residual = residual.f, s->tail.residual_channels = s->c.maps;
    if (s->depthwise) qn_depthwise_f32(&s->c, from, s->packed, s->bias, &s->tail, y);
    else qn_conv_nhwc(&s->c, from, s->packed, s->bias, &s->tail, y, room);
    if (i) qn_free(from);
    from = y;
    n = batch * s->c.y.batch;
    channels = s->c.maps;
    qn_free(room), qn_free(pack_room);
    if (i < stages - 1) {
      drop(residual);
      continue;
    }
    void *strips = qn_alloc(qn_conv_strips_room(stages, stage));
    got = qn_alloc((size_t)n * sizeof(float));
    memset(got, 0xff, (size_t)n * sizeof(float));
    qn_conv_strips(stages, stage, x.f, got, strips);
    CHECK(memcmp(got, y, (size_t)n * sizeof(float)) == 0);
    qn_free(strips), qn_free(got), drop(residual);
  }
  for (int i = 0; i < stages; i++) drop(data[i].weights), drop(data[i].bias), qn_free(data[i].packed);
  qn_free(from), drop(x);
}

TEST(chains_strip_by_strip) {
  for (int i = 0; i < 60; i++) one_chain(2 + i % 2);
}

static double rms(const both *y, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (y->f[i] - y->d[i]) * (y->f[i] - y->d[i]);
  return sqrt(sum / (double)n);
}

/* Returns the error of the root of the mean square over that of the direct sum. */
static double one_winograd(int out, int64_t channels, int64_t maps, bool plain) {
  qn_conv c = random_conv(2, 0);
  qn_window *w = &c.window;
  w->out_points = w->in_points = 1;
  w->taps = 9;
  for (int d = 0; d < 2; d++) {
    w->kernel[d] = 3;
    w->stride[d] = 1;
    w->dilation[d] = below(2) ? 1 : 1 + below(5);
    w->in[d] = 2 * w->dilation[d] + 1 + below(20);
    w->out[d] = w->in[d] + w->pad[d] + w->pad_end[d] - 2 * w->dilation[d];
    w->in_points *= w->in[d], w->out_points *= w->out[d];
  }
  c.channels = channels;
  c.maps = maps;
  c.x = qn_planes_of(true, channels, w->in_points);
  c.y = qn_planes_of(true, maps, w->out_points);
  int64_t n_y = c.batch * c.y.batch;
  both x = reals(c.batch * c.x.batch), weights = reals(maps * channels * 9), bias = reals(maps), y = reals(n_y), residual = reals(n_y);
  qn_conv_tail tail = {.activation = plain ? (qn_activation){.min = -INFINITY, .max = INFINITY} : random_activation()};
  if (!plain && below(2)) tail.residual_channels = below(2) ? maps : 1 + below(maps);
  tail.residual = tail.residual_channels ? residual.f : NULL;
  size_t first, rest;
  CHECK(qn_conv_winograd_packed_counts(out, maps, channels, &first, &rest));
  CHECK(maps % 4 || first == (size_t)(maps * channels * 9));
  const qn_winograd_weights packed = {qn_alloc(first * sizeof(float)), qn_alloc(rest * sizeof(float))};
  float *direct = qn_alloc(qn_conv_nhwc_packed_count(1, maps, channels, 9) * sizeof(float));
  void *room = qn_alloc(qn_conv_winograd_room(out, &c)), *direct_room = qn_alloc(qn_conv_nhwc_room(&c)), *pack_room = qn_alloc((size_t)(8 * 9 * channels) * sizeof(float));
  qn_conv_winograd_pack(out, maps, channels, weights.f, &packed);
  qn_conv_nhwc_pack(1, maps, channels, 9, weights.f, direct, pack_room);
  expect(&c, &x, &weights, &bias, &residual, &tail, &y);
  qn_conv_winograd(out, &c, x.f, &packed, bias.f, &tail, y.f, room);
  CHECK(differences(&y, n_y, 2e-6 * (double)(9 * channels + 4)) == 0);
  double error = rms(&y, n_y);
  qn_conv_nhwc(&c, x.f, direct, bias.f, &tail, y.f, direct_room);
  double against = rms(&y, n_y);
  drop(x), drop(weights), drop(bias), drop(y), drop(residual), qn_free(packed.first), qn_free(packed.rest), qn_free(direct), qn_free(room), qn_free(direct_room), qn_free(pack_room);
  return error / against;
}

TEST(winograd_convolutions) {
  for (int i = 0; i < 90; i++) one_winograd(i % 2 ? 2 : 4, 1 + below(40), 1 + below(40), false);
}

TEST(winograd_errs_three_times_as_much_at_most_and_in_small_tiles_half_as_much_again) {
  for (int i = 0; i < 4; i++) CHECK(one_winograd(4, 64 << i % 2, 24, true) < 3);
  for (int i = 0; i < 4; i++) CHECK(one_winograd(2, 64 << i % 2, 24, true) < 1.5);
}

TEST(sizes_past_the_address_space_are_refused) {
  CHECK(qn_conv_nhwc_packed_count(1, INT32_MAX, INT32_MAX, 1 << 20) == SIZE_MAX);
  CHECK(qn_conv_nhwc_packed_count(1, 12, 3, 1) == 12 * 3);
  CHECK(qn_conv_nhwc_packed_count(2, 10, 3, 1) == 2 * 8 * 3);
  qn_conv c = {.window = {.rank = 1, .in = {INT32_MAX}, .out = {1}, .kernel = {INT32_MAX}, .stride = {1}, .dilation = {1}, .taps = INT32_MAX, .in_points = INT32_MAX, .out_points = 1},
               .batch = 1, .groups = 1, .channels = 64, .maps = 1};
  CHECK(qn_conv_nhwc_room(&c) == SIZE_MAX);
}

int main(void) {
  RUN(convolutions);
  RUN(depthwise_convolutions);
  RUN(chains_strip_by_strip);
  RUN(winograd_convolutions);
  RUN(winograd_errs_three_times_as_much_at_most_and_in_small_tiles_half_as_much_again);
  RUN(sizes_past_the_address_space_are_refused);
  return DONE();
}
