/* feature/pipeline.h: lists of steps are read, planned and run; everything wrong is a sentence. */
#include "harness.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "feature/pipeline.h"

static qn_error err;

static qn_status read_steps(qn_pipeline *p, const char *json) { return qn_pipeline_read(p, "features", json, strlen(json), &err); }

static bool refused(const char *json, const char *part) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  const bool ok = qn_pipeline_file(p, "labels", 6, "a\nb", 3, &err) == QN_OK;
  const qn_status status = read_steps(p, json);
  const bool found = status != QN_OK && strstr(err.text, part);
  if (!found) printf("%s: %d %s\n", json, (int)status, status ? err.text : "");
  qn_pipeline_free(p);
  return ok && found;
}

TEST(pictures_become_tensors) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  CHECK(read_steps(p, "[{\"step\":\"color\",\"to\":\"bgr\"},{\"step\":\"normalize\",\"mean\":[0.5,0.25,0],\"std\":0.5},{\"step\":\"layout\"}]") == QN_OK);
  CHECK(qn_pipeline_source(p) == QN_SOURCE_PICTURE);
  const uint8_t rgba[] = {255, 0, 51, 255, 0, 102, 204, 0};
  const int64_t dims[] = {1, 2, 4};
  for (int round = 0; round < 3; round++) {
    const size_t calls = qn_alloc_count();
    qn_pipeline_clear_inputs(p);
    CHECK(qn_pipeline_input(p, "picture", QN_UINT8, 3, dims, 0, &err) == QN_OK);
    CHECK(qn_pipeline_plan(p, false, &err) == QN_OK);
    memcpy(qn_pipeline_input_tensor(p, 0)->data, rgba, sizeof rgba);
    CHECK(qn_pipeline_run(p, true, true, &err) == QN_OK);
    if (round) CHECK(qn_alloc_count() == calls); /* planned once */
    CHECK(qn_pipeline_result_count(p) == 1);
    const qn_slot *out = qn_pipeline_slot(p, qn_pipeline_slot_count(p) - 1);
    CHECK(!strcmp(out->name, "tensor") && out->tensor.rank == 4 && out->tensor.dims[1] == 3 && out->tensor.dims[3] == 2);
    const float want[] = {-0.6f, 0.6f, -0.5f, 0.3f, 2, 0}, *got = out->tensor.data;
    for (int i = 0; i < 6; i++) CHECK(fabsf(got[i] - want[i]) < 1e-6f);
  }
  CHECK(qn_pipeline_facts(p)->width == 2 && qn_pipeline_facts(p)->to_source[0] == 1);
  qn_pipeline_free(p);
}

TEST(resizing_is_known_afterwards) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  CHECK(read_steps(p, "[{\"step\":\"resize\",\"shorter\":4}]") == QN_OK);
  CHECK(qn_pipeline_input(p, "picture", QN_FLOAT, 3, (int64_t[]){6, 9, 1}, 0, &err) == QN_OK);
  CHECK(qn_pipeline_plan(p, false, &err) == QN_OK);
  float *in = qn_pipeline_input_tensor(p, 0)->data;
  for (int i = 0; i < 54; i++) in[i] = 3;
  CHECK(qn_pipeline_run(p, true, true, &err) == QN_OK);
  const qn_tensor *out = &qn_pipeline_slot(p, 1)->tensor;
  CHECK(out->dims[0] == 4 && out->dims[1] == 6);
  for (int i = 0; i < 24; i++) CHECK(fabsf(((float *)out->data)[i] - 3) < 1e-6f);
  CHECK(qn_pipeline_facts(p)->to_source[0] == 1.5 && qn_pipeline_facts(p)->to_source[4] == 1.5 && qn_pipeline_facts(p)->view_width == 6);
  qn_pipeline_free(p);
}

