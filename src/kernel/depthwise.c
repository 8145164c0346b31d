#include "kernel/depthwise.h"

#include "base/parallel.h"
#include "kernel/simd.h"
#include "kernel/tile.h"

/* The part of one output row that does not depend on the column: rows of the input that exist, with their taps. */
typedef struct row_taps {
  const float *line, *weights; /* first row and its taps */
  const float *bias, *zeros;
  int64_t rows, x_stride, weight_stride, channels, width;
} row_taps;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

/* One output point; any kernel. Eight vectors of channels at a time hide the latency of the sums. */
static void point(const row_taps *r, const qn_plane *p, int64_t left, int64_t row, const qn_tile_out *o) {
  int64_t step = p->dilation_x, first = left >= 0 ? 0 : least((-left + step - 1) / step, p->kernel_width), last = first, i = 0, channels = r->channels;
  while (last < p->kernel_width && left + last * step < p->width) last++;
#define SUM(v) qn_f32x4 s##v = qn_load4(r->bias + i + 4 * v);
#define ADD(v) s##v = qn_madd4(qn_load4(x + 4 * v), qn_load4(w + 4 * v), s##v);
#define PUT(v) qn_tile_put(o, s##v, row, i + 4 * v);
#define TAPS(EACH)                                                                        \
  for (int64_t k = 0; k < r->rows; k++) {                                                 \
    const float *x = r->line + k * r->x_stride + (left + first * step) * channels + i;    \
    const float *w = r->weights + k * r->weight_stride + first * channels + i;            \
    for (int64_t t = first; t < last; t++, x += step * channels, w += channels) {         \
      EACH(ADD)                                                                           \
    }                                                                                     \
  }
#define ONE(X) X(0)
  for (; i + 32 <= channels; i += 32) {
    EIGHT(SUM)
    TAPS(EIGHT)
    EIGHT(PUT)
  }
  for (; i < channels; i += 4) {
    ONE(SUM)
    TAPS(ONE)
    ONE(PUT)
  }
}

/* Four output points of a row at once, channels [i, channels): each column of the input is read once for all the taps that fall
 * on it. FOUR_AT: the input's row k at column t; NEXT: to the next row. */
#define FOUR_SUMS(TAPS, STRIDE, FOUR_AT, NEXT)                                                      \
  for (size_t k = 0; k < rows; k++, w += weight_stride, NEXT) {                                     \
    qn_f32x4 u[TAPS];                                                                               \
    QN_UNROLL(16) for (size_t t = 0; t < TAPS; t++) u[t] = qn_load4(w + t * channels);   \
    QN_UNROLL(16) for (size_t t = 0; t < COLUMNS; t++) {                                 \
      qn_f32x4 v = qn_load4(FOUR_AT);                                                               \
      if (t < TAPS) s0 = qn_madd4(v, u[t], s0);                                                     \
      if (t - STRIDE < TAPS) s1 = qn_madd4(v, u[t - STRIDE], s1);                                   \
      if (t - 2 * STRIDE < TAPS) s2 = qn_madd4(v, u[t - 2 * STRIDE], s2);                           \
      if (t - 3 * STRIDE < TAPS) s3 = qn_madd4(v, u[t - 3 * STRIDE], s3);                           \
    }                                                                                               \
  }
