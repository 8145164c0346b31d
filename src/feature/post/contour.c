#include "feature/post/contour.h"

#include <stddef.h>

enum { SEEN = 2, SEEN_RIGHT = -126 /* the pixel right of it is outside */ };

static const int8_t step_x[8] = {1, 1, 0, -1, -1, -1, 0, 1}, step_y[8] = {0, -1, -1, -1, 0, 1, 1, 1};

static void visit(qn_contour *c, int32_t x, int32_t y) {
  /* Borders are connected: rows are met one after the other. */
  if (y < c->top || y > c->bottom) {
    if (y < c->top) c->top = y;
    if (y > c->bottom) c->bottom = y;
    c->left[y] = c->right[y] = x;
  }
  if (x < c->left[y]) c->left[y] = x;
  if (x > c->right[y]) c->right[y] = x;
}

static void follow(int8_t *start, int32_t x, int32_t y, ptrdiff_t stride, bool hole, qn_contour *c) {
  ptrdiff_t step[8];
  for (int i = 0; i < 8; i++) step[i] = step_y[i] * stride + step_x[i];
  c->top = c->bottom = y;
  c->left[y] = c->right[y] = x;
  unsigned end = hole ? 0 : 4, s = end;
  int8_t *first;
  do {
    s = (s - 1) & 7;
    first = start + step[s];
  } while (!*first && s != end);
  if (s == end) { /* a single pixel */
    *start = SEEN_RIGHT;
    return;
  }
  for (int8_t *at = start;;) {
    end = s;
    int8_t *next;
    do {
      s++;
      next = at + step[s & 7];
    } while (!*next);
    s &= 7;
    if (s - 1 < end) *at = SEEN_RIGHT; /* unsigned: s = 0 does not pass */
    else if (*at == 1) *at = SEEN;
    visit(c, x, y);
    x += step_x[s], y += step_y[s];
    if (next == start && at == first) return;
    at = next;
    s = (s + 4) & 7;
  }
}

bool qn_contour_next(int8_t *marks, int32_t h, int32_t w, int64_t *position, qn_contour *contour) {
  ptrdiff_t stride = (ptrdiff_t)w + 2;
  int64_t size = (int64_t)h * stride;
  for (int64_t i = *position; i < size; i++) {
    int8_t *p = marks + stride + i; /* the first row is frame */
    if (i % stride == 0 || p[0] == p[-1]) continue;
    bool outer = p[-1] == 0 && p[0] == 1, hole = p[0] == 0 && p[-1] >= 1;
    if (!outer && !hole) continue;
    follow(p - hole, (int32_t)(i % stride) - 1 - hole, (int32_t)(i / stride), stride, hole, contour);
    *position = i + 1;
    return true;
  }
  *position = size;
  return false;
}
