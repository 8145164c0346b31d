/* Resizing by a separable filter: Pillow's and torch's ways for 8 bits, and everybody's for floats. */
#ifndef QN_FEATURE_IMAGE_RESAMPLE_H
#define QN_FEATURE_IMAGE_RESAMPLE_H

#include "base/status.h"
#include "feature/image/filter_taps.h"

/* Bytes of working memory, of what qn_resample_u8 and _f32 need; false when they do not fit the address space. */
bool qn_resample_scratch(const qn_filter_how *how, int32_t sh, int32_t sw, int32_t channels, int32_t dh, int32_t dw, size_t *size);

/* Not for nearest. src: [sh, sw, channels], dst: [dh, dw, channels], channels 1 … 4; sides from 1 up; caller owns all; scratch as above. The rows are
 * filtered first, results between are rounded to 8 bits. */
void qn_resample_u8(const qn_filter_how *how, const uint8_t *src, int32_t sh, int32_t sw, int32_t channels, uint8_t *dst, int32_t dh, int32_t dw, void *scratch);
/* The same in floats: sums in double, results between rounded to single. */
void qn_resample_f32(const qn_filter_how *how, const float *src, int32_t sh, int32_t sw, int32_t channels, float *dst, int32_t dh, int32_t dw, void *scratch);

#endif
