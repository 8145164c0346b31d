#include "feature/post/rotated_rect.h"

#include <math.h>

static int64_t turn(qn_point a, qn_point b, qn_point c) {
  return (int64_t)(b.x - a.x) * (c.y - a.y) - (int64_t)(b.y - a.y) * (c.x - a.x);
}

/* Andrew's monotone chain, there and back. */
int32_t qn_convex_hull(const qn_point *points, int32_t n, qn_point *hull) {
  int32_t size = 0;
  for (int pass = 0; pass < 2; pass++) {
    int32_t floor = size;
    for (int32_t i = 0; i < n; i++) {
      qn_point p = points[pass ? n - 1 - i : i];
      while (size >= floor + 2 && turn(hull[size - 2], hull[size - 1], p) <= 0) size--;
      if (size == floor || hull[size - 1].x != p.x || hull[size - 1].y != p.y) hull[size++] = p;
    }
    size--; /* the end of one chain starts the other */
  }
  return n < 2 ? n : size < 1 ? 1 : size;
}

bool qn_min_rect(const qn_point *hull, int32_t n, double corners[8], double *short_side) {
  if (n < 3) return false;
  double least = INFINITY, x[4], y[4];
  for (int32_t i = 0; i < n; i++) {
    qn_point a = hull[i], b = hull[i + 1 < n ? i + 1 : 0];
    double ux = b.x - a.x, uy = b.y - a.y, length = sqrt(ux * ux + uy * uy);
    ux /= length, uy /= length;
    double u0 = INFINITY, u1 = -INFINITY, v0 = INFINITY, v1 = -INFINITY;
    for (int32_t k = 0; k < n; k++) {
      double u = hull[k].x * ux + hull[k].y * uy, v = hull[k].y * ux - hull[k].x * uy;
      u0 = fmin(u0, u), u1 = fmax(u1, u), v0 = fmin(v0, v), v1 = fmax(v1, v);
    }
    double area = (u1 - u0) * (v1 - v0);
    if (area >= least - 1e-9 * area) continue; /* of equals the first */
    least = area;
    *short_side = fmin(u1 - u0, v1 - v0);
    for (int k = 0; k < 4; k++) {
      double u = k == 1 || k == 2 ? u1 : u0, v = k > 1 ? v1 : v0;
      x[k] = u * ux - v * uy, y[k] = u * uy + v * ux;
    }
  }
  /* By x; then the upper one of the two on the left is the first, and so on. */
  int order[4] = {0, 1, 2, 3};
  for (int i = 1; i < 4; i++)
    for (int k = i; k > 0 && x[order[k]] < x[order[k - 1]]; k--) {
      int t = order[k];
      order[k] = order[k - 1], order[k - 1] = t;
    }
  bool left = y[order[1]] > y[order[0]], right = y[order[3]] > y[order[2]];
  int pick[4] = {order[!left], order[right ? 2 : 3], order[right ? 3 : 2], order[left]};
  /* Rounding noise must not push a corner off the pixel grid: users truncate it. */
  for (int k = 0; k < 4; k++) corners[2 * k] = rint(x[pick[k]] * 1024) / 1024, corners[2 * k + 1] = rint(y[pick[k]] * 1024) / 1024;
  return true;
}
