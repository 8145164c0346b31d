#include "feature/image/opencv_resize.h"

#include <math.h>
#include <string.h>

static inline uint8_t clip(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

static int32_t nearest_of(qn_nearest kind, int32_t i, int32_t from, int32_t to) {
  int32_t at;
  if (kind == QN_NEAREST_OPENCV) at = (int32_t)floor(i * (1 / ((double)to / from)));
  else at = (int32_t)floorf(((float)i + (kind == QN_NEAREST_EXACT ? 0.5f : 0)) * ((float)from / (float)to));
  return at < from ? at : from - 1;
}

void qn_resize_nearest(qn_nearest kind, const void *src, int32_t sh, int32_t sw, size_t pixel, void *dst, int32_t dh, int32_t dw) {
  const double sy = (double)sh / dh, sx = (double)sw / dw;
  double y = sy * 0.5;
  char *o = dst;
  for (int32_t i = 0; i < dh; i++, y += sy) {
    const int32_t row = kind == QN_NEAREST_PILLOW ? y < sh ? (int32_t)y : sh - 1 : nearest_of(kind, i, sh, dh);
    const char *from = (const char *)src + (size_t)row * (size_t)sw * pixel;
    double x = sx * 0.5;
    for (int32_t k = 0; k < dw; k++, x += sx, o += pixel) {
      const int32_t column = kind == QN_NEAREST_PILLOW ? x < sw ? (int32_t)x : sw - 1 : nearest_of(kind, k, sw, dw);
      memcpy(o, from + (size_t)column * pixel, pixel);
    }
  }
}

bool qn_opencv_scratch(const qn_filter_how *how, int32_t sh, int32_t sw, int32_t channels, int32_t dh, int32_t dw, size_t *size) {
  size_t x, y;
  if (!qn_taps_size(how, sw, dw, &x) || !qn_taps_size(how, sh, dh, &y)) return false;
  *size = x + y + (size_t)dw * (size_t)channels * 8 * sizeof(int32_t); /* at most 8 rows */
  return true;
}

/* A source row at the output's width, in units of 1/2048. */
static void stretch(const qn_taps *t, const uint8_t *src, int32_t channels, int32_t *row /* [n, channels] */, int32_t n) {
  for (int32_t x = 0; x < n; x++) {
    const int32_t *w = t->fixed + (size_t)x * (size_t)t->stride;
    if (channels == 4 && t->count[x] == 2) { /* bilinear: four sums that the compiler puts into one register */
      const uint8_t *p = src + (size_t)t->from[x] * 4;
      for (int32_t c = 0; c < 4; c++) row[c] = p[c] * w[0] + p[4 + c] * w[1];
      row += 4;
      continue;
    }
    for (int32_t c = 0; c < channels; c++) {
      const uint8_t *p = src + (size_t)t->from[x] * (size_t)channels + c;
      int32_t sum = 0;
      for (int32_t k = 0; k < t->count[x]; k++, p += channels) sum += *p * w[k];
      *row++ = sum;
    }
  }
}

void qn_opencv_u8(const qn_filter_how *how, const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh, int32_t dw, void *scratch) {
  const size_t row = (size_t)sw * (size_t)channels, width = (size_t)dw * (size_t)channels;
  if (sh == dh && sw == dw) {
    memcpy(dst, src, row * (size_t)sh);
    return;
  }
  qn_taps x, y;
  int32_t *rows = qn_taps_make(how, sh, dh, &y, qn_taps_make(how, sw, dw, &x, scratch)); /* [8, width], source row r at r % 8 */
  const bool linear = how->filter == QN_FILTER_BILINEAR || how->kind == QN_TAPS_OPENCV_AREA;
  const float unit = 1.0f / (2048 * 2048);
  int32_t made = 0; /* source rows so far */
  for (int32_t i = 0; i < dh; i++, dst += width) {
    const int32_t from = y.from[i], count = y.count[i], *w = y.fixed + (size_t)i * (size_t)y.stride;
    if (made < from) made = from;
    for (; made < from + count; made++) stretch(&x, src + row * (size_t)made, channels, rows + width * (size_t)(made % 8), dw);
    if (linear) { /* the shifts in this order are OpenCV's: it keeps 16-bit products, also of an edge that counts twice */
      double f;
      const int32_t first = qn_taps_position(how, i, sh, dh, &f), w0 = (int32_t)rintf((1 - (float)f) * 2048), w1 = (int32_t)rintf((float)f * 2048);
      const int32_t *a = rows + width * (size_t)(from % 8), *b = first < 0 || count < 2 ? a : rows + width * (size_t)((from + 1) % 8);
      for (size_t k = 0; k < width; k++) dst[k] = clip((((w0 * (a[k] >> 4)) >> 16) + ((w1 * (b[k] >> 4)) >> 16) + 2) >> 2);
      continue;
    }
    for (size_t k = 0; k < width; k++) {
      if (how->filter == QN_FILTER_BICUBIC) { /* OpenCV sums these in floats, from the last row to the first */
        float sum = 0;
        for (int32_t r = count - 1; r >= 0; r--) sum += (float)rows[width * (size_t)((from + r) % 8) + k] * ((float)w[r] * unit);
        dst[k] = clip((int32_t)rintf(sum));
      } else {
        int32_t sum = 1 << 21;
        for (int32_t r = 0; r < count; r++) sum += rows[width * (size_t)((from + r) % 8) + k] * w[r];
        dst[k] = clip(sum >> 22);
      }
    }
  }
}

static inline float value(bool bytes, const void *p, size_t i) { return bytes ? ((const uint8_t *)p)[i] : ((const float *)p)[i]; }

static inline void put(bool bytes, void *p, size_t i, float v) {
  if (bytes) ((uint8_t *)p)[i] = clip((int32_t)rintf(v));
  else ((float *)p)[i] = v;
}

/* What a cell of the output covers on one axis: part of the pixel `first` − 1 (alpha before, 0: none), whole ones up to `end`, part of `end` (after). */
typedef struct cell {
  int32_t first, end;
  float before, whole, after;
} cell;

static cell cell_of(int32_t i, double scale, int32_t n) {
  const double left = i * scale, right = left + scale, wide = scale < n - left ? scale : n - left;
  cell c = {.end = (int32_t)floor(right), .whole = (float)(1 / wide)};
  if (c.end > n - 1) c.end = n - 1;
  c.first = (int32_t)ceil(left);
  if (c.first > c.end) c.first = c.end;
  if (c.first - left > 1e-3) c.before = (float)((c.first - left) / wide);
  const double rest = right - c.end < 1 ? right - c.end : 1;
  if (right - c.end > 1e-3) c.after = (float)((rest < wide ? rest : wide) / wide);
  return c;
}

static void shrink_row(bool bytes, const void *src, size_t at, int32_t sw, int32_t channels, float *row, int32_t dw) {
  const double scale = 1 / ((double)dw / sw);
  for (int32_t x = 0; x < dw; x++) {
    const cell c = cell_of(x, scale, sw);
    for (int32_t k = 0; k < channels; k++) {
      const size_t pixel = at + (size_t)c.first * (size_t)channels + (size_t)k;
      float sum = c.before > 0 ? value(bytes, src, pixel - (size_t)channels) * c.before : 0;
      for (int32_t i = 0; i < c.end - c.first; i++) sum += value(bytes, src, pixel + (size_t)i * (size_t)channels) * c.whole;
      if (c.after > 0) sum += value(bytes, src, pixel + (size_t)(c.end - c.first) * (size_t)channels) * c.after;
      *row++ = sum;
    }
  }
}

/* Blocks of whole pixels: sums, times one factor. */
static void shrink_whole(bool bytes, const void *src, int32_t sw, int32_t channels, void *dst, int32_t dh, int32_t dw, int32_t fy, int32_t fx) {
  const size_t row = (size_t)sw * (size_t)channels;
  const float factor = 1.0f / (float)((double)fx * fy);
  size_t o = 0;
  for (int32_t y = 0; y < dh; y++)
    for (int32_t x = 0; x < dw; x++)
      for (int32_t c = 0; c < channels; c++, o++) {
        double sum = 0;
        for (int32_t r = 0; r < fy; r++)
          for (int32_t k = 0; k < fx; k++)
            sum += value(bytes, src, ((size_t)y * (size_t)fy + (size_t)r) * row + ((size_t)x * (size_t)fx + (size_t)k) * (size_t)channels + (size_t)c);
        if (bytes && fx == 2 && fy == 2) ((uint8_t *)dst)[o] = (uint8_t)(((int32_t)sum + 2) >> 2);
        else put(bytes, dst, o, (float)sum * factor);
      }
}

void qn_opencv_shrink(bool bytes, const void *src, int32_t sh, int32_t sw, int32_t channels, void *dst, int32_t dh, int32_t dw, float *row) {
  if (sh % dh == 0 && sw % dw == 0) {
    shrink_whole(bytes, src, sw, channels, dst, dh, dw, sh / dh, sw / dw);
    return;
  }
  const size_t width = (size_t)dw * (size_t)channels, line = (size_t)sw * (size_t)channels;
  const double scale = 1 / ((double)dh / sh);
  float *sums = row + width;
  for (int32_t y = 0; y < dh; y++) {
    const cell c = cell_of(y, scale, sh);
    memset(sums, 0, width * sizeof *sums);
    for (int32_t r = c.first - (c.before > 0); r < c.end + (c.after > 0); r++) {
      const float weight = r < c.first ? c.before : r < c.end ? c.whole : c.after;
      shrink_row(bytes, src, (size_t)r * line, sw, channels, row, dw);
      for (size_t k = 0; k < width; k++) sums[k] += row[k] * weight;
    }
    for (size_t k = 0; k < width; k++) put(bytes, dst, (size_t)y * width + k, sums[k]);
  }
}
