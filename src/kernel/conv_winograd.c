#include "kernel/conv_winograd.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/tile.h"

enum { OUT = 4, IN = 6, POINTS = IN * IN, CACHE_BYTES = 384 * 1024 /* both transformed blocks */, TILES_MAX = 64, TILES_MIN = 8,
       APART = 16 /* floats between matrices, so that the same place in all of them is not the same set of the cache */ };

/* The points ±A and ±B. */
#define A 0.75
#define B 1.5

static int64_t padded(int64_t n) { return (n + 3) / 4 * 4; }

static int64_t tiles_of(int64_t channels, int64_t maps, int64_t tiles) {
  int64_t n = CACHE_BYTES / (int64_t)sizeof(float) / POINTS / (padded(channels) + padded(maps)) / QN_TILE_ROWS * QN_TILE_ROWS;
  n = n < TILES_MIN ? TILES_MIN : n > TILES_MAX ? TILES_MAX : n;
  if (qn_parallel_width() > 1) { /* several blocks for each thread, though each reads all weights */
    const int64_t share = (tiles / (3 * qn_parallel_width()) / QN_TILE_ROWS + 1) * QN_TILE_ROWS, least = share < TILES_MIN ? TILES_MIN : share;
    n = n < least ? n : least;
  }
  tiles = (tiles + QN_TILE_ROWS - 1) / QN_TILE_ROWS * QN_TILE_ROWS;
  return n < tiles ? n : tiles;
}

static int64_t tiles_along(int64_t out) { return (out + OUT - 1) / OUT; }

size_t qn_conv_winograd_packed_count(int64_t maps, int64_t channels) {
  size_t all, bytes, each = qn_tile_packed_count(channels, maps);
  if (each == SIZE_MAX || !qn_size_mul(each, POINTS, &all) || !qn_size_mul(all, sizeof(float), &bytes)) return SIZE_MAX;
  return all;
}

/* G·g: p^k / Π(p - q) for each point p and the other points q; infinity takes the last tap. */
static void transform_taps(const double g[3], int64_t stride, double out[IN], int64_t out_stride) {
  static const double points[IN - 1] = {0, A, -A, B, -B};
  for (int i = 0; i < IN - 1; i++) {
    double p = points[i], d = 1;
    for (int j = 0; j < IN - 1; j++)
      if (j != i) d *= p - points[j];
    out[i * out_stride] = (g[0] + p * (g[stride] + p * g[2 * stride])) / d;
  }
  out[(IN - 1) * out_stride] = g[2 * stride];
}

void qn_conv_winograd_pack(int64_t maps, int64_t channels, const float *w, float *packed) {
  size_t each = qn_tile_packed_count(channels, maps);
  memset(packed, 0, each * POINTS * sizeof(float));
  for (int64_t j = 0, column = 0; j < maps; j++) {
    /* the panel of column j, as qn_tile_pack() lays it out */
    int64_t panel = j / QN_TILE_PANEL * QN_TILE_PANEL, width = padded(maps) - panel < QN_TILE_PANEL ? 4 : QN_TILE_PANEL;
    column = panel * channels + (j - panel);
    for (int64_t c = 0; c < channels; c++) {
      double taps[9], rows[IN * 3], u[POINTS];
      for (int t = 0; t < 9; t++) taps[t] = w[(j * channels + c) * 9 + t];
      for (int x = 0; x < 3; x++) transform_taps(taps + x, 3, rows + x, 3);
      for (int y = 0; y < IN; y++) transform_taps(rows + y * 3, 1, u + y * IN, 1);
      for (int p = 0; p < POINTS; p++) packed[(size_t)p * each + (size_t)(column + c * width)] = (float)u[p];
    }
  }
}

typedef struct rooms {
  float *v, *m, *zeros; /* [36][tiles][channels], [36][tiles][maps] */
  const float **rows;
  uint8_t *kinds;
  size_t size;
} rooms;

