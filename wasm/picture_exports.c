/* What quern-pictures.wasm has beside the face of pipelines (features_exports.c). */
#include "feature/image/yuv.h"

/* How samples of a format lie: planes, bytes from one u to the next, whether u and v are of half the width and height. In the order of module.js. */
static const struct { int32_t planes, step, halved_x, halved_y; } FORMATS[] = {{3, 1, 1, 1}, {2, 2, 1, 1}, {3, 1, 1, 0}, {3, 1, 0, 0}}; /* I420, NV12, I422, I444 */

static int fits(double offset, double stride, double width, double rows, double size) {
  return offset >= 0 && stride >= width && offset + stride * (rows - 1) + width <= size;
}

/* Planes to the RGBA of a pipeline's input. bytes: [size]; layout: offset and stride of each plane; 0 when they do not lie inside of the bytes. */
int qnf_planes(uint8_t *rgba, const uint8_t *bytes, double size, int width, int height, int format, const double *layout, int matrix, int full) {
  const int32_t step = FORMATS[format].step, cw = FORMATS[format].halved_x ? (width + 1) / 2 : width, ch = FORMATS[format].halved_y ? (height + 1) / 2 : height;
  for (int k = 0; k < FORMATS[format].planes; k++)
    if (!fits(layout[2 * k], layout[2 * k + 1], k ? (double)cw * step : width, k ? ch : height, size)) return 0;
  const uint8_t *u = bytes + (size_t)layout[2], *v = step == 2 ? u + 1 : bytes + (size_t)layout[4];
  const int32_t u_stride = (int32_t)layout[3], v_stride = step == 2 ? u_stride : (int32_t)layout[5];
  const qn_yuv planes = {width, height, bytes + (size_t)layout[0], u, v, (int32_t)layout[1], u_stride, v_stride, step, FORMATS[format].halved_x, FORMATS[format].halved_y, (qn_yuv_matrix)matrix, full != 0};
  qn_yuv_rgba(&planes, rgba);
  return 1;
}
