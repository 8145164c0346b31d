/* Semantics as in onnxruntime 1.2x (core/providers/cpu/ml/tree_ensemble_*): single precision unless the model or the
 * input is double, trees summed in the order of the file. */
#include "kernel/tree.h"

#include <string.h>

enum { LANES = QN_TREE_LANES };
#define EACH_LANE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

/* Eight rows at once hide the latency of each other's loads; those that arrive first stay in their leaf. x: [⌈rows / 8⌉][n_features + 1][8];
 * leaf: [rows up to a multiple of 8] */
static void walk_plain(const qn_tree *t, size_t tree, const float *x, size_t rows, uint32_t *leaf) {
  enum { ALONE = 2 /* rows that are faster one after the other */ };
  const qn_tree_node *nodes = t->nodes;
  const size_t width = ((size_t)t->n_features + 1) * LANES;
  for (size_t first = 0; first < rows; first += LANES, x += width, leaf += LANES) {
    if (rows - first <= ALONE) {
      for (size_t r = 0; r < rows - first; r++) {
        uint32_t at = t->roots[tree], next;
        while ((next = nodes[at].yes + !(x[nodes[at].feature + r] <= nodes[at].value)) != at) at = next;
        leaf[r] = at;
      }
      return;
    }
#define START(r) uint32_t at##r = t->roots[tree];
#define STEP(r) at##r = nodes[at##r].yes + !(x[nodes[at##r].feature + r] <= nodes[at##r].value);
#define LEFT(r) moving |= nodes[at##r].yes ^ at##r;
#define ARRIVE(r) leaf[r] = at##r;
    EACH_LANE(START)
    for (uint32_t left = t->depths[tree], moving = 1; left && moving;) {
      uint32_t steps = left < 4 ? left : 4;
      left -= steps;
      for (; steps; steps--) {
        EACH_LANE(STEP)
      }
      moving = 0;
      EACH_LANE(LEFT)
    }
    EACH_LANE(ARRIVE)
  }
}

/* Rows as walk_plain() wants them, those beyond the last one 0. */
static void turn(const qn_tree *t, qn_dtype dtype, const void *x, size_t rows, size_t columns, float *to) {
  const size_t features = (size_t)t->n_features;
  for (size_t first = 0; first < rows; first += LANES, to += (features + 1) * LANES) {
    memset(to, 0, (features + 1) * LANES * sizeof *to);
    for (size_t r = 0; r < LANES && first + r < rows; r++)
      for (size_t c = 0, i = (first + r) * columns; c < features; c++, i++)
        to[c * LANES + r] = dtype == QN_FLOAT ? ((const float *)x)[i] : dtype == QN_INT64 ? (float)((const int64_t *)x)[i] : (float)((const int32_t *)x)[i];
  }
}

static bool is_member(const qn_tree *t, uint32_t node, double v) {
  uint32_t from = t->sets[2 * node], to = t->sets[2 * node + 1];
  while (from < to) {
    const uint32_t mid = from + (to - from) / 2;
    if (t->members[mid] == v) return true;
    if (t->members[mid] < v) from = mid + 1;
    else to = mid;
  }
  return false;
}

static uint32_t walk_any(const qn_tree *t, uint32_t at, const double *x) {
  for (;;) {
    const qn_tree_node *n = t->nodes + at;
    if (t->modes[at] == QN_TREE_LEAF) return at;
    const double v = x[n->feature / LANES], limit = t->wide_values ? t->wide_values[at] : (double)n->value;
    bool yes = (t->modes[at] & 8) && v != v;
    switch (t->modes[at] & 7) {
      case QN_TREE_LEQ: yes = yes || v <= limit; break;
      case QN_TREE_LT: yes = yes || v < limit; break;
      case QN_TREE_GTE: yes = yes || v >= limit; break;
      case QN_TREE_GT: yes = yes || v > limit; break;
      case QN_TREE_EQ: yes = yes || v == limit; break;
      case QN_TREE_NEQ: yes = yes || v != limit; break;
      case QN_TREE_MEMBER: yes = yes || is_member(t, at, v); break;
      default: return at;
    }
    at = n->yes + !yes;
  }
}

static void fold_weight(qn_tree_fold fold, bool narrow, double w, double *score, uint8_t *reached) {
  if (fold == QN_TREE_MIN) *score = !*reached || w < *score ? w : *score;
  else if (fold == QN_TREE_MAX) *score = !*reached || w > *score ? w : *score;
  else *score = narrow ? (double)(float)(*score + w) : *score + w; /* a float sum: the double in between is exact enough to round once */
  *reached = 1;
}

static void fold_leaves(const qn_tree *t, qn_tree_fold fold, bool narrow, const uint32_t *leaf, int64_t rows, double *scores, uint8_t *reached) {
  for (int64_t r = 0; r < rows; r++, scores += t->n_targets, reached += t->n_targets)
    for (uint32_t k = t->first[leaf[r]]; k < t->first[leaf[r] + 1]; k++)
      fold_weight(fold, narrow, t->weights[k].value, &scores[t->weights[k].target], &reached[t->weights[k].target]);
}

void qn_tree_scores(const qn_tree *t, qn_tree_fold fold, qn_dtype dtype, const void *x, int64_t rows, int64_t columns, double *scores,
                    uint8_t *reached, double *work) {
  const bool narrow = !t->wide && dtype != QN_DOUBLE, plain = t->plain && narrow;
  const size_t count = (size_t)rows * (size_t)columns, width = (size_t)columns;
  const double *wide = x;
  memset(scores, 0, (size_t)rows * (size_t)t->n_targets * sizeof *scores);
  memset(reached, 0, (size_t)rows * (size_t)t->n_targets);
  if (plain) {
    turn(t, dtype, x, (size_t)rows, width, (float *)work);
  } else if (dtype != QN_DOUBLE) { /* integers meet thresholds in single precision there too */
    for (size_t i = 0; i < count; i++) {
      if (dtype == QN_FLOAT) work[i] = (double)((const float *)x)[i];
      else if (dtype == QN_INT64) work[i] = t->wide ? (double)((const int64_t *)x)[i] : (double)(float)((const int64_t *)x)[i];
      else work[i] = t->wide ? (double)((const int32_t *)x)[i] : (double)(float)((const int32_t *)x)[i];
    }
    wide = work;
  }
  uint32_t leaf[QN_TREE_ROWS];
  float sums[QN_TREE_ROWS] = {0};
  const bool lone = t->lone && narrow && fold <= QN_TREE_AVERAGE;
  for (size_t k = 0; k < t->n_trees; k++) {
    if (plain) walk_plain(t, k, (const float *)work, (size_t)rows, leaf);
    else
      for (int64_t r = 0; r < rows; r++) leaf[r] = walk_any(t, t->roots[k], wide + (size_t)r * width);
    if (lone)
      for (int64_t r = 0; r < rows; r++) sums[r] += t->nodes[leaf[r]].weight;
    else fold_leaves(t, fold, narrow, leaf, rows, scores, reached);
  }
  for (int64_t r = 0; lone && r < rows; r++) scores[r] = (double)sums[r], reached[r] = 1;
}
