#include "feature/image/place_image.h"

#include <string.h>

qn_status qn_fill_plan(const qn_stage *s, const qn_setting *value, const qn_picture *in, qn_error *err) {
  if (value->count > 1 && value->count != in->channels)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "value has %d numbers for a picture of %d channels", value->count, in->channels);
  return QN_OK;
}

size_t qn_fill_pixel(const qn_setting *value, double none, const qn_picture *in, char pixel[16]) {
  for (int c = 0; c < in->channels; c++) {
    const double v = !value->count ? none : value->list[value->count > 1 ? c : 0];
    const float f = (float)v;
    if (in->bytes) pixel[c] = (char)(uint8_t)(v < 0 ? 0 : v > 255 ? 255 : rint(v));
    else memcpy(pixel + 4 * c, &f, 4);
  }
  return (size_t)in->channels * (in->bytes ? 1 : 4);
}

/* The index that stands for i outside of 0 … n − 1; −1: none. */
static int32_t inside(qn_border border, int64_t i, int32_t n) {
  if (i >= 0 && i < n) return (int32_t)i;
  if (border == QN_BORDER_CONSTANT) return -1;
  if (border == QN_BORDER_EDGE || n == 1) return i < 0 ? 0 : n - 1;
  const int64_t twice = border == QN_BORDER_REFLECT ? 2 * (int64_t)n - 2 : 2 * (int64_t)n;
  i %= twice;
  if (i < 0) i += twice;
  return (int32_t)(i < n ? i : (border == QN_BORDER_REFLECT ? twice : twice - 1) - i);
}

void qn_place_image(const qn_picture *in, int32_t left, int32_t top, qn_border border, const char *pixel, void *dst, int32_t height, int32_t width) {
  const size_t size = (size_t)in->channels * (in->bytes ? 1 : 4);
  const int64_t from = left > 0 ? left : 0, end = (int64_t)left + in->width < width ? (int64_t)left + in->width : width; /* columns that the picture covers */
  char *o = dst;
  for (int32_t y = 0; y < height; y++) {
    const int32_t row = inside(border, (int64_t)y - top, in->height);
    const char *source = row < 0 ? NULL : (const char *)in->data + (size_t)row * (size_t)in->width * size;
    for (int64_t x = 0; x < width;) {
      if (source && x == from && end > from) {
        memcpy(o, source + (size_t)(from - left) * size, (size_t)(end - from) * size);
        o += (size_t)(end - from) * size, x = end;
        continue;
      }
      const int32_t column = source ? inside(border, x - left, in->width) : -1;
      memcpy(o, column < 0 ? pixel : source + (size_t)column * size, size);
      o += size, x++;
    }
  }
}
