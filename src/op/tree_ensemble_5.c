/* ai.onnx.ml TreeEnsemble (version 5): inner nodes and leaves in lists of their own, sets of members, output of the input's type.
 * The lists are rewritten as those of the older operators, which the kernel reads. post_transform is numbered as in the standard;
 * onnxruntime 1.2x takes 1 for LOGISTIC and 2 for SOFTMAX. */
#include <string.h>

#include "kernel/tree.h"
#include "op/ml.h"
#include "op/tree_rooms.h"

typedef struct forest {
  qn_tree tree;
  qn_tree_fold fold;
  qn_score transform;
} forest;

typedef struct lists { /* as the file has them */
  size_t n_roots, n_nodes, n_leaves;
  const int64_t *roots, *features, *yes, *no, *yes_leaf, *no_leaf, *missing, *targets;
  const qn_tensor *modes, *splits, *weights, *members;
} lists;

static qn_status list_of(const qn_step *s, const char *name, size_t expected, const int64_t **out) {
  size_t count;
  *out = qn_ml_ints(s, name, &count);
  return qn_ml_expect(s, name, count, expected);
}

static qn_status tensor_of(const qn_step *s, const char *name, uint32_t types, size_t expected, const qn_tensor **out) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_TENSOR);
  if (!a) return qn_step_fail(s, QN_ERR_ARGUMENT, "attribute %s is missing", name);
  *out = a->tensor;
  if (!(types & QN_TYPE_BIT(a->tensor->dtype))) return qn_step_fail(s, QN_ERR_TYPE, "%s is %s", name, qn_dtype_name(a->tensor->dtype));
  if (!a->tensor->data) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "%s has no data in the model", name);
  return qn_ml_expect(s, name, (size_t)a->tensor->count, expected);
}

#define REALS (QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_FLOAT16))

static qn_status read_lists(const qn_step *s, lists *l) {
  const qn_attr *members = qn_attr_find(s, "membership_values", QN_ATTR_TENSOR);
  size_t n;
  l->roots = qn_ml_ints(s, "tree_roots", &l->n_roots);
  l->features = qn_ml_ints(s, "nodes_featureids", &l->n_nodes);
  l->targets = qn_ml_ints(s, "leaf_targetids", &l->n_leaves);
  if (!l->n_roots || !l->n_nodes || l->n_nodes > INT32_MAX / 256 || l->n_roots > l->n_nodes || l->n_leaves > INT32_MAX)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "there are %zu trees of %zu nodes", l->n_roots, l->n_nodes);
  QN_TRY(list_of(s, "nodes_truenodeids", l->n_nodes, &l->yes));
  QN_TRY(list_of(s, "nodes_falsenodeids", l->n_nodes, &l->no));
  QN_TRY(list_of(s, "nodes_trueleafs", l->n_nodes, &l->yes_leaf));
  QN_TRY(list_of(s, "nodes_falseleafs", l->n_nodes, &l->no_leaf));
  if (qn_ml_ints(s, "nodes_missing_value_tracks_true", &n)) QN_TRY(list_of(s, "nodes_missing_value_tracks_true", l->n_nodes, &l->missing));
  QN_TRY(tensor_of(s, "nodes_modes", QN_TYPE_BIT(QN_UINT8), l->n_nodes, &l->modes));
  QN_TRY(tensor_of(s, "nodes_splits", REALS, l->n_nodes, &l->splits));
  QN_TRY(tensor_of(s, "leaf_weights", REALS, l->n_leaves, &l->weights));
  if (l->weights->dtype != l->splits->dtype)
    return qn_step_fail(s, QN_ERR_TYPE, "leaf_weights are %s, nodes_splits %s", qn_dtype_name(l->weights->dtype), qn_dtype_name(l->splits->dtype));
  if (members && members->tensor->count) QN_TRY(tensor_of(s, "membership_values", REALS, (size_t)members->tensor->count, &l->members));
  return QN_OK;
}

/* The lists that the kernel wants. Leaves are made once for each branch that ends in them. */
typedef struct rewritten {
  size_t count, n_weights;
  int64_t *trees, *nodes, *features, *yes, *no, *missing, *weight_trees, *weight_nodes, *weight_targets;
  uint32_t *source, *first, *end;  /* source: position in the file's nodes or leaves */
  uint8_t *modes, *seen;
  double *values, *weights;
  float *values_f32, *weights_f32;
} rewritten;

