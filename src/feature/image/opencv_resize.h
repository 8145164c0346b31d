/* What OpenCV 4 computes otherwise than by the filters of resample.h, and picking the nearest pixel. */
#ifndef QN_FEATURE_IMAGE_OPENCV_RESIZE_H
#define QN_FEATURE_IMAGE_OPENCV_RESIZE_H

#include "feature/image/filter_taps.h"

typedef enum qn_nearest {
  QN_NEAREST_PILLOW, /* the pixel under the middle; positions are added up, so that they are rounded as there */
  QN_NEAREST_OPENCV, /* the pixel under the upper left corner, in double */
  QN_NEAREST_TORCH,  /* the same in single precision */
  QN_NEAREST_EXACT   /* torch's "nearest-exact": under the middle, in single precision */
} qn_nearest;

/* pixel: bytes of one. src: [sh, sw], dst: [dh, dw], caller owns both. */
void qn_resize_nearest(qn_nearest kind, const void *src, int32_t sh, int32_t sw, size_t pixel, void *dst, int32_t dh, int32_t dw);

/* cv2.resize for uint8 and INTER_LINEAR, _CUBIC, _LANCZOS4, and for INTER_AREA where a side grows: 11-bit weights, sums of 32 bits between.
 * how: of kind QN_TAPS_OPENCV or _AREA. Scratch: as the size says; false where there is too much. */
bool qn_opencv_scratch(const qn_filter_how *how, int32_t sh, int32_t sw, int32_t channels, int32_t dh, int32_t dw, size_t *size);
void qn_opencv_u8(const qn_filter_how *how, const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh, int32_t dw, void *scratch);

/* cv2.resize with INTER_AREA where no side grows. bytes: uint8, else float32. row: 8 · dw · channels bytes, caller owns. */
void qn_opencv_shrink(bool bytes, const void *src, int32_t sh, int32_t sw, int32_t channels, void *dst, int32_t dh, int32_t dw, float *row);

#endif
