/* feature/image/warp_image.h against OpenCV's results. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../golden/image_golden.h"
#include "feature/image/warp_image.h"

static int16_t table[QN_WARP_TABLE];

TEST(table_sums_to_one) {
  qn_warp_table(table);
  bool ok = true;
  for (int i = 0; i < 1024; i++) {
    int sum = 0;
    for (int k = 0; k < 16; k++) sum += table[16 * i + k];
    ok = ok && sum == 32768;
  }
  CHECK(ok);
}

TEST(crop_equals_opencv) {
  const float from[8] = {2, 3, 15, 1, 16, 9, 1, 12}, to[8] = {0, 0, 13, 0, 13, 9, 0, 9};
  double matrix[9], inverse[9];
  CHECK(qn_perspective(from, to, matrix) && qn_matrix_invert(matrix, inverse));
  for (int i = 0; i < 9; i++) CHECK(fabs(matrix[i] - golden_matrix[i]) < 1e-9);
  uint8_t got[9 * 13 * 3 + 1];
  got[9 * 13 * 3] = 0xA5;
  qn_warp_perspective(golden_picture, 14, 18, inverse, table, got, 9, 13);
  int most = 0;
  for (int i = 0; i < 9 * 13 * 3; i++) most = abs(got[i] - golden_warp[i]) > most ? abs(got[i] - golden_warp[i]) : most;
  CHECK(most <= 1);
  CHECK(got[9 * 13 * 3] == 0xA5);
}

TEST(degenerate) {
  const float line[8] = {0, 0, 1, 1, 2, 2, 3, 3}, to[8] = {0, 0, 4, 0, 4, 4, 0, 4};
  double matrix[9], inverse[9];
  bool found = qn_perspective(line, to, matrix);
  CHECK(!found || !isnan(matrix[0]));
  const double zero[9] = {0};
  CHECK(!qn_matrix_invert(zero, inverse));
  /* Coordinates far outside, and not numbers: the border is read, nothing else happens. */
  const double wild[3][9] = {{1e300, 0, 0, 0, -1e300, 0, 0, 0, 1}, {NAN, 0, 0, 0, NAN, 0, 0, 0, NAN}, {1, 0, 0, 0, 1, 0, 1e-300, 0, 0}};
  uint8_t got[4 * 4 * 3];
  for (int i = 0; i < 3; i++) qn_warp_perspective(golden_picture, 14, 18, wild[i], table, got, 4, 4);
  qn_warp_perspective(golden_picture, 1, 1, golden_matrix, table, got, 4, 4);
  CHECK(got[0] == golden_picture[0] && got[47] == golden_picture[2]);
}

int main(void) {
  RUN(table_sums_to_one);
  RUN(crop_equals_opencv);
  RUN(degenerate);
  return DONE();
}
