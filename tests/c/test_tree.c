/* kernel/tree.h against a walk over ONNX's lists as they stand. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/tree.h"

enum { TREES = 5, SIZE = 31, NODES = TREES * SIZE, COLUMNS = 7, TARGETS = 3, ROWS = 53, WEIGHTS = 2 * NODES };

static uint64_t state;
static uint32_t below(uint32_t n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % n;
}

static int64_t trees[NODES], ids[NODES], features[NODES], yes[NODES], no[NODES], missing[NODES];
static uint8_t modes[NODES];
static float values[NODES], weights[WEIGHTS];
static double wide_values[NODES], wide_weights[WEIGHTS];
static int64_t weight_trees[WEIGHTS], weight_nodes[WEIGHTS], weight_targets[WEIGHTS];

/* Trees grown leaf by leaf, node numbers far apart and shuffled; mode QN_TREE_LEAF stands for mixed modes. */
static qn_tree_source grow(int mode, bool with_missing, bool wide, int64_t targets) {
  size_t n_weights = 0;
  for (int t = 0; t < TREES; t++) {
    int64_t *id = ids + t * SIZE;
    for (int i = 0; i < SIZE; i++) id[i] = 3 * i + 1;
    for (int i = SIZE - 1; i > 0; i--) {
      int j = (int)below((uint32_t)i + 1);
      int64_t swap = id[i];
      id[i] = id[j], id[j] = swap;
    }
    for (int i = 0; i < SIZE; i++) {
      int at = t * SIZE + i;
      trees[at] = 10 - t, modes[at] = QN_TREE_LEAF, yes[at] = no[at] = 0, features[at] = below(COLUMNS);
      wide_values[at] = (int)below(9) - 4 + (wide && below(2) ? 1e-9 : 0);
      values[at] = (float)wide_values[at];
      missing[at] = below(2);
    }
    for (int used = 1; used < SIZE; used += 2) {
      int at;
      do at = t * SIZE + (int)below((uint32_t)used);
      while (modes[at] != QN_TREE_LEAF);
      modes[at] = (uint8_t)(mode == QN_TREE_LEAF ? below(6) : (uint32_t)mode);
      yes[at] = id[used], no[at] = id[used + 1];
    }
    for (int i = 0; i < SIZE; i++)
      for (int k = targets == 1 || below(4) ? 1 : 2; k > 0 && modes[t * SIZE + i] == QN_TREE_LEAF; k--) {
        weight_trees[n_weights] = 10 - t, weight_nodes[n_weights] = id[i], weight_targets[n_weights] = below((uint32_t)targets);
        wide_weights[n_weights] = (double)below(1000) / 300 - 1;
        weights[n_weights] = (float)wide_weights[n_weights];
        n_weights++;
      }
  }
  return (qn_tree_source){.n_nodes = NODES, .trees = trees, .nodes = ids, .features = features, .yes = yes, .no = no, .missing = with_missing ? missing : NULL,
                          .modes = modes, .values = {wide ? NULL : values, wide ? wide_values : NULL}, .n_weights = n_weights,
                          .weight_trees = weight_trees, .weight_nodes = weight_nodes, .weight_targets = weight_targets,
                          .weights = {wide ? NULL : weights, wide ? wide_weights : NULL}, .n_targets = targets};
}

static int position(int64_t tree, int64_t node) {
  for (int i = 0; i < NODES; i++)
    if (trees[i] == tree && ids[i] == node) return i;
  return -1;
}

static void reference(const qn_tree_source *s, qn_tree_fold fold, const double *row, double *score, bool *reached) {
  for (int64_t k = 0; k < s->n_targets; k++) score[k] = 0, reached[k] = false;
  for (int t = 0; t < TREES; t++) {
    int at = t * SIZE;
    while (modes[at] != QN_TREE_LEAF) {
      double v = row[features[at]], limit = s->values.f64 ? wide_values[at] : (double)values[at];
      bool go[] = {v <= limit, v < limit, v >= limit, v > limit, v == limit, v != limit};
      at = position(trees[at], go[modes[at]] || (s->missing && missing[at] && isnan(v)) ? yes[at] : no[at]);
    }
    for (size_t k = 0; k < s->n_weights; k++) {
      if (weight_trees[k] != trees[at] || weight_nodes[k] != ids[at]) continue;
      double w = s->weights.f64 ? wide_weights[k] : (double)weights[k], *to = &score[weight_targets[k]];
      bool *seen = &reached[weight_targets[k]];
      *to = fold <= QN_TREE_AVERAGE ? *to + w : !*seen ? w : fold == QN_TREE_MIN ? fmin(*to, w) : fmax(*to, w);
      *seen = true;
    }
  }
}

