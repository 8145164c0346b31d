#include "kernel/conv_winograd.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/tile.h"

enum { IN_MAX = 6, POINTS_MAX = IN_MAX * IN_MAX, CACHE_BYTES = 384 * 1024 /* both transformed blocks */, TILES_MAX = 60, TILES_MIN = 12 /* multiples of the rows of a tile */,
       LINE = 16 /* floats of a line of the cache */, FIRST = 9 /* matrices in the first block */,       APART = 16 /* floats between matrices, so that the same place in all of them is not the same set of the cache */ };

/* The points ±A and ±B of F(4×4). F(2×2) has ±1. */
#define A 0.75
#define B 1.5

static int64_t padded(int64_t n) { return (n + 3) / 4 * 4; }
static int64_t points_of(int out) { return (int64_t)(out + 2) * (out + 2); }

static int64_t tiles_of(int out, int64_t channels, int64_t maps, int64_t tiles) {
  int64_t n = CACHE_BYTES / (int64_t)sizeof(float) / points_of(out) / (padded(channels) + padded(maps)) / QN_TILE_ROWS * QN_TILE_ROWS;
  n = n < TILES_MIN ? TILES_MIN : n > TILES_MAX ? TILES_MAX : n;
  if (qn_parallel_width() > 1) { /* several blocks for each thread, though each reads all weights */
    const int64_t share = (tiles / (3 * qn_parallel_width()) / QN_TILE_ROWS + 1) * QN_TILE_ROWS, fewest = share < TILES_MIN ? TILES_MIN : share;
    n = n < fewest ? n : fewest;
  }
  tiles = (tiles + QN_TILE_ROWS - 1) / QN_TILE_ROWS * QN_TILE_ROWS;
  return n < tiles ? n : tiles;
}

/* Dilated, the points of every `dilation`th row are a picture of their own: tiles of each in turn, of which some may be empty. */
static int64_t tiles_in_turn(int out, int64_t size, int64_t dilation) { return ((size + dilation - 1) / dilation + out - 1) / out; }
static int64_t tiles_along(int out, const qn_window *w, int d) { return w->dilation[d] * tiles_in_turn(out, w->out[d], w->dilation[d]); }
/* First output of tile t. */
static int64_t start_of(int out, const qn_window *w, int d, int64_t t) {
  int64_t each = tiles_in_turn(out, w->out[d], w->dilation[d]);
  return t / each + t % each * out * w->dilation[d];
}

bool qn_conv_winograd_packed_counts(int out, int64_t maps, int64_t channels, size_t *first, size_t *rest) {
  size_t all, bytes, each = qn_tile_packed_count(channels, maps);
  if (each == SIZE_MAX || !qn_size_mul(each, (size_t)points_of(out), &all) || !qn_size_mul(all, sizeof(float), &bytes)) return false;
  *first = each * FIRST;
  *rest = all - *first;
  return true;
}
static float *matrix_of(const qn_winograd_weights *w, size_t each, size_t p) { return p < FIRST ? w->first + p * each : w->rest + (p - FIRST) * each; }

/* G·g: p^k / Π(p - q) for each point p and the other points q; infinity takes the last tap. */
static void transform_taps(int out, const double g[3], int64_t stride, double to[IN_MAX], int64_t to_stride) {
  static const double points[2][IN_MAX - 1] = {{0, 1, -1}, {0, A, -A, B, -B}};
  const double *all = points[out == 4];
  for (int i = 0; i <= out; i++) {
    double p = all[i], d = 1;
    for (int j = 0; j <= out; j++)
      if (j != i) d *= p - all[j];
    to[i * to_stride] = (g[0] + p * (g[stride] + p * g[2 * stride])) / d;
  }
  to[(out + 1) * to_stride] = g[2 * stride];
}

void qn_conv_winograd_pack(int out, int64_t maps, int64_t channels, const float *w, const qn_winograd_weights *packed) {
  size_t each = qn_tile_packed_count(channels, maps);
  const int in = out + 2, points = in * in;
  for (size_t p = 0; p < (size_t)points; p++) memset(matrix_of(packed, each, p), 0, each * sizeof(float));
  for (int64_t j = 0, column = 0; j < maps; j++) {
    /* the panel of column j, as qn_tile_pack() lays it out */
    int64_t panel = j / QN_TILE_PANEL * QN_TILE_PANEL, width = padded(maps) - panel < QN_TILE_PANEL ? 4 : QN_TILE_PANEL;
    column = panel * channels + (j - panel);
    for (int64_t c = 0; c < channels; c++) {
      double taps[9], rows[IN_MAX * 3], u[POINTS_MAX];
      for (int t = 0; t < 9; t++) taps[t] = w[(j * channels + c) * 9 + t];
      for (int x = 0; x < 3; x++) transform_taps(out, taps + x, 3, rows + x, 3);
      for (int y = 0; y < in; y++) transform_taps(out, rows + y * 3, 1, u + y * in, 1);
      for (int p = 0; p < points; p++) matrix_of(packed, each, (size_t)p)[column + c * width] = (float)u[p];
    }
  }
}

