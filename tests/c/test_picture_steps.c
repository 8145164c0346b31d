/* Steps for pictures at the edges of what is possible: one pixel, long strips, every filter; the golden values are in tests/node/picture-steps.test.mjs. */
#include "harness.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "feature/pipeline.h"

static qn_error err;

/* A pipeline over one picture, all of whose elements have this value. */
static const qn_slot *over(qn_pipeline *p, const char *json, bool bytes, int64_t h, int64_t w, int64_t channels, float value) {
  if (qn_pipeline_read(p, "features", json, strlen(json), &err)) return NULL;
  if (qn_pipeline_input(p, "x", bytes ? QN_UINT8 : QN_FLOAT, 3, (int64_t[]){h, w, channels}, 0, &err)) return NULL;
  if (qn_pipeline_plan(p, false, &err)) return NULL;
  const qn_tensor *t = qn_pipeline_input_tensor(p, 0);
  for (int64_t i = 0; i < t->count; i++) {
    if (bytes) ((uint8_t *)t->data)[i] = (uint8_t)value;
    else ((float *)t->data)[i] = value;
  }
  if (qn_pipeline_run(p, true, true, &err)) return NULL;
  return qn_pipeline_slot(p, qn_pipeline_slot_count(p) - 1);
}

/* Whatever a filter weighs, the weights add up to one. */
TEST(what_is_even_stays_even) {
  static const char *const filters[] = {"nearest", "bilinear", "bicubic", "lanczos", "area", "hamming", "nearest_exact"}, *const likes[] = {"pillow", "opencv", "torch"};
  static const int sizes[][4] = {{1, 1, 1, 1}, {1, 1, 7, 5}, {9, 13, 1, 1}, {2, 3000, 5, 3}, {3000, 1, 2, 4}, {5, 4, 5, 9}, {6, 8, 3, 4}, {1, 4, 300, 2}};
  int ran = 0;
  for (int like = 0; like < 3; like++)
    for (int filter = 0; filter < 7; filter++)
      for (int k = 0; k < 4; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
          char json[192];
          const bool bytes = k & 1;
          snprintf(json, sizeof json, "[{\"step\":\"resize\",\"height\":%d,\"width\":%d,\"like\":\"%s\",\"filter\":\"%s\",\"antialias\":%s}]", sizes[i][2], sizes[i][3], likes[like], filters[filter], k & 2 ? "true" : "false");
          qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
          const qn_slot *out = over(p, json, bytes, sizes[i][0], sizes[i][1], 1 + (k + filter) % 4, bytes ? 201 : 0.7f);
          if (!out) CHECK(strstr(err.text, "has no filter") || strstr(err.text, "takes floats"));
          for (int64_t e = 0; out && e < out->tensor.count; e++)
            CHECK(bytes ? ((uint8_t *)out->tensor.data)[e] == 201 : fabsf(((float *)out->tensor.data)[e] - 0.7f) < 1e-6f);
          ran += out != NULL;
          qn_pipeline_free(p);
        }
  CHECK(ran > 450);
}

int main(void) {
  RUN(what_is_even_stays_even);
  return DONE();
}
