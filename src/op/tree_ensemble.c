/* ai.onnx.ml TreeEnsembleRegressor, TreeEnsembleClassifier. What the standard leaves open is as in onnxruntime 1.2x. */
#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "kernel/tree.h"
#include "op/ml.h"
#include "op/tree_rooms.h"

typedef struct ensemble {
  qn_tree tree;
  qn_tree_fold fold;
  qn_score transform;
  qn_tree_reals base;          /* [n_base] */
  size_t n_base;
  qn_labels labels;            /* [n_targets]; of a regressor: none */
  bool one_weighted;           /* two classes, all weights for one of them */
  bool positive;               /* no weight is negative */
} ensemble;

/* ---- reading the attributes ---- */

/* The list must have `want` elements. */
static qn_status list(const qn_step *s, const char *name, size_t want, const int64_t **out) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_INTS);
  if ((a ? a->count : 0) != want) return qn_step_fail(s, QN_ERR_ARGUMENT, "%s has %zu elements; %zu are expected", name, a ? a->count : (size_t)0, want);
  *out = a ? a->ints : NULL;
  return QN_OK;
}

/* `name` as floats, or `name`_as_tensor of float or double. */
static qn_status reals(const qn_step *s, const char *name, qn_tree_reals *out, size_t *count) {
  char tensor[64];
  const size_t length = strlen(name);
  memcpy(tensor, name, length);
  memcpy(tensor + length, "_as_tensor", sizeof "_as_tensor");
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_FLOATS), *t = qn_attr_find(s, tensor, QN_ATTR_TENSOR);
  if (a && a->count && t && t->tensor->count) return qn_step_fail(s, QN_ERR_ARGUMENT, "%s and %s exclude each other", name, tensor);
  *out = (qn_tree_reals){0};
  *count = 0;
  if (t && t->tensor->count) {
    if (t->tensor->dtype != QN_DOUBLE && t->tensor->dtype != QN_FLOAT)
      return qn_step_fail(s, QN_ERR_TYPE, "%s is %s; float64 or float32 is expected", tensor, qn_dtype_name(t->tensor->dtype));
    if (!t->tensor->data) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "%s has no data in the model", tensor);
    if (t->tensor->dtype == QN_DOUBLE) out->f64 = t->tensor->data;
    else out->f32 = t->tensor->data;
    *count = (size_t)t->tensor->count;
  } else if (a && a->count) {
    out->f32 = a->floats;
    *count = a->count;
  }
  return QN_OK;
}

static double real_at(qn_tree_reals r, size_t i) { return r.f64 ? r.f64[i] : (double)r.f32[i]; }

static qn_status read_targets(qn_step *s, ensemble *e, bool classes, qn_tree_source *t) {
  const qn_attr *ids = qn_attr_find(s, classes ? "class_ids" : "target_ids", QN_ATTR_INTS);
  const size_t n = t->n_weights = ids ? ids->count : 0;
  size_t count;
  t->weight_targets = ids ? ids->ints : NULL;
  QN_TRY(list(s, classes ? "class_nodeids" : "target_nodeids", n, &t->weight_nodes));
  QN_TRY(list(s, classes ? "class_treeids" : "target_treeids", n, &t->weight_trees));
  QN_TRY(reals(s, classes ? "class_weights" : "target_weights", &t->weights, &count));
  QN_TRY(qn_ml_expect(s, classes ? "class_weights" : "target_weights", count, n));
  QN_TRY(reals(s, "base_values", &e->base, &e->n_base));
  if (!classes) {
    t->n_targets = qn_attr_int(s, "n_targets", 1);
  } else {
    QN_TRY(qn_ml_labels(s, "classlabels_strings", "classlabels_int64s", &e->labels));
    t->n_targets = e->labels.count;
    e->positive = true;
    e->one_weighted = t->n_targets == 2 && n > 0 && e->n_base < 2; /* two base values are scores for both */
    for (size_t i = 0; i < n; i++) {
      e->positive = e->positive && !(real_at(t->weights, i) < 0);
      e->one_weighted = e->one_weighted && t->weight_targets[i] == t->weight_targets[0];
    }
  }
  if (e->n_base > 1 && (int64_t)e->n_base != t->n_targets)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "base_values has %zu elements for %lld targets", e->n_base, (long long)t->n_targets);
  return QN_OK;
}