typedef struct rooms {
  float *v, *m, *zeros; /* [points][tiles][channels], [points][tiles][maps] */
  const float **rows;
  uint8_t *kinds;
  size_t size;
} rooms;

static bool lay_out(int out, const qn_conv *c, uint8_t *base, rooms *r) {
  const qn_window *w = &c->window;
  size_t tiles = (size_t)tiles_of(out, c->channels, c->maps, tiles_along(out, w, 0) * tiles_along(out, w, 1)), v, m, total;
  size_t channels = (size_t)padded(c->channels), maps = (size_t)padded(c->maps), points = (size_t)points_of(out);
  const size_t apart = APART * points * sizeof(float);
  if (!qn_size_mul(tiles * points * sizeof(float), channels, &v) || !qn_size_mul(tiles * points * sizeof(float), maps, &m) || !qn_size_add(v, apart, &v) ||
      !qn_size_add(m, apart, &m) || !qn_size_add(v, m, &total) ||
      !qn_size_add(total, channels * sizeof(float) + tiles * (sizeof(float *) + 1) + 5 * QN_ALIGN, &total))
    return false;
  if (base) {
    r->v = (float *)(void *)base;
    r->m = (float *)(void *)(base += qn_align_up(v));
    r->zeros = (float *)(void *)(base += qn_align_up(m));
    r->rows = (const float **)(void *)(base += qn_align_up(channels * sizeof(float)));
    r->kinds = base + qn_align_up(tiles * sizeof(float *));
  }
  r->size = total;
  return true;
}

size_t qn_conv_winograd_room(int out, const qn_conv *c) {
  rooms r;
  return lay_out(out, c, NULL, &r) ? qn_parallel_room(r.size) : SIZE_MAX;
}

static inline qn_f32x4 times(qn_f32x4 x, double k) { return qn_mul4(x, qn_splat4((float)k)); }
static inline qn_f32x4 plus(qn_f32x4 sum, qn_f32x4 x, double k) { return qn_madd4(x, qn_splat4((float)k), sum); }

/* Bᵀ·d in one direction. */
static QN_INLINE void transform_in(const int out, const qn_f32x4 *d, qn_f32x4 *to) {
  if (out == 2) {
    to[0] = plus(d[2], d[0], -1);
    to[1] = qn_add(d[2], d[1]);
    to[2] = plus(d[2], d[1], -1);
    to[3] = plus(d[3], d[1], -1);
    return;
  }
  qn_f32x4 even_a = plus(d[4], d[2], -B * B), odd_a = plus(d[3], d[1], -B * B), even_b = plus(d[4], d[2], -A * A), odd_b = plus(d[3], d[1], -A * A);
  to[0] = plus(plus(d[4], d[2], -(A * A + B * B)), d[0], A * A * B * B);
  to[1] = plus(even_a, odd_a, A);
  to[2] = plus(even_a, odd_a, -A);
  to[3] = plus(even_b, odd_b, B);
  to[4] = plus(even_b, odd_b, -B);
  to[5] = plus(plus(d[5], d[3], -(A * A + B * B)), d[1], A * A * B * B);
}

/* Aᵀ·m in one direction. */
static QN_INLINE void transform_out(const int out, const qn_f32x4 *m, qn_f32x4 *to) {
  qn_f32x4 sum_a = qn_add(m[1], m[2]), difference_a = plus(m[1], m[2], -1);
  if (out == 2) {
    to[0] = qn_add(m[0], sum_a);
    to[1] = qn_add(difference_a, m[3]);
    return;
  }
  qn_f32x4 sum_b = qn_add(m[3], m[4]), difference_b = plus(m[3], m[4], -1);
  to[0] = qn_add(m[0], qn_add(sum_a, sum_b));
  to[1] = plus(times(difference_a, A), difference_b, B);
  to[2] = plus(times(sum_a, A * A), sum_b, B * B);
  to[3] = plus(plus(m[5], difference_a, A * A * A), difference_b, B * B * B);
}