static qn_status add_node(const qn_step *s, rewritten *w, const lists *l, int64_t tree, int64_t at, bool leaf) {
  const size_t i = w->count;
  if (at < 0 || (uint64_t)at >= (leaf ? l->n_leaves : l->n_nodes))
    return qn_step_fail(s, QN_ERR_FORMAT, "a branch goes to %s %lld of %zu", leaf ? "leaf" : "node", (long long)at, leaf ? l->n_leaves : l->n_nodes);
  if (!leaf && w->seen[at]) return qn_step_fail(s, QN_ERR_FORMAT, "node %lld has more than one parent", (long long)at);
  if (!leaf) w->seen[at] = 1;
  w->count++;
  w->trees[i] = tree;
  w->nodes[i] = (int64_t)i;
  w->source[i] = (uint32_t)at;
  w->modes[i] = QN_TREE_LEAF;
  if (!leaf) {
    const uint8_t mode = ((const uint8_t *)l->modes->data)[at];
    if (mode > 6) return qn_step_fail(s, QN_ERR_ARGUMENT, "nodes_modes[%lld] is %d; 0 to 6 are expected", (long long)at, mode);
    w->modes[i] = mode == 6 ? QN_TREE_MEMBER : mode;
    w->features[i] = l->features[at];
    w->missing[i] = l->missing ? l->missing[at] : 0;
    return QN_OK;
  }
  w->weight_trees[w->n_weights] = tree;
  w->weight_nodes[w->n_weights] = (int64_t)i;
  w->weight_targets[w->n_weights++] = l->targets[at];
  return QN_OK;
}

static qn_status rewrite(const qn_step *s, rewritten *w, const lists *l) {
  for (size_t t = 0; t < l->n_roots; t++) {
    size_t head = w->count;
    QN_TRY(add_node(s, w, l, (int64_t)t, l->roots[t], false));
    for (; head < w->count; head++) {
      if (w->modes[head] == QN_TREE_LEAF) continue;
      const uint32_t at = w->source[head];
      w->yes[head] = (int64_t)w->count;
      QN_TRY(add_node(s, w, l, (int64_t)t, l->yes[at], l->yes_leaf[at] != 0));
      w->no[head] = (int64_t)w->count;
      QN_TRY(add_node(s, w, l, (int64_t)t, l->no[at], l->no_leaf[at] != 0));
    }
  }
  return QN_OK;
}

static double real_at(const qn_tensor *t, size_t i) {
  double v;
  qn_load(QN_IN_F64, t->dtype, t->data, i, 1, &v);
  return v;
}

/* Sets follow each other in the order of the file's MEMBER nodes, ended by NaN. They are sorted in `members`. */
static qn_status read_members(const qn_step *s, const lists *l, double *members, uint32_t *file_first, uint32_t *file_end) {
  const size_t n = l->members ? (size_t)l->members->count : 0;
  size_t at = 0;
  for (size_t i = 0; i < l->n_nodes; i++) {
    file_first[i] = file_end[i] = 0;
    if (((const uint8_t *)l->modes->data)[i] != 6) continue;
    if (at >= n) return qn_step_fail(s, QN_ERR_FORMAT, "membership_values has no set for node %zu", i);
    file_first[i] = (uint32_t)at;
    for (; at < n; at++) {
      const double v = real_at(l->members, at);
      if (v != v) break;
      members[at] = v;
    }
    file_end[i] = (uint32_t)at++;
  }
  return QN_OK;
}

/* Heap sort: no memory, no bad case. */
static void sort_reals(double *v, size_t n) {
  for (size_t start = n / 2, end = n; end > 1;) {
    if (start) {
      start--;
    } else {
      const double last = v[--end];
      v[end] = v[0], v[0] = last;
    }
    const double moved = v[start];
    size_t hole = start, child;
    while ((child = 2 * hole + 1) < end) {
      if (child + 1 < end && v[child + 1] > v[child]) child++;
      if (v[child] <= moved) break;
      v[hole] = v[child];
      hole = child;
    }
    v[hole] = moved;
  }
}