TEST(answers) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  CHECK(qn_pipeline_file(p, "labels", 6, "cat\r\ndog\nnewt\n", 14, &err) == QN_OK);
  CHECK(read_steps(p, "[{\"step\":\"softmax\",\"as\":\"p\"},{\"step\":\"top_k\",\"k\":2,\"labels\":\"labels\",\"input\":\"p\"}]") == QN_OK);
  CHECK(qn_pipeline_answer(p) == QN_ANSWER_ROWS);
  CHECK(qn_pipeline_input(p, "logits", QN_FLOAT, 2, (int64_t[]){1, 3}, 0, &err) == QN_OK);
  CHECK(qn_pipeline_plan(p, false, &err) == QN_OK);
  memcpy(qn_pipeline_input_tensor(p, 0)->data, (float[]){0, 2, 1}, 12);
  CHECK(qn_pipeline_run(p, true, true, &err) == QN_OK);
  const int first = qn_pipeline_slot_count(p) - qn_pipeline_result_count(p);
  const qn_slot *label = qn_pipeline_slot(p, first), *score = qn_pipeline_slot(p, first + 1), *index = qn_pipeline_slot(p, first + 2);
  const qn_string *texts = label->tensor.data;
  CHECK(!strcmp(label->name, "label") && label->tensor.dims[0] == 2 && texts[0].length == 3 && !memcmp(texts[0].data, "dog", 3) && !memcmp(texts[1].data, "newt", 4));
  CHECK(fabs(((float *)score->tensor.data)[0] - exp(2) / (1 + exp(1) + exp(2))) < 1e-6);
  CHECK(((int32_t *)index->tensor.data)[1] == 2);
  qn_pipeline_free(p);
}

TEST(everything_wrong_is_said) {
  CHECK(refused("{}", "not a list"));
  CHECK(refused("[", "not JSON"));
  CHECK(refused("[]", "0 steps"));
  CHECK(refused("[1]", "features[0] is not an object"));
  CHECK(refused("[{\"step\":\"resize\",\"width\":1,\"height\":1},{\"step\":\"shrink\"}]", "features[1]: there is no step 'shrink'; there are color, resize, crop"));
  CHECK(refused("[{\"step\":\"resize\",\"widht\":1}]", "features[0] 'resize': there is no parameter 'widht'; it takes width, height"));
  CHECK(refused("[{\"step\":\"resize\",\"width\":\"1\"}]", "width is a number, not 1"));
  CHECK(refused("[{\"step\":\"resize\",\"width\":1.5}]", "width is a whole number, got 1.5"));
  CHECK(refused("[{\"step\":\"resize\",\"width\":0}]", "width is from 1 to 32768, got 0"));
  CHECK(refused("[{\"step\":\"resize\",\"width\":1,\"width\":2}]", "width is given twice"));
  CHECK(refused("[{\"step\":\"resize\",\"filter\":\"best\"}]", "filter is one of nearest, bilinear, bicubic, lanczos, area, hamming, nearest_exact, not best"));
  CHECK(refused("[{\"step\":\"resize\",\"antialias\":1}]", "antialias is true or false, not a number"));
  CHECK(refused("[{\"step\":\"normalize\",\"mean\":[1,2,3,4,5]}]", "mean is a list of 1 to 4, got 5"));
  CHECK(refused("[{\"step\":\"normalize\",\"std\":[0]}]", "std is from"));
  CHECK(refused("[{\"step\":\"top_k\",\"labels\":\"names\"}]", "labels names the file 'names', which the package has not (its files: labels)"));
  CHECK(refused("[{\"step\":\"top_k\",\"labels\":[1]}]", "labels is a list of texts"));
  CHECK(refused("[{\"step\":\"top_k\",\"as\":[1]}]", "as is a name or a list of names"));
}

