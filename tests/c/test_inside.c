/* Looking inside a model: what the file holds, and a run node by node. */
#define _POSIX_C_SOURCE 199309L
#include <string.h>

#include "base/memory.h"
#include "harness.h"
#include "load_model.h"

/* y = Tanh 'second'(Relu 'first'(x)), float32 [4], IR 8, opset 13 */
static const unsigned char MODEL[] = {
  8, 8, 18, 0, 58, 80, 10, 19, 10, 1, 120, 18, 1, 114, 26, 5, 102, 105, 114, 115, 116, 34, 4, 82,
  101, 108, 117, 10, 20, 10, 1, 114, 18, 1, 121, 26, 6, 115, 101, 99, 111, 110, 100, 34, 4, 84, 97, 110,
  104, 18, 1, 103, 90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 4, 98, 15, 10,
  1, 121, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 4, 66, 4, 10, 0, 16, 13,
};

static qn_model *ready(void) {
  qn_model *m = qn_model_create();
  CHECK(m && load_model(m, MODEL, sizeof MODEL) == QN_OK);
  const int64_t dims[1] = {4};
  CHECK(qn_input_bind(m, 0, QN_FLOAT, 1, dims) == QN_OK);
  const float x[4] = {-1, 0, 1, 2};
  memcpy(qn_input_value(m, 0)->tensor.data, x, sizeof x);
  return m;
}

TEST(describes_the_file) {
  qn_model *m = ready();
  char *text = qn_model_describe(m);
  CHECK(text && strstr(text, "ir\t8\nopset\t\t13\nop\t\tRelu\t1\t1\nop\t\tTanh\t1\t1\nruns\t\tRelu\t"));
  qn_free(text);
  qn_model_free(m);
}

TEST(describes_a_model_that_is_cut_off) {
  qn_model *m = qn_model_create();
  CHECK(load_model(m, MODEL, sizeof MODEL - 9) != QN_OK);
  char *text = qn_model_describe(m);
  CHECK(text && strstr(text, "Relu") && !strstr(text, "runs"));
  qn_free(text);
  qn_model_free(m);
}

TEST(describing_without_memory_gives_nothing) {
  qn_model *m = ready();
  qn_alloc_fail_after(1);
  CHECK(qn_model_describe(m) == NULL);
  qn_alloc_fail_after(2);
  CHECK(qn_model_describe(m) == NULL);
  qn_alloc_fail_after(0);
  qn_model_free(m);
}

TEST(runs_node_by_node) {
  qn_model *m = ready();
  static const char *const ops[] = {"Relu", "Tanh"}, *const names[] = {"first", "second"}, *const outputs[] = {"r", "y"};
  const qn_plan_step *step = NULL;
  CHECK(qn_run_next(m, &step) == QN_ERR_STATE && !step); /* nothing runs yet */
  for (int round = 0; round < 2; round++) {
    CHECK(qn_run_start(m) == QN_OK && qn_plan_is_whole(m));
    bool done = false;
    for (int i = 0; i < 2; i++) {
      CHECK(qn_run_next(m, &step) == QN_OK && step && step == qn_plan_step_at(m, i));
      if (!step) break;
      qn_step_info info;
      qn_step_describe(step, &info);
      CHECK(!strcmp(info.op, ops[i]) && !strcmp(info.name, names[i]) && info.n_in == 1 && info.n_out == 1);
      CHECK(!strcmp(qn_step_output_name(m, step, 0), outputs[i]) && !qn_step_output_name(m, step, 1)[0]);
      CHECK(qn_run_step(m, QN_ONE_NODE, &done) == QN_OK && !done);
      const qn_value *out = qn_step_output(step, 0);
      CHECK(out && out->tensor.count == 4 && !qn_step_output_channels_last(step, 0));
      CHECK(out && ((const float *)out->tensor.data)[0] == 0);
      CHECK(qn_step_input(step, 0) && !qn_step_input(step, 1) && !qn_step_output(step, 1) && !qn_step_output(step, -1));
    }
    CHECK(qn_run_next(m, &step) == QN_OK && !step);
    CHECK(qn_run_step(m, 0, &done) == QN_OK && done);
    CHECK(qn_output_value(m, 0) && ((const float *)qn_output_value(m, 0)->tensor.data)[3] > 0.96f);
  }
  CHECK(!qn_plan_step_at(m, 2) && !qn_plan_step_at(m, -1));
  qn_model_free(m);
}

int main(void) {
  RUN(describes_the_file);
  RUN(describes_a_model_that_is_cut_off);
  RUN(describing_without_memory_gives_nothing);
  RUN(runs_node_by_node);
  return DONE();
}
