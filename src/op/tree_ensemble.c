/* ai.onnx.ml TreeEnsembleRegressor, TreeEnsembleClassifier. What the standard leaves open is as in onnxruntime 1.2x. */
#include <math.h>
#include <string.h>

#include "kernel/tree.h"
#include "op/scratch.h"

typedef enum transform { NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO, PROBIT } transform;

typedef struct ensemble {
  qn_tree tree;
  qn_tree_fold fold;
  transform transform;
  qn_tree_reals base;          /* [n_base] */
  size_t n_base;
  const qn_string *label_text; /* [n_targets] or NULL */
  const int64_t *labels;       /* [n_targets] or NULL */
  bool one_weighted;           /* two classes, all weights for one of them */
  bool positive;               /* no weight is negative */
} ensemble;

/* ---- reading the attributes ---- */

static int choose(const char *text, size_t length, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) return i;
  return -1;
}

static qn_status named(const qn_step *s, const char *name, const char *const *names, int count, int *out) {
  const char *text = qn_attr_text(s, name, names[0]);
  *out = choose(text, strlen(text), names, count);
  return *out >= 0 ? QN_OK : qn_step_fail(s, QN_ERR_ARGUMENT, "%s is '%s', which is not known", name, text);
}

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

static qn_status exactly(const qn_step *s, const char *name, size_t count, size_t want) {
  return count == want ? QN_OK : qn_step_fail(s, QN_ERR_ARGUMENT, "%s has %zu elements; %zu are expected", name, count, want);
}