static void compare(const qn_tree_source *s, qn_tree_fold fold, qn_dtype dtype) {
  qn_tree tree;
  void *block;
  qn_error err;
  CHECK(qn_tree_build(s, &tree, &block, &err) == QN_OK);
  if (!block) return;
  CHECK(tree.n_trees == TREES && tree.n_features <= COLUMNS);
  static double row[ROWS * COLUMNS], scores[ROWS * TARGETS], work[(ROWS + QN_TREE_LANES) * (COLUMNS + 1)];
  static uint64_t x[ROWS * COLUMNS];
  static uint8_t reached[ROWS * TARGETS];
  memset(scores, 0x55, sizeof scores);
  memset(reached, 0x55, sizeof reached);
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    const bool real = dtype == QN_FLOAT || dtype == QN_DOUBLE;
    row[i] = real && below(10) == 0 ? NAN : real && below(2) ? (double)below(1000) / 100 - 5 : (int)below(11) - 5;
    if (dtype == QN_FLOAT) row[i] = ((float *)x)[i] = (float)row[i];
    else if (dtype == QN_DOUBLE) ((double *)x)[i] = row[i];
    else if (dtype == QN_INT64) ((int64_t *)x)[i] = (int64_t)row[i];
    else ((int32_t *)x)[i] = (int32_t)row[i];
  }
  qn_tree_scores(&tree, fold, dtype, x, ROWS, COLUMNS, scores, reached, work);
  bool ok = true;
  for (int r = 0; r < ROWS; r++) {
    double want[TARGETS];
    bool seen[TARGETS];
    reference(s, fold, row + r * COLUMNS, want, seen);
    for (int64_t k = 0; k < s->n_targets; k++) {
      ok = ok && fabs(scores[r * s->n_targets + k] - want[k]) <= (s->weights.f64 ? 1e-12 : 5e-6); /* float sums of 5 to 10 weights below 3 */
      ok = ok && reached[r * s->n_targets + k] == seen[k];
    }
  }
  CHECK(ok);
  qn_free(block);
}

TEST(scores) {
  static const qn_dtype TYPES[] = {QN_FLOAT, QN_DOUBLE, QN_INT64, QN_INT32};
  state = 3;
  for (int mode = QN_TREE_LEQ; mode <= QN_TREE_LEAF; mode++)
    for (int variant = 0; variant < 8; variant++)
      for (int t = 0; t < 4; t++)
        for (int fold = QN_TREE_SUM; fold <= QN_TREE_MAX; fold++) {
          qn_tree_source s = grow(mode, variant & 1, variant & 2, variant & 4 ? TARGETS : 1);
          compare(&s, (qn_tree_fold)fold, TYPES[t]);
        }
}

static bool refused(const qn_tree_source *s) {
  qn_tree tree;
  void *block;
  qn_error err = {0};
  qn_status status = qn_tree_build(s, &tree, &block, &err);
  bool ok = status != QN_OK && !block && err.text[0];
  qn_free(block);
  return ok;
}

TEST(malformed) {
  state = 5;
  qn_tree_source s = grow(QN_TREE_LEQ, true, false, TARGETS);
  CHECK(!refused(&s));
  s.n_nodes = 0;
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), s.n_targets = 0;
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), yes[0] = 1000; /* no such child */
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), no[0] = INT64_MIN;
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), no[0] = yes[0]; /* two parents */
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), yes[0] = ids[0]; /* its own child */
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), ids[1] = ids[2]; /* twice there */
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), modes[0] = QN_TREE_LEAF; /* more than one root */
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), features[0] = -1;
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), features[0] = INT64_MAX;
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), weight_nodes[3] = -7;
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), weight_targets[3] = TARGETS;
  CHECK(refused(&s));
  s = grow(QN_TREE_LEQ, true, false, TARGETS), weight_targets[3] = -1;
  CHECK(refused(&s));
  for (int at = 0; at < SIZE; at++) /* a cycle beside the root: the last branch's leaf takes the root's place */
    if (at && modes[at] != QN_TREE_LEAF) yes[at] = ids[at];
  CHECK(refused(&s));
}

TEST(cycle_apart) { /* 0 is a leaf, 1 and 2 are each other's parents */
  static const int64_t tree[] = {0, 0, 0, 0, 0}, id[] = {0, 1, 2, 3, 4}, feature[] = {0, 0, 0, 0, 0}, t[] = {0, 2, 1, 0, 0}, f[] = {0, 3, 4, 0, 0};
  static const uint8_t mode[] = {QN_TREE_LEAF, QN_TREE_LEQ, QN_TREE_LEQ, QN_TREE_LEAF, QN_TREE_LEAF};
  static const float value[5];
  qn_tree_source s = {.n_nodes = 5, .trees = tree, .nodes = id, .features = feature, .yes = t, .no = f, .modes = mode, .values = {value, NULL}, .n_targets = 1};
  CHECK(refused(&s));
}

TEST(memory_runs_out) {
  state = 9;
  qn_tree_source s = grow(QN_TREE_LEQ, false, false, 1);
  for (size_t n = 1; n <= 2; n++) {
    qn_alloc_fail_after(n);
    CHECK(refused(&s));
  }
  qn_alloc_fail_after(0);
}

int main(void) {
  RUN(scores);
  RUN(malformed);
  RUN(cycle_apart);
  RUN(memory_runs_out);
  return DONE();
}
