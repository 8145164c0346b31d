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

TEST(scores_that_do_not_fit) {
  const steps_input x = {"x", QN_FLOAT, 2, {2, 3}, scores}, row = {"x", QN_FLOAT, 1, {6}, scores};
  CHECK(steps_refuse("[{\"step\":\"argmax\",\"labels\":[\"a\"]}]", &x, 1, "there are 1 labels for 3 scores"));
  CHECK(steps_refuse("[{\"step\":\"argmax\"}]", &(steps_input){"x", QN_FLOAT, 2, {2, 0}, scores}, 1, "it takes rows of scores"));
  CHECK(steps_refuse("[{\"step\":\"threshold\",\"least\":1}]", &x, 1, "'x' has the shape [2, 3]; it takes one row of scores"));
  CHECK(steps_refuse("[{\"step\":\"threshold\"}]", &row, 1, "least is missing"));
  CHECK(steps_refuse("[{\"step\":\"threshold\",\"least\":[1,2]}]", &row, 1, "least has 2 numbers for 6 scores"));
  CHECK(steps_refuse("[{\"step\":\"sigmoid\",\"both\":true}]", &x, 1, "both classes have to be made of one score a row"));
  CHECK(steps_refuse("[{\"step\":\"calibrate\",\"a\":[1,2],\"b\":0}]", &x, 1, "a has 2 numbers for 3 classes"));
  CHECK(steps_refuse("[{\"step\":\"calibrate\",\"a\":1}]", &x, 1, "b is missing"));
  CHECK(steps_refuse("[{\"step\":\"unscale\",\"scale\":[1,2]}]", &x, 1, "scale has 2 numbers for 3 targets"));
  CHECK(steps_refuse("[{\"step\":\"unscale\"}]", &(steps_input){"x", QN_STRING, 1, {1}, NULL}, 1, "'x' is string; it takes numbers"));
  CHECK(steps_refuse("[{\"step\":\"unscale\"}]", &(steps_input){"x", QN_FLOAT, 3, {1, 2, 3}, scores}, 1, "it takes [rows] or [rows, targets]"));
}

TEST(sequences_that_do_not_fit) {
  const steps_input x = {"x", QN_FLOAT, 2, {2, 3}, scores};
  const int64_t offsets[] = {0, INT64_MAX, 5, 5};
  CHECK(steps_refuse("[{\"step\":\"spans\",\"labels\":[\"O\"]}]", &x, 1, "there are 1 labels for 3 scores of a token"));
  CHECK(steps_refuse("[{\"step\":\"spans\",\"labels\":[\"O\"]}]", &(steps_input){"x", QN_FLOAT, 3, {2, 3, 1}, scores}, 1, "it takes [tokens, labels] or [1, tokens, labels]"));
  CHECK(steps_refuse("[{\"step\":\"spans\",\"labels\":[\"O\",\"B-a\",\"I-a\"]}]", (steps_input[]){x, {"o", QN_INT64, 2, {1, 2}, offsets}}, 2, "the beginning and the end of each of 2 tokens"));
  CHECK(steps_refuse("[{\"step\":\"spans\",\"labels\":[\"O\",\"B-a\",\"I-a\"]}]", (steps_input[]){x, {"o", QN_FLOAT, 2, {2, 2}, scores}}, 2, "where tokens lie is said by whole numbers"));
  CHECK(steps_refuse("[{\"step\":\"ctc\",\"labels\":[\"a\",\"b\"]}]", &x, 1, "there are 2 labels for 3 classes"));
  CHECK(steps_refuse("[{\"step\":\"ctc\",\"labels\":[\"a\",\"b\",\"c\"],\"blank\":3}]", &x, 1, "blank is the class 3, there are 3"));
  CHECK(steps_refuse("[{\"step\":\"ctc\",\"labels\":[\"a\"]}]", &(steps_input){"x", QN_FLOAT, 1, {1}, scores}, 1, "it takes [places, classes]"));
  qn_pipeline *p = steps_run("[{\"step\":\"spans\",\"labels\":[\"O\",\"B-a\",\"I-a\"]}]", (steps_input[]){x, {"o", QN_INT64, 2, {2, 2}, offsets}}, 2);
  CHECK(p && steps_result(p, 0)->count == 1 && ((int32_t *)steps_result(p, 3)->data)[0] == INT32_MAX); /* the second token is empty */
  qn_pipeline_free(p);
  p = steps_run("[{\"step\":\"ctc\",\"labels\":[\"a\",\"b\",\"c\"]}]", &(steps_input){"x", QN_FLOAT, 2, {0, 3}, scores}, 1);
  CHECK(p && ((qn_string *)steps_result(p, 0)->data)->length == 0 && *(float *)steps_result(p, 1)->data == 0);
  qn_pipeline_free(p);
}

int main(void) {
  RUN(vectors_that_do_not_fit);
  RUN(nothing_counts);
  RUN(scores_that_do_not_fit);
  RUN(sequences_that_do_not_fit);
  return DONE();
}
