#include "kernel/depthwise.h"

#include "kernel/simd.h"

bool qn_depthwise_takes(const qn_window *w) {
  return w->rank == 2 && (w->kernel[1] == 3 || w->kernel[1] == 5) && (w->stride[1] == 1 || w->stride[1] == 2) && w->dilation[1] == 1;
}

/* The taps of one output row: rows of the input that exist. */
typedef struct row_taps {
  const float *x, *weights; /* first row and its taps */
  int64_t rows, x_stride, weight_stride;
} row_taps;

/* One output point, columns [first, last) of the kernel. x: at column 0 of the kernel, maybe before the row's begin. */
static void point(const row_taps *r, int64_t first, int64_t last, int64_t channels, const float *bias, float min, float max, float *y) {
  int64_t i = 0;
  for (; i + 4 <= channels; i += 4) {
    qn_f32x4 sum = bias ? qn_load4(bias + i) : qn_splat4(0);
    for (int64_t k = 0; k < r->rows; k++)
      for (int64_t t = first; t < last; t++)
        sum = qn_madd4(qn_load4(r->x + k * r->x_stride + t * channels + i), qn_load4(r->weights + k * r->weight_stride + t * channels + i), sum);
    qn_store4(y + i, qn_min4(qn_max4(sum, qn_splat4(min)), qn_splat4(max)));
  }
  for (; i < channels; i++) {
    float sum = bias ? bias[i] : 0;
    for (int64_t k = 0; k < r->rows; k++)
      for (int64_t t = first; t < last; t++) sum += r->x[k * r->x_stride + t * channels + i] * r->weights[k * r->weight_stride + t * channels + i];
    y[i] = qn_clampf(sum, min, max);
  }
}

/* Four output points of which all taps exist. */
#define FOUR(name, TAPS, STRIDE)                                                                                                   \
  static void name(const row_taps *r, int64_t channels, const float *bias, float min, float max, float *y) {                       \
    enum { COLUMNS = 3 * STRIDE + TAPS };                                                                                          \
    qn_f32x4 low = qn_splat4(min), high = qn_splat4(max);                                                                          \
    for (int64_t i = 0; i + 4 <= channels; i += 4) {                                                                               \
      qn_f32x4 s0 = bias ? qn_load4(bias + i) : qn_splat4(0), s1 = s0, s2 = s0, s3 = s0;                                           \
      const float *x = r->x + i, *w = r->weights + i;                                                                              \
      for (int64_t k = 0; k < r->rows; k++, x += r->x_stride, w += r->weight_stride) {                                             \
        qn_f32x4 v[COLUMNS];                                                                                                       \
        _Pragma("GCC unroll 16") for (int t = 0; t < COLUMNS; t++) v[t] = qn_load4(x + t * channels);                              \
        _Pragma("GCC unroll 16") for (int t = 0; t < TAPS; t++) {                                                                  \
          qn_f32x4 u = qn_load4(w + t * channels);                                                                                 \
          s0 = qn_madd4(v[t], u, s0);                                                                                              \
          s1 = qn_madd4(v[t + STRIDE], u, s1);                                                                                     \
          s2 = qn_madd4(v[t + 2 * STRIDE], u, s2);                                                                                 \
          s3 = qn_madd4(v[t + 3 * STRIDE], u, s3);                                                                                 \
        }                                                                                                                          \
      }                                                                                                                            \
      qn_store4(y + i, qn_min4(qn_max4(s0, low), high));                                                                           \
      qn_store4(y + channels + i, qn_min4(qn_max4(s1, low), high));                                                                \
      qn_store4(y + 2 * channels + i, qn_min4(qn_max4(s2, low), high));                                                            \
      qn_store4(y + 3 * channels + i, qn_min4(qn_max4(s3, low), high));                                                            \
    }                                                                                                                              \
  }
FOUR(four_3_1, 3, 1)
FOUR(four_3_2, 3, 2)
FOUR(four_5_1, 5, 1)
FOUR(four_5_2, 5, 2)

typedef void (*four)(const row_taps *, int64_t, const float *, float, float, float *);

void qn_depthwise_f32(const qn_conv *c, const float *x, const float *weights, const float *bias, float *y) {
  const qn_window *w = &c->window;
  int64_t channels = c->maps, height = w->in[0], width = w->in[1], taps = w->kernel[1], stride = w->stride[1];
  four block = taps == 3 ? (stride == 1 ? four_3_1 : four_3_2) : stride == 1 ? four_5_1 : four_5_2;
  bool blocks = channels % 4 == 0;
  for (int64_t n = 0; n < c->batch; n++) {
    const float *picture = x + n * c->x.batch;
    float *out = y + n * c->y.batch;
    for (int64_t oy = 0; oy < w->out[0]; oy++) {
      int64_t top = oy * w->stride[0] - w->pad[0], first = 0, rows = w->kernel[0];
      while (first < rows && top + first * w->dilation[0] < 0) first++;
      while (rows > first && top + (rows - 1) * w->dilation[0] >= height) rows--;
      row_taps r = {.weights = weights + first * taps * channels, .rows = rows - first, .x_stride = w->dilation[0] * width * channels,
                    .weight_stride = taps * channels};
      const float *line = r.rows ? picture + (top + first * w->dilation[0]) * width * channels : picture;
      for (int64_t ox = 0; ox < w->out[1];) {
        int64_t left = ox * stride - w->pad[1];
        if (blocks && left >= 0 && ox + 4 <= w->out[1] && left + 3 * stride + taps <= width) {
          r.x = line + left * channels;
          block(&r, channels, bias, c->min, c->max, out + ox * channels);
          ox += 4;
          continue;
        }
        int64_t begin = left < 0 ? -left : 0, end = width - left < taps ? width - left : taps;
        if (begin > taps) begin = taps;
        if (end < begin) end = begin;
        r.x = line + left * channels;
        point(&r, begin, end, channels, bias, c->min, c->max, out + ox * channels);
        ox++;
      }
      out += w->out[1] * channels;
    }
  }
}
