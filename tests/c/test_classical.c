/* The kernels of the classical models: lookups, score transforms, support vector machines; trees with sets of members. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "kernel/lookup.h"
#include "kernel/score.h"
#include "kernel/svm.h"
#include "kernel/tree.h"

static unsigned seed = 3;
static unsigned next(void) { return (seed = seed * 1103515245 + 12345) >> 8; }
static double uniform(void) { return (double)(next() & 0xffff) / 32768 - 1; }
static bool near(double got, double want) { return fabs(got - want) <= 2e-5 * (1 + fabs(want)); }

TEST(test_lookup) {
  for (int round = 0; round < 200; round++) {
    const size_t n = next() % 40;
    uint64_t numbers[40];
    char bytes[40][3];
    qn_string text[40];
    uint32_t order[40], spare[40];
    for (size_t i = 0; i < n; i++) {
      numbers[i] = next() % 30;
      for (int k = 0; k < 3; k++) bytes[i][k] = (char)(200 + next() % 2 * 50); /* compared as unsigned */
      text[i] = (qn_string){bytes[i], next() % 4};
    }
    for (int by_text = 0; by_text < 2; by_text++) {
      qn_lookup l = {.text = by_text ? text : NULL, .numbers = by_text ? NULL : numbers, .count = n};
      qn_lookup_sort(&l, order, spare);
      for (int probe = 0; probe < 30; probe++) {
        int64_t want = -1;
        const qn_string key = n ? text[next() % n] : (qn_string){"", 0};
        for (size_t i = 0; i < n; i++)
          if (by_text ? text[i].length == key.length && !memcmp(text[i].data, key.data, key.length) : numbers[i] == (uint64_t)probe) want = (int64_t)i;
        CHECK((by_text ? qn_lookup_text(&l, key) : qn_lookup_number(&l, (uint64_t)probe)) == want);
      }
    }
  }
  CHECK(qn_lookup_key(0.0) == qn_lookup_key(-0.0) && qn_lookup_key(NAN) == qn_lookup_key(-NAN) && qn_lookup_key(1) != qn_lookup_key(-1));
}

TEST(test_scores) {
  for (int round = 0; round < 100; round++) {
    const int64_t n = 2 + next() % 5;
    float z[7], soft[7], logistic[7];
    double sum = 0;
    for (int64_t i = 0; i < n; i++) z[i] = soft[i] = logistic[i] = (float)(uniform() * 30), sum += exp((double)z[i]);
    qn_score_row(QN_SCORE_SOFTMAX, soft, n);
    qn_score_row(QN_SCORE_LOGISTIC, logistic, n);
    for (int64_t i = 0; i < n; i++) CHECK(near(soft[i], exp((double)z[i]) / sum) && near(logistic[i], 1 / (1 + exp(-(double)z[i]))));
    float probit = (float)(0.5 + uniform() * 0.49), p = probit; /* the approximation is good to 2e-3 */
    qn_score_row(QN_SCORE_PROBIT, &probit, 1);
    CHECK(fabs(0.5 * erfc(-(double)probit / sqrt(2)) - (double)p) < 2e-3);
  }
  float zero[3] = {0, 1, 1}, one[1] = {5}, pair[2];
  qn_score_row(QN_SCORE_SOFTMAX_ZERO, zero, 3);
  CHECK(zero[0] == 0 && zero[1] == 0.5f && zero[2] == 0.5f);
  qn_score_row(QN_SCORE_SOFTMAX, one, 1);
  CHECK(one[0] == 5);
  qn_score_pair(QN_SCORE_NONE, 0.25f, false, pair);
  CHECK(pair[0] == 0.75f && pair[1] == 0.25f);
  qn_score_pair(QN_SCORE_NONE, 0.25f, true, pair);
  CHECK(pair[0] == -0.25f && pair[1] == 0.25f);
  qn_score_pair(QN_SCORE_LOGISTIC, 2, false, pair);
  CHECK(near(pair[0], 1 / (1 + exp(2))) && near(pair[1], 1 / (1 + exp(-2))));
}