#define EACH_SUM(X) X(s0) X(s1) X(s2) X(s3)
#define CLAMP(s) s = qn_min4(qn_max4(s, min), max);
#define GATE(s) s = qn_activate4(&o->activation, s);
/* name_inside: all columns exist and all four points are wanted. name_edge: columns beyond the picture are zeros. */
#define FOUR(name, TAPS, STRIDE)                                                                                                \
  QN_NOINLINE static void name##_edge(const row_taps *r, int64_t left, int64_t row, int64_t count, size_t i, const qn_tile_out *o) { \
    enum { COLUMNS = 3 * STRIDE + TAPS };                                                                                       \
    const size_t channels = (size_t)r->channels, rows = (size_t)r->rows, weight_stride = (size_t)r->weight_stride; \
    const float *column[COLUMNS];                                                                                               \
    size_t step[COLUMNS];                                                                                                       \
    for (int64_t t = 0; t < COLUMNS; t++) {                                                                                     \
      bool there = left + t >= 0 && left + t < r->width;                                                                        \
      column[t] = there ? r->line + (left + t) * r->channels : r->zeros;                                                        \
      step[t] = there ? (size_t)r->x_stride : 0;                                                                                \
    }                                                                                                                           \
    for (; i < channels; i += 4) {                                                                                              \
      qn_f32x4 s0 = qn_load4(r->bias + i), s1 = s0, s2 = s0, s3 = s0;                                                           \
      const float *w = r->weights + i;                                                                                          \
      FOUR_SUMS(TAPS, STRIDE, column[t] + k * step[t] + i, (void)0)                                                                      \
      qn_tile_put(o, s0, row, (int64_t)i);                                                                                      \
      if (count > 1) qn_tile_put(o, s1, row + 1, (int64_t)i);                                                                   \
      if (count > 2) qn_tile_put(o, s2, row + 2, (int64_t)i);                                                                   \
      if (count > 3) qn_tile_put(o, s3, row + 3, (int64_t)i);                                                                   \
    }                                                                                                                           \
  }                                                                                                                             \
  QN_NOINLINE static void name(const row_taps *r, int64_t left, int64_t row, int64_t count, const qn_tile_out *o) {             \
    enum { COLUMNS = 3 * STRIDE + TAPS };                                                                                       \
    const size_t channels = (size_t)r->channels, rows = (size_t)r->rows, x_stride = (size_t)r->x_stride;                        \
    const size_t weight_stride = (size_t)r->weight_stride;                                                                      \
    size_t i = 0;                                                                                                               \
    if (left >= 0 && left + COLUMNS <= r->width && count == 4) {                                                                \
      const float *line = r->line + left * r->channels, *residual = o->residual ? o->residual + row * o->residual_stride : NULL; \
      const size_t residual_stride = (size_t)o->residual_stride;                                                                \
      const qn_f32x4 min = qn_splat4(o->activation.min), max = qn_splat4(o->activation.max);                                    \
      float *y = o->y + row * o->stride;                                                                                        \
      for (; i + 4 <= channels && (!residual || qn_tile_whole(o, (int64_t)i, 4)); i += 4) {                                     \
        qn_f32x4 s0 = qn_load4(r->bias + i), s1 = s0, s2 = s0, s3 = s0;                                                         \
        const float *w = r->weights + i, *x = line + i;                                                                         \
        FOUR_SUMS(TAPS, STRIDE, x + t * channels, x += x_stride)                                                                              \
        if (residual && (int64_t)i < o->residual_columns) {                                                                     \
          s0 = qn_add(s0, qn_load4(residual + i));                                                                              \
          s1 = qn_add(s1, qn_load4(residual + residual_stride + i));                                                            \
          s2 = qn_add(s2, qn_load4(residual + 2 * residual_stride + i));                                                        \
          s3 = qn_add(s3, qn_load4(residual + 3 * residual_stride + i));                                                        \
        }                                                                                                                       \
        if (o->activation.gated) {                                                                                              \
          EACH_SUM(GATE)                                                                                                        \
        } else {                                                                                                                \
          EACH_SUM(CLAMP)                                                                                                       \
        }                                                                                                                       \
        qn_store4(y + i, s0);                                                                                                   \
        qn_store4(y + channels + i, s1);                                                                                        \
        qn_store4(y + 2 * channels + i, s2);                                                                                    \
        qn_store4(y + 3 * channels + i, s3);                                                                                    \
      }                                                                                                                         \
    }                                                                                                                           \
    if (i < channels) name##_edge(r, left, row, count, i, o);                                                                   \
  }
FOUR(four_3_1, 3, 1)
FOUR(four_3_2, 3, 2)
FOUR(four_5_1, 5, 1)
FOUR(four_5_2, 5, 2)

typedef void (*four)(const row_taps *, int64_t, int64_t, int64_t, const qn_tile_out *);

static four block_of(const qn_plane *p) {
  if (p->dilation_x != 1 || p->stride_x > 2) return NULL;
  if (p->kernel_width == 3) return p->stride_x == 1 ? four_3_1 : four_3_2;
  if (p->kernel_width == 5) return p->stride_x == 1 ? four_5_1 : four_5_2;
  return NULL;
}

typedef struct job {
  const qn_conv *c;
  const qn_plane *p;
  const float *x, *weights, *bias, *zeros;
  const qn_tile_out *out;
} job;

/* Rows of the output, over all pictures. */
static void convolve(const void *argument, int64_t from, int64_t to, int worker) {
  const job *j = argument;
  const qn_plane *p = j->p;
  const int64_t channels = j->c->maps;
  const four block = block_of(p);
  (void)worker;
  for (int64_t line = from; line < to; line++) {
    const float *picture = j->x + line / p->out_height * j->c->x.batch;
    int64_t top = line % p->out_height * p->stride_y - p->pad_y, first = 0, rows = p->kernel_height, row = line * p->out_width;
    while (first < rows && top + first * p->dilation_y < 0) first++;
    while (rows > first && top + (rows - 1) * p->dilation_y >= p->height) rows--;
    row_taps r = {.line = rows > first ? picture + (top + first * p->dilation_y) * p->width * channels : picture, .bias = j->bias, .zeros = j->zeros,
                  .weights = j->weights + first * p->kernel_width * channels, .rows = rows - first, .x_stride = p->dilation_y * p->width * channels,
                  .weight_stride = p->kernel_width * channels, .channels = channels, .width = p->width};
    if (block)
      for (int64_t ox = 0; ox < p->out_width; ox += 4) block(&r, ox * p->stride_x - p->pad_x, row + ox, least(p->out_width - ox, 4), j->out);
    else
      for (int64_t ox = 0; ox < p->out_width; ox++) point(&r, p, ox * p->stride_x - p->pad_x, row + ox, j->out);
  }
}

void qn_depthwise_f32(const qn_conv *c, const float *x, const float *weights, const float *bias, const qn_conv_tail *tail, float *y, const float *zeros) {
  qn_plane p = qn_plane_of(&c->window);
  int64_t channels = c->maps;
  qn_tile_out o = {.y = y, .columns = channels, .stride = channels, .residual = tail->residual, .residual_columns = tail->residual_channels,
                   .residual_stride = tail->residual_channels, .activation = tail->activation};
  const job j = {c, &p, x, weights, bias, zeros, &o};
  qn_parallel(c->batch * p.out_height, p.out_width * channels * (c->window.taps + 4) * 2, convolve, &j);
}
