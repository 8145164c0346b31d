#include "kernel/conv_nhwc.h"

#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/tile.h"

enum { GATHER_BYTES = 256 * 1024 /* of rows that stay in the second-level cache while all panels pass */, TILES_MAX = 24, TILES_MIN = 4 };

static bool merges(const qn_conv *c, const qn_plane *p) { return c->groups == 1 && p->dilation_x == 1; }

static int64_t tiles_of(int64_t depth, int64_t points) {
  int64_t tiles = depth > 0 ? GATHER_BYTES / (int64_t)sizeof(float) / QN_TILE_ROWS / depth : TILES_MAX, all = (points + QN_TILE_ROWS - 1) / QN_TILE_ROWS;
  tiles = tiles < TILES_MIN ? TILES_MIN : tiles > TILES_MAX ? TILES_MAX : tiles;
  return tiles < all ? tiles : all;
}

size_t qn_conv_nhwc_packed_count(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps) {
  size_t depth, all, bytes;
  if (groups < 1 || !qn_size_mul((size_t)group_channels, (size_t)taps, &depth) || depth > INT32_MAX) return SIZE_MAX;
  size_t each = qn_tile_packed_count((int64_t)depth, maps / groups);
  if (each == SIZE_MAX || !qn_size_mul(each, (size_t)groups, &all) || !qn_size_mul(all, sizeof(float), &bytes)) return SIZE_MAX;
  return all;
}

void qn_conv_nhwc_pack(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, const float *w, float *packed, float *room) {
  int64_t group_maps = maps / groups, depth = group_channels * taps;
  size_t each = qn_tile_packed_count(depth, group_maps);
  for (int64_t g = 0; g < groups; g++) qn_tile_pack(group_maps, taps, group_channels, w + g * group_maps * depth, packed + (size_t)g * each, room);
}

typedef struct rooms {
  float *gathered;
  const float **rows;
  size_t *offsets;
  uint8_t *kinds;
  size_t size;
} rooms;

/* base NULL: only the size. */
static bool lay_out(const qn_conv *c, const qn_plane *p, uint8_t *base, rooms *r) {
  int64_t depth = c->channels / c->groups * c->window.taps, tiles = tiles_of(depth, c->window.out_points);
  size_t rows = (size_t)tiles * QN_TILE_ROWS, floats, bytes, total;
  if (!qn_size_mul(rows, (size_t)depth, &floats) || !qn_size_mul(floats, sizeof(float), &bytes)) return false;
  size_t runs = (size_t)(p->kernel_height * (merges(c, p) ? 1 : p->kernel_width));
  if (!qn_size_add(bytes, 4 * QN_ALIGN, &total) || !qn_size_add(total, runs * sizeof(size_t) + rows * (sizeof(float *) + 1), &total)) return false;
  if (base) {
    r->gathered = (float *)(void *)base;
    r->rows = (const float **)(void *)(base += qn_align_up(bytes));
    r->offsets = (size_t *)(void *)(base += qn_align_up(rows * sizeof(float *)));
    r->kinds = base + qn_align_up(runs * sizeof(size_t));
  }
  r->size = total;
  return true;
}

size_t qn_conv_nhwc_room(const qn_conv *c) {
  qn_plane p = qn_plane_of(&c->window);
  rooms r;
  int64_t each = c->channels / c->groups;
  if (each && c->window.taps > INT32_MAX / each) return SIZE_MAX;
  return lay_out(c, &p, NULL, &r) ? qn_parallel_room(r.size) : SIZE_MAX;
}

static void copy(float *to, const float *from, int64_t n) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) qn_store4(to + i, qn_load4(from + i));
  for (; i < n; i++) to[i] = from[i];
}
static void zero(float *to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = 0;
}