TEST(test_kernels) {
  for (int round = 0; round < 300; round++) {
    const int64_t n = next() % 5, features = 1 + next() % 11;
    const qn_svm_kernel k = {(qn_svm_kind)(round % 4), (float)(0.3 + uniform() * 0.2), (float)uniform(), (float)(2 + round % 3)};
    float x[12], v[60], out[5];
    for (int64_t i = 0; i < features; i++) x[i] = (float)uniform();
    for (int64_t i = 0; i < n * features; i++) v[i] = (float)uniform();
    qn_svm_kernels(&k, x, v, n, features, out);
    for (int64_t i = 0; i < n; i++) {
      double dot = 0, distance = 0;
      for (int64_t f = 0; f < features; f++) dot += (double)x[f] * (double)v[i * features + f], distance += pow((double)x[f] - (double)v[i * features + f], 2);
      const double z = (double)k.gamma * dot + (double)k.coef0;
      const double want[] = {dot, pow(z, (double)k.degree), exp(-(double)k.gamma * distance), tanh(z)};
      CHECK(near(out[i], want[k.kind]));
    }
  }
}

/* The method minimizes Σ (r_ji p_i - r_ij p_j)² over probabilities: no small step from its answer makes that much smaller. */
static double objective(int n, const float *r, const double *p) {
  double sum = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      if (i != j) sum += pow((double)r[j * n + i] * p[i] - (double)r[i * n + j] * p[j], 2);
  return sum;
}

TEST(test_coupling) {
  for (int round = 0; round < 200; round++) {
    const int n = 2 + (int)(next() % 6);
    float r[49], p[7];
    double work[7 * 9], x[7], sum = 0;
    for (int i = 0; i < n; i++)
      for (int j = i; j < n; j++) {
        r[i * n + j] = (float)(0.5 + uniform() * 0.49);
        r[j * n + i] = 1 - r[i * n + j];
      }
    qn_svm_couple(n, r, p, work);
    for (int i = 0; i < n; i++) {
      CHECK(p[i] >= 0 && p[i] <= 1);
      sum += x[i] = (double)p[i];
    }
    CHECK(fabs(sum - 1) < 1e-5);
    if (n == 2) CHECK(fabs((double)p[0] - (double)r[1]) < 0.02);
    const double here = objective(n, r, x);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) {
        if (i == j || x[j] < 0.05) continue;
        x[i] += 0.05, x[j] -= 0.05;
        CHECK(objective(n, r, x) > here - 1e-3);
        x[i] -= 0.05, x[j] += 0.05;
      }
  }
}

TEST(test_members) {
  static const int64_t TREES[3] = {0}, NODES[] = {0, 1, 2}, FEATURES[3] = {0}, YES[] = {1, 0, 0}, NO[] = {2, 0, 0}, TARGETS[2] = {0}, AT[] = {1, 2}, MISSING[] = {1, 0, 0};
  static const uint8_t MODES[] = {QN_TREE_MEMBER, QN_TREE_LEAF, QN_TREE_LEAF};
  static const float VALUES[3] = {0}, WEIGHTS[] = {10, 20};
  static const double MEMBERS[] = {-3, 0.5, 2, 7};
  static const uint32_t FIRST[] = {0, 0, 0}, END[] = {4, 0, 0};
  const qn_tree_source source = {.n_nodes = 3, .trees = TREES, .nodes = NODES, .features = FEATURES, .yes = YES, .no = NO, .missing = MISSING, .modes = MODES,
                                 .values = {.f32 = VALUES}, .members = MEMBERS, .member_first = FIRST, .member_end = END, .n_weights = 2, .weight_trees = TREES,
                                 .weight_nodes = AT, .weight_targets = TARGETS, .weights = {.f32 = WEIGHTS}, .n_targets = 1};
  qn_tree tree;
  void *block;
  CHECK(qn_tree_build(&source, &tree, &block, NULL) == QN_OK);
  const float x[] = {-3, 0.5f, 2, 7, 0, 8, -4, NAN};
  double scores[8], work[8];
  uint8_t reached[8];
  qn_tree_scores(&tree, QN_TREE_SUM, QN_FLOAT, x, 8, 1, scores, reached, work);
  for (int i = 0; i < 8; i++) CHECK(scores[i] == (i < 4 || i == 7 ? 10 : 20));
  qn_free(block);
}

int main(void) {
  RUN(test_lookup);
  RUN(test_scores);
  RUN(test_kernels);
  RUN(test_coupling);
  RUN(test_members);
  return DONE();
}
