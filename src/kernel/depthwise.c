#include "kernel/depthwise.h"

#include "base/parallel.h"
#include "kernel/simd.h"
#include "kernel/tile.h"

/* The part of one output row that does not depend on the column: rows of the input that exist, with their taps. */
typedef struct row_taps {
  const float *line, *weights; /* first row and its taps */
  const float *bias;
  int64_t rows, x_stride, weight_stride, channels, width;
} row_taps;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

#define FOUR(X) X(0) X(1) X(2) X(3)
#define EIGHT(X) FOUR(X) X(4) X(5) X(6) X(7)

/* One output point; any kernel. Eight vectors of channels at a time hide the latency of the sums. */
QN_NOINLINE static void point(const row_taps *r, const qn_plane *p, int64_t left, int64_t row, const qn_tile_out *o) {
  int64_t first = left >= 0 ? 0 : least((-left + p->dilation_x - 1) / p->dilation_x, p->kernel_width), last = first;
  while (last < p->kernel_width && left + last * p->dilation_x < p->width) last++;
  const size_t channels = (size_t)r->channels, step = (size_t)p->dilation_x * channels, rows = (size_t)r->rows, taps = (size_t)(last - first);
  const size_t x_stride = (size_t)r->x_stride, weight_stride = (size_t)r->weight_stride;
  const float *line = r->line + (left + first * p->dilation_x) * r->channels, *weights = r->weights + first * r->channels;
  size_t i = 0;
#define SUM(v) qn_f32x4 s##v = qn_load4(r->bias + i + 4 * v);
#define ADD(v) s##v = qn_madd4(qn_load4(x + 4 * v), qn_load4(w + 4 * v), s##v);
#define PUT(v) qn_tile_put(o, s##v, row, (int64_t)i + 4 * v);
#define TAPS(EACH)                                                                        \
  for (size_t k = 0; k < rows; k++) {                                                     \
    const float *x = line + k * x_stride + i, *w = weights + k * weight_stride + i;       \
    for (size_t t = 0; t < taps; t++, x += step, w += channels) {                         \
      EACH(ADD)                                                                           \
    }                                                                                     \
  }
#define ONE(X) X(0)
  for (; i + 32 <= channels; i += 32) {
    EIGHT(SUM)
    TAPS(EIGHT)
    EIGHT(PUT)
  }
  for (; i + 16 <= channels; i += 16) {
    FOUR(SUM)
    TAPS(FOUR)
    FOUR(PUT)
  }
  for (; i < channels; i += 4) {
    ONE(SUM)
    TAPS(ONE)
    ONE(PUT)
  }
}

/* Four output points of a row at once whose columns all exist: each column of the input is read once for all the taps that fall on it.
 * x: the first column; y: the first point. At least four channels, and nothing is
 * added to the sums. */
static QN_INLINE void block(const size_t taps, const size_t stride, const row_taps *r, const float *x, float *y, const qn_tile_out *o) {
  const size_t channels = (size_t)r->channels, rows = (size_t)r->rows, x_stride = (size_t)r->x_stride, weight_stride = (size_t)r->weight_stride;
  const qn_f32x4 min = qn_splat4(o->activation.min), max = qn_splat4(o->activation.max);
  const bool gated = o->activation.gated;
  const float *bias = r->bias, *weights = r->weights;
  for (size_t i = 0; i < channels;) {
    for (; i + 4 <= channels; i += 4, x += 4, y += 4, bias += 4, weights += 4) {
      qn_f32x4 s0 = qn_load4(bias), s1 = s0, s2 = s0, s3 = s0;
      const float *w = weights, *line = x;
      for (size_t k = 0; k < rows; k++, w += weight_stride, line += x_stride) {
        qn_f32x4 u[5];
        QN_UNROLL(16) for (size_t t = 0; t < taps; t++) u[t] = qn_load4(w + t * channels);
        QN_UNROLL(16) for (size_t t = 0; t < 3 * stride + taps; t++) {
          qn_f32x4 v = qn_load4(line + t * channels);
          if (t < taps) s0 = qn_madd4(v, u[t], s0);
          if (t - stride < taps) s1 = qn_madd4(v, u[t - stride], s1);
          if (t - 2 * stride < taps) s2 = qn_madd4(v, u[t - 2 * stride], s2);
          if (t - 3 * stride < taps) s3 = qn_madd4(v, u[t - 3 * stride], s3);
        }
      }
      if (gated) {
#define GATE(s) s = qn_activate4(&o->activation, s);
        GATE(s0) GATE(s1) GATE(s2) GATE(s3)
      } else {
#define CLAMP(s) s = qn_min4(qn_max4(s, min), max);
        CLAMP(s0) CLAMP(s1) CLAMP(s2) CLAMP(s3)
      }
      qn_store4(y, s0);
      qn_store4(y + channels, s1);
      qn_store4(y + 2 * channels, s2);
      qn_store4(y + 3 * channels, s3);
    }
    if (i == channels) break;
    const size_t back = i + 4 - channels; /* the last four channels, some of them again */
    i -= back, x -= back, y -= back, bias -= back, weights -= back;
  }
}
#define BLOCK(name, TAPS, STRIDE) \
  QN_NOINLINE static void name(const row_taps *r, const float *x, float *y, const qn_tile_out *o) { block(TAPS, STRIDE, r, x, y, o); }
