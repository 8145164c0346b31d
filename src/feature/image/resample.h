/* Resizing by a separable filter that widens when a picture shrinks, as Pillow does (libImaging/Resample.c of Pillow 11), and torch with
 * antialias=True. */
#ifndef QN_FEATURE_IMAGE_RESAMPLE_H
#define QN_FEATURE_IMAGE_RESAMPLE_H

#include "base/memory.h"
#include "base/status.h"

typedef enum qn_filter { QN_FILTER_NEAREST, QN_FILTER_BILINEAR, QN_FILTER_BICUBIC, QN_FILTER_LANCZOS, QN_FILTER_AREA, QN_FILTER_HAMMING } qn_filter;
#define QN_FILTERS "nearest|bilinear|bicubic|lanczos|area|hamming"

typedef struct qn_resample {
  qn_filter filter;
  double cubic;          /* the cubic's parameter: −0.5 in Pillow and in torch with antialiasing, −0.75 else */
  bool widen;            /* antialiasing */
  bool narrow;           /* weights of 16 bits, as torch has them for uint8, instead of Pillow's 22-bit fractions */
} qn_resample;

/* Bytes of working memory, of what qn_resample_u8 and _f32 need; false when they do not fit the address space. */
bool qn_resample_scratch(const qn_resample *how, int32_t sh, int32_t sw, int32_t channels, int32_t dh, int32_t dw, size_t *size);

/* src: [sh, sw, channels], dst: [dh, dw, channels], channels 1 … 4; sides from 1 up; caller owns all; scratch as above. The rows are
 * filtered first, results between are rounded to 8 bits. */
void qn_resample_u8(const qn_resample *how, const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh, int32_t dw, void *scratch);
/* The same in floats: sums in double, results between rounded to single. */
void qn_resample_f32(const qn_resample *how, const float *src, int32_t sh, int32_t sw, int32_t channels, float *dst, int32_t dh, int32_t dw, void *scratch);

#endif
