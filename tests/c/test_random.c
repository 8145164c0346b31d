/* kernel/random.h against NumPy 2 (RandomState), and the operators over it. */
#define _POSIX_C_SOURCE 199309L
#include "harness.h"

#include <math.h>

#include "kernel/random.h"
#include "one_node.h"

TEST(as_numpy) {
  static qn_random r;
  qn_random_seed(&r, 7);
  CHECK(qn_random_uniform(&r) == 0.07630828937395717);
  CHECK(qn_random_uniform(&r) == 0.7799187922401146);
  qn_random_seed(&r, 7);
  CHECK(fabs(qn_random_normal(&r) - 1.690525703800356) < 1e-15);
  CHECK(fabs(qn_random_normal(&r) + 0.4659373705408328) < 1e-15);
  CHECK(fabs(qn_random_normal(&r) - 0.0328201636785844) < 1e-15);
  qn_random_seed(&r, 123);
  double last = 0;
  for (int i = 0; i < 700; i++) last = qn_random_uniform(&r); /* past two refills of the state */
  CHECK(last == 0.8475023105281434);
}

static void uniform(bool seeded, float *out) {
  int64_t shape[] = {4};
  begin_node("", "RandomUniform", 1, 1);
  attr_ints("shape", 1, shape);
  attr_float("low", 2);
  attr_float("high", 3);
  if (seeded) attr_float("seed", 7);
  CHECK(run_node() == QN_OK);
  memcpy(out, result(0)->data, 16);
}

TEST(seeded_and_not) {
  float a[4], b[4];
  uniform(true, a);
  CHECK(a[0] == (float)2.07630828937395717 && a[1] == (float)2.7799187922401146);
  bool done = false;
  CHECK(qn_run_start(one.model) == QN_OK && qn_run_step(one.model, 0, &done) == QN_OK && done);
  CHECK(!memcmp(a, result(0)->data, 16));
  uniform(false, a);
  CHECK(qn_run_start(one.model) == QN_OK && qn_run_step(one.model, 0, &done) == QN_OK);
  memcpy(b, result(0)->data, 16);
  CHECK(memcmp(a, b, 16));
  for (int i = 0; i < 4; i++) CHECK(a[i] >= 2 && a[i] <= 3 && b[i] >= 2 && b[i] <= 3);
}

TEST(multinomial_follows_its_weights) {
  const float x[] = {logf(1), logf(3), -INFINITY, logf(6), 0, -INFINITY, -INFINITY, -INFINITY};
  int count[4] = {0};
  begin_node("", "Multinomial", 7, 1);
  attr_int("sample_size", 20000);
  attr_float("seed", 1);
  attr_int("dtype", QN_INT64);
  add_input(QN_FLOAT, DIMS(2, 4), x);
  CHECK(run_node() == QN_OK && result(0)->dtype == QN_INT64 && result(0)->dims[1] == 20000);
  const int64_t *y = result(0)->data;
  bool second = true;
  for (int i = 0; i < 20000; i++) count[y[i]]++, second = second && y[20000 + i] == 0;
  CHECK(second && count[2] == 0);
  CHECK(abs(count[0] - 2000) < 200 && abs(count[1] - 6000) < 300 && abs(count[3] - 12000) < 300);
}

/* Dropping scales what is kept, so that the mean stays. */
TEST(dropout_in_training) {
  static float x[5000], ratio = 0.25f;
  const uint8_t yes = 1;
  for (int i = 0; i < 5000; i++) x[i] = 3;
  begin_node("", "Dropout", 13, 2);
  attr_int("seed", 5);
  add_input(QN_FLOAT, DIMS(1, 5, 10, 100), x);
  add_input(QN_FLOAT, 0, NULL, &ratio);
  add_input(QN_BOOL, 0, NULL, &yes);
  CHECK(run_node() == QN_OK && result(1)->dtype == QN_BOOL);
  int dropped = 0;
  bool right = true;
  for (int i = 0; i < 5000; i++) {
    bool kept = ((const uint8_t *)result(1)->data)[i];
    dropped += !kept;
    right = right && ((const float *)result(0)->data)[i] == (kept ? 4.0f : 0.0f);
  }
  CHECK(right && abs(dropped - 1250) < 120);
}

TEST(refusals) {
  const float x[] = {0.5f, 1.5f};
  begin_node("", "Bernoulli", 15, 1);
  add_input(QN_FLOAT, DIMS(2), x);
  CHECK(run_node() == QN_ERR_RANGE && strstr(one.error, "1.5"));
  begin_node("", "RandomNormal", 1, 1);
  CHECK(run_node() == QN_ERR_ARGUMENT);
  begin_node("", "RandomNormalLike", 1, 1);
  attr_int("dtype", QN_INT64);
  add_input(QN_FLOAT, DIMS(2), x);
  CHECK(run_node() == QN_ERR_TYPE);
  const float none[] = {-INFINITY, -INFINITY};
  begin_node("", "Multinomial", 7, 1);
  add_input(QN_FLOAT, DIMS(1, 2), none);
  CHECK(run_node() == QN_ERR_RANGE);
}

int main(void) {
  RUN(as_numpy);
  RUN(seeded_and_not);
  RUN(multinomial_follows_its_weights);
  RUN(dropout_in_training);
  RUN(refusals);
  qn_model_free(one.model);
  return DONE();
}
