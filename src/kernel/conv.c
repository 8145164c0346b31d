/* im2col by blocks of output points, in rows of [tap, channel]: both storage orders differ in strides only. */
#include "kernel/conv.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/simd.h"
#include "kernel/tile.h"

enum { BLOCK_BYTES = 512 * 1024, BLOCK_MAX = 96, BLOCK_MIN = 12 };

static bool depthwise(int64_t groups, int64_t maps, int64_t group_channels) { return group_channels == 1 && groups == maps && groups > 1; }
static bool is_depthwise(const qn_conv *c) {
  return depthwise(c->groups, c->maps, c->channels / c->groups) && c->x.channel == 1 && c->y.channel == 1;
}

/* A block of int16 or float rows; rounded to whole tiles. */
static int64_t block_of(int64_t depth, int64_t points) {
  int64_t rows = depth > 0 ? BLOCK_BYTES / 4 / depth : BLOCK_MAX;
  rows = rows < BLOCK_MIN ? BLOCK_MIN : rows > BLOCK_MAX ? BLOCK_MAX : rows / 4 * 4;
  return rows < points ? rows : points;
}

/* Every pointwise convolution of unit stride without padding reads its input as the matrix that it is. */
static bool pointwise(const qn_conv *c) {
  if (c->window.taps != 1 || c->x.channel != 1) return false;
  for (int d = 0; d < c->window.rank; d++)
    if (c->window.stride[d] != 1 || c->window.pad[d] || c->window.pad_end[d] || c->window.in[d] != c->window.out[d]) return false;
  return true;
}

size_t qn_conv_packed_count(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, size_t width) {
  size_t depth, each, all;
  if (maps == 0 || group_channels == 0 || taps == 0) return 1;
  if (!qn_size_mul((size_t)group_channels, (size_t)taps, &depth) || depth > INT32_MAX) return 0;
  each = qn_gemm_packed_count((int64_t)depth, maps / groups, width);
  if (each == 0 || !qn_size_mul(each, (size_t)groups, &all) || all > SIZE_MAX / width) return 0;
  return all;
}

void qn_conv_pack(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, const float *w, float *packed) {
  int64_t depth = group_channels * taps, group_maps = groups ? maps / groups : 0;
  if (depthwise(groups, maps, group_channels)) { /* takes an eighth of the room */
    float *rows = packed;
    for (int64_t t = 0; t < taps; t++)
      for (int64_t m = 0; m < maps; m++) *rows++ = w[m * taps + t];
    return;
  }
  for (int64_t g = 0; g < groups; g++) {
    const float *from = w + g * group_maps * depth;
    for (int64_t j = 0; j < group_maps; j += QN_PANEL)
      for (int64_t t = 0; t < taps; t++)
        for (int64_t i = 0; i < group_channels; i++, packed += QN_PANEL)
          for (int64_t p = 0; p < QN_PANEL; p++)
            packed[p] = j + p < group_maps ? from[(j + p) * depth + i * taps + t] : 0.0f;
  }
}

static size_t room_of(const qn_conv *c) { /* one thread's; 0 on overflow */
  size_t depth, rows, sums, taps, total;
  int64_t group_channels = c->channels / c->groups;
  if (!qn_size_mul((size_t)group_channels, (size_t)c->window.taps, &depth) || depth > INT32_MAX) return 0;
  size_t block = (size_t)block_of((int64_t)depth, c->window.out_points);
  if (!qn_size_mul(block * sizeof(float), depth, &rows) || !qn_size_mul(block * sizeof(float), (size_t)(c->maps / c->groups), &sums) ||
      !qn_size_mul((size_t)qn_conv_tap_room(&c->window), sizeof(qn_tap), &taps) || !qn_size_add(rows, sums, &total) ||
      !qn_size_add(total, taps, &total) || !qn_size_add(total, 4 * QN_ALIGN, &total))
    return 0;
  return total;
}

size_t qn_conv_room(const qn_conv *c) {
  const size_t size = room_of(c), all = size ? qn_parallel_room(size) : 0;
  return all < SIZE_MAX ? all : 0;
}

static void depthwise_f32(const qn_conv *c, const float *x, const float *w, const float *bias, float *y, qn_tap *taps) {
  qn_f32x4 min = qn_splat4(c->min), max = qn_splat4(c->max);
  int64_t channels = c->maps;
  for (int64_t p = 0; p < c->window.out_points; p++) {
    int64_t count = qn_window_taps(&c->window, p, taps, NULL);
    for (int64_t n = 0; n < c->batch; n++) {
      const float *in = x + n * c->x.batch;
      float *out = y + n * c->y.batch + p * channels;
      int64_t i = 0;
      for (; i + 16 <= channels; i += 16) {
        qn_f32x4 sum[4];
        QN_UNROLL(4) for (int v = 0; v < 4; v++) sum[v] = bias ? qn_load4(bias + i + 4 * v) : qn_splat4(0.0f);
        for (int64_t t = 0; t < count; t++) {
          const float *a = in + taps[t].at * channels + i, *b = w + taps[t].index * channels + i;
          QN_UNROLL(4) for (int v = 0; v < 4; v++) sum[v] = qn_madd4(qn_load4(a + 4 * v), qn_load4(b + 4 * v), sum[v]);
        }
        QN_UNROLL(4) for (int v = 0; v < 4; v++) qn_store4(out + i + 4 * v, qn_min4(qn_max4(sum[v], min), max));
      }
      for (; i < channels; i++) {
        float sum = bias ? bias[i] : 0.0f;
        for (int64_t t = 0; t < count; t++) sum += in[taps[t].at * channels + i] * w[taps[t].index * channels + i];
        out[i] = qn_clampf(sum, c->min, c->max);
      }
    }
  }
}

