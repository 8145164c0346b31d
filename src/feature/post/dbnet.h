/* Text boxes from the probability map of a DB text detector (Liao et al. 2020), as PaddleOCR's DBPostProcess computes
 * them with score mode "fast" and without dilation. Known differences: of several smallest rectangles of the same area
 * another may be chosen, outlines that leave the map are not clipped first (scores up to a few hundredths off), and of
 * more than max_candidates regions the first are looked at instead of the last. */
#ifndef QN_FEATURE_DBNET_H
#define QN_FEATURE_DBNET_H

#include "base/status.h"
#include <math.h>
#include <stdint.h>

/* Of pixels and their fractions, whose squares neither overflow nor vanish: hypot's care is not needed. */
static inline double qn_length(double x, double y) { return sqrt(x * x + y * y); }

typedef struct qn_dbnet_options {
  float threshold;        /* a pixel is text above this: 0.3 */
  float box_threshold;    /* mean probability inside a box, at least: 0.6 */
  float unclip_ratio;     /* how far a box grows, in units of area / perimeter: 1.5 */
  int32_t max_candidates; /* regions looked at, in reading order of their first pixel: 1000 */
} qn_dbnet_options;

/* A quadrilateral in pixels of the source picture: top left, top right, bottom right, bottom left of the text. */
typedef struct qn_text_box {
  int32_t x[4], y[4];
  float score; /* mean probability inside */
} qn_text_box;

/* map: [h, w], caller owns, of a picture resized from [source_h, source_w]. boxes: [capacity], caller owns; capacity of
 * max_candidates is always enough. Boxes lie inside the picture, are more than 3 pixels wide and high, and are sorted
 * from top to bottom and, within 10 pixels of height, from left to right. */
qn_status qn_dbnet_boxes(const float *map, int32_t h, int32_t w, int32_t source_h, int32_t source_w,
                         const qn_dbnet_options *options, qn_text_box *boxes, int32_t capacity, int32_t *count,
                         qn_error *err);

#endif
