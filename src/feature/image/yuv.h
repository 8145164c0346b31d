/* Planes of brightness and colour differences, as cameras and codecs give them, to RGBA. */
#ifndef QN_FEATURE_IMAGE_YUV_H
#define QN_FEATURE_IMAGE_YUV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum qn_yuv_matrix { QN_YUV_BT601, QN_YUV_BT709, QN_YUV_BT2020 } qn_yuv_matrix;

typedef struct qn_yuv {
  int32_t width, height;
  const uint8_t *y, *u, *v;                      /* rows `stride` bytes apart, caller owns */
  int32_t y_stride, u_stride, v_stride;
  int32_t step;                                  /* bytes from one u to the next: 1, or 2 where u and v alternate */
  int32_t halved_x, halved_y;                    /* 1: u and v are of half this side, rounded up; 0: whole */
  qn_yuv_matrix matrix;
  bool full;                                     /* 0 … 255; else 16 … 235 and 16 … 240 */
} qn_yuv;

/* Exact to rounding in 20 bits; each u and v is of all the pixels that share it. rgba: [height, width, 4], caller owns. */
void qn_yuv_rgba(const qn_yuv *p, uint8_t *rgba);

#endif
