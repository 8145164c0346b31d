/* feature/ocr.h driven as the header says, with answers in the place of the models'. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "feature/ocr.h"

enum { W = 200, H = 120, CLASSES = 5 }; /* blank, a, b, c, space */

static const int32_t bars[3][4] = {{20, 16, 180, 32}, {20, 50, 90, 64}, {120, 50, 180, 64}}; /* x0 y0 x1 y1 */

static qn_status read_all(qn_ocr *ocr, const uint8_t *rgba, qn_error *err) {
  int32_t dims[4];
  QN_TRY(qn_ocr_set_image(ocr, rgba, W, H, err));
  qn_ocr_det_shape(ocr, dims);
  CHECK(dims[0] == 1 && dims[1] == 3 && dims[2] == 128 && dims[3] == 192);
  static float tensor[6 * 3 * 48 * 1024], out[6 * 128 * 192];
  QN_TRY(qn_ocr_det_input(ocr, tensor, 3 * 128 * 192, err));
  memset(out, 0, sizeof out);
  for (int b = 0; b < 3; b++)
    for (int y = bars[b][1] * 128 / H; y < bars[b][3] * 128 / H; y++)
      for (int x = bars[b][0] * 192 / W; x < bars[b][2] * 192 / W; x++) out[y * 192 + x] = 0.9f;
  QN_TRY(qn_ocr_det_output(ocr, out, 128, 192, err));
  CHECK(qn_ocr_box_count(ocr) == 3);
  CHECK(qn_ocr_cls_batches(ocr) == 1 && qn_ocr_rec_batches(ocr) == 1);
  qn_ocr_cls_shape(ocr, 0, dims);
  CHECK(dims[0] == 3 && dims[1] == 3 && dims[2] == 48 && dims[3] == 192);
  for (size_t i = 0; i < sizeof tensor / sizeof *tensor; i++) tensor[i] = NAN;
  QN_TRY(qn_ocr_cls_input(ocr, 0, tensor, 3 * 3 * 48 * 192, err));
  for (int i = 0; i < 3 * 3 * 48 * 192; i++) CHECK(tensor[i] >= -1 && tensor[i] <= 1);
  const float cls[6] = {1, 0, 0.05f, 0.95f, 0.2f, 0.8f}; /* of the lines by ratio: the second is upside down */
  QN_TRY(qn_ocr_cls_output(ocr, 0, cls, 3, 2, err));
  qn_ocr_rec_shape(ocr, 0, dims);
  CHECK(dims[0] == 3 && dims[2] == 48 && dims[3] % 64 == 0 && dims[3] >= 320 && dims[3] <= 512);
  QN_TRY(qn_ocr_rec_input(ocr, 0, tensor, (size_t)(3 * 3 * 48 * dims[3]), err));
  for (int i = 0; i < 3 * 3 * 48 * dims[3]; i++) CHECK(tensor[i] >= -1 && tensor[i] <= 1);
  /* Lines by ratio: "ab", "cc" at 0.4 (dropped), "c a". */
  static const int classes[3][4] = {{1, 1, 2, 0}, {3, 0, 3, 0}, {3, 4, 1, 1}};
  float rec[3 * 4 * CLASSES] = {0};
  for (int i = 0; i < 3; i++)
    for (int t = 0; t < 4; t++) rec[(i * 4 + t) * CLASSES + classes[i][t]] = i == 1 ? 0.4f : 0.8f;
  return qn_ocr_rec_output(ocr, 0, rec, 3, 4, CLASSES, err);
}

static uint8_t *picture(void) {
  uint8_t *rgba = malloc(W * H * 4);
  memset(rgba, 255, W * H * 4);
  for (int b = 0; b < 3; b++)
    for (int y = bars[b][1]; y < bars[b][3]; y++)
      for (int x = bars[b][0]; x < bars[b][2]; x++) rgba[(y * W + x) * 4 + b] = 40;
  return rgba;
}

TEST(pipeline) {
  uint8_t *rgba = picture();
  qn_error err = {0};
  qn_ocr *ocr;
  size_t before = qn_alloc_bytes();
  CHECK(qn_ocr_create(&ocr, NULL, "a\nb\nc\n", 6, &err) == QN_OK);
  for (int again = 0; again < 2; again++) {
    CHECK(read_all(ocr, rgba, &err) == QN_OK);
    CHECK(qn_ocr_result_count(ocr) == 2);
    qn_ocr_result r;
    CHECK(qn_ocr_result_at(ocr, 0, &r) && !strcmp(r.text, "c a") && r.length == 3 && fabsf(r.score - 0.8f) < 1e-6f && !r.turned);
    CHECK(abs(r.box[0] - 10) < 12 && abs(r.box[4] - 190) < 12 && r.box[1] < 16 && r.box[5] >= 32);
    CHECK(qn_ocr_result_at(ocr, 1, &r) && !strcmp(r.text, "ab") && r.box[0] > 90);
    CHECK(!qn_ocr_result_at(ocr, 2, &r) && !qn_ocr_result_at(ocr, -1, &r));
  }
  qn_ocr_free(ocr);
  CHECK(qn_alloc_bytes() == before);
  free(rgba);
}

