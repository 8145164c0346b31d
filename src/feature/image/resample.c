#include "feature/image/resample.h"

#include <string.h>

bool qn_resample_scratch(const qn_filter_how *how, int32_t sh, int32_t sw, int32_t channels, int32_t dh, int32_t dw, size_t *size) {
  size_t x, y, rows;
  if (!qn_taps_size(how, sw, dw, &x) || !qn_taps_size(how, sh, dh, &y)) return false;
  if (!qn_size_mul((size_t)sh, (size_t)dw * (size_t)channels, &rows) || rows > (size_t)1 << 30) return false;
  return qn_size_mul(rows, 4, &rows) && qn_size_add(rows, x + y + (size_t)dw * (size_t)channels * 4 + 4 * QN_ALIGN, size);
}

static inline uint8_t clip(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

#ifdef __wasm_simd128__
#include <wasm_simd128.h>

enum { ROWS = 4 };

/* Four rows at once, four taps at a time. A weight of 22 bits is two of 11, since the instruction multiplies 16 bits; their sums are put together at
 * the end, modulo 2^32 as the plain ones are. Reads up to 15 bytes behind a row, which tensors have. src, dst: row after row. */
static inline __attribute__((always_inline)) void filter_pixels_u8(const qn_taps *t, const uint8_t *src, size_t row, bool four, uint8_t *dst, size_t width, int32_t n) {
  const v128_t zero = wasm_i32x4_const_splat(0), low_bits = wasm_i32x4_const_splat(2047), half = wasm_i32x4_splat(t->bits ? 1 << (t->bits - 1) : 0);
  const int32_t channels = four ? 4 : 3;
  for (int32_t x = 0; x < n; x++, dst += channels) {
    const int32_t *w = t->fixed + (size_t)x * (size_t)t->stride, count = t->count[x];
    const uint8_t *p = src + (size_t)t->from[x] * (size_t)channels;
    v128_t low[ROWS] = {half, half, half, half}, high[ROWS] = {zero, zero, zero, zero};
    for (int32_t k = 0; k < count; k += 4, p += 4 * channels) {
      v128_t weights = wasm_v128_load(w + k);
      if (count - k < 4) weights = wasm_v128_and(weights, wasm_i32x4_lt(wasm_i32x4_const(0, 1, 2, 3), wasm_i32x4_splat(count - k)));
      const v128_t lows = wasm_v128_and(weights, low_bits), highs = wasm_i32x4_shr(weights, 11), both = wasm_i16x8_narrow_i32x4(lows, highs);
      const v128_t l01 = wasm_i32x4_shuffle(both, both, 0, 0, 0, 0), l23 = wasm_i32x4_shuffle(both, both, 1, 1, 1, 1), h01 = wasm_i32x4_shuffle(both, both, 2, 2, 2, 2), h23 = wasm_i32x4_shuffle(both, both, 3, 3, 3, 3);
#pragma GCC unroll 4
      for (int r = 0; r < ROWS; r++) {
        const v128_t pixels = wasm_v128_load(p + (size_t)r * row);
        const v128_t a = four ? wasm_i8x16_shuffle(pixels, zero, 0, 16, 4, 16, 1, 16, 5, 16, 2, 16, 6, 16, 3, 16, 7, 16) : wasm_i8x16_shuffle(pixels, zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
        const v128_t b = four ? wasm_i8x16_shuffle(pixels, zero, 8, 16, 12, 16, 9, 16, 13, 16, 10, 16, 14, 16, 11, 16, 15, 16) : wasm_i8x16_shuffle(pixels, zero, 6, 16, 9, 16, 7, 16, 10, 16, 8, 16, 11, 16, 16, 16, 16, 16);
        low[r] = wasm_i32x4_add(low[r], wasm_i32x4_add(wasm_i32x4_dot_i16x8(a, l01), wasm_i32x4_dot_i16x8(b, l23)));
        high[r] = wasm_i32x4_add(high[r], wasm_i32x4_add(wasm_i32x4_dot_i16x8(a, h01), wasm_i32x4_dot_i16x8(b, h23)));
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++) {
      const v128_t sum = wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_shl(high[r], 11), low[r]), (uint32_t)t->bits), words = wasm_i16x8_narrow_i32x4(sum, sum), bytes = wasm_u8x16_narrow_i16x8(words, words);
      uint8_t *o = dst + (size_t)r * width;
      if (four) wasm_v128_store32_lane(o, bytes, 0);
      else wasm_v128_store16_lane(o, bytes, 0), o[2] = (uint8_t)wasm_u8x16_extract_lane(bytes, 2);
    }
  }
}
#endif

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

/* count rows: src row bytes apart, dst [count, n, channels]. */
static void filter_rows_u8(const qn_taps *t, const uint8_t *src, size_t row, int32_t channels, uint8_t *dst, int32_t n, int32_t count) {
  const size_t width = (size_t)n * (size_t)channels;
  int32_t r = 0;
#ifdef __wasm_simd128__
  if (channels > 2 && t->stride < 2048 && count >= ROWS) { /* the lower sums stay below 2^31; the last four rows may have been done already */
    for (; r < count; r += ROWS) {
      const int32_t at = r < count - ROWS ? r : count - ROWS;
      if (channels == 4) filter_pixels_u8(t, src + (size_t)at * row, row, true, dst + (size_t)at * width, width, n);
      else filter_pixels_u8(t, src + (size_t)at * row, row, false, dst + (size_t)at * width, width, n);
    }
    return;
  }
#endif
  for (; r < count; r++) filter_row_u8(t, src + (size_t)r * row, channels, dst + (size_t)r * width, n);
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
  else filter_rows_u8(&x, src + (size_t)first * row, row, channels, rows, dw, end - first);
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