static qn_status read_targets(qn_step *s, ensemble *e, bool classes, qn_tree_source *t) {
  const qn_attr *ids = qn_attr_find(s, classes ? "class_ids" : "target_ids", QN_ATTR_INTS);
  const size_t n = t->n_weights = ids ? ids->count : 0;
  size_t count;
  t->weight_targets = ids ? ids->ints : NULL;
  QN_TRY(list(s, classes ? "class_nodeids" : "target_nodeids", n, &t->weight_nodes));
  QN_TRY(list(s, classes ? "class_treeids" : "target_treeids", n, &t->weight_trees));
  QN_TRY(reals(s, classes ? "class_weights" : "target_weights", &t->weights, &count));
  QN_TRY(exactly(s, classes ? "class_weights" : "target_weights", count, n));
  QN_TRY(reals(s, "base_values", &e->base, &e->n_base));
  if (!classes) {
    t->n_targets = qn_attr_int(s, "n_targets", 1);
  } else {
    const qn_attr *text = qn_attr_find(s, "classlabels_strings", QN_ATTR_STRINGS), *numbers = qn_attr_find(s, "classlabels_int64s", QN_ATTR_INTS);
    const bool has_text = text && text->count, has_numbers = numbers && numbers->count;
    if (has_text == has_numbers) return qn_step_fail(s, QN_ERR_ARGUMENT, "one of classlabels_strings and classlabels_int64s is expected");
    e->label_text = has_text ? text->strings : NULL;
    e->labels = has_text ? NULL : numbers->ints;
    t->n_targets = (int64_t)(has_text ? text->count : numbers->count);
    e->positive = true;
    e->one_weighted = t->n_targets == 2 && n > 0;
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
    int mode = choose(names->strings[i].data, names->strings[i].length, MODES, 7);
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
  return exactly(s, "nodes_values", count, n);
}

static qn_status prepare(qn_step *s) {
  static const char *const FOLDS[] = {"SUM", "AVERAGE", "MIN", "MAX"};
  static const char *const TRANSFORMS[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const bool classes = s->op->name[strlen("TreeEnsemble")] == 'C';
  QN_TRY(qn_keep(s, sizeof(ensemble)));
  ensemble *e = s->kept;
  int fold = QN_TREE_SUM, after;
  if (!classes) QN_TRY(named(s, "aggregate_function", FOLDS, 4, &fold));
  QN_TRY(named(s, "post_transform", TRANSFORMS, 5, &after));
  e->fold = (qn_tree_fold)fold;
  e->transform = (transform)after;
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

static float logistic(float x) {
  const float y = 1 / (1 + expf(-fabsf(x)));
  return x < 0 ? 1 - y : y;
}

/* Winitzki's approximation of the inverse error function, with onnxruntime's constants. */
static float probit(float p) {
  const float x = 2 * p - 1, l = logf((1 - x) * (1 + x)), v = 2 / (3.14159f * 0.147f) + 0.5f * l;
  const float y = sqrtf(-v + sqrtf(v * v - l / 0.147f));
  return 1.41421356f * (x < 0 ? -y : y);
}

/* SOFTMAX_ZERO leaves scores of zero where they are. */
static void softmax(float *z, int64_t n, bool keep_zero) {
  float most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) most = z[i] > most ? z[i] : most;
  for (int64_t i = 0; i < n; i++) {
    if (keep_zero && fabsf(z[i]) <= 0.0000001f) {
      z[i] *= expf(-most);
      continue;
    }
    z[i] = expf(z[i] - most);
    sum += z[i];
  }
  for (int64_t i = 0; i < n; i++) z[i] /= sum;
}

static void transformed(transform how, float *z, int64_t n) {
  if (how == SOFTMAX || how == SOFTMAX_ZERO) softmax(z, n, how == SOFTMAX_ZERO);
  else if (how != NONE)
    for (int64_t i = 0; i < n; i++) z[i] = how == LOGISTIC ? logistic(z[i]) : probit(z[i]);
}

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
  if (n > 1) transformed(e->transform, z, n);
  else if (e->transform == PROBIT) z[0] = probit(z[0]);
}

/* Two classes of which a row may have scored only the first: the second is made up from it. Returns the label's index. */
static int finish_two(const ensemble *e, bool narrow, double *score, const uint8_t *reached, float *z) {
  bool both = reached[1];
  if (e->n_base == 2 && both) { /* onnxruntime takes the weights for class 0's here and does not look at class 1's */
    score[1] = add(e, narrow, score[0], 1);
    score[0] = -score[1];
  } else if (e->n_base == 2) {
    score[1] = add(e, narrow, score[1], 1);
    score[0] = add(e, narrow, score[0], 0);
  } else if (e->n_base == 1) {
    score[0] = add(e, narrow, score[0], 0);
  }
  const double weight = both ? score[1] : score[0];
  const int label = e->one_weighted && e->positive ? weight > 0.5 : weight > 0;
  z[0] = (float)score[0], z[1] = (float)score[1];
  if (both || e->n_base == 2) transformed(e->transform, z, 2);
  else if (e->transform == PROBIT) z[0] = probit(z[0]), z[1] = 0;
  else if (e->one_weighted && e->positive) z[1] = z[0], z[0] = 1 - z[0];
  else if (e->transform == LOGISTIC) z[1] = logistic(z[0]), z[0] = logistic(-z[0]);
  else z[1] = z[0], z[0] = -z[0];
  return label;
}

static int64_t finish_classes(const ensemble *e, bool narrow, double *score, uint8_t *reached, float *z) {
  const int64_t n = e->tree.n_targets;
  if (n == 2) return finish_two(e, narrow, score, reached, z);
  int64_t best = -1;
  for (int64_t i = 0; i < n; i++) {
    if (e->n_base && (n == 1 || (int64_t)e->n_base == n)) score[i] = add(e, narrow, score[i], (size_t)i), reached[i] = 1;
    if (reached[i] && (best < 0 || score[i] > score[best])) best = i;
    z[i] = (float)score[i];
  }
  if (n > 1) transformed(e->transform, z, n);
  else if (e->transform == PROBIT) z[0] = probit(z[0]);
  return best < 0 ? 0 : best;
}

/* ---- the operators ---- */

typedef struct rooms {
  int64_t rows; /* in a block */
  double *scores, *work;
  uint8_t *reached;
  float *z;
  qn_string *text;
} rooms;

static void take(const ensemble *e, qn_room *r, int64_t rows, int64_t columns, rooms *m) {
  const int64_t n = e->tree.n_targets, widest = n > columns ? n : columns;
  m->rows = widest > 65536 / QN_TREE_ROWS ? 65536 / widest : QN_TREE_ROWS; /* bounded whatever the shape */
  if (m->rows < 1) m->rows = 1;
  m->scores = qn_room_take(r, (size_t)(m->rows * n), sizeof(double));
  m->reached = qn_room_take(r, (size_t)(m->rows * n), 1);
  m->work = qn_room_take(r, qn_tree_work(m->rows, columns), sizeof(double));
  m->z = qn_room_take(r, (size_t)n, sizeof(float));
  m->text = e->label_text ? qn_room_take(r, (size_t)rows, sizeof(qn_string)) : NULL;
}

static void extent(const qn_tensor *x, int64_t *rows, int64_t *columns) {
  *rows = x->rank == 1 ? 1 : x->dims[0];
  *columns = x->dims[x->rank - 1];
}

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  const ensemble *e = s->kept;
  const bool classes = e->labels || e->label_text;
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_INT32)));
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  if (x->rank < 1 || x->rank > 2) return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has shape %s; [rows, features] is expected", qn_shape_text(text, x->rank, x->dims));
  int64_t dims[2] = {0, e->tree.n_targets}, columns;
  extent(x, &dims[0], &columns);
  if (columns < e->tree.n_features)
    return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has %lld columns; the trees ask for %lld", (long long)columns, (long long)e->tree.n_features);
  if (classes) QN_TRY(qn_out_shape(s, 0, e->labels ? QN_INT64 : QN_STRING, 1, dims));
  QN_TRY(qn_out_shape(s, classes, QN_FLOAT, 2, dims));
  s->dynamic = e->label_text != NULL; /* the bytes of a string must live as long as the output: it gets a block of its own */
  qn_room r = {0};
  rooms m;
  take(e, &r, dims[0], columns, &m);
  return qn_room_done(s, &r);
}

