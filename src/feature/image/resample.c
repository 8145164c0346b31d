#include "feature/image/resample.h"

#include <string.h>

bool qn_resample_scratch(const qn_filter_how *how, int32_t sh, int32_t sw, int32_t channels, int32_t dh, int32_t dw, size_t *size) {
  size_t x, y, rows;
  if (!qn_taps_size(how, sw, dw, &x) || !qn_taps_size(how, sh, dh, &y)) return false;
  if (!qn_size_mul((size_t)sh, (size_t)dw * (size_t)channels, &rows) || rows > (size_t)1 << 30) return false;
  return qn_size_mul(rows, 4, &rows) && qn_size_add(rows, x + y + (size_t)dw * (size_t)channels * 4 + 4 * QN_ALIGN, size);
}

static inline uint8_t clip(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

/* One row: dst [n, channels]. */
static void filter_row_u8(const qn_taps *t, const uint8_t *src, int32_t channels, uint8_t *dst, int32_t n) {
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

static void filter_columns_u8(const qn_taps *t, const uint8_t *rows, int32_t first, size_t width, uint8_t *dst, int32_t n, int32_t *sums) {
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

static void *aligned(char *at) { return (void *)(((uintptr_t)at + QN_ALIGN - 1) & ~(uintptr_t)(QN_ALIGN - 1)); }

void qn_resample_u8(const qn_filter_how *how, const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh, int32_t dw, void *scratch) {
  const size_t row = (size_t)sw * (size_t)channels, width = (size_t)dw * (size_t)channels;
  qn_taps x, y;
  void *at = qn_taps_make(how, sh, dh, &y, qn_taps_make(how, sw, dw, &x, scratch));
  /* A side that stays as it is is not filtered. Only the rows that the columns' filter reads are made. */
  const int32_t first = sh == dh ? 0 : y.from[0], end = sh == dh ? sh : y.from[dh - 1] + y.count[dh - 1];
  int32_t *sums = at; /* [width] */
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

void qn_resample_f32(const qn_filter_how *how, const float *src, int32_t sh, int32_t sw, int32_t channels, float *dst, int32_t dh, int32_t dw, void *scratch) {
  const size_t row = (size_t)sw * (size_t)channels, width = (size_t)dw * (size_t)channels;
  qn_taps x, y;
  void *at = qn_taps_make(how, sh, dh, &y, qn_taps_make(how, sw, dw, &x, scratch));
  const int32_t first = sh == dh ? 0 : y.from[0], end = sh == dh ? sh : y.from[dh - 1] + y.count[dh - 1];
  float *rows = sh == dh ? dst : at;
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
