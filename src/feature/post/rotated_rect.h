/* Convex hulls on the pixel grid and the smallest rotated rectangle around them. */
#ifndef QN_FEATURE_ROTATED_RECT_H
#define QN_FEATURE_ROTATED_RECT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct qn_point {
  int32_t x, y;
} qn_point;

/* The hull of points sorted by y, then x, without points on its edges; its signed area is positive (clockwise on a
 * screen). points: [n]; hull: [n + 1] places; caller owns both. Coordinates stay within ±2^29. Returns the hull's size. */
int32_t qn_convex_hull(const qn_point *points, int32_t n, qn_point *hull);

/* The rectangle of least area around a convex polygon, one side along one of its edges (the idea of cv2.minAreaRect).
 * Four corners (x, y) in PaddleOCR's order: top left, top right, bottom right, bottom left. *short_side: the smaller
 * of width and height. False for fewer than three points. hull: [n], caller owns. */
bool qn_min_rect(const qn_point *hull, int32_t n, double corners[8], double *short_side);

#endif
