#include "kernel/pool.h"

#include <math.h>

#include "kernel/simd.h"

static int64_t column_major(const qn_window *w, int64_t at) {
  int64_t scaled[QN_SPATIAL], scale = 1, out = 0;
  for (int d = 0; d < w->rank; d++) {
    scaled[d] = scale;
    scale *= w->in[d];
  }
  for (int d = w->rank - 1; d >= 0; d--) {
    out += at % w->in[d] * scaled[d];
    at /= w->in[d];
  }
  return out;
}

/* ---- maxima and averages of float32: line by line of the output ---- */

/* The places of a window of `size` taps from `first` that lie in 0 … in - 1: low … high - 1. */
static void inside(int64_t first, int64_t step, int64_t size, int64_t in, int64_t *low, int64_t *high) {
  *low = first >= 0 ? 0 : (-first + step - 1) / step;
  *high = first + (size - 1) * step < in ? size : first >= in ? 0 : (in - first + step - 1) / step;
}

static inline float fold(bool max, float a, float b) { return !max ? a + b : b > a || b != b ? b : a; }
static inline qn_f32x4 fold4(bool max, qn_f32x4 a, qn_f32x4 b) { return max ? qn_max_nan4(a, b) : qn_add(a, b); }

/* One output point of 4 · wide channels: `lines` of the input, `across` points in each. */
static inline void channels_block(bool max, int wide, const float *x, const qn_tap *lines, int64_t n_lines, int64_t line, int64_t across, int64_t step,
                                  float over, float *y) {
  qn_f32x4 sum[4];
  QN_UNROLL(4) for (int i = 0; i < wide; i++) sum[i] = qn_splat4(max ? -INFINITY : 0);
  for (int64_t l = 0; l < n_lines; l++) {
    const float *from = x + lines[l].at * line;
    for (int64_t k = 0; k < across; k++, from += step)
      QN_UNROLL(4) for (int i = 0; i < wide; i++) sum[i] = fold4(max, sum[i], qn_load4(from + 4 * i));
  }
  QN_UNROLL(4) for (int i = 0; i < wide; i++) qn_store4(y + 4 * i, max ? sum[i] : qn_mul4(sum[i], qn_splat4(over)));
}

static inline void channels_point(bool max, int64_t channels, const float *x, const qn_tap *lines, int64_t n_lines, int64_t line, int64_t across, int64_t step,
                                  float over, float *y) {
  int64_t c = 0;
  for (; c + 16 <= channels; c += 16) channels_block(max, 4, x + c, lines, n_lines, line, across, step, over, y + c);
  for (; c + 4 <= channels; c += 4) channels_block(max, 1, x + c, lines, n_lines, line, across, step, over, y + c);
  for (; c < channels; c++) {
    float sum = max ? -INFINITY : 0;
    for (int64_t l = 0; l < n_lines; l++)
      for (int64_t k = 0; k < across; k++) sum = fold(max, sum, x[lines[l].at * line + k * step + c]);
    y[c] = max ? sum : sum * over;
  }
}

