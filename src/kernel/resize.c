#include "kernel/resize.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"

static double position(const qn_resize_spec *s, const qn_resize_axis *a, int64_t i) {
  double x = (double)i, in = (double)a->in, out = a->scale * in; /* not rounded, as the reference has it */
  switch (s->coordinates) {
    case QN_HALF_PIXEL: return (x + 0.5) / a->scale - 0.5;
    case QN_HALF_PIXEL_SYMMETRIC: {
      double adjustment = (double)a->out / out;
      return in / 2 * (1 - adjustment) + (x + 0.5) / a->scale - 0.5;
    }
    case QN_PYTORCH_HALF_PIXEL: return a->out > 1 ? (x + 0.5) / a->scale - 0.5 : 0;
    case QN_ALIGN_CORNERS: return a->out > 1 ? x * (in - 1) / (out - 1) : 0;
    case QN_ASYMMETRIC: return x / a->scale;
    case QN_TF_HALF_PIXEL_FOR_NN: return (x + 0.5) / a->scale;
    default: return a->out > 1 ? a->start * (in - 1) + x * (a->end - a->start) * (in - 1) / (out - 1) : 0.5 * (a->start + a->end) * (in - 1);
  }
}

static double shrink(const qn_resize_spec *s, const qn_resize_axis *a) { return s->antialias && a->scale < 1 ? a->scale : 1; }

int qn_resize_taps(const qn_resize_spec *s, const qn_resize_axis *a) {
  if (s->mode == QN_RESIZE_NEAREST) return 1;
  double reach = (s->mode == QN_RESIZE_LINEAR ? 1 : 2) / shrink(s, a), first = floor(-reach) + 1;
  double taps = 2 - 2 * first;
  return taps > 1 << 20 ? 1 << 20 : (int)taps;
}

static double cubic(double a, double x) {
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static int64_t clamp(double x, int64_t n) {
  return x >= (double)n ? n - 1 : x > 0 ? (int64_t)x : 0; /* NaN gives 0 */
}

static double nearest_of(qn_nearest mode, double scale, double x) {
  switch (mode) {
    case QN_ROUND_PREFER_FLOOR: return ceil(x - 0.5);
    case QN_ROUND_PREFER_CEIL: return floor(x + 0.5);
    case QN_FLOOR: return floor(x);
    case QN_SIMPLE: return scale < 1 ? ceil(x) : floor(x);
    default: return ceil(x);
  }
}

void qn_resize_table(const qn_resize_spec *s, const qn_resize_axis *a, int32_t *index, float *weight, uint8_t *outside) {
  double k = shrink(s, a);
  for (int64_t i = 0; i < a->out; i++) {
    double x = position(s, a, i);
    int32_t *at = index + i * a->taps;
    float *w = weight + i * a->taps;
    outside[i] = s->coordinates == QN_TF_CROP_AND_RESIZE && !(x >= 0 && x <= (double)(a->in - 1));
    if (s->mode == QN_RESIZE_NEAREST) {
      at[0] = (int32_t)clamp(nearest_of(s->nearest, a->scale, x), a->in);
      w[0] = 1;
      continue;
    }
    double base = floor(x), ratio = x - base, first = floor(-(s->mode == QN_RESIZE_LINEAR ? 1 : 2) / k) + 1, sum = 0;
    for (int t = 0; t < a->taps; t++) {
      double d = (first + t - ratio) * k, p = base + first + t;
      double v = s->mode == QN_RESIZE_LINEAR ? fmax(0, 1 - fabs(d)) : cubic(s->cubic_a, d);
      if (s->exclude_outside && (p < 0 || p >= (double)a->in)) v = 0;
      at[t] = (int32_t)clamp(p, a->in);
      w[t] = (float)v;
      sum += v;
    }
    if ((s->exclude_outside || k != 1) && sum != 0)
      for (int t = 0; t < a->taps; t++) w[t] = (float)(w[t] / sum);
  }
}

typedef struct job {
  const qn_resize_axis *a;
  const int32_t *index;
  const float *weight; /* NULL: one element is picked */
  size_t inner;        /* floats, or bytes when picked */
  const void *in;
  void *out;
} job;

/* The part of a range of lines that lies in one image of the axis, so that no line needs a division: lines from `first` are the axis's indices from
 * *begin to *end, returned is where the image starts. */
static const void *image_of(const job *j, int64_t first, int64_t last, size_t element, int64_t *begin, int64_t *end) {
  const int64_t image = first / j->a->out;
  *begin = first - image * j->a->out;
  *end = last - first < j->a->out - *begin ? *begin + (last - first) : j->a->out;
  return (const char *)j->in + (size_t)(image * j->a->in) * j->inner * element;
}

static void blend(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const int64_t inner = (int64_t)j->inner, taps = j->a->taps;
  float *out = (float *)j->out + first * inner;
  (void)worker;
  for (int64_t begin, end; first < last; first += end - begin) {
    const float *in = image_of(j, first, last, sizeof(float), &begin, &end);
    const int32_t *at = j->index + begin * taps;
    const float *w = j->weight + begin * taps;
    if (inner == 1 && taps == 2) {
      for (int64_t i = 0; i < end - begin; i++) out[i] = in[at[2 * i]] * w[2 * i] + in[at[2 * i + 1]] * w[2 * i + 1];
      out += end - begin;
      continue;
    }
    for (int64_t i = begin; i < end; i++, out += inner, at += taps, w += taps) {
      if (taps == 2) {
        const float *p = in + at[0] * inner, *q = in + at[1] * inner;
        float u = w[0], v = w[1];
        for (int64_t c = 0; c < inner; c++) out[c] = p[c] * u + q[c] * v;
        continue;
      }
      for (int64_t c = 0; c < inner; c++) out[c] = in[at[0] * inner + c] * w[0];
      for (int64_t t = 1; t < taps; t++)
        for (int64_t c = 0; c < inner; c++) out[c] += in[at[t] * inner + c] * w[t];
    }
  }
}

static void pick(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const size_t bytes = j->inner;
  uint8_t *out = (uint8_t *)j->out + (size_t)first * bytes;
  (void)worker;
  for (int64_t begin, end; first < last; first += end - begin) {
    const uint8_t *in = image_of(j, first, last, 1, &begin, &end);
    const int32_t *at = j->index + begin;
    if (bytes == 4)
      for (int64_t i = 0; i < end - begin; i++) memcpy(out + i * 4, in + (size_t)at[i] * 4, 4);
    else
      for (int64_t i = 0; i < end - begin; i++) memcpy(out + (size_t)i * bytes, in + (size_t)at[i] * bytes, bytes);
    out += (size_t)(end - begin) * bytes;
  }
}

void qn_resize_apply(const qn_resize_axis *a, const int32_t *index, const float *weight, int64_t outer, int64_t inner, const float *in, float *out) {
  const job j = {a, index, weight, (size_t)inner, in, out};
  qn_parallel(outer * a->out, inner * a->taps * 4 + 32, blend, &j);
}

void qn_resize_pick(const qn_resize_axis *a, const int32_t *index, int64_t outer, size_t inner_bytes, const uint8_t *in, uint8_t *out) {
  const job j = {a, index, NULL, inner_bytes, in, out};
  qn_parallel(outer * a->out, (int64_t)inner_bytes * 2 + 32, pick, &j);
}
