#include "feature/image/yuv.h"

#include <math.h>

enum { BITS = 20 };

static int32_t fixed(double x) { return (int32_t)rint(x * (1 << BITS)); }
static uint8_t clip(int32_t x) { return (uint8_t)(x < 0 ? 0 : x >> BITS > 255 ? 255 : x >> BITS); }

void qn_yuv_rgba(const qn_yuv *p, uint8_t *rgba) {
  /* The weights of red and blue in brightness: ITU-R BT.601-7, BT.709-6, BT.2020-2. */
  static const double weights[][2] = {{0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}};
  const double kr = weights[p->matrix][0], kb = weights[p->matrix][1], kg = 1 - kr - kb;
  const double range_y = p->full ? 1 : 255.0 / 219, range_c = p->full ? 1 : 255.0 / 224;
  const int32_t black = p->full ? 0 : 16, y_gain = fixed(range_y), red_v = fixed(2 * (1 - kr) * range_c), blue_u = fixed(2 * (1 - kb) * range_c);
  const int32_t green_v = fixed(2 * (1 - kr) * kr / kg * range_c), green_u = fixed(2 * (1 - kb) * kb / kg * range_c), half = 1 << (BITS - 1);
  for (int32_t row = 0; row < p->height; row++) {
    const uint8_t *y = p->y + (size_t)row * (size_t)p->y_stride;
    const uint8_t *u = p->u + (size_t)(row >> p->halved_y) * (size_t)p->u_stride, *v = p->v + (size_t)(row >> p->halved_y) * (size_t)p->v_stride;
    for (int32_t x = 0; x < p->width; x++, rgba += 4) {
      const size_t at = (size_t)(x >> p->halved_x) * (size_t)p->step;
      const int32_t bright = (y[x] - black) * y_gain + half, cu = u[at] - 128, cv = v[at] - 128;
      rgba[0] = clip(bright + red_v * cv), rgba[1] = clip(bright - green_v * cv - green_u * cu), rgba[2] = clip(bright + blue_u * cu), rgba[3] = 255;
    }
  }
}
