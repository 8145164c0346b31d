/* Transposed convolution: one product per block of input points, then each tap's maps are added where they belong. */
#include <math.h>

#include "base/memory.h"
#include "kernel/conv.h"
#include "kernel/simd.h"
#include "kernel/tile.h"

enum { BLOCK = 24 };

/* Columns of the packed weights, with those that fill the last panel. */
static int64_t panels_of(int64_t columns) { return (columns + QN_PANEL - 1) / QN_PANEL * QN_PANEL; }

size_t qn_conv_transpose_packed_count(int64_t groups, int64_t channels, int64_t group_maps, int64_t taps) {
  size_t columns, each, all;
  if (channels == 0 || group_maps == 0 || taps == 0) return 1;
  if (!qn_size_mul((size_t)group_maps, (size_t)taps, &columns) || columns > INT32_MAX) return 0;
  each = qn_gemm_packed_count(channels / groups, (int64_t)columns, sizeof(float));
  if (each == 0 || !qn_size_mul(each, (size_t)groups, &all) || all > SIZE_MAX / sizeof(float)) return 0;
  return all;
}

void qn_conv_transpose_pack(int64_t groups, int64_t channels, int64_t group_maps, int64_t taps, const float *w, float *packed) {
  int64_t group_channels = channels / groups, columns = group_maps * taps;
  for (int64_t g = 0; g < groups; g++, w += group_channels * columns)
    for (int64_t j = 0; j < columns; j += QN_PANEL)
      for (int64_t i = 0; i < group_channels; i++, packed += QN_PANEL)
        for (int64_t p = 0; p < QN_PANEL; p++) {
          int64_t column = j + p; /* tap · group_maps + map */
          packed[p] = column < columns ? w[i * columns + column % group_maps * taps + column / group_maps] : 0.0f;
        }
}

size_t qn_conv_transpose_room(const qn_conv *c) {
  size_t columns, rows, sums, taps, total;
  if (!qn_size_mul((size_t)(c->maps / c->groups), (size_t)c->window.taps, &columns) || columns > INT32_MAX) return 0;
  columns = (size_t)panels_of((int64_t)columns);
  if (!qn_size_mul(columns, BLOCK * sizeof(float), &sums) || !qn_size_mul((size_t)(c->channels / c->groups), BLOCK * sizeof(float), &rows) ||
      !qn_size_mul((size_t)qn_conv_tap_room(&c->window), sizeof(qn_tap), &taps) || !qn_size_add(rows, sums, &total) ||
      !qn_size_add(total, taps, &total) || !qn_size_add(total, (columns + 4) * sizeof(float) + QN_SLACK + 4 * QN_ALIGN, &total))
    return 0;
  return total;
}

static void scatter(const qn_conv *c, int64_t maps, const qn_tap *taps, int64_t count, const float *sums, float *y) {
  for (int64_t t = 0; t < count; t++) {
    const float *from = sums + taps[t].index * maps;
    float *to = y + taps[t].at * c->y.point;
    if (c->y.channel == 1)
      for (int64_t m = 0; m < maps; m++) to[m] += from[m];
    else
      for (int64_t m = 0; m < maps; m++) to[m * c->y.channel] += from[m];
  }
}

/* Whether no two taps meet in the output and every point of it has one, as where a kernel of 2×2 doubles a picture. */
static bool partitions(const qn_conv *c) {
  const qn_window *w = &c->window;
  bool all = w->rank <= 2 && c->groups == 1 && c->x.channel == 1 && c->y.channel == 1;
  for (int d = 0; all && d < w->rank; d++)
    all = w->kernel[d] == w->stride[d] && w->dilation[d] == 1 && !w->pad[d] && w->in[d] == w->out[d] * w->kernel[d];
  return all;
}

