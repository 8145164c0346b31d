/* feature/post/dbnet.h against the reference steps on OpenCV and Clipper, and its parts against plain counting. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../golden/image_golden.h"
#include "base/memory.h"
#include "feature/post/contour.h"
#include "feature/post/dbnet.h"
#include "feature/post/rotated_rect.h"

static const qn_dbnet_options options = {0.3f, 0.6f, 1.5f, 1000};

TEST(boxes_equal_the_reference) {
  float map[40 * 64];
  qn_text_box boxes[16];
  qn_error err;
  const uint8_t *want = golden_boxes;
  const float *score = golden_box_scores;
  for (int c = 0; c < 3; c++) {
    for (int i = 0; i < 40 * 64; i++) map[i] = (float)golden_maps[c * 40 * 64 + i] / 255;
    int32_t count;
    CHECK(qn_dbnet_boxes(map, 40, 64, 90, 128, &options, boxes, 16, &count, &err) == QN_OK);
    CHECK(count == golden_box_counts[c]);
    for (int32_t b = 0; b < golden_box_counts[c]; b++, want += 8, score++) {
      CHECK(b < count && fabsf(boxes[b].score - *score) < 0.01f); /* OpenCV clips outlines at the map's edge first */
      for (int k = 0; k < 4; k++) CHECK(abs(boxes[b].x[k] - want[2 * k]) <= 1 && abs(boxes[b].y[k] - want[2 * k + 1]) <= 1);
    }
  }
}

TEST(borders) {
  /* A ring, a dot inside, a dot outside: four borders. */
  const char *rows[6] = {".....#", ".###..", ".#.#..", ".###..", "......", "#....."};
  int8_t marks[8 * 8] = {0};
  for (int y = 0; y < 6; y++)
    for (int x = 0; x < 6; x++) marks[(y + 1) * 8 + x + 1] = rows[y][x] == '#';
  int32_t left[6], right[6];
  qn_contour c = {.left = left, .right = right};
  int64_t position = 0;
  CHECK(qn_contour_next(marks, 6, 6, &position, &c) && c.top == 0 && c.bottom == 0 && left[0] == 5 && right[0] == 5);
  CHECK(qn_contour_next(marks, 6, 6, &position, &c) && c.top == 1 && c.bottom == 3 && left[2] == 1 && right[2] == 3);
  CHECK(qn_contour_next(marks, 6, 6, &position, &c) && c.top == 1 && c.bottom == 3); /* the hole's */
  CHECK(qn_contour_next(marks, 6, 6, &position, &c) && c.top == 5 && left[5] == 0);
  CHECK(!qn_contour_next(marks, 6, 6, &position, &c));
}

TEST(hull_and_rectangle) {
  const qn_point points[] = {{5, 0}, {4, 1}, {5, 1}, {6, 1}, {3, 2}, {7, 2}, {4, 3}, {5, 4}, {8, 3}, {6, 3}};
  qn_point sorted[10], hull[11];
  memcpy(sorted, points, sizeof sorted);
  sorted[7] = points[8], sorted[8] = points[9], sorted[9] = points[7];
  qn_point t = sorted[7];
  sorted[7] = sorted[8], sorted[8] = t; /* (4,3) (6,3) (8,3) (5,4) */
  int32_t n = qn_convex_hull(sorted, 10, hull);
  CHECK(n == 4);
  double corners[8], side;
  CHECK(qn_min_rect(hull, n, corners, &side));
  CHECK(fabs(side - 2 * sqrt(2)) < 1e-9);
  CHECK(!qn_min_rect(hull, 2, corners, &side));
  CHECK(qn_convex_hull(sorted, 1, hull) == 1);
  CHECK(qn_convex_hull(sorted, 0, hull) == 0);
}

TEST(odd_maps) {
  enum { H = 50, W = 70 };
  static float map[H * W];
  static qn_text_box boxes[1000];
  int32_t count;
  qn_error err;
  uint64_t state = 5;
  for (int round = 0; round < 60; round++) {
    for (int i = 0; i < H * W; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      float r = (float)(state >> 40) / 16777216.0f;
      map[i] = round == 0 ? 1 : round == 1 ? NAN : round == 2 ? INFINITY : r < 0.01f ? NAN : r * (float)(round % 5) / 2;
    }
    CHECK(qn_dbnet_boxes(map, H, W, 33, 500, &options, boxes, 1000, &count, &err) == QN_OK);
    for (int32_t b = 0; b < count; b++)
      for (int k = 0; k < 4; k++)
        CHECK(boxes[b].x[k] >= 0 && boxes[b].x[k] < 500 && boxes[b].y[k] >= 0 && boxes[b].y[k] < 33);
    if (round == 0) CHECK(count == 1 && boxes[0].x[0] == 0 && boxes[0].x[2] == 499 && boxes[0].y[2] == 32);
    if (round == 1) CHECK(count == 0);
  }
  qn_dbnet_options few = options;
  few.box_threshold = 0;
  CHECK(qn_dbnet_boxes(map, H, W, 33, 500, &few, boxes, 1, &count, &err) == QN_OK && count <= 1);
  CHECK(qn_dbnet_boxes(map, 0, W, 33, 500, &options, boxes, 1, &count, &err) == QN_ERR_SHAPE);
  size_t before = qn_alloc_bytes();
  qn_alloc_fail_after(1);
  CHECK(qn_dbnet_boxes(map, H, W, 33, 500, &options, boxes, 1, &count, &err) == QN_ERR_MEMORY);
  qn_alloc_fail_after(0);
  CHECK(qn_alloc_bytes() == before);
}

int main(void) {
  RUN(boxes_equal_the_reference);
  RUN(borders);
  RUN(hull_and_rectangle);
  RUN(odd_maps);
  return DONE();
}