BLOCK(block_3_1, 3, 1)
BLOCK(block_3_2, 3, 2)
BLOCK(block_5_1, 5, 1)
BLOCK(block_5_2, 5, 2)

typedef void (*block_kernel)(const row_taps *, const float *, float *, const qn_tile_out *);

static block_kernel block_of(const qn_plane *p, const qn_tile_out *o) {
  if (p->dilation_x != 1 || p->stride_x > 2 || o->residual || o->columns < 4) return NULL;
  if (p->kernel_width == 3) return p->stride_x == 1 ? block_3_1 : block_3_2;
  if (p->kernel_width == 5) return p->stride_x == 1 ? block_5_1 : block_5_2;
  return NULL;
}

typedef struct job {
  const qn_conv *c;
  const qn_plane *p;
  const float *x, *weights, *bias;
  const qn_tile_out *out;
} job;

/* Rows of the output, over all pictures. */
static void convolve(const void *argument, int64_t from, int64_t to, int worker) {
  const job *j = argument;
  const qn_plane *p = j->p;
  const int64_t channels = j->c->maps;
  const block_kernel kernel = block_of(p, j->out);
  /* outputs [start, end) of a row read columns that exist */
  const int64_t start = least((p->pad_x + p->stride_x - 1) / p->stride_x, p->out_width), room = p->width + p->pad_x - p->kernel_width;
  const int64_t end = room < 0 ? start : least(room / p->stride_x + 1, p->out_width);
  (void)worker;
  for (int64_t line = from; line < to; line++) {
    const float *picture = j->x + line / p->out_height * j->c->x.batch;
    int64_t top = line % p->out_height * p->stride_y - p->pad_y, first = 0, rows = p->kernel_height, row = line * p->out_width;
    while (first < rows && top + first * p->dilation_y < 0) first++;
    while (rows > first && top + (rows - 1) * p->dilation_y >= p->height) rows--;
    row_taps r = {.line = rows > first ? picture + (top + first * p->dilation_y) * p->width * channels : picture, .bias = j->bias,
                  .weights = j->weights + first * p->kernel_width * channels, .rows = rows - first, .x_stride = p->dilation_y * p->width * channels,
                  .weight_stride = p->kernel_width * channels, .channels = channels, .width = p->width};
    for (int64_t ox = 0; ox < p->out_width;) {
      const int64_t left = ox * p->stride_x - p->pad_x;
      if (kernel && ox >= start && ox + 4 <= end) {
        kernel(&r, r.line + left * channels, j->out->y + (row + ox) * channels, j->out);
        ox += 4;
      } else if (kernel && ox > start && ox < end && end - start >= 4) {
        ox = end - 4; /* some again */
      } else {
        point(&r, p, left, row + ox++, j->out);
      }
    }
  }
}

void qn_depthwise_f32(const qn_conv *c, const float *x, const float *weights, const float *bias, const qn_conv_tail *tail, float *y) {
  qn_plane p = qn_plane_of(&c->window);
  int64_t channels = c->maps;
  qn_tile_out o = {.y = y, .columns = channels, .stride = channels, .residual = tail->residual, .residual_columns = tail->residual_channels,
                   .residual_stride = tail->residual_channels, .activation = tail->activation};
  const job j = {c, &p, x, weights, bias, &o};
  qn_parallel(c->batch * p.out_height, p.out_width * channels * (c->window.taps + 4) * 2, convolve, &j);
}
