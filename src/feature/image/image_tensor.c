#include "feature/image/image_tensor.h"

#include <stddef.h>

void qn_image_tensor(const uint8_t *pixels, int32_t h, int32_t w, int32_t channels, const qn_image_norm *norm,
                     bool turned, float pad, float *out, int32_t out_h, int32_t out_w) {
  float table[3][256]; /* a pixel has 256 values: the exact formula once for each */
  for (int c = 0; c < 3; c++)
    for (int v = 0; v < 256; v++)
      table[c][v] = (float)(((double)((float)v * norm->scale) - norm->mean[c]) / norm->std[c]);
  size_t plane = (size_t)out_h * (size_t)out_w, row = (size_t)w * (size_t)channels;
  size_t x_step = norm->planar ? 1 : 3, c_step = norm->planar ? plane : 1;
  for (int c = 0; c < 3; c++) {
    const uint8_t *source = pixels + (norm->swap ? 2 - c : c);
    float *y_out = out + c_step * (size_t)c;
    for (int32_t y = 0; y < out_h; y++, y_out += x_step * (size_t)out_w) {
      int32_t filled = y < h ? w : 0;
      const uint8_t *p = source + row * (size_t)(!filled ? 0 : turned ? h - 1 - y : y);
      if (turned && filled) p += row - (size_t)channels;
      float *o = y_out;
      for (int32_t x = 0; x < filled; x++, o += x_step) {
        *o = table[c][*p];
        p += turned ? -channels : channels;
      }
      for (int32_t x = filled; x < out_w; x++, o += x_step) *o = pad;
    }
  }
}

void qn_image_rgba_to_bgr(const uint8_t *rgba, int64_t count, uint8_t *bgr) {
  for (int64_t i = 0; i < count; i++, rgba += 4, bgr += 3) {
    int alpha = rgba[3];
    for (int c = 0; c < 3; c++) {
      int v = rgba[2 - c];
      bgr[c] = (uint8_t)(alpha == 255 ? v : (v * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

void qn_image_rotate_90(const uint8_t *src, int32_t h, int32_t w, uint8_t *dst) {
  for (int32_t x = w - 1; x >= 0; x--) {
    const uint8_t *p = src + 3 * (size_t)x;
    for (int32_t y = 0; y < h; y++, p += 3 * (size_t)w, dst += 3) dst[0] = p[0], dst[1] = p[1], dst[2] = p[2];
  }
}

void qn_image_rotate_180(uint8_t *pixels, int32_t h, int32_t w) {
  size_t n = (size_t)h * (size_t)w;
  if (!n) return;
  for (uint8_t *a = pixels, *b = pixels + 3 * (n - 1); a < b; a += 3, b -= 3)
    for (int c = 0; c < 3; c++) {
      uint8_t v = a[c];
      a[c] = b[c], b[c] = v;
    }
}
