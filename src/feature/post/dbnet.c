#include "feature/post/dbnet.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "feature/post/contour.h"
#include "feature/post/rotated_rect.h"

enum { MIN_SIDE = 3, MAX_OFFSET_POINTS = 512 };
static const double PI = 3.14159265358979323846;

static int32_t clamp(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

/* Widens rows [y0 …] by the pixels that OpenCV's fillPoly takes along an edge: those of its LineIterator and, where the
 * edge is steep, the nearest one right of the edge in 16.16 fixed point with the slope rounded toward zero. */
static void trace_line(qn_point a, qn_point b, int32_t y0, int32_t rows, int32_t *left, int32_t *right) {
  if (b.x < a.x) {
    qn_point t = a;
    a = b, b = t;
  }
  int32_t dx = b.x - a.x, dy = b.y - a.y, sign = dy < 0 ? -1 : 1;
  dy *= sign;
  bool steep = dy > dx;
  int32_t longer = steep ? dy : dx, shorter = steep ? dx : dy, error = longer - 2 * shorter;
  const int64_t one = 65536, slope = steep ? sign * (dx * one / dy) : 0, top_x = (sign > 0 ? a.x : b.x) * one + one / 2;
  for (int32_t i = 0; i <= longer; i++) {
    int32_t row = a.y - y0;
    if (row >= 0 && row < rows) {
      int32_t x = a.x;
      if (x < left[row]) left[row] = x;
      if (steep) x = (int32_t)((top_x + slope * (sign > 0 ? i : longer - i)) >> 16);
      if (x < a.x) x = a.x;
      if (x > right[row]) right[row] = x;
    }
    bool both = error < 0;
    error += both ? 2 * (longer - shorter) : -2 * shorter;
    if (steep || both) a.y += sign;
    if (!steep || both) a.x++;
  }
}

/* Mean of the map inside a quadrilateral, its outline included. left, right: scratch [h]. */
static double mean_inside(const float *map, int32_t h, int32_t w, const double corners[8], int32_t *left,
                          int32_t *right) {
  qn_point p[4];
  int32_t y0 = INT32_MAX, y1 = INT32_MIN;
  for (int i = 0; i < 4; i++) {
    p[i] = (qn_point){(int32_t)corners[2 * i], (int32_t)corners[2 * i + 1]};
    y0 = p[i].y < y0 ? p[i].y : y0, y1 = p[i].y > y1 ? p[i].y : y1;
  }
  y0 = clamp(y0, 0, h - 1), y1 = clamp(y1, 0, h - 1);
  for (int32_t i = 0; i <= y1 - y0; i++) left[i] = INT32_MAX, right[i] = INT32_MIN;
  for (int i = 0; i < 4; i++) trace_line(p[i], p[(i + 1) & 3], y0, y1 - y0 + 1, left, right);
  double sum = 0;
  int64_t count = 0;
  for (int32_t i = 0; i <= y1 - y0; i++) {
    const float *row = map + (size_t)w * (size_t)(y0 + i);
    int32_t to = right[i] < w - 1 ? right[i] : w - 1;
    for (int32_t x = left[i] > 0 ? left[i] : 0; x <= to; x++) sum += row[x], count++;
  }
  return count ? sum / (double)count : 0;
}

typedef struct outline {
  int32_t count;
  qn_point points[MAX_OFFSET_POINTS], hull[MAX_OFFSET_POINTS + 1];
} outline;

/* Keeps the points sorted for the hull. */
static void add_point(outline *o, double x, double y) {
  if (o->count == MAX_OFFSET_POINTS) return; /* not reached: 4 corners, at most 8 + √distance·9 points */
  qn_point p = {(int32_t)round(x), (int32_t)round(y)};
  int32_t i = o->count++;
  for (; i > 0 && (o->points[i - 1].y > p.y || (o->points[i - 1].y == p.y && o->points[i - 1].x > p.x)); i--)
    o->points[i] = o->points[i - 1];
  o->points[i] = p;
}

/* Grows a rectangle by `distance` with round corners on the integer grid, as Clipper 6 does (arc tolerance 0.25), and
 * takes the smallest rectangle around the result. */
static bool unclip(double corners[8], double distance, outline *o, double *short_side) {
  qn_point quad[5];
  o->count = 0;
  for (int i = 0; i < 4; i++) add_point(o, trunc(corners[2 * i]), trunc(corners[2 * i + 1]));
  int32_t n = qn_convex_hull(o->points, 4, quad);
  if (n < 3) return false;
  double tolerance = fmin(0.25, 0.25 * distance);
  double steps = fmin(PI / acos(1 - tolerance / distance), PI * distance);
  double turn_sin = sin(2 * PI / steps), turn_cos = cos(2 * PI / steps), per_radian = steps / (2 * PI);
  double nx[4], ny[4];
  for (int32_t i = 0; i < n; i++) {
    qn_point a = quad[i], b = quad[(i + 1) % n];
    double dx = b.x - a.x, dy = b.y - a.y, length = sqrt(dx * dx + dy * dy);
    nx[i] = dy / length, ny[i] = -dx / length;
  }
  o->count = 0;
  for (int32_t j = 0; j < n; j++) {
    int32_t k = (j + n - 1) % n; /* the edge before the corner */
    double px = quad[j].x, py = quad[j].y, x = nx[k], y = ny[k];
    double angle = atan2(x * ny[j] - y * nx[j], x * nx[j] + y * ny[j]);
    int32_t arc = (int32_t)round(per_radian * fabs(angle));
    for (int32_t i = 0; i < (arc < 1 ? 1 : arc); i++) {
      add_point(o, px + x * distance, py + y * distance);
      double t = x;
      x = x * turn_cos - turn_sin * y;
      y = t * turn_sin + y * turn_cos;
    }
    add_point(o, px + nx[j] * distance, py + ny[j] * distance);
  }
  return qn_min_rect(o->hull, qn_convex_hull(o->points, o->count, o->hull), corners, short_side);
}

/* Scales to the picture and orders the corners clockwise from the top left by x first (PaddleOCR's
 * order_points_clockwise). False for boxes that are too small. */
static bool to_source(const double corners[8], int32_t h, int32_t w, int32_t source_h, int32_t source_w,
                      qn_text_box *box) {
  int32_t x[4], y[4];
  for (int i = 0; i < 4; i++) {
    int32_t px = (int32_t)rint(corners[2 * i] / w * source_w), py = (int32_t)rint(corners[2 * i + 1] / h * source_h);
    px = clamp(px, 0, source_w), py = clamp(py, 0, source_h);
    int k = i;
    for (; k > 0 && x[k - 1] > px; k--) x[k] = x[k - 1], y[k] = y[k - 1];
    x[k] = px, y[k] = py;
  }
  int left = y[0] > y[1], right = y[2] > y[3] ? 3 : 2;
  const int order[4] = {left, right, 5 - right, 1 - left};
  for (int i = 0; i < 4; i++) {
    box->x[i] = clamp(x[order[i]], 0, source_w - 1);
    box->y[i] = clamp(y[order[i]], 0, source_h - 1);
  }
  return (int32_t)qn_length(box->x[0] - box->x[1], box->y[0] - box->y[1]) > 3 &&
         (int32_t)qn_length(box->x[0] - box->x[3], box->y[0] - box->y[3]) > 3;
}

static void swap_boxes(qn_text_box *a, qn_text_box *b) {
  qn_text_box t = *a;
  *a = *b, *b = t;
}

/* PaddleOCR's sorted_boxes: by the first corner's y, then neighbours within 10 pixels of height by x. */
static void sort_boxes(qn_text_box *b, int32_t n) {
  for (int32_t i = 1; i < n; i++)
    for (int32_t k = i; k > 0; k--) {
      if (b[k - 1].y[0] < b[k].y[0] || (b[k - 1].y[0] == b[k].y[0] && b[k - 1].x[0] <= b[k].x[0])) break;
      swap_boxes(&b[k - 1], &b[k]);
    }
  for (int32_t i = 1; i < n; i++)
    for (int32_t k = i; k > 0; k--) {
      if (b[k].y[0] - b[k - 1].y[0] >= 10 || b[k - 1].y[0] - b[k].y[0] >= 10 || b[k].x[0] >= b[k - 1].x[0]) break;
      swap_boxes(&b[k - 1], &b[k]);
    }
}

qn_status qn_dbnet_boxes(const float *map, int32_t h, int32_t w, int32_t source_h, int32_t source_w,
                         const qn_dbnet_options *options, qn_text_box *boxes, int32_t capacity, int32_t *count,
                         qn_error *err) {
  *count = 0;
  if (h < 1 || w < 1 || source_h < 1 || source_w < 1 || h > 16384 || w > 16384)
    return qn_fail(err, QN_ERR_SHAPE, "A text map of %d×%d for a picture of %d×%d is not possible.", w, h, source_w, source_h);
  size_t stride = (size_t)w + 2, marks_size = qn_align_up(stride * ((size_t)h + 2)), rows = (size_t)h * sizeof(int32_t);
  size_t points = ((size_t)h * 2 + 1) * sizeof(qn_point);
  unsigned char *block = qn_alloc_zeroed(marks_size + 2 * rows + 2 * qn_align_up(points) + sizeof(outline));
  if (!block) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for finding text in a map of %d×%d.", w, h);
  int8_t *marks = (int8_t *)block;
  outline *o = (outline *)(block + marks_size);
  qn_point *sorted = (qn_point *)(o + 1), *hull = (qn_point *)((unsigned char *)sorted + qn_align_up(points));
  int32_t *left = (int32_t *)((unsigned char *)hull + qn_align_up(points)), *right = left + h;
  for (int32_t y = 0; y < h; y++)
    for (int32_t x = 0; x < w; x++)
      marks[stride * (size_t)(y + 1) + (size_t)(x + 1)] = map[(size_t)w * (size_t)y + (size_t)x] > options->threshold;

  qn_contour contour = {.left = left, .right = right};
  int64_t position = 0;
  for (int32_t i = 0; i < options->max_candidates && *count < capacity; i++) {
    if (!qn_contour_next(marks, h, w, &position, &contour)) break;
    int32_t n = 0;
    for (int32_t y = contour.top; y <= contour.bottom; y++) {
      sorted[n++] = (qn_point){left[y], y};
      if (right[y] != left[y]) sorted[n++] = (qn_point){right[y], y};
    }
    double corners[8], side;
    if (!qn_min_rect(hull, qn_convex_hull(sorted, n, hull), corners, &side) || side < MIN_SIDE) continue;
    double score = mean_inside(map, h, w, corners, left, right);
    if (!(score >= options->box_threshold)) continue;
    double width = qn_length(corners[2] - corners[0], corners[3] - corners[1]);
    double height = qn_length(corners[6] - corners[0], corners[7] - corners[1]);
    double distance = width * height * options->unclip_ratio / (2 * (width + height));
    if (!(distance > 0) || !unclip(corners, distance, o, &side) || side < MIN_SIDE + 2) continue;
    boxes[*count].score = (float)score;
    if (to_source(corners, h, w, source_h, source_w, &boxes[*count])) ++*count;
  }
  qn_free(block);
  sort_boxes(boxes, *count);
  return QN_OK;
}
