#include "feature/image/resample.h"

#include <math.h>
#include <string.h>

#include "base/math64.h"

static double support_of(qn_filter f) {
  switch (f) {
    case QN_FILTER_BICUBIC: return 2;
    case QN_FILTER_LANCZOS: return 3;
    case QN_FILTER_AREA: return 0.5;
    default: return 1;
  }
}

static double sinc(double x) {
  if (x == 0) return 1;
  x *= 3.14159265358979323846;
  return sin(x) / x;
}

static double weight_of(const qn_resample *how, double x) {
  const double a = how->cubic;
  if (how->filter == QN_FILTER_AREA) return x > -0.5 && x <= 0.5 ? 1 : 0;
  x = fabs(x);
  switch (how->filter) {
    case QN_FILTER_BICUBIC:
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    case QN_FILTER_LANCZOS: return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case QN_FILTER_HAMMING: return x == 0 ? 1 : x < 1 ? sinc(x) * (0.54 + 0.46 * cos(3.14159265358979323846 * x)) : 0;
    default: return x < 1 ? 1 - x : 0;
  }
}

/* For each output its first input, how many, and their weights, `stride` apart. */
typedef struct taps {
  int32_t *from, *count; /* [n] */
  double *exact;         /* [n, stride] */
  int32_t *fixed;        /* [n, stride], over 2^bits */
  int32_t stride, bits;
} taps;

static double reach(const qn_resample *how, int32_t from, int32_t to, double *widened) {
  const double scale = (double)from / to;
  *widened = how->widen && scale > 1 ? scale : 1;
  return support_of(how->filter) * *widened;
}

static bool tap_bytes(const qn_resample *how, int32_t from, int32_t to, size_t *size) {
  double widened;
  const double stride = ceil(reach(how, from, to, &widened)) * 2 + 2, bytes = ((double)to + 4) * (stride * 12 + 8) + 256;
  if (!(bytes < 2e9)) return false;
  *size = qn_align_up((size_t)bytes);
  return true;
}

static char *make_taps(const qn_resample *how, int32_t from, int32_t to, taps *t, char *at) {
  double widened;
  const double scale = (double)from / to, support = reach(how, from, to, &widened);
  t->stride = (int32_t)ceil(support) * 2 + 2;
  t->exact = (double *)at;
  t->fixed = (int32_t *)(t->exact + (size_t)to * (size_t)t->stride);
  t->from = t->fixed + (size_t)to * (size_t)t->stride;
  t->count = t->from + to;
  double most = 0;
  for (int32_t i = 0; i < to; i++) {
    const double center = (i + 0.5) * scale;
    int32_t first = (int32_t)(center - support + 0.5), end = (int32_t)(center + support + 0.5);
    if (first < 0) first = 0;
    if (end > from) end = from;
    if (end - first > t->stride) end = first + t->stride;
    double *w = t->exact + (size_t)i * (size_t)t->stride, sum = 0;
    for (int32_t k = 0; k < end - first; k++) sum += w[k] = weight_of(how, (k + first - center + 0.5) / widened);
    for (int32_t k = 0; k < end - first; k++) {
      if (sum != 0) w[k] /= sum;
      if (w[k] > most) most = w[k];
    }
    t->from[i] = first, t->count[i] = end - first;
  }
  t->bits = 22;
  if (how->narrow) /* the most bits with which the largest weight fits 16 */
    for (t->bits = 0; t->bits < 22 && (int32_t)(0.5 + most * (double)(1 << (t->bits + 1))) < 1 << 15;) t->bits++;
  const double one = (double)(1 << t->bits);
  for (size_t k = 0; k < (size_t)to * (size_t)t->stride; k++) {
    const size_t i = k / (size_t)t->stride;
    if ((int32_t)(k % (size_t)t->stride) >= t->count[i]) continue;
    t->fixed[k] = (int32_t)(t->exact[k] * one + (t->exact[k] < 0 ? -0.5 : 0.5));
  }
  return (char *)(t->count + to);
}

bool qn_resample_scratch(const qn_resample *how, int32_t sh, int32_t sw, int32_t channels, int32_t dh, int32_t dw, size_t *size) {
  size_t x, y, rows;
  if (!tap_bytes(how, sw, dw, &x) || !tap_bytes(how, sh, dh, &y)) return false;
  if (!qn_size_mul((size_t)sh, (size_t)dw * (size_t)channels, &rows) || rows > (size_t)1 << 30) return false;
  return qn_size_mul(rows, 4, &rows) && qn_size_add(rows, x + y + (size_t)dw * (size_t)channels * 4 + 4 * QN_ALIGN, size);
}