/* One channel: the lines folded into one, then that one along itself. */
static inline void plane_line(bool max, const qn_window *w, const float *x, const qn_tap *lines, int64_t n_lines, const float *over, float *line, float *y) {
  const int last = w->rank - 1;
  const int64_t width = w->in[last], out = w->out[last], stride = w->stride[last], pad = w->pad[last];
  for (int64_t i = 0; i < width; i++) line[i] = max ? -INFINITY : 0;
  for (int64_t l = 0; l < n_lines; l++) {
    const float *from = x + lines[l].at * width;
    int64_t i = 0;
    for (; i + 4 <= width; i += 4) qn_store4(line + i, fold4(max, qn_load4(line + i), qn_load4(from + i)));
    for (; i < width; i++) line[i] = fold(max, line[i], from[i]);
  }
  if (out == 1 && w->kernel[last] == width && !pad && w->dilation[last] == 1) { /* over everything */
    float sum = line[0];
    for (int64_t i = 1; i < width; i++) sum = fold(max, sum, line[i]);
    y[0] = max ? sum : sum * over[0];
    return;
  }
  for (int64_t o = 0; o < out; o++) y[o] = max ? -INFINITY : 0;
  for (int64_t k = 0; k < w->kernel[last]; k++) {
    const int64_t offset = k * w->dilation[last] - pad; /* of the input's point from the output's, times the stride */
    int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride, end = offset >= width ? 0 : (width - 1 - offset) / stride + 1;
    if (end > out) end = out;
    const float *from = line + offset;
    int64_t o = first; /* `line` goes on behind the points, so that a last vector may read past them */
    if (stride == 1)
      for (; o + 4 <= end; o += 4) qn_store4(y + o, fold4(max, qn_load4(y + o), qn_load4(from + o)));
    else if (stride == 2)
      for (; o + 4 <= end; o += 4) qn_store4(y + o, fold4(max, qn_load4(y + o), qn_even4(qn_load4(from + 2 * o), qn_load4(from + 2 * o + 4))));
    for (; o < end; o++) y[o] = fold(max, y[o], from[o * stride]);
  }
  if (!max)
    for (int64_t o = 0; o < out; o++) y[o] *= over[o];
}

static inline void pool_lines(bool max, const qn_pool_spec *p, const float *x, float *y, qn_tap *taps, float *room) {
  const qn_window *w = &p->window;
  const int last = w->rank - 1;
  qn_window lead = *w; /* all dimensions but the last */
  lead.rank = last;
  const int64_t width = w->in[last], out = w->out[last], step = w->dilation[last], size = w->kernel[last];
  float *over = room + width;
  for (int64_t r = 0; r * out < w->out_points; r++) {
    int64_t padded, n_lines = qn_window_taps(&lead, r, taps, &padded), low, high;
    for (int64_t o = 0; o < out && !max; o++) {
      inside(o * w->stride[last] - w->pad[last], step, size, width + (p->count_padding ? w->pad_end[last] : 0), &low, &high);
      int64_t count = p->count_padding ? padded * high : n_lines * (high - low);
      over[o] = count > 0 ? 1 / (float)count : 0;
    }
    for (int64_t n = 0; n < p->batch; n++) {
      const float *from = x + n * p->x.batch;
      float *to = y + n * p->y.batch + r * out * p->y.point;
      if (p->x.channel != 1) {
        for (int64_t c = 0; c < p->channels; c++)
          plane_line(max, w, from + c * p->x.channel, taps, n_lines, over, room, to + c * p->y.channel);
        continue;
      }
      for (int64_t o = 0; o < out; o++) {
        const int64_t first = o * w->stride[last] - w->pad[last];
        inside(first, step, size, width, &low, &high);
        channels_point(max, p->channels, from + (first + low * step) * p->channels, taps, n_lines, width * p->channels, high - low, step * p->channels,
                       over[o], to + o * p->channels);
      }
    }
  }
}

#define T float
#define NAME(x) x##_f32
#include "kernel/pool_body.h"
#undef T
#undef NAME
#define T double
#define NAME(x) x##_f64
#include "kernel/pool_body.h"

size_t qn_pool_line(const qn_window *w) { return w->rank ? (size_t)(w->in[w->rank - 1] + w->out[w->rank - 1]) : 0; }

void qn_pool_f32(const qn_pool_spec *p, const float *x, float *y, int64_t *indices, qn_tap *taps, float *line) {
  const bool planes = p->x.channel == 1 ? p->y.channel == 1 : p->x.point == 1 && p->y.point == 1;
  if (p->kind == QN_POOL_LP || indices || !planes || !p->window.rank) pool_f32(p, x, y, indices, taps);
  else if (p->kind == QN_POOL_MAX) pool_lines(true, p, x, y, taps, line);
  else pool_lines(false, p, x, y, taps, line);
}

void qn_pool_f64(const qn_pool_spec *p, const double *x, double *y, int64_t *indices, qn_tap *taps) { pool_f64(p, x, y, indices, taps); }