static qn_status run(qn_step *s) {
  const ensemble *e = s->kept;
  const qn_tensor *x = qn_in(s, 0);
  const bool classes = e->labels || e->label_text, narrow = !e->tree.wide && x->dtype != QN_DOUBLE;
  const int64_t n = e->tree.n_targets;
  int64_t rows, columns;
  extent(x, &rows, &columns);
  qn_room r = {.base = s->scratch};
  rooms m;
  take(e, &r, rows, columns, &m);
  if (s->dynamic) QN_TRY(qn_out_dynamic(s, 1, QN_FLOAT, 2, (int64_t[]){rows, n}));
  const qn_tensor *scores = qn_out(s, classes), *label = qn_out(s, 0);
  for (int64_t from = 0; from < rows; from += m.rows) {
    const int64_t count = rows - from < m.rows ? rows - from : m.rows;
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
      /* Where one class alone or two weighted ones are told apart, onnxruntime says 1 or 0, whatever the labels. */
      const bool sign = n == 1 || (n == 2 && !e->one_weighted);
      if (e->label_text) m.text[from + i] = e->label_text[best];
      else if (label) ((int64_t *)label->data)[from + i] = !sign ? e->labels[best] : n == 1 ? score[0] > 0 : best;
    }
  }
  if (!e->label_text || !label) return QN_OK;
  qn_value text = {.kind = QN_KIND_TENSOR};
  QN_TRY(qn_tensor_shape(&text.tensor, QN_STRING, 1, &rows, s->err));
  text.tensor.data = m.text;
  return qn_value_copy(s->out[0], &text, s->err);
}

const qn_op qn_op_tree_ensemble_regressor = {.domain = "ai.onnx.ml", .name = "TreeEnsembleRegressor", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,
                                             .max_out = 1, .flags = QN_LAYOUT_PLAIN, .plan = plan, .run = run, .prepare = prepare};
const qn_op qn_op_tree_ensemble_classifier = {.domain = "ai.onnx.ml", .name = "TreeEnsembleClassifier", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,
                                              .max_out = 2, .flags = QN_LAYOUT_PLAIN, .plan = plan, .run = run, .prepare = prepare};