TEST(every_allocation_may_fail) {
  uint8_t *rgba = picture();
  size_t before = qn_alloc_bytes();
  int failures = 0;
  for (size_t n = 1; n < 60; n++) {
    qn_error err = {0};
    qn_ocr *ocr = NULL;
    qn_alloc_fail_after(n);
    qn_status status = qn_ocr_create(&ocr, NULL, "a\nb\nc\n", 6, &err);
    if (status == QN_OK) status = read_all(ocr, rgba, &err);
    qn_alloc_fail_after(0);
    qn_ocr_free(ocr);
    CHECK(status == QN_OK || (status == QN_ERR_MEMORY && err.text[0]));
    failures += status != QN_OK;
    CHECK(qn_alloc_bytes() == before);
  }
  CHECK(failures > 15 && failures < 59);
  free(rgba);
}

TEST(rejects) {
  uint8_t *rgba = picture();
  qn_error err;
  qn_ocr *ocr;
  static float data[3 * 128 * 192];
  qn_ocr_config config;
  qn_ocr_defaults(&config);
  config.unclip_ratio = NAN;
  CHECK(qn_ocr_create(&ocr, &config, "a", 1, &err) == QN_ERR_ARGUMENT && !ocr && strstr(err.text, "unclip_ratio"));
  CHECK(qn_ocr_create(&ocr, NULL, "", 0, &err) == QN_ERR_ARGUMENT && !ocr);
  CHECK(qn_ocr_create(&ocr, NULL, "a\nb\nc", 5, &err) == QN_OK);
  int32_t dims[4];
  qn_ocr_det_shape(ocr, dims);
  CHECK(dims[0] == 0);
  CHECK(qn_ocr_det_input(ocr, data, 1, &err) == QN_ERR_STATE);
  CHECK(qn_ocr_det_output(ocr, data, 128, 192, &err) == QN_ERR_STATE);
  CHECK(qn_ocr_set_image(ocr, rgba, 0, 5, &err) == QN_ERR_SHAPE);
  CHECK(qn_ocr_set_image(ocr, rgba, -5, 5, &err) == QN_ERR_SHAPE);
  CHECK(qn_ocr_set_image(ocr, rgba, 65536, 65536, &err) == QN_ERR_SHAPE && strstr(err.text, "64 megapixels"));
  CHECK(qn_ocr_set_image(ocr, rgba, W, H, &err) == QN_OK);
  CHECK(qn_ocr_det_input(ocr, data, 3 * 128 * 192 - 1, &err) == QN_ERR_SHAPE);
  CHECK(qn_ocr_det_output(ocr, data, 192, 128, &err) == QN_ERR_SHAPE);
  CHECK(qn_ocr_det_output(ocr, data, 128, 192, &err) == QN_OK);
  CHECK(qn_ocr_box_count(ocr) == 0 && qn_ocr_rec_batches(ocr) == 0 && qn_ocr_result_count(ocr) == 0);
  CHECK(qn_ocr_cls_input(ocr, 0, data, 100, &err) == QN_ERR_STATE);
  CHECK(qn_ocr_rec_output(ocr, 0, data, 1, 1, CLASSES, &err) == QN_ERR_STATE);
  CHECK(read_all(ocr, rgba, &err) == QN_OK);
  CHECK(qn_ocr_rec_output(ocr, 0, data, 2, 1, CLASSES, &err) == QN_ERR_SHAPE);
  CHECK(qn_ocr_rec_output(ocr, 0, data, 3, 1, 6, &err) == QN_ERR_SHAPE);
  CHECK(qn_ocr_rec_output(ocr, 0, data, 3, 0, CLASSES, &err) == QN_ERR_SHAPE);
  CHECK(qn_ocr_rec_input(ocr, 1, data, 100, &err) == QN_ERR_STATE && qn_ocr_rec_input(ocr, -1, data, 100, &err) == QN_ERR_STATE);
  CHECK(qn_ocr_cls_output(ocr, 0, data, 3, 3, &err) == QN_ERR_SHAPE);
  qn_ocr_free(ocr);
  qn_ocr_free(NULL);
  free(rgba);
}

int main(void) {
  RUN(pipeline);
  RUN(every_allocation_may_fail);
  RUN(rejects);
  return DONE();
}