TEST(what_does_not_fit_is_said_when_planned) {
  struct { const char *json, *part; qn_dtype dtype; int rank; int64_t dims[3]; } cases[] = {
    {"[{\"step\":\"layout\"}]", "it takes 3 dimensions", QN_UINT8, 2, {4, 4}},
    {"[{\"step\":\"layout\"}]", "uint8 or float32, not int32", QN_INT32, 3, {4, 4, 3}},
    {"[{\"step\":\"layout\"}]", "1 to 4 channels, not [4, 4, 5]", QN_UINT8, 3, {4, 4, 5}},
    {"[{\"step\":\"resize\"}]", "give width and height", QN_UINT8, 3, {4, 4, 3}},
    {"[{\"step\":\"resize\",\"shorter\":32768}]", "sides are from 1", QN_UINT8, 3, {4, 400, 3}},
    {"[{\"step\":\"softmax\",\"input\":\"z\"}]", "nothing before it is called 'z'; there are x", QN_FLOAT, 2, {1, 3}},
    {"[{\"step\":\"top_k\",\"labels\":[\"a\"]}]", "there are 1 labels for 3 scores", QN_FLOAT, 2, {1, 3}},
    {"[{\"step\":\"softmax\"}]", "'x' is int32; it takes float32", QN_INT32, 1, {3}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
    CHECK(read_steps(p, cases[i].json) == QN_OK);
    CHECK(qn_pipeline_input(p, "x", cases[i].dtype, cases[i].rank, cases[i].dims, 0, &err) == QN_OK);
    const qn_status status = qn_pipeline_plan(p, false, &err);
    CHECK(status != QN_OK && strstr(err.text, cases[i].part));
    if (status == QN_OK || !strstr(err.text, cases[i].part)) printf("%s: %s\n", cases[i].json, status ? err.text : "accepted");
    CHECK(qn_pipeline_run(p, true, true, &err) == QN_ERR_STATE);
    qn_pipeline_free(p);
  }
}

/* Steps that take rows count on rows: an empty piece once divided by the width of none (found by fuzz_steps). So only a stream of sound shrinks. */
TEST(only_sound_comes_in_pieces) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  CHECK(qn_pipeline_file(p, "file", 4, "\0\0\200?", 4, &err) == QN_OK);
  CHECK(read_steps(p, "[{\"step\":\"nearest\",\"vectors\":\"file\"}]") == QN_OK);
  CHECK(qn_pipeline_input(p, "x", QN_FLOAT, 1, (int64_t[]){1}, 0, &err) == QN_OK);
  CHECK(qn_pipeline_plan(p, true, &err) == QN_ERR_ARGUMENT && strstr(err.text, "only sound comes in pieces"));
  CHECK(qn_pipeline_plan(p, false, &err) == QN_OK && qn_pipeline_shorten(p, 0, 0, &err) == QN_ERR_STATE && qn_pipeline_run(p, true, true, &err) == QN_OK);
  qn_pipeline_free(p);
}

/* Every allocation may fail: a sentence, and nothing is lost. */
TEST(without_memory) {
  const size_t before = qn_alloc_bytes();
  for (size_t n = 1; n < 40; n++) {
    qn_alloc_fail_after(n);
    qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
    qn_status status = QN_ERR_MEMORY;
    if (p) {
      status = qn_pipeline_file(p, "labels", 6, "a\nb\nc", 5, &err);
      if (!status) status = read_steps(p, "[{\"step\":\"softmax\"},{\"step\":\"top_k\",\"labels\":\"labels\"}]");
      if (!status) status = qn_pipeline_input(p, "x", QN_FLOAT, 1, (int64_t[]){3}, 0, &err);
      if (!status) status = qn_pipeline_plan(p, false, &err);
    }
    qn_alloc_fail_after(0);
    qn_pipeline_free(p);
    CHECK(status == QN_OK || status == QN_ERR_MEMORY);
    CHECK(qn_alloc_bytes() == before);
    if (status == QN_OK) break;
  }
}

int main(void) {
  RUN(pictures_become_tensors);
  RUN(resizing_is_known_afterwards);
  RUN(answers);
  RUN(everything_wrong_is_said);
  RUN(what_does_not_fit_is_said_when_planned);
  RUN(only_sound_comes_in_pieces);
  RUN(without_memory);
  return DONE();
}
