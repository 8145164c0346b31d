/* The steps of src/feature/post, where the golden files do not reach: what is refused, empty inputs, that a run allocates nothing. */
#include "steps.h"

static const float scores[] = {1, 2, 3, 4, 5, 6};

TEST(vectors_that_do_not_fit) {
  const steps_input x = {"x", QN_FLOAT, 3, {1, 2, 3}, scores};
  CHECK(steps_refuse("[{\"step\":\"pool\"}]", &(steps_input){"x", QN_FLOAT, 1, {6}, scores}, 1, "'x' has the shape [6]; it takes [n, tokens, width] or [tokens, width]"));
  CHECK(steps_refuse("[{\"step\":\"pool\"}]", &(steps_input){"x", QN_INT32, 2, {2, 3}, scores}, 1, "'x' is int32; it takes float32"));
  CHECK(steps_refuse("[{\"step\":\"pool\"}]", (steps_input[]){x, {"m", QN_INT32, 2, {1, 3}, scores}}, 2, "'m' has the shape [1, 3], which does not say"));
  CHECK(steps_refuse("[{\"step\":\"pool\"}]", (steps_input[]){x, {"m", QN_STRING, 2, {1, 2}, NULL}}, 2, "which tokens count is said by numbers"));
  CHECK(steps_refuse("[{\"step\":\"pool\",\"by\":\"sum\"}]", &x, 1, "by is one of mean, first, max, last, not sum"));
  CHECK(steps_refuse("[{\"step\":\"l2_norm\"}]", &(steps_input){"x", QN_FLOAT, 0, {0}, scores}, 1, "'x' is a single number"));
  CHECK(steps_refuse("[{\"step\":\"nearest\"}]", &x, 1, "vectors is missing"));
  CHECK(steps_refuse("[{\"step\":\"nearest\",\"vectors\":\"file\"}]", &(steps_input){"x", QN_FLOAT, 1, {3}, scores}, 1, "vectors has 8 bytes, which is not a whole number of vectors of 3 float32"));
  CHECK(steps_refuse("[{\"step\":\"nearest\",\"vectors\":\"file\",\"labels\":[\"a\"]}]", &(steps_input){"x", QN_FLOAT, 1, {1}, scores}, 1, "there are 1 labels for 2 vectors"));
  CHECK(steps_refuse("[{\"step\":\"nearest\",\"vectors\":\"file\"}]", &(steps_input){"x", QN_FLOAT, 2, {3, 2}, scores}, 1, "'x' has the shape [3, 2]; it takes one vector"));
}

TEST(nothing_counts) {
  const int64_t none[] = {0, 0};
  qn_pipeline *p = steps_run("[{\"step\":\"pool\"},{\"step\":\"l2_norm\"}]", (steps_input[]){{"x", QN_FLOAT, 2, {2, 3}, scores}, {"m", QN_INT64, 2, {1, 2}, none}}, 2);
  const qn_tensor *t = steps_result(p, 0);
  CHECK(t && t->rank == 1 && t->dims[0] == 3);
  for (int i = 0; t && i < 3; i++) CHECK(((float *)t->data)[i] == 0);
  qn_pipeline_free(p);
  p = steps_run("[{\"step\":\"pool\"},{\"step\":\"l2_norm\"}]", &(steps_input){"x", QN_FLOAT, 3, {0, 2, 3}, scores}, 1);
  t = steps_result(p, 0);
  CHECK(t && t->dims[0] == 0);
  qn_pipeline_free(p);
}

int main(void) {
  RUN(vectors_that_do_not_fit);
  RUN(nothing_counts);
  return DONE();
}