static int64_t clip(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

/* The window of one output point as a row of [tap, channel], zeros where it lies off the picture. */
static void gather(const qn_conv *c, const qn_plane *p, const float *x, int64_t top, int64_t left, float *row) {
  int64_t channels = c->channels / c->groups, pixel = c->channels, length = p->kernel_width * channels;
  for (int64_t ky = 0; ky < p->kernel_height; ky++, row += length) {
    int64_t y = top + ky * p->dilation_y;
    if (y < 0 || y >= p->height) {
      zero(row, length);
      continue;
    }
    const float *line = x + y * p->width * pixel;
    if (merges(c, p)) { /* neighbouring taps are neighbours in memory */
      int64_t first = clip(-left, 0, p->kernel_width), last = clip(p->width - left, first, p->kernel_width);
      zero(row, first * channels);
      if (last > first) copy(row + first * channels, line + (left + first) * channels, (last - first) * channels);
      zero(row + last * channels, (p->kernel_width - last) * channels);
      continue;
    }
    for (int64_t kx = 0; kx < p->kernel_width; kx++) {
      int64_t at = left + kx * p->dilation_x;
      if (at < 0 || at >= p->width) zero(row + kx * channels, channels);
      else copy(row + kx * channels, line + at * pixel, channels);
    }
  }
}

/* The picture is the matrix: its points one by one. */
static bool is_matrix(const qn_conv *c, const qn_plane *p) {
  return c->window.taps == 1 && p->stride_x == 1 && p->stride_y == 1 && !p->pad_x && !p->pad_y && p->width == p->out_width && p->height == p->out_height;
}

/* Where the rows of output points [first, first + count) are: in the picture itself for tiles whose windows all lie inside. */
static void find_rows(const qn_conv *c, const qn_plane *p, const float *x, int64_t first, int64_t count, const rooms *r) {
  int64_t depth = c->channels / c->groups * c->window.taps, oy = first / p->out_width, ox = first % p->out_width;
  int64_t reach_y = (p->kernel_height - 1) * p->dilation_y, reach_x = (p->kernel_width - 1) * p->dilation_x;
  float *gathered = r->gathered;
  if (is_matrix(c, p)) {
    const int64_t all = (count + QN_TILE_ROWS - 1) / QN_TILE_ROWS;
    const float *row = x + first * c->channels;
    memset(r->kinds, 0, (size_t)all);
    for (size_t i = 0; i < (size_t)(all * QN_TILE_ROWS); i++, row += i < (size_t)count ? c->channels : 0) r->rows[i] = i < (size_t)count ? row : r->rows[0];
    return;
  }
  for (int64_t i = 0; i < count; i += QN_TILE_ROWS) {
    int64_t top[QN_TILE_ROWS], left[QN_TILE_ROWS], rows = count - i < QN_TILE_ROWS ? count - i : QN_TILE_ROWS;
    bool inside = true;
    for (int64_t k = 0; k < QN_TILE_ROWS; k++) {
      if (k >= rows) { /* nobody wants these */
        top[k] = top[0];
        left[k] = left[0];
        continue;
      }
      top[k] = oy * p->stride_y - p->pad_y;
      left[k] = ox * p->stride_x - p->pad_x;
      inside = inside && top[k] >= 0 && left[k] >= 0 && top[k] + reach_y < p->height && left[k] + reach_x < p->width;
      if (++ox == p->out_width) ox = 0, oy++;
    }
    r->kinds[i / QN_TILE_ROWS] = !inside;
    for (int64_t k = 0; k < QN_TILE_ROWS; k++) {
      if (inside) {
        r->rows[i + k] = x + (top[k] * p->width + left[k]) * c->channels;
        continue;
      }
      r->rows[i + k] = k < rows ? gathered : r->rows[i];
      if (k >= rows) continue;
      gather(c, p, x, top[k], left[k], gathered);
      gathered += depth;
    }
  }
}

typedef struct job {
  const qn_conv *c;
  const qn_plane *p;
  const float *x, *packed, *bias;
  const qn_conv_tail *tail;
  float *y;
  uint8_t *scratch;
  int64_t block, blocks, parts; /* rows of a block; blocks of a picture's group; parts of a block's columns */
} job;

static void convolve(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const qn_conv *c = j->c;
  const qn_plane *p = j->p;
  const int64_t each = c->channels / c->groups, group_maps = c->maps / c->groups, depth = each * c->window.taps, points = c->window.out_points;
  const bool merged = merges(c, p);
  rooms r;
  lay_out(c, p, NULL, &r);
  lay_out(c, p, j->scratch + (size_t)worker * qn_parallel_part(r.size), &r);
  size_t group_size = qn_tile_packed_count(depth, group_maps);
  qn_tiles tiles = {.row = r.rows, .gathered = r.kinds, .offset = r.offsets, .runs = (size_t)(p->kernel_height * (merged ? 1 : p->kernel_width)),
                    .length = (size_t)(merged ? each * p->kernel_width : each), .depth = (size_t)depth, .alike = is_matrix(c, p), .pitch = is_matrix(c, p) ? (size_t)c->channels : 0};
  for (size_t run = 0; run < tiles.runs; run++) {
    int64_t ky = merged ? (int64_t)run : (int64_t)run / p->kernel_width, kx = merged ? 0 : (int64_t)run % p->kernel_width;
    r.offsets[run] = (size_t)((ky * p->dilation_y * p->width + kx * p->dilation_x) * c->channels);
  }
  const int64_t residual_stride = j->tail->residual_channels;
  qn_tile_out out = {.stride = c->maps, .residual_stride = residual_stride, .activation = j->tail->activation};
  for (int64_t i = first, found = -1; i < last; i++) {
    const int64_t at = i / j->parts, part = i % j->parts, row = at % j->blocks * j->block, g = at / j->blocks % c->groups, n = at / j->blocks / c->groups;
    const int64_t from = qn_parallel_column(part, j->parts, group_maps), column = g * group_maps + from;
    tiles.rows = points - row < j->block ? points - row : j->block;
    if (at != found) find_rows(c, p, j->x + n * c->x.batch + g * each, row, tiles.rows, &r);
    found = at;
    out.columns = qn_parallel_column(part + 1, j->parts, group_maps) - from;
    out.y = j->y + (n * points + row) * c->maps + column;
    out.bias = j->bias ? j->bias + column : NULL;
    out.residual_columns = clip(residual_stride - column, 0, out.columns);
    out.residual = j->tail->residual && out.residual_columns ? j->tail->residual + (n * points + row) * residual_stride + column : NULL;
    qn_tile_run(&tiles, j->packed + (size_t)g * group_size + from * depth, &out);
  }
}

void qn_conv_nhwc(const qn_conv *c, const float *x, const float *packed, const float *bias, const qn_conv_tail *tail, float *y, void *scratch) {
  qn_plane p = qn_plane_of(&c->window);
  int64_t group_maps = c->maps / c->groups, depth = c->channels / c->groups * c->window.taps, points = c->window.out_points;
  if (points == 0 || c->maps == 0) return;
  job j = {.c = c, .p = &p, .x = x, .packed = packed, .bias = bias, .tail = tail, .y = y, .scratch = scratch, .block = tiles_of(depth, points) * QN_TILE_ROWS};
  j.blocks = (points + j.block - 1) / j.block;
  j.parts = qn_parallel_parts(c->batch * c->groups * j.blocks, group_maps);
  qn_parallel(c->batch * c->groups * j.blocks * j.parts, j.block * depth * group_maps / j.parts, convolve, &j);
}