/* Then nothing has to be summed: sums of a block, with bias and clamp, go where they belong, a line of taps at once. */
static void partition(const qn_conv *c, const float *x, const float *packed, const float *bias, float *y, float *sums, float *biases) {
  const qn_plane p = qn_plane_of(&c->window);
  const int64_t columns = c->maps * c->window.taps, panels = panels_of(columns), length = c->maps * p.kernel_width, points = c->batch * c->window.out_points;
  for (int64_t i = 0; i < panels; i++) biases[i] = bias && i < columns ? bias[i % c->maps] : 0;
  const float *row[BLOCK];
  const uint8_t kinds[BLOCK] = {0};
  qn_tiles tiles = {.row = row, .gathered = kinds, .runs = 1, .length = (size_t)c->channels, .depth = (size_t)c->channels, .eights = true};
  const qn_tile_out out = {.y = sums, .columns = panels, .stride = panels, .bias = biases, .activation = {.min = c->min, .max = c->max}};
  float *line = y; /* of the output, where the taps of point (·, across) begin */
  for (int64_t first = 0, across = 0; first < points; first += BLOCK) {
    tiles.rows = points - first < BLOCK ? points - first : BLOCK;
    for (int64_t i = 0; i < BLOCK; i++) row[i] = x + (first + (i < tiles.rows ? i : 0)) * c->channels;
    qn_tile_run(&tiles, packed, &out);
    for (int64_t i = 0; i < tiles.rows; i++) {
      const float *from = sums + i * panels;
      for (int64_t ky = 0; ky < p.kernel_height; ky++, from += length) {
        float *to = line + ky * p.width * c->maps + across * length;
        int64_t k = 0;
        for (; k + 4 <= length; k += 4) qn_store4(to + k, qn_load4(from + k));
        for (; k < length; k++) to[k] = from[k];
      }
      if (++across == p.out_width) across = 0, line += p.kernel_height * p.width * c->maps;
    }
  }
}

void qn_conv_transpose_f32(const qn_conv *c, const float *x, const float *packed, const float *bias, float *y, void *scratch) {
  const qn_window *w = &c->window;
  int64_t group_channels = c->channels / c->groups, group_maps = c->maps / c->groups, columns = group_maps * w->taps;
  float *rows = scratch;
  float *sums = (float *)((uint8_t *)scratch + qn_align_up((size_t)(BLOCK * group_channels) * sizeof(float)));
  qn_tap *taps = (qn_tap *)(void *)((uint8_t *)sums + qn_align_up((size_t)(BLOCK * panels_of(columns)) * sizeof(float)));
  if (partitions(c) && columns && group_channels) {
    partition(c, x, packed, bias, y, sums, (float *)(void *)taps);
    return;
  }
  qn_epilogue none = {NULL, -INFINITY, INFINITY};
  size_t group_size = group_channels && columns ? qn_gemm_packed_count(group_channels, columns, sizeof(float)) : 0;
  for (int64_t n = 0; n < c->batch; n++) {
    float *to = y + n * c->y.batch;
    for (int64_t q = 0; q < w->in_points; q++)
      for (int64_t m = 0; m < c->maps; m++) to[m * c->y.channel + q * c->y.point] = bias ? bias[m] : 0.0f;
    for (int64_t g = 0; g < c->groups && columns && group_channels; g++) {
      const float *in = x + n * c->x.batch + g * group_channels * c->x.channel;
      for (int64_t p = 0; p < w->out_points; p += BLOCK) {
        int64_t count = w->out_points - p < BLOCK ? w->out_points - p : BLOCK;
        const float *a = in + p * c->x.point;
        int64_t lda = c->x.point;
        if (c->x.channel != 1) {
          for (int64_t k = 0; k < group_channels; k++)
            for (int64_t i = 0; i < count; i++) rows[i * group_channels + k] = a[k * c->x.channel + i * c->x.point];
          a = rows;
          lda = group_channels;
        }
        qn_gemm(count, columns, group_channels, a, lda, packed + (size_t)g * group_size, sums, columns, &none);
        for (int64_t i = 0; i < count; i++) {
          int64_t inside = qn_window_taps(w, p + i, taps, NULL);
          scatter(c, group_maps, taps, inside, sums + i * columns, to + g * group_maps * c->y.channel);
        }
      }
    }
    if (c->min > -INFINITY || c->max < INFINITY)
      for (int64_t i = 0; i < c->y.batch; i++) to[i] = qn_clampf(to[i], c->min, c->max);
  }
}