/* pixels: those of one tile, zeros where they lie off the picture; to: its place in the first of all matrices. */
static QN_INLINE void input_tile(const int out, const float *const *pixels, size_t channels, float *to, size_t matrix) {
  const int in = out + 2;
  for (size_t c = 0; c < channels; c += 4) {
    qn_f32x4 rows[POINTS_MAX], d[IN_MAX], results[IN_MAX];
    QN_UNROLL(6) for (int x = 0; x < in; x++) {
      QN_UNROLL(6) for (int y = 0; y < in; y++) d[y] = qn_load4(pixels[y * in + x] + c);
      transform_in(out, d, results);
      QN_UNROLL(6) for (int y = 0; y < in; y++) rows[y * in + x] = results[y];
    }
    float *at = to + c;
    QN_UNROLL(6) for (int y = 0; y < in; y++) {
      transform_in(out, rows + y * in, results);
      QN_UNROLL(6) for (int x = 0; x < in; x++, at += matrix) qn_store4(at, results[x]);
    }
  }
}
QN_NOINLINE static void input_tile_4(const float *const *pixels, size_t channels, float *to, size_t matrix) { input_tile(4, pixels, channels, to, matrix); }
QN_NOINLINE static void input_tile_2(const float *const *pixels, size_t channels, float *to, size_t matrix) { input_tile(2, pixels, channels, to, matrix); }

/* One tile of the output: rows and columns that exist, from point `point` of the picture on. */
typedef struct place {
  int64_t point, down, right, rows, columns;
} place;

static QN_INLINE void output_tile(const int out, const float *from, size_t matrix, const float *bias, const qn_tile_out *o, const place *at) {
  const size_t in = (size_t)out + 2;
  const bool plain = !o->residual && !o->activation.gated;
  const qn_f32x4 min = qn_splat4(o->activation.min), max = qn_splat4(o->activation.max);
  for (int64_t k = 0; k < o->columns; k += 4) {
    qn_f32x4 half[4 * IN_MAX], m[IN_MAX], results[4];
    QN_UNROLL(6) for (size_t x = 0; x < in; x++) {
      QN_UNROLL(6) for (size_t y = 0; y < in; y++) m[y] = qn_load4(from + (y * in + x) * matrix + k);
      transform_out(out, m, results);
      QN_UNROLL(4) for (size_t y = 0; y < in - 2; y++) half[y * in + x] = results[y];
    }
    qn_f32x4 b = qn_load4(bias + k);
    for (int64_t y = 0; y < at->rows; y++) {
      transform_out(out, half + (size_t)y * in, results);
      const int64_t point = at->point + y * at->down;
      if (plain && k + 4 <= o->columns && at->columns == out) {
        float *to = o->y + point * o->stride + k;
        QN_UNROLL(4) for (size_t x = 0; x < in - 2; x++, to += at->right * o->stride) qn_store4(to, qn_min4(qn_max4(qn_add(results[x], b), min), max));
        continue;
      }
      for (int64_t x = 0; x < at->columns; x++) qn_tile_put(o, qn_add(results[x], b), point + x * at->right, k);
    }
  }
}
QN_NOINLINE static void output_tile_4(const float *from, size_t matrix, const float *bias, const qn_tile_out *o, const place *at) { output_tile(4, from, matrix, bias, o, at); }
QN_NOINLINE static void output_tile_2(const float *from, size_t matrix, const float *bias, const qn_tile_out *o, const place *at) { output_tile(2, from, matrix, bias, o, at); }

/* Outputs of a tile along dimension d that exist. */
static int64_t wanted(int out, const qn_window *w, int d, int64_t start) {
  int64_t there = (w->out[d] - start + w->dilation[d] - 1) / w->dilation[d];
  return start >= w->out[d] ? 0 : there < out ? there : out;
}

typedef struct job {
  const qn_conv *c;
  const float *x, *bias;
  const qn_winograd_weights *packed;
  const qn_conv_tail *tail;
  float *y;
  uint8_t *scratch;
  int64_t block, blocks; /* tiles of a block; blocks of a picture */
  int out;
} job;

