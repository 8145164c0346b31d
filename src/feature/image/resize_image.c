#include "feature/image/resize_image.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { COEF = 2048 }; /* OpenCV's INTER_RESIZE_COEF_SCALE */

/* Where output i takes its two neighbours: first index and the weight of the second. */
static int32_t place(int32_t i, double scale, float *fraction) {
  float at = (float)((i + 0.5) * scale - 0.5);
  float whole = floorf(at);
  *fraction = at - whole;
  return (int32_t)whole;
}

static int32_t clamp(int32_t i, int32_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* One source row at the output's width, in units of 1/2048. */
static void stretch_row(const uint8_t *src, int32_t channels, int32_t dw, const int32_t *at, const int32_t *weight,
                        int32_t *row /* [dw, channels] */) {
  for (int32_t x = 0; x < dw; x++) {
    const uint8_t *a = src + (size_t)at[2 * x], *b = src + (size_t)at[2 * x + 1];
    for (int32_t c = 0; c < channels; c++) *row++ = a[c] * weight[2 * x] + b[c] * weight[2 * x + 1];
  }
}

static void halve(const uint8_t *src, int32_t channels, uint8_t *dst, int32_t dh, int32_t dw) {
  size_t stride = (size_t)dw * 2 * (size_t)channels;
  for (int32_t y = 0; y < dh; y++, src += 2 * stride) {
    const uint8_t *a = src, *b = src + stride;
    for (int32_t x = 0; x < dw; x++, a += 2 * channels, b += 2 * channels)
      for (int32_t c = 0; c < channels; c++)
        *dst++ = (uint8_t)((a[c] + a[c + channels] + b[c] + b[c + channels] + 2) >> 2);
  }
}

qn_status qn_resize_u8(const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh,
                       int32_t dw, qn_error *err) {
  if (sh < 1 || sw < 1 || dh < 1 || dw < 1)
    return qn_fail(err, QN_ERR_SHAPE, "An image of %d×%d cannot be resized to %d×%d.", sw, sh, dw, dh);
  if (channels < 1 || channels > 4) return qn_fail(err, QN_ERR_SHAPE, "An image of %d channels cannot be resized.", channels);
  size_t src_stride = (size_t)sw * (size_t)channels, width = (size_t)dw * (size_t)channels;
  if (sh == dh && sw == dw) {
    memcpy(dst, src, src_stride * (size_t)sh);
    return QN_OK;
  }
  if (sw % 2 == 0 && sh % 2 == 0 && dw == sw / 2 && dh == sh / 2) {
    halve(src, channels, dst, dh, dw);
    return QN_OK;
  }
  size_t table_size, size;
  if (!qn_size_mul((size_t)dw, 4, &table_size) || !qn_size_add(table_size, 2 * width, &size) ||
      !qn_size_mul(size, sizeof(int32_t), &size))
    return qn_fail(err, QN_ERR_MEMORY, "There is no memory for resizing to a width of %d.", dw);
  int32_t *at = qn_alloc(size);
  if (!at) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for resizing to a width of %d.", dw);
  int32_t *weight = at + 2 * (size_t)dw, *rows[2] = {weight + 2 * (size_t)dw, weight + 2 * (size_t)dw + width};

  double scale_x = 1.0 / ((double)dw / sw), scale_y = 1.0 / ((double)dh / sh);
  for (int32_t x = 0; x < dw; x++) {
    float fraction;
    int32_t i = place(x, scale_x, &fraction);
    if (i < 0 || i >= sw - 1) fraction = 0;
    i = clamp(i, sw);
    at[2 * x] = i * channels;
    at[2 * x + 1] = clamp(i + 1, sw) * channels;
    weight[2 * x] = (int32_t)rintf((1.0f - fraction) * COEF);
    weight[2 * x + 1] = (int32_t)rintf(fraction * COEF);
  }
  int32_t held[2] = {-1, -1}; /* source rows that `rows` hold */
  for (int32_t y = 0; y < dh; y++, dst += width) {
    float fraction;
    int32_t i = place(y, scale_y, &fraction), want[2] = {clamp(i, sh), clamp(i + 1, sh)};
    if (held[1] == want[0]) {
      int32_t *row = rows[0];
      rows[0] = rows[1], rows[1] = row;
      held[1] = held[0], held[0] = want[0];
    }
    for (int k = 0; k < 2; k++)
      if (held[k] != want[k]) {
        stretch_row(src + src_stride * (size_t)want[k], channels, dw, at, weight, rows[k]);
        held[k] = want[k];
      }
    int32_t w0 = (int32_t)rintf((1.0f - fraction) * COEF), w1 = (int32_t)rintf(fraction * COEF);
    const int32_t *a = rows[0], *b = rows[1];
    /* The shifts in this order are OpenCV's: it keeps 16-bit products. */
    for (size_t x = 0; x < width; x++)
      dst[x] = (uint8_t)((((w0 * (a[x] >> 4)) >> 16) + ((w1 * (b[x] >> 4)) >> 16) + 2) >> 2);
  }
  qn_free(at);
  return QN_OK;
}
