/* Semantics as in onnxruntime 1.2x (core/providers/cpu/ml/tree_ensemble_*): single precision unless the model or the
 * input is double, trees summed in the order of the file. */
#include "kernel/tree.h"

#include <string.h>

/* Four rows at once hide the latency of each other's loads; those that arrive first stay in their leaf. */
static void walk_plain(const qn_tree_node *nodes, uint32_t root, const float *x, int64_t rows, size_t columns, uint32_t *leaf) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * columns) {
    const float *x1 = x + columns, *x2 = x1 + columns, *x3 = x2 + columns;
    uint32_t a = root, b = root, c = root, d = root, moved;
    do {
      const qn_tree_node *na = nodes + a, *nb = nodes + b, *nc = nodes + c, *nd = nodes + d;
      const uint32_t ta = x[na->feature] <= na->value ? na->yes : na->no, tb = x1[nb->feature] <= nb->value ? nb->yes : nb->no;
      const uint32_t tc = x2[nc->feature] <= nc->value ? nc->yes : nc->no, td = x3[nd->feature] <= nd->value ? nd->yes : nd->no;
      moved = (a ^ ta) | (b ^ tb) | (c ^ tc) | (d ^ td);
      a = ta, b = tb, c = tc, d = td;
    } while (moved);
    leaf[r] = a, leaf[r + 1] = b, leaf[r + 2] = c, leaf[r + 3] = d;
  }
  for (; r < rows; r++, x += columns) {
    uint32_t a = root, next;
    while ((next = x[nodes[a].feature] <= nodes[a].value ? nodes[a].yes : nodes[a].no) != a) a = next;
    leaf[r] = a;
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
    const double v = x[n->feature], limit = t->wide_values ? t->wide_values[at] : (double)n->value;
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
    at = yes ? n->yes : n->no;
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
  const float *single = x;
  const double *wide = x;
  memset(scores, 0, (size_t)rows * (size_t)t->n_targets * sizeof *scores);
  memset(reached, 0, (size_t)rows * (size_t)t->n_targets);
  if (plain && dtype != QN_FLOAT) {
    float *to = (float *)work;
    for (size_t i = 0; i < count; i++) to[i] = dtype == QN_INT64 ? (float)((const int64_t *)x)[i] : (float)((const int32_t *)x)[i];
    single = to;
  } else if (!plain && dtype != QN_DOUBLE) { /* integers meet thresholds in single precision there too */
    for (size_t i = 0; i < count; i++) {
      if (dtype == QN_FLOAT) work[i] = (double)((const float *)x)[i];
      else if (dtype == QN_INT64) work[i] = t->wide ? (double)((const int64_t *)x)[i] : (double)(float)((const int64_t *)x)[i];
      else work[i] = t->wide ? (double)((const int32_t *)x)[i] : (double)(float)((const int32_t *)x)[i];
    }
    wide = work;
  }
  uint32_t leaf[QN_TREE_ROWS];
  for (size_t k = 0; k < t->n_trees; k++) {
    if (plain) walk_plain(t->nodes, t->roots[k], single, rows, width, leaf);
    else
      for (int64_t r = 0; r < rows; r++) leaf[r] = walk_any(t, t->roots[k], wide + (size_t)r * width);
    if (t->lone && narrow && fold <= QN_TREE_AVERAGE)
      for (int64_t r = 0; r < rows; r++) scores[r] = (double)((float)scores[r] + t->nodes[leaf[r]].value), reached[r] = 1;
    else fold_leaves(t, fold, narrow, leaf, rows, scores, reached);
  }
}
