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
  static const int sizes[][4] = {{1, 1, 1, 1}, {1, 1, 7, 5}, {9, 13, 1, 1}, {2, 3000, 5, 3}, {3000, 1, 2, 4}, {5, 4, 5, 9}, {6, 8, 3, 4}, {1, 4, 300, 2}, {32768, 1, 7, 1}, {1, 32768, 1, 9}, {3, 1, 1, 32768}};
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
          const float near = like == 1 && filter == 4 ? 1e-4f : 1e-6f; /* OpenCV adds up areas in single precision */
          for (int64_t e = 0; out && e < out->tensor.count; e++)
            CHECK(bytes ? ((uint8_t *)out->tensor.data)[e] == 201 : fabsf(((float *)out->tensor.data)[e] - 0.7f) < near);
          ran += out != NULL;
          qn_pipeline_free(p);
        }
  CHECK(ran > 450);
}

/* Pixels that hold their own place in the source: what to_source says of a pixel of the result is what is in it. */
TEST(the_way_back_to_the_source) {
  static const char *const cases[] = {
    "{\"step\":\"crop\",\"width\":11,\"height\":9}", "{\"step\":\"crop\",\"width\":11,\"height\":9,\"x\":-3,\"y\":4}", "{\"step\":\"pad\",\"sides\":[1,2,3,4]}",
    "{\"step\":\"pad\",\"square\":true,\"multiple\":8,\"at\":\"center\"}", "{\"step\":\"flip\"}", "{\"step\":\"flip\",\"axis\":\"vertical\"}", "{\"step\":\"turn\",\"by\":\"90\"}",
    "{\"step\":\"turn\",\"by\":\"180\"}", "{\"step\":\"turn\",\"by\":\"270\"}", "{\"step\":\"letterbox\",\"width\":40,\"height\":26}",
    "{\"step\":\"letterbox\",\"width\":17,\"height\":31,\"at\":\"corner\"}", "{\"step\":\"letterbox\",\"width\":90,\"height\":80,\"enlarge\":false}",
    "{\"step\":\"resize\",\"width\":50,\"height\":31,\"like\":\"opencv\"}",
    "{\"step\":\"turn\"},{\"step\":\"resize\",\"shorter\":40},{\"step\":\"crop\",\"width\":30,\"height\":30},{\"step\":\"flip\"}",
    "{\"step\":\"turn\",\"as\":\"x\"},{\"step\":\"warp\",\"input\":[\"x\",\"points\"],\"width\":20,\"height\":24,\"template\":[5,6,14,8]},{\"step\":\"resize\",\"width\":30,\"height\":40},{\"step\":\"flip\"}",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char json[512];
    const int h = 23, w = 31;
    snprintf(json, sizeof json, "[{\"step\":\"flip\",\"input\":\"x\"},{\"step\":\"flip\",\"as\":\"x\"},%s]", cases[i]);
    qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
    CHECK(qn_pipeline_read(p, "features", json, strlen(json), &err) == QN_OK);
    CHECK(qn_pipeline_input(p, "x", QN_FLOAT, 3, (int64_t[]){h, w, 2}, 0, &err) == QN_OK);
    CHECK(qn_pipeline_input(p, "points", QN_FLOAT, 2, (int64_t[]){2, 2}, 0, &err) == QN_OK);
    CHECK(qn_pipeline_plan(p, false, &err) == QN_OK);
    for (int round = 0; round < 2; round++) { /* the second run finds the same */
      float *in = qn_pipeline_input_tensor(p, 0)->data;
      for (int k = 0; k < h * w; k++) in[2 * k] = (float)(k % w) + 0.5f, in[2 * k + 1] = (float)(k / w) + 0.5f;
      memcpy(qn_pipeline_input_tensor(p, 1)->data, (float[]){9 + (float)round, 8, 21, 10}, 16);
      CHECK(qn_pipeline_run(p, true, true, &err) == QN_OK);
      const qn_tensor *out = &qn_pipeline_slot(p, qn_pipeline_slot_count(p) - 1)->tensor;
      const qn_facts *facts = qn_pipeline_facts(p);
      const double *m = facts->to_source;
      CHECK(facts->view_height == out->dims[0] && facts->view_width == out->dims[1] && facts->width == w && facts->height == h);
      int inside = 0;
      for (int y = 0; y < out->dims[0]; y++)
        for (int x = 0; x < out->dims[1]; x++) {
          const double sx = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2], sy = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5];
          const bool filtered = strstr(cases[i], "resize") || strstr(cases[i], "letterbox") || strstr(cases[i], "warp");
          const double rim = filtered ? 3 : 0; /* filters meet the edge there */
          if (sx < rim || sy < rim || sx > w - rim || sy > h - rim || (filtered && (x < 2 || y < 2 || x > out->dims[1] - 3 || y > out->dims[0] - 3))) continue;
          const float *got = (float *)out->data + 2 * (y * out->dims[1] + x);
          CHECK(fabs(got[0] - sx) < 0.1 && fabs(got[1] - sy) < 0.1); /* warp has positions in 1/32, a filter that widens by no whole number is not even */
          inside++;
        }
      CHECK(inside > 40);
    }
    qn_pipeline_free(p);
  }
}

TEST(wrong_geometry_is_said) {
  static const struct { const char *json, *part; } cases[] = {
    {"[{\"step\":\"crop\",\"width\":4}]", "height is missing"}, {"[{\"step\":\"pad\"}]", "give sides, or multiple, or square"},
    {"[{\"step\":\"pad\",\"sides\":[1],\"multiple\":4}]", "give sides"}, {"[{\"step\":\"pad\",\"sides\":[1,2,3]}]", "1, 2 or 4, got 3"},
    {"[{\"step\":\"pad\",\"sides\":0.5}]", "whole numbers, got 0.5"}, {"[{\"step\":\"pad\",\"sides\":32768}]", "sides are from 1"},
    {"[{\"step\":\"crop\",\"width\":2,\"height\":2,\"value\":[1,2]}]", "value has 2 numbers for a picture of 3 channels"},
    {"[{\"step\":\"warp\",\"width\":2,\"height\":2,\"template\":[1,2,3,4]}]", "it takes a picture and points, got 1 inputs"},
    {"[{\"step\":\"resize\",\"width\":32768,\"height\":32768},{\"step\":\"resize\",\"width\":32768,\"height\":32768,\"filter\":\"nearest\"}]", "no memory"},
    {"[{\"step\":\"letterbox\",\"width\":32768,\"height\":32768}]", "no memory"},
    {"[{\"step\":\"turn\",\"by\":\"45\"}]", "by is one of 90, 180, 270, not 45"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
    CHECK(!over(p, cases[i].json, true, 4, 4, 3, 0) && strstr(err.text, cases[i].part));
    if (!strstr(err.text, cases[i].part)) printf("%s: %s\n", cases[i].json, err.text);
    qn_pipeline_free(p);
  }
}

int main(void) {
  RUN(the_way_back_to_the_source);
  RUN(wrong_geometry_is_said);
  RUN(what_is_even_stays_even);
  return DONE();
}