static inline uint8_t clip(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

/* One row: dst [n, channels]. */
static void filter_row_u8(const taps *t, const uint8_t *src, int32_t channels, uint8_t *dst, int32_t n) {
  const int32_t half = t->bits ? 1 << (t->bits - 1) : 0;
  for (int32_t x = 0; x < n; x++) {
    const int32_t *w = t->fixed + (size_t)x * (size_t)t->stride, count = t->count[x];
    const uint8_t *p = src + (size_t)t->from[x] * (size_t)channels;
    if (channels == 4) {
      int32_t a = half, b = half, c = half, d = half;
      for (int32_t k = 0; k < count; k++, p += 4) a += p[0] * w[k], b += p[1] * w[k], c += p[2] * w[k], d += p[3] * w[k];
      dst[0] = clip(a >> t->bits), dst[1] = clip(b >> t->bits), dst[2] = clip(c >> t->bits), dst[3] = clip(d >> t->bits);
    } else if (channels == 3) {
      int32_t a = half, b = half, c = half;
      for (int32_t k = 0; k < count; k++, p += 3) a += p[0] * w[k], b += p[1] * w[k], c += p[2] * w[k];
      dst[0] = clip(a >> t->bits), dst[1] = clip(b >> t->bits), dst[2] = clip(c >> t->bits);
    } else {
      for (int32_t c = 0; c < channels; c++) {
        int32_t sum = half;
        for (int32_t k = 0; k < count; k++) sum += p[k * channels + c] * w[k];
        dst[c] = clip(sum >> t->bits);
      }
    }
    dst += channels;
  }
}

static void filter_columns_u8(const taps *t, const uint8_t *rows, int32_t first, size_t width, uint8_t *dst, int32_t n, int32_t *sums) {
  for (int32_t y = 0; y < n; y++, dst += width) {
    const int32_t *w = t->fixed + (size_t)y * (size_t)t->stride;
    for (size_t x = 0; x < width; x++) sums[x] = t->bits ? 1 << (t->bits - 1) : 0;
    for (int32_t k = 0; k < t->count[y]; k++) {
      const uint8_t *p = rows + (size_t)(t->from[y] + k - first) * width;
      const int32_t weight = w[k];
      for (size_t x = 0; x < width; x++) sums[x] += p[x] * weight;
    }
    for (size_t x = 0; x < width; x++) dst[x] = clip(sums[x] >> t->bits);
  }
}

/* The source element of each output: positions are added up, as Pillow does it, so that they are rounded as there. */
static void nearest(const void *src, int32_t sh, int32_t sw, size_t pixel, void *dst, int32_t dh, int32_t dw) {
  const double sy = (double)sh / dh, sx = (double)sw / dw;
  double y = sy * 0.5;
  char *o = dst;
  for (int32_t i = 0; i < dh; i++, y += sy) {
    const int32_t row = y < sh ? (int32_t)y : sh - 1;
    const char *from = (const char *)src + (size_t)row * (size_t)sw * pixel;
    double x = sx * 0.5;
    for (int32_t k = 0; k < dw; k++, x += sx, o += pixel) memcpy(o, from + (size_t)(x < sw ? (int32_t)x : sw - 1) * pixel, pixel);
  }
}

static void *aligned(char *at) { return (void *)(((uintptr_t)at + QN_ALIGN - 1) & ~(uintptr_t)(QN_ALIGN - 1)); }

void qn_resample_u8(const qn_resample *how, const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh, int32_t dw, void *scratch) {
  const size_t row = (size_t)sw * (size_t)channels, width = (size_t)dw * (size_t)channels;
  if (how->filter == QN_FILTER_NEAREST) {
    nearest(src, sh, sw, (size_t)channels, dst, dh, dw);
    return;
  }
  taps x, y;
  char *at = aligned(make_taps(how, sw, dw, &x, scratch));
  at = aligned(make_taps(how, sh, dh, &y, at));
  /* A side that stays as it is is not filtered. Only the rows that the columns' filter reads are made. */
  const int32_t first = sh == dh ? 0 : y.from[0], end = sh == dh ? sh : y.from[dh - 1] + y.count[dh - 1];
  int32_t *sums = (int32_t *)at; /* [width] */
  uint8_t *rows = sh == dh ? dst : aligned((char *)(sums + width));
  const uint8_t *filtered = rows;
  if (sw == dw) filtered = src + (size_t)first * row;
  else
    for (int32_t r = first; r < end; r++) filter_row_u8(&x, src + (size_t)r * row, channels, rows + (size_t)(r - first) * width, dw);
  if (sh == dh) {
    if (filtered != dst) memcpy(dst, filtered, width * (size_t)dh);
    return;
  }
  filter_columns_u8(&y, filtered, first, width, dst, dh, sums);
}

void qn_resample_f32(const qn_resample *how, const float *src, int32_t sh, int32_t sw, int32_t channels, float *dst, int32_t dh, int32_t dw, void *scratch) {
  const size_t row = (size_t)sw * (size_t)channels, width = (size_t)dw * (size_t)channels;
  if (how->filter == QN_FILTER_NEAREST) {
    nearest(src, sh, sw, (size_t)channels * sizeof(float), dst, dh, dw);
    return;
  }
  taps x, y;
  char *at = aligned(make_taps(how, sw, dw, &x, scratch));
  at = aligned(make_taps(how, sh, dh, &y, at));
  const int32_t first = sh == dh ? 0 : y.from[0], end = sh == dh ? sh : y.from[dh - 1] + y.count[dh - 1];
  float *rows = sh == dh ? dst : (float *)at;
  const float *filtered = rows;
  if (sw == dw) filtered = src + (size_t)first * row;
  else
    for (int32_t r = first; r < end; r++) {
      const float *from = src + (size_t)r * row;
      float *o = rows + (size_t)(r - first) * width;
      for (int32_t i = 0; i < dw; i++) {
        const double *w = x.exact + (size_t)i * (size_t)x.stride;
        for (int32_t c = 0; c < channels; c++) {
          const float *p = from + (size_t)x.from[i] * (size_t)channels + c;
          double sum = 0;
          for (int32_t k = 0; k < x.count[i]; k++, p += channels) sum += *p * w[k];
          *o++ = (float)sum;
        }
      }
    }
  if (sh == dh) {
    if (filtered != dst) memcpy(dst, filtered, width * (size_t)dh * sizeof *dst);
    return;
  }
  for (int32_t i = 0; i < dh; i++)
    for (size_t k = 0; k < width; k++) {
      const double *w = y.exact + (size_t)i * (size_t)y.stride;
      const float *p = filtered + (size_t)(y.from[i] - first) * width + k;
      double sum = 0;
      for (int32_t r = 0; r < y.count[i]; r++, p += width) sum += *p * w[r];
      *dst++ = (float)sum;
    }
}
