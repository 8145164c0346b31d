/* Outputs that stay as inputs of the next run: appended in place, copied, refused, and without memory. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"
#include "one_node.h"

static qn_status run_again(qn_model *m) {
  bool done = false;
  QN_TRY(qn_run_start(m));
  while (!done) QN_TRY(qn_run_step(m, 0, &done));
  return QN_OK;
}

/* Concat(past [parts, 0, inner], new [parts, rows, inner]) along axis 1, whose result is the next past. */
static void growth(int64_t parts, int64_t inner, bool starve) {
  const int64_t none[3] = {parts, 0, inner};
  const int64_t first[3] = {parts, 1, inner};
  float *kept = calloc((size_t)(parts * 400 * inner) + 1, sizeof(float)), *added = calloc((size_t)(parts * 3 * inner) + 1, sizeof(float));
  int64_t rows = 0;
  begin_node("", "Concat", 13, 1);
  attr_int("axis", 1);
  add_input(QN_FLOAT, 3, none, NULL);
  add_input(QN_FLOAT, 3, first, added);
  CHECK(run_node() == QN_OK);
  qn_model *m = one.model;
  CHECK(qn_state_bind(m, 0, 0) == QN_OK && qn_input_bind(m, 0, QN_FLOAT, 3, none) == QN_OK);
  for (int step = 0; step < 120; step++) {
    const int64_t more = step % 3, dims[3] = {parts, more, inner};
    CHECK(qn_input_bind(m, 1, QN_FLOAT, 3, dims) == QN_OK);
    float *to = qn_input_value(m, 1)->tensor.data;
    for (int64_t p = 0; p < parts; p++)
      for (int64_t i = 0; i < more * inner; i++) kept[(p * 400 + rows) * inner + i] = to[p * more * inner + i] = (float)(step * 1000 + p * 100 + i);
    if (starve && step % 8 == 5) { /* a run without memory leaves the state alone and can be done again */
      qn_alloc_fail_after(1 + (size_t)step / 40);
      qn_status status = run_again(m);
      qn_alloc_fail_after(0);
      if (status == QN_OK) {
        rows += more;
        continue;
      }
      CHECK(status == QN_ERR_MEMORY);
    }
    CHECK(run_again(m) == QN_OK);
    rows += more;
    if (step % 10 == 9 || starve) {
      const qn_tensor *t = result(0);
      CHECK(t->rank == 3 && t->dims[0] == parts && t->dims[1] == rows && t->dims[2] == inner);
      for (int64_t p = 0; p < parts; p++)
        CHECK(rows * inner == 0 || !memcmp((const float *)t->data + p * rows * inner, kept + p * 400 * inner, (size_t)(rows * inner) * sizeof(float)));
    }
  }
  free(kept);
  free(added);
}

static void refusals(void) {
  const int64_t two[1] = {2};
  const float x[2] = {1, 2};
  begin_node("", "Add", 13, 1);
  add_input(QN_FLOAT, 1, two, x);
  add_input(QN_FLOAT, 1, two, x);
  CHECK(run_node() == QN_OK);
  qn_model *m = one.model;
  CHECK(qn_state_bind(m, 2, 0) == QN_ERR_ARGUMENT && qn_state_bind(m, -1, 0) == QN_ERR_ARGUMENT && qn_state_bind(m, 0, 1) == QN_ERR_ARGUMENT);
  CHECK(qn_state_bind(m, 0, 0) == QN_OK);
  CHECK(qn_state_bind(m, 1, 0) == QN_ERR_ARGUMENT && strstr(qn_model_error(m)->text, "already"));
  CHECK(qn_run_start(m) == QN_ERR_ARGUMENT); /* what was bound before is forgotten */
  CHECK(qn_input_bind(m, 0, QN_FLOAT, 1, two) == QN_OK);
  memcpy(qn_input_value(m, 0)->tensor.data, x, sizeof x);
  for (int i = 0; i < 5; i++) CHECK(run_again(m) == QN_OK);
  CHECK(((const float *)result(0)->data)[1] == 12 && ((const float *)qn_input_value(m, 0)->tensor.data)[0] == 6);
  CHECK(qn_run_start(m) == QN_OK && qn_state_bind(m, 0, -1) == QN_ERR_STATE);
  qn_run_cancel(m);
  CHECK(((const float *)qn_input_value(m, 0)->tensor.data)[0] == 6 && qn_state_bind(m, 0, -1) == QN_OK);
}

static void grows(void) {
  growth(1, 5, false);
  growth(3, 4, false);
  growth(4, 0, false);
  growth(0, 3, false);
}

static void grows_without_memory(void) {
  growth(1, 5, true);
  growth(3, 4, true);
}

static void gives_all_back(void) {
  qn_model_free(one.model);
  CHECK(qn_alloc_bytes() == 0);
}

int main(void) {
  RUN(grows);
  RUN(grows_without_memory);
  RUN(refusals);
  RUN(gives_all_back);
  return DONE();
}
