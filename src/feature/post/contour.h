/* Borders of regions in a bitmap: Suzuki & Abe 1985, as cv2.findContours(RETR_LIST) follows them. */
#ifndef QN_FEATURE_CONTOUR_H
#define QN_FEATURE_CONTOUR_H

#include <stdbool.h>
#include <stdint.h>

/* What remains of a border when only its hull matters: the outermost pixels of each row. */
typedef struct qn_contour {
  int32_t top, bottom;   /* rows, inclusive */
  int32_t *left, *right; /* [h] each, caller owns; valid from top to bottom */
} qn_contour;

/* Finds the next border in row-major order, outer or of a hole, 8-connected.
 * marks: [h + 2, w + 2], caller owns: 1 for set pixels, 0 elsewhere and on the frame; used up by the search.
 * *position: 0 at first, then as the last call left it. False when there are no more. */
bool qn_contour_next(int8_t *marks, int32_t h, int32_t w, int64_t *position, qn_contour *contour);

#endif
