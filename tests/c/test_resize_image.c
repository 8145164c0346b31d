/* feature/image/resize_image.h and image_tensor.h against OpenCV's results. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../golden/image_golden.h"
#include "base/memory.h"
#include "feature/image/image_tensor.h"
#include "feature/image/resize_image.h"

static void resize_case(const uint8_t *want, int32_t h, int32_t w) {
  uint8_t got[1024];
  qn_error err;
  memset(got, 0xA5, sizeof got);
  CHECK(qn_resize_u8(golden_picture, 14, 18, 3, got, h, w, &err) == QN_OK);
  int off = 0, most = 0;
  for (int i = 0; i < h * w * 3; i++) {
    int d = abs(got[i] - want[i]);
    off += d > 0, most = d > most ? d : most;
  }
  CHECK(most <= 1); /* OpenCV's SIMD paths differ from its scalar one by this */
  CHECK(off <= h * w * 3 / 100);
  CHECK(got[h * w * 3] == 0xA5);
}

TEST(resize_equals_opencv) {
  resize_case(golden_resize_7x9, 7, 9); /* exactly half: the mean of 2×2 */
  resize_case(golden_resize_14x9, 14, 9);
  resize_case(golden_resize_5x31, 5, 31);
  resize_case(golden_resize_23x11, 23, 11);
  resize_case(golden_resize_1x1, 1, 1);
  resize_case(golden_picture, 14, 18);
}

TEST(resize_rejects) {
  qn_error err;
  uint8_t got[4];
  CHECK(qn_resize_u8(golden_picture, 14, 18, 3, got, 0, 1, &err) == QN_ERR_SHAPE && err.text[0]);
  CHECK(qn_resize_u8(golden_picture, 0, 18, 3, got, 1, 1, &err) == QN_ERR_SHAPE);
  CHECK(qn_resize_u8(golden_picture, 14, 18, 5, got, 1, 1, &err) == QN_ERR_SHAPE);
  qn_alloc_fail_after(1);
  CHECK(qn_resize_u8(golden_picture, 14, 18, 3, got, 1, 1, &err) == QN_ERR_MEMORY);
  qn_alloc_fail_after(0);
}

TEST(tensor) {
  const qn_image_norm norms[2] = {{1 / 255.0f, {0.5f, 0.4f, 0.3f}, {0.2f, 0.3f, 0.4f}, false, true},
                                  {1, {0, 0, 0}, {1, 1, 1}, true, false}};
  float out[3 * 16 * 20];
  for (int n = 0; n < 2; n++)
    for (int turned = 0; turned < 2; turned++) {
      const qn_image_norm *norm = &norms[n];
      for (int i = 0; i < 3 * 16 * 20; i++) out[i] = NAN;
      qn_image_tensor(golden_picture, 14, 18, 3, norm, turned, -7, out, 16, 20);
      bool ok = true;
      for (int y = 0; y < 16; y++)
        for (int x = 0; x < 20; x++)
          for (int c = 0; c < 3; c++) {
            float got = out[norm->planar ? (c * 16 + y) * 20 + x : (y * 20 + x) * 3 + c], want = -7;
            if (y < 14 && x < 18) {
              int sy = turned ? 13 - y : y, sx = turned ? 17 - x : x, sc = norm->swap ? 2 - c : c;
              want = (golden_picture[(sy * 18 + sx) * 3 + sc] * norm->scale - norm->mean[c]) / norm->std[c];
            }
            ok = ok && fabsf(got - want) < 1e-5f;
          }
      CHECK(ok);
    }
}

TEST(turns) {
  const uint8_t picture[] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6}; /* [2, 3, 3] */
  uint8_t turned[18];
  qn_image_rotate_90(picture, 2, 3, turned); /* numpy.rot90: 3 6 / 2 5 / 1 4 */
  CHECK(turned[0] == 3 && turned[3] == 6 && turned[6] == 2 && turned[9] == 5 && turned[12] == 1 && turned[15] == 4);
  memcpy(turned, picture, sizeof turned);
  qn_image_rotate_180(turned, 2, 3);
  CHECK(turned[0] == 6 && turned[3] == 5 && turned[6] == 4 && turned[15] == 1);
  const uint8_t rgba[] = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 128};
  uint8_t bgr[9];
  qn_image_rgba_to_bgr(rgba, 3, bgr);
  CHECK(bgr[0] == 30 && bgr[1] == 20 && bgr[2] == 10);
  CHECK(bgr[3] == 255 && bgr[4] == 255 && bgr[5] == 255);
  CHECK(bgr[6] == 255 && bgr[7] == 177 && bgr[8] == 127);
}

int main(void) {
  RUN(resize_equals_opencv);
  RUN(resize_rejects);
  RUN(tensor);
  RUN(turns);
  return DONE();
}