static bool lay_out(const qn_conv *c, uint8_t *base, rooms *r) {
  const qn_window *w = &c->window;
  size_t tiles = (size_t)tiles_of(c->channels, c->maps, tiles_along(w->out[0]) * tiles_along(w->out[1])), v, m, total;
  size_t channels = (size_t)padded(c->channels), maps = (size_t)padded(c->maps);
  const size_t apart = APART * POINTS * sizeof(float);
  if (!qn_size_mul(tiles * POINTS * sizeof(float), channels, &v) || !qn_size_mul(tiles * POINTS * sizeof(float), maps, &m) || !qn_size_add(v, apart, &v) ||
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

size_t qn_conv_winograd_room(const qn_conv *c) {
  rooms r;
  return lay_out(c, NULL, &r) ? qn_parallel_room(r.size) : SIZE_MAX;
}

static inline qn_f32x4 times(qn_f32x4 x, double k) { return qn_mul4(x, qn_splat4((float)k)); }
static inline qn_f32x4 plus(qn_f32x4 sum, qn_f32x4 x, double k) { return qn_madd4(x, qn_splat4((float)k), sum); }

/* Bᵀ·d in one direction. */
static inline void transform_in(const qn_f32x4 d[IN], qn_f32x4 out[IN]) {
  qn_f32x4 even_a = plus(d[4], d[2], -B * B), odd_a = plus(d[3], d[1], -B * B), even_b = plus(d[4], d[2], -A * A), odd_b = plus(d[3], d[1], -A * A);
  out[0] = plus(plus(d[4], d[2], -(A * A + B * B)), d[0], A * A * B * B);
  out[1] = plus(even_a, odd_a, A);
  out[2] = plus(even_a, odd_a, -A);
  out[3] = plus(even_b, odd_b, B);
  out[4] = plus(even_b, odd_b, -B);
  out[5] = plus(plus(d[5], d[3], -(A * A + B * B)), d[1], A * A * B * B);
}

/* Aᵀ·m in one direction. */
static inline void transform_out(const qn_f32x4 m[IN], qn_f32x4 out[OUT]) {
  qn_f32x4 sum_a = qn_add(m[1], m[2]), sum_b = qn_add(m[3], m[4]), difference_a = plus(m[1], m[2], -1), difference_b = plus(m[3], m[4], -1);
  out[0] = qn_add(m[0], qn_add(sum_a, sum_b));
  out[1] = plus(times(difference_a, A), difference_b, B);
  out[2] = plus(times(sum_a, A * A), sum_b, B * B);
  out[3] = plus(plus(m[5], difference_a, A * A * A), difference_b, B * B * B);
}

/* pixels: [36] of one tile, zeros where they lie off the picture; to: its place in the first of 36 matrices. */
QN_NOINLINE static void input_tile(const float *const pixels[POINTS], size_t channels, float *to, size_t matrix) {
  for (size_t c = 0; c < channels; c += 4) {
    qn_f32x4 rows[POINTS], d[IN], out[IN];
    QN_UNROLL(6) for (int x = 0; x < IN; x++) {
      QN_UNROLL(6) for (int y = 0; y < IN; y++) d[y] = qn_load4(pixels[y * IN + x] + c);
      transform_in(d, out);
      QN_UNROLL(6) for (int y = 0; y < IN; y++) rows[y * IN + x] = out[y];
    }
    float *at = to + c;
    QN_UNROLL(6) for (int y = 0; y < IN; y++) {
      transform_in(rows + y * IN, out);
      QN_UNROLL(6) for (int x = 0; x < IN; x++, at += matrix) qn_store4(at, out[x]);
    }
  }
}

/* One tile of the output: rows and columns that exist, at point `point` of the picture. */
QN_NOINLINE static void output_tile(const float *from, size_t matrix, const float *bias, const qn_tile_out *o, int64_t point, int64_t width, int64_t rows, int64_t columns) {
  for (int64_t k = 0; k < o->columns; k += 4) {
    qn_f32x4 half[OUT * IN], m[IN], out[OUT];
    QN_UNROLL(6) for (size_t x = 0; x < IN; x++) {
      QN_UNROLL(6) for (size_t y = 0; y < IN; y++) m[y] = qn_load4(from + (y * IN + x) * matrix + k);
      transform_out(m, out);
      QN_UNROLL(4) for (int y = 0; y < OUT; y++) half[y * IN + x] = out[y];
    }
    qn_f32x4 b = qn_load4(bias + k);
    for (int64_t y = 0; y < rows; y++) {
      transform_out(half + y * IN, out);
      for (int64_t x = 0; x < columns; x++) qn_tile_put(o, qn_add(out[x], b), point + y * width + x, k);
    }
  }
}

typedef struct job {
  const qn_conv *c;
  const float *x, *packed, *bias;
  const qn_conv_tail *tail;
  float *y;
  uint8_t *scratch;
  int64_t block, blocks; /* tiles of a block; blocks of a picture */
} job;

static void convolve(const void *argument, int64_t from, int64_t to, int worker) {
  const job *j = argument;
  const qn_conv *c = j->c;
  const qn_conv_tail *tail = j->tail;
  const qn_window *w = &c->window;
  int64_t height = w->in[0], width = w->in[1], across = tiles_along(w->out[1]), all = tiles_along(w->out[0]) * across, channels = c->channels;
  int64_t block = j->block, v_stride = padded(channels), m_stride = padded(c->maps);
  rooms r;
  lay_out(c, NULL, &r);
  lay_out(c, j->scratch + (size_t)worker * qn_parallel_part(r.size), &r);
  size_t each = qn_tile_packed_count(channels, c->maps), v_matrix = (size_t)(block * v_stride) + APART, m_matrix = (size_t)(block * m_stride) + APART;
  memset(r.zeros, 0, (size_t)v_stride * sizeof(float));
  memset(r.kinds, 1, (size_t)block / QN_TILE_ROWS);
  qn_tiles tiles = {.row = r.rows, .gathered = r.kinds, .runs = 1, .length = (size_t)channels, .depth = (size_t)channels};
  qn_tile_out product = {.columns = c->maps, .stride = m_stride, .activation = {.min = -INFINITY, .max = INFINITY}};
  qn_tile_out out = {.columns = c->maps, .stride = c->maps, .residual_columns = tail->residual_channels, .residual_stride = tail->residual_channels, .activation = tail->activation};
  for (int64_t i = from; i < to; i++) {
    const int64_t n = i / j->blocks, first = i % j->blocks * block, count = all - first < block ? all - first : block;
    const float *picture = j->x + n * c->x.batch;
    out.y = j->y + n * w->out_points * c->maps;
    out.residual = tail->residual ? tail->residual + n * w->out_points * tail->residual_channels : NULL;
    for (int64_t t = 0; t < count; t++) {
      const float *pixels[POINTS];
      int64_t top = (first + t) / across * OUT - w->pad[0], left = (first + t) % across * OUT - w->pad[1];
      for (int64_t p = 0; p < POINTS; p++) {
        int64_t py = top + p / IN, px = left + p % IN;
        pixels[p] = py >= 0 && py < height && px >= 0 && px < width ? picture + (py * width + px) * channels : r.zeros;
      }
      input_tile(pixels, (size_t)channels, r.v + t * v_stride, v_matrix);
    }
    tiles.rows = count;
    for (size_t p = 0; p < POINTS; p++) {
      const float *v = r.v + p * v_matrix;
      for (int64_t t = 0; t < (count + QN_TILE_ROWS - 1) / QN_TILE_ROWS * QN_TILE_ROWS; t++) r.rows[t] = v + (t < count ? t : 0) * v_stride;
      product.y = r.m + p * m_matrix;
      qn_tile_run(&tiles, j->packed + p * each, &product);
    }
    for (int64_t t = 0; t < count; t++) {
      int64_t top = (first + t) / across * OUT, left = (first + t) % across * OUT;
      output_tile(r.m + t * m_stride, m_matrix, j->bias, &out, top * w->out[1] + left, w->out[1], w->out[0] - top < OUT ? w->out[0] - top : OUT,
                  w->out[1] - left < OUT ? w->out[1] - left : OUT);
    }
  }
}

void qn_conv_winograd(const qn_conv *c, const float *x, const float *packed, const float *bias, const qn_conv_tail *tail, float *y, void *scratch) {
  const int64_t all = tiles_along(c->window.out[0]) * tiles_along(c->window.out[1]);
  if (all == 0 || c->maps == 0) return;
  job j = {.c = c, .x = x, .packed = packed, .bias = bias, .tail = tail, .y = y, .scratch = scratch, .block = tiles_of(c->channels, c->maps, all)};
  j.blocks = (all + j.block - 1) / j.block;
  qn_parallel(c->batch * j.blocks, j.block * POINTS * (c->channels + 8) * (c->maps + 8), convolve, &j);
}