static qn_status read_nodes(qn_step *s, qn_tree_source *t, uint8_t *modes) {
  static const char *const MODES[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "LEAF"};
  const qn_attr *names = qn_attr_find(s, "nodes_modes", QN_ATTR_STRINGS);
  const size_t n = t->n_nodes;
  size_t count;
  for (size_t i = 0; i < n; i++) {
    int mode = qn_ml_index_of(names->strings[i], MODES, 7);
    if (mode < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "nodes_modes[%zu] is not a mode of a node", i);
    modes[i] = (uint8_t)mode;
  }
  t->modes = modes;
  QN_TRY(list(s, "nodes_treeids", n, &t->trees));
  QN_TRY(list(s, "nodes_nodeids", n, &t->nodes));
  QN_TRY(list(s, "nodes_featureids", n, &t->features));
  QN_TRY(list(s, "nodes_truenodeids", n, &t->yes));
  QN_TRY(list(s, "nodes_falsenodeids", n, &t->no));
  const qn_attr *missing = qn_attr_find(s, "nodes_missing_value_tracks_true", QN_ATTR_INTS);
  if (missing && missing->count) QN_TRY(list(s, "nodes_missing_value_tracks_true", n, &t->missing));
  QN_TRY(reals(s, "nodes_values", &t->values, &count));
  return qn_ml_expect(s, "nodes_values", count, n);
}

static qn_status prepare(qn_step *s) {
  static const char *const FOLDS[] = {"SUM", "AVERAGE", "MIN", "MAX"};
  const bool classes = s->op->name[strlen("TreeEnsemble")] == 'C';
  QN_TRY(qn_keep(s, sizeof(ensemble)));
  ensemble *e = s->kept;
  int fold = QN_TREE_SUM;
  if (!classes) QN_TRY(qn_ml_choice(s, "aggregate_function", FOLDS, 4, &fold));
  QN_TRY(qn_ml_transform(s, &e->transform));
  e->fold = (qn_tree_fold)fold;
  const qn_attr *names = qn_attr_find(s, "nodes_modes", QN_ATTR_STRINGS);
  qn_tree_source source = {.n_nodes = names ? names->count : 0};
  QN_TRY(read_targets(s, e, classes, &source));
  uint8_t *modes = qn_alloc(source.n_nodes);
  if (!modes) return qn_step_fail(s, QN_ERR_MEMORY, "no memory to read the trees");
  qn_status status = read_nodes(s, &source, modes);
  void *block = NULL;
  if (status == QN_OK) {
    qn_error inner = {0};
    status = qn_tree_build(&source, &e->tree, &block, &inner);
    if (status != QN_OK) status = qn_step_fail(s, status, "%s", inner.text);
  }
  qn_free(modes);
  if (status == QN_OK && !qn_keep_adopt(s, block)) status = qn_step_fail(s, QN_ERR_MEMORY, "no memory for the trees");
  return status;
}

/* ---- scores ---- */

/* Sums of single precision numbers are rounded to it. */
static double add(const ensemble *e, bool narrow, double a, size_t base) {
  const double y = a + real_at(e->base, base);
  return narrow ? (double)(float)y : y;
}

static void finish_targets(const ensemble *e, bool narrow, double *score, float *z) {
  const int64_t n = e->tree.n_targets;
  for (int64_t i = 0; i < n; i++) {
    if (e->fold == QN_TREE_AVERAGE) score[i] = narrow ? (double)((float)score[i] / (float)e->tree.n_trees) : score[i] / (double)e->tree.n_trees;
    if ((int64_t)e->n_base == n) score[i] = add(e, narrow, score[i], (size_t)i);
    z[i] = (float)score[i];
  }
  qn_score_row(e->transform, z, n);
}

/* Two classes of which the trees score one: if it is the first, the other is made up from it. Returns the label's index. */
static int finish_two(const ensemble *e, bool narrow, double *score, const uint8_t *reached, float *z) {
  const int scored = reached[1];
  if (e->n_base) score[scored] = add(e, narrow, score[scored], 0);
  z[0] = (float)score[0], z[1] = (float)score[1];
  if (scored) qn_score_row(e->transform, z, 2);
  else qn_score_pair(e->transform, z[0], !e->positive, z);
  return score[scored] > (e->positive ? 0.5 : 0);
}