/* One window as a row; x: the point that taps count from. */
static void gather(const qn_conv *c, const float *x, const qn_tap *taps, int64_t count, float *row) {
  int64_t channels = c->channels / c->groups;
  if (count < c->window.taps) memset(row, 0, (size_t)(channels * c->window.taps) * sizeof(float));
  const bool dense = c->x.channel == 1 && c->x.point == channels;
  for (int64_t t = 0, run; t < count; t += run) {
    const float *from = x + taps[t].at * c->x.point;
    float *to = row + taps[t].index * channels;
    run = 1; /* taps whose channels lie one after the other on both sides */
    while (dense && t + run < count && taps[t + run].index == taps[t].index + run && taps[t + run].at == taps[t].at + run) run++;
    int64_t i = 0;
    for (; c->x.channel == 1 && i + 4 <= run * channels; i += 4) qn_store4(to + i, qn_load4(from + i)); /* few, mostly: less than a call of memcpy costs */
    for (; i < run * channels; i++) to[i] = from[i * c->x.channel];
  }
}

typedef struct job {
  const qn_conv *c;
  const float *x, *packed, *bias;
  float *y;
  uint8_t *scratch;
  int64_t block, blocks; /* rows of a block; blocks of a picture's group */
} job;

static void convolve(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const qn_conv *c = j->c;
  const float *packed = j->packed;
  const int64_t group_channels = c->channels / c->groups, group_maps = c->maps / c->groups, depth = group_channels * c->window.taps, block = j->block;
  float *rows = (float *)(void *)(j->scratch + (size_t)worker * qn_parallel_part(room_of(c)));
  float *sums = (float *)((uint8_t *)rows + qn_align_up((size_t)(block * depth) * sizeof(float)));
  qn_tap *taps = (qn_tap *)(void *)((uint8_t *)sums + qn_align_up((size_t)(block * group_maps) * sizeof(float)));
  /* Depthwise weights in plain order: one tap after another is a column of the [taps, maps] matrix. */
  bool columns = depthwise(c->groups, c->maps, group_channels);
  bool direct = pointwise(c), straight = c->y.channel == 1;
  const float *row[BLOCK_MAX + QN_TILE_ROWS];
  const uint8_t kinds[BLOCK_MAX] = {0};
  qn_tiles tiles = {.row = row, .gathered = kinds, .runs = 1, .length = (size_t)depth, .depth = (size_t)depth, .eights = true};
  size_t group_size = depth ? qn_gemm_packed_count(depth, group_maps, sizeof(float)) : 0;
  for (int64_t item = first; item < last; item++) {
    const int64_t p = item % j->blocks * block, g = item / j->blocks % c->groups, n = item / j->blocks / c->groups;
    const float *in = j->x + n * c->x.batch + g * group_channels * c->x.channel;
    float *out = j->y + n * c->y.batch + g * group_maps * c->y.channel;
    qn_tile_out to = {.columns = group_maps, .bias = j->bias ? j->bias + g * group_maps : NULL, .activation = {.min = c->min, .max = c->max}};
    int64_t count = c->window.out_points - p < block ? c->window.out_points - p : block;
    const float *a = in + p * c->x.point;
    int64_t lda = c->x.point;
    if (!direct) {
      const qn_window *w = &c->window;
      const int d = w->rank - 1;
      int64_t there = 0, shift = 0, x = p % w->out[d];
      for (int64_t i = 0; i < count; i++, x = x + 1 == w->out[d] ? 0 : x + 1) {
        if (there == w->taps && x && x * w->stride[d] - w->pad[d] + (w->kernel[d] - 1) * w->dilation[d] < w->in[d]) shift += w->stride[d]; /* the window before, all of it */
        else there = qn_window_taps(w, p + i, taps, NULL), shift = 0;
        gather(c, in + shift * c->x.point, taps, there, rows + i * depth);
      }
      a = rows;
      lda = depth;
    }
    if (columns) {
      for (int64_t i = 0; i < count; i++) {
        float sum = to.bias ? *to.bias : 0.0f;
        for (int64_t t = 0; t < depth; t++) sum += a[i * lda + t] * packed[t * c->maps + g];
        out[(p + i) * c->y.point] = qn_clampf(sum, c->min, c->max);
      }
      continue;
    }
    to.y = straight ? out + p * c->y.point : sums;
    to.stride = straight ? c->y.point : group_maps;
    tiles.rows = count;
    for (int64_t i = 0; i < count + QN_TILE_ROWS; i++) row[i] = a + (i < count ? i : 0) * lda;
    qn_tile_run(&tiles, packed + (size_t)g * group_size, &to);
    for (int64_t m = 0; !straight && m < group_maps; m++)
      for (int64_t i = 0; i < count; i++) out[m * c->y.channel + (p + i) * c->y.point] = sums[i * group_maps + m];
  }
}

void qn_conv_f32(const qn_conv *c, const float *x, const float *packed, const float *bias, float *y, void *scratch) {
  const int64_t depth = c->channels / c->groups * c->window.taps, points = c->window.out_points, block = block_of(depth, points);
  if (c->batch == 0 || c->maps == 0 || block == 0) return;
  const job j = {c, x, packed, bias, y, scratch, block, (points + block - 1) / block};
  if (is_depthwise(c)) {
    uint8_t *taps = (uint8_t *)scratch + qn_align_up((size_t)(block * depth) * sizeof(float)) + qn_align_up((size_t)(block * (c->maps / c->groups)) * sizeof(float));
    depthwise_f32(c, x, packed, bias, y, (qn_tap *)(void *)taps);
    return;
  }
  qn_parallel(c->batch * c->groups * j.blocks, block * depth * (c->maps / c->groups), convolve, &j);
}
