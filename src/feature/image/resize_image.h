/* Resizing 8-bit images the way OpenCV does, because the models were trained behind it. */
#ifndef QN_FEATURE_RESIZE_IMAGE_H
#define QN_FEATURE_RESIZE_IMAGE_H

#include "base/status.h"
#include <stdint.h>

/* Bilinear, pixel centres at half, no anti-aliasing: cv2.resize(…, INTER_LINEAR) of OpenCV 4 bit for bit, its special
 * case of exactly half the size (mean of 2×2) included. Interleaved channels 1 … 4.
 * src: [sh, sw, channels], dst: [dh, dw, channels], caller owns both; they do not overlap. Fails on sizes below 1 and
 * on memory. */
qn_status qn_resize_u8(const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh,
                       int32_t dw, qn_error *err);

#endif
