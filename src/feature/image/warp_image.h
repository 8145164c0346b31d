/* Cutting a quadrilateral out of a picture and straightening it. */
#ifndef QN_FEATURE_WARP_IMAGE_H
#define QN_FEATURE_WARP_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Weights of bicubic interpolation for 32×32 positions inside a pixel: 16 weights each, in 1/32768, OpenCV's table. */
#define QN_WARP_TABLE (32 * 32 * 16)
void qn_warp_table(int16_t *table /* [QN_WARP_TABLE], caller owns */);

/* The 3×3 matrix, row-major, that takes `from` to `to`: cv2.getPerspectiveTransform. Points: 4 × (x, y). False when
 * there is none (three points on a line). */
bool qn_perspective(const float from[8], const float to[8], double matrix[9]);
bool qn_matrix_invert(const double m[9], double inverse[9]);

/* dst[y, x] = src at matrix · (x, y, 1), bicubic, the border repeated: cv2.warpPerspective(INTER_CUBIC | WARP_INVERSE_MAP,
 * BORDER_REPLICATE) of OpenCV 4. src: [sh, sw, 3], dst: [dh, dw, 3], table from qn_warp_table; caller owns all. */
void qn_warp_perspective(const uint8_t *src, int32_t sh, int32_t sw, const double matrix[9], const int16_t *table,
                         uint8_t *dst, int32_t dh, int32_t dw);

#endif