static qn_status build(qn_step *s, forest *f, const lists *l, rewritten *w, uint32_t *file_first, uint32_t *file_end) {
  const bool wide = l->splits->dtype == QN_DOUBLE;
  double *members = NULL;
  QN_TRY(rewrite(s, w, l));
  if (l->members) {
    members = qn_keep_block(s, (size_t)l->members->count * sizeof *members);
    if (!members) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the sets of members");
  }
  QN_TRY(read_members(s, l, members, file_first, file_end));
  for (size_t i = 0; members && i < l->n_nodes; i++) sort_reals(members + file_first[i], file_end[i] - file_first[i]);
  for (size_t i = 0, k = 0; i < w->count; i++) {
    const bool leaf = w->modes[i] == QN_TREE_LEAF;
    const double v = real_at(leaf ? l->weights : l->splits, w->source[i]);
    if (leaf) w->weights[k] = v, w->weights_f32[k++] = (float)v;
    w->values[i] = leaf ? 0 : v;
    w->values_f32[i] = leaf ? 0 : (float)v;
    w->first[i] = leaf ? 0 : file_first[w->source[i]];
    w->end[i] = leaf ? 0 : file_end[w->source[i]];
  }
  const qn_tree_source source = {
      .n_nodes = w->count, .trees = w->trees, .nodes = w->nodes, .features = w->features, .yes = w->yes, .no = w->no, .missing = w->missing,
      .modes = w->modes, .values = {wide ? NULL : w->values_f32, wide ? w->values : NULL}, .members = members, .member_first = w->first,
      .member_end = w->end, .n_weights = w->n_weights, .weight_trees = w->weight_trees, .weight_nodes = w->weight_nodes,
      .weight_targets = w->weight_targets, .weights = {wide ? NULL : w->weights_f32, wide ? w->weights : NULL},
      .n_targets = qn_attr_int(s, "n_targets", 1)};
  qn_error inner = {0};
  void *block = NULL;
  qn_status status = qn_tree_build(&source, &f->tree, &block, &inner);
  if (status != QN_OK) return qn_step_fail(s, status, "%s", inner.text);
  return qn_keep_adopt(s, block) ? QN_OK : qn_step_fail(s, QN_ERR_MEMORY, "no memory for the trees");
}

static qn_status prepare(qn_step *s) {
  static const qn_tree_fold FOLDS[] = {QN_TREE_AVERAGE, QN_TREE_SUM, QN_TREE_MIN, QN_TREE_MAX};
  const int64_t fold = qn_attr_int(s, "aggregate_function", 1), after = qn_attr_int(s, "post_transform", 0);
  lists l = {0};
  QN_TRY(qn_keep(s, sizeof(forest)));
  forest *f = s->kept;
  if (fold < 0 || fold > 3) return qn_step_fail(s, QN_ERR_ARGUMENT, "aggregate_function is %lld; 0 to 3 are expected", (long long)fold);
  if (after < 0 || after > 4) return qn_step_fail(s, QN_ERR_ARGUMENT, "post_transform is %lld; 0 to 4 are expected", (long long)after);
  f->fold = FOLDS[fold];
  f->transform = (qn_score)after;
  QN_TRY(read_lists(s, &l));
  const size_t most = l.n_roots + 2 * l.n_nodes;
  qn_pool pool = {0};
  rewritten w = {0};
  int64_t **longs[] = {&w.trees, &w.nodes, &w.features, &w.yes, &w.no, &w.missing, &w.weight_trees, &w.weight_nodes, &w.weight_targets};
  bool ok = true;
  for (size_t i = 0; i < sizeof longs / sizeof *longs; i++) ok = (*longs[i] = qn_pool_alloc(&pool, most * sizeof(int64_t))) && ok;
  ok = (w.values = qn_pool_alloc(&pool, 2 * most * sizeof(double))) && ok;
  ok = (w.values_f32 = qn_pool_alloc(&pool, 2 * most * sizeof(float))) && ok;
  ok = (w.source = qn_pool_alloc(&pool, 5 * most * sizeof(uint32_t))) && ok;
  ok = (w.modes = qn_pool_alloc(&pool, 2 * most)) && ok;
  qn_status status = QN_ERR_MEMORY;
  if (ok) {
    w.weights = w.values + most;
    w.weights_f32 = w.values_f32 + most;
    w.first = w.source + most;
    w.end = w.first + most;
    w.seen = w.modes + most;
    status = build(s, f, &l, &w, w.end + most, w.end + 2 * most);
  } else {
    qn_step_fail(s, QN_ERR_MEMORY, "no memory to read the trees");
  }
  qn_pool_free(&pool);
  return status;
}