static int64_t finish_classes(const ensemble *e, bool narrow, double *score, uint8_t *reached, float *z) {
  const int64_t n = e->tree.n_targets;
  if (e->one_weighted) return finish_two(e, narrow, score, reached, z);
  int64_t best = -1;
  for (int64_t i = 0; i < n; i++) {
    if (e->n_base && (n == 1 || (int64_t)e->n_base == n)) score[i] = add(e, narrow, score[i], (size_t)i), reached[i] = 1;
    if (reached[i] && (best < 0 || score[i] > score[best])) best = i;
    z[i] = (float)score[i];
  }
  qn_score_row(e->transform, z, n);
  return best < 0 ? 0 : best;
}

/* ---- the operators ---- */

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  const ensemble *e = s->kept;
  const bool classes = e->labels.count;
  int64_t dims[2] = {0, e->tree.n_targets}, columns;
  QN_TRY(qn_ml_rows(s, &dims[0], &columns));
  if (columns < e->tree.n_features)
    return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has %lld columns; the trees ask for %lld", (long long)columns, (long long)e->tree.n_features);
  if (classes) QN_TRY(qn_out_shape(s, 0, qn_labels_type(&e->labels), 1, dims));
  QN_TRY(qn_out_shape(s, classes, QN_FLOAT, 2, dims));
  qn_room r = {0};
  qn_tree_rooms m;
  qn_tree_rooms_take(&r, e->tree.n_targets, columns, &m);
  if (!r.overflow) r.size = qn_parallel_room(r.size);
  r.overflow = r.overflow || r.size > SIZE_MAX / 2;
  return qn_room_done(s, &r);
}

/* Blocks of rows. */
static void score_blocks(const void *argument, int64_t first, int64_t last, int worker) {
  const qn_step *s = argument;
  const ensemble *e = s->kept;
  const qn_tensor *x = qn_in(s, 0);
  const bool classes = e->labels.count, narrow = !e->tree.wide && x->dtype != QN_DOUBLE;
  const int64_t n = e->tree.n_targets;
  int64_t rows, columns;
  qn_ml_extent(x, &rows, &columns);
  qn_room r = {0};
  qn_tree_rooms m;
  qn_tree_rooms_take(&r, e->tree.n_targets, columns, &m);
  r = (qn_room){.base = (uint8_t *)s->scratch + (size_t)worker * qn_parallel_part(r.size)};
  qn_tree_rooms_take(&r, e->tree.n_targets, columns, &m);
  const qn_tensor *scores = qn_out(s, classes), *label = qn_out(s, 0);
  for (int64_t block = first; block < last; block++) {
    const int64_t from = block * m.rows, count = rows - from < m.rows ? rows - from : m.rows;
    const uint8_t *at = (const uint8_t *)x->data + (size_t)(from * columns) * qn_dtype_size(x->dtype);
    qn_tree_scores(&e->tree, e->fold, x->dtype, at, count, columns, m.scores, m.reached, m.work);
    for (int64_t i = 0; i < count; i++) {
      double *score = m.scores + i * n;
      float *z = scores ? (float *)scores->data + (from + i) * n : m.z;
      if (!classes) {
        finish_targets(e, narrow, score, z);
        continue;
      }
      const int64_t best = finish_classes(e, narrow, score, m.reached + i * n, z);
      /* One class alone is told by the sign of its score; onnxruntime then says 1 or 0, whatever the label. */
      if (!label) continue;
      if (n == 1 && e->labels.numbers) ((int64_t *)label->data)[from + i] = score[0] > 0;
      else qn_labels_store(&e->labels, best, label, from + i);
    }
  }
}

static qn_status run(qn_step *s) {
  const ensemble *e = s->kept;
  int64_t rows, columns;
  qn_ml_extent(qn_in(s, 0), &rows, &columns);
  qn_room r = {0};
  qn_tree_rooms m;
  qn_tree_rooms_take(&r, e->tree.n_targets, columns, &m);
  qn_parallel((rows + m.rows - 1) / m.rows, m.rows * (int64_t)e->tree.n_trees * 256, score_blocks, s);
  return QN_OK;
}

const qn_op qn_op_tree_ensemble_regressor = {.domain = "ai.onnx.ml", .name = "TreeEnsembleRegressor", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,
                                             .max_out = 1, .flags = QN_LAYOUT_PLAIN, .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_tree_ensemble_classifier = {.domain = "ai.onnx.ml", .name = "TreeEnsembleClassifier", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,
                                              .max_out = 2, .flags = QN_LAYOUT_PLAIN, .plan = plan, .run = run, .prepare = prepare};