static void convolve(const void *argument, int64_t from, int64_t to, int worker) {
  const job *j = argument;
  const qn_conv *c = j->c;
  const qn_conv_tail *tail = j->tail;
  const qn_window *w = &c->window;
  const int out_size = j->out, in = out_size + 2, points = in * in;
  int64_t height = w->in[0], width = w->in[1], across = tiles_along(out_size, w, 1), all = tiles_along(out_size, w, 0) * across, channels = c->channels;
  int64_t block = j->block, v_stride = padded(channels), m_stride = padded(c->maps);
  rooms r;
  lay_out(out_size, c, NULL, &r);
  lay_out(out_size, c, j->scratch + (size_t)worker * qn_parallel_part(r.size), &r);
  size_t each = qn_tile_packed_count(channels, c->maps), v_matrix = (size_t)(block * v_stride) + APART, m_matrix = (size_t)(block * m_stride) + APART;
  memset(r.zeros, 0, (size_t)v_stride * sizeof(float));
  memset(r.kinds, 1, (size_t)block / QN_TILE_ROWS);
  qn_tiles tiles = {.row = r.rows, .gathered = r.kinds, .runs = 1, .length = (size_t)channels, .depth = (size_t)channels, .pitch = (size_t)v_stride};
  qn_tile_out product = {.columns = c->maps, .stride = m_stride, .activation = {.min = -INFINITY, .max = INFINITY}};
  qn_tile_out out = {.columns = c->maps, .stride = c->maps, .residual_columns = tail->residual_channels, .residual_stride = tail->residual_channels, .activation = tail->activation};
  for (int64_t i = from; i < to; i++) {
    const int64_t n = i / j->blocks, first = i % j->blocks * block, count = all - first < block ? all - first : block;
    const float *picture = j->x + n * c->x.batch;
    out.y = j->y + n * w->out_points * c->maps;
    out.residual = tail->residual ? tail->residual + n * w->out_points * tail->residual_channels : NULL;
    for (int64_t t = 0; t < count; t++) {
      const float *pixels[POINTS_MAX];
      int64_t top = start_of(out_size, w, 0, (first + t) / across) - w->pad[0], left = start_of(out_size, w, 1, (first + t) % across) - w->pad[1];
      const float **pixel = pixels;
      for (int64_t v = 0, py = top; v < in; v++, py += w->dilation[0]) {
        const float *line = py >= 0 && py < height ? picture + py * width * channels : NULL;
        for (int64_t u = 0, px = left; u < in; u++, px += w->dilation[1]) *pixel++ = line && px >= 0 && px < width ? line + px * channels : r.zeros;
      }
      for (int q = 0; q < points; q++) /* so that what is not in the cache comes together */
        for (int64_t k = 0; k < channels; k += LINE) (void)*(const volatile float *)(pixels[q] + k);
      (out_size == 4 ? input_tile_4 : input_tile_2)(pixels, (size_t)channels, r.v + t * v_stride, v_matrix);
    }
    tiles.rows = count;
    for (size_t p = 0; p < (size_t)points; p++) {
      const float *v = r.v + p * v_matrix;
      for (int64_t t = 0; t < (count + QN_TILE_ROWS - 1) / QN_TILE_ROWS * QN_TILE_ROWS; t++) r.rows[t] = v + (t < count ? t : 0) * v_stride;
      product.y = r.m + p * m_matrix;
      qn_tile_run(&tiles, matrix_of(j->packed, each, p), &product);
    }
    for (int64_t t = 0; t < count; t++) {
      int64_t top = start_of(out_size, w, 0, (first + t) / across), left = start_of(out_size, w, 1, (first + t) % across);
      const place at = {top * w->out[1] + left, w->dilation[0] * w->out[1], w->dilation[1], wanted(out_size, w, 0, top), wanted(out_size, w, 1, left)};
      (out_size == 4 ? output_tile_4 : output_tile_2)(r.m + t * m_stride, m_matrix, j->bias, &out, &at);
    }
  }
}

void qn_conv_winograd(int out, const qn_conv *c, const float *x, const qn_winograd_weights *packed, const float *bias, const qn_conv_tail *tail, float *y, void *scratch) {
  const int64_t all = tiles_along(out, &c->window, 0) * tiles_along(out, &c->window, 1);
  if (all == 0 || c->maps == 0) return;
  job j = {.c = c, .x = x, .packed = packed, .bias = bias, .tail = tail, .y = y, .scratch = scratch, .block = tiles_of(out, c->channels, c->maps, all), .out = out};
  j.blocks = (all + j.block - 1) / j.block;
  qn_parallel(c->batch * j.blocks, j.block * points_of(out) * (c->channels + 8) * (c->maps + 8), convolve, &j);
}