/* ---- running ---- */

/* What float16 rows are widened to. */
static float *widened(qn_room *r, qn_dtype dtype, int64_t rows, int64_t columns) {
  return dtype == QN_FLOAT16 ? qn_room_take(r, (size_t)(rows * columns), sizeof(float)) : NULL;
}

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  const forest *f = s->kept;
  QN_TRY(qn_check_type(s, 0, REALS));
  const qn_tensor *x = qn_in(s, 0);
  if (x->rank < 1 || x->rank > 2) return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has %d dimensions; [rows, features] is expected", x->rank);
  int64_t dims[2] = {0, f->tree.n_targets}, columns;
  qn_ml_extent(x, &dims[0], &columns);
  if (columns < f->tree.n_features)
    return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has %lld columns; the trees ask for %lld", (long long)columns, (long long)f->tree.n_features);
  QN_TRY(qn_out_shape(s, 0, x->dtype, 2, dims));
  qn_room r = {0};
  qn_tree_rooms m;
  qn_tree_rooms_take(&r, f->tree.n_targets, columns, &m);
  widened(&r, x->dtype, m.rows, columns);
  return qn_room_done(s, &r);
}

static void finish(const forest *f, bool narrow, const double *score, qn_tensor *y, int64_t row, float *z) {
  const int64_t n = f->tree.n_targets;
  for (int64_t i = 0; i < n; i++) {
    double v = score[i];
    if (f->fold == QN_TREE_AVERAGE) v = narrow ? (double)((float)v / (float)f->tree.n_trees) : v / (double)f->tree.n_trees;
    z[i] = (float)v;
    if (y->dtype == QN_DOUBLE) ((double *)y->data)[row * n + i] = v;
  }
  if (y->dtype == QN_DOUBLE && f->transform == QN_SCORE_NONE) return;
  qn_score_row(f->transform, z, n);
  if (y->dtype == QN_DOUBLE && n == 1 && f->transform != QN_SCORE_PROBIT) return; /* left as it is */
  qn_cast(QN_FLOAT, z, y->dtype, (char *)y->data + (size_t)(row * n) * qn_dtype_size(y->dtype), (size_t)n, (qn_cast_mode){0});
}

static qn_status run(qn_step *s) {
  const forest *f = s->kept;
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  const bool narrow = !f->tree.wide && x->dtype != QN_DOUBLE;
  int64_t rows, columns;
  if (!y) return QN_OK;
  qn_ml_extent(x, &rows, &columns);
  qn_room r = {.base = s->scratch};
  qn_tree_rooms m;
  qn_tree_rooms_take(&r, f->tree.n_targets, columns, &m);
  float *wide = widened(&r, x->dtype, m.rows, columns);
  for (int64_t from = 0; from < rows; from += m.rows) {
    const int64_t count = rows - from < m.rows ? rows - from : m.rows;
    const void *at = (const char *)x->data + (size_t)(from * columns) * qn_dtype_size(x->dtype);
    if (wide) qn_cast(x->dtype, at, QN_FLOAT, wide, (size_t)(count * columns), (qn_cast_mode){0});
    qn_tree_scores(&f->tree, f->fold, wide ? QN_FLOAT : x->dtype, wide ? wide : at, count, columns, m.scores, m.reached, m.work);
    for (int64_t i = 0; i < count; i++) finish(f, narrow, m.scores + i * f->tree.n_targets, y, from + i, m.z);
  }
  return QN_OK;
}

const qn_op qn_op_tree_ensemble = {.domain = "ai.onnx.ml", .name = "TreeEnsemble", .since = 5, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                   .plan = plan, .run = run, .prepare = prepare};
