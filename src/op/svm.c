/* ai.onnx.ml SVMClassifier, SVMRegressor: the models of libsvm and, without support vectors, liblinear. What the standard leaves
 * open is as in onnxruntime 1.2x. */
#include <string.h>

#include "kernel/svm.h"
#include "op/ml.h"
#include "op/scratch.h"

typedef struct svm {
  qn_svm_kernel kernel;
  qn_score transform;
  qn_labels labels;                /* classifier */
  int64_t n_vectors, n_features;   /* no vectors: linear, coefficients are [classes, features] */
  const float *coefficients;       /* classifier: [classes - 1, n_vectors] */
  const float *vectors;            /* [n_vectors, n_features] */
  const float *rho;                /* [pairs of classes], or one */
  const float *prob_a, *prob_b;    /* [pairs], or NULL */
  const int64_t *per_class;        /* [classes] */
  bool positive;                   /* no coefficient is negative */
  bool one_class;
} svm;

static qn_status read_kernel(const qn_step *s, qn_svm_kernel *k) {
  static const char *const KINDS[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
  size_t count;
  int kind;
  const float *parameters = qn_ml_floats(s, "kernel_params", &count);
  QN_TRY(qn_ml_choice(s, "kernel_type", KINDS, 4, &kind));
  if (parameters) QN_TRY(qn_ml_expect(s, "kernel_params", count, 3));
  k->kind = (qn_svm_kind)kind;
  if (parameters) k->gamma = parameters[0], k->coef0 = parameters[1], k->degree = parameters[2];
  return QN_OK;
}

static qn_status at_least(const qn_step *s, const char *name, size_t count, uint64_t wanted) {
  return count >= wanted ? QN_OK : qn_step_fail(s, QN_ERR_ARGUMENT, "%s has %zu elements; %llu are expected", name, count, (unsigned long long)wanted);
}

static qn_status read_classes(qn_step *s, svm *m, size_t n_coefficients, size_t n_rho) {
  size_t n_classes, n_a, n_b;
  QN_TRY(qn_ml_labels(s, "classlabels_strings", "classlabels_ints", &m->labels));
  m->per_class = qn_ml_ints(s, "vectors_per_class", &n_classes);
  m->prob_a = qn_ml_floats(s, "prob_a", &n_a);
  m->prob_b = qn_ml_floats(s, "prob_b", &n_b);
  for (size_t i = 0; i < n_classes; i++)
    if (m->per_class[i] < 0 || __builtin_add_overflow(m->n_vectors, m->per_class[i], &m->n_vectors) || m->n_vectors > INT32_MAX)
      return qn_step_fail(s, QN_ERR_ARGUMENT, "vectors_per_class[%zu] is %lld", i, (long long)m->per_class[i]);
  m->positive = true;
  for (size_t i = 0; i < n_coefficients; i++) m->positive = m->positive && m->coefficients[i] >= 0;
  const uint64_t classes = (uint64_t)m->labels.count;
  if (!m->n_vectors) return QN_OK;
  if (classes < 2 || classes > 65535) return qn_step_fail(s, QN_ERR_ARGUMENT, "%llu classes; 2 to 65535 are expected", (unsigned long long)classes);
  QN_TRY(qn_ml_expect(s, "vectors_per_class", n_classes, (size_t)classes));
  QN_TRY(at_least(s, "coefficients", n_coefficients, (classes - 1) * (uint64_t)m->n_vectors));
  QN_TRY(at_least(s, "rho", n_rho, classes * (classes - 1) / 2));
  if (n_a || n_b) {
    QN_TRY(at_least(s, "prob_a", n_a, classes * (classes - 1) / 2));
    QN_TRY(at_least(s, "prob_b", n_b, classes * (classes - 1) / 2));
  }
  return QN_OK;
}

static qn_status prepare(qn_step *s) {
  const bool classes = s->op->name[3] == 'C';
  QN_TRY(qn_keep(s, sizeof(svm)));
  svm *m = s->kept;
  size_t n_coefficients, n_vector_floats, n_rho;
  QN_TRY(read_kernel(s, &m->kernel));
  QN_TRY(qn_ml_transform(s, &m->transform));
  m->coefficients = qn_ml_floats(s, "coefficients", &n_coefficients);
  m->vectors = qn_ml_floats(s, "support_vectors", &n_vector_floats);
  m->rho = qn_ml_floats(s, "rho", &n_rho);
  QN_TRY(at_least(s, "coefficients", n_coefficients, 1));
  QN_TRY(at_least(s, "rho", n_rho, 1));
  if (classes) {
    QN_TRY(read_classes(s, m, n_coefficients, n_rho));
  } else {
    m->n_vectors = qn_attr_int(s, "n_supports", 0);
    m->one_class = qn_attr_int(s, "one_class", 0) != 0;
    if (m->n_vectors < 0 || m->n_vectors > INT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "n_supports is %lld", (long long)m->n_vectors);
    QN_TRY(at_least(s, "coefficients", n_coefficients, (uint64_t)m->n_vectors));
  }
  const size_t among = m->n_vectors ? (size_t)m->n_vectors : classes ? (size_t)m->labels.count : 1, floats = m->n_vectors ? n_vector_floats : n_coefficients;
  m->n_features = (int64_t)(floats / among);
  if (!m->n_features || floats % among)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "%zu numbers do not divide among %zu %s", floats, among, m->n_vectors ? "support vectors" : "classes");
  if (!m->n_vectors) m->kernel.kind = QN_SVM_LINEAR;
  return QN_OK;
}

/* ---- one row ---- */

typedef struct rooms {
  float *x, *kernels, *pairs, *r, *scores;
  int64_t *votes;
  double *work;
} rooms;

/* Numbers of a row: as the model scores it and as the output has them. */
static int64_t pairs_of(const svm *m) { return m->labels.count * (m->labels.count - 1) / 2; }
static int64_t width_of(const svm *m) {
  if (!m->labels.count) return 1;
  return m->n_vectors && !m->prob_a && m->labels.count > 2 ? pairs_of(m) : m->labels.count;
}

static void take(const svm *m, qn_room *r, rooms *t) {
  const size_t n = (size_t)m->labels.count, vectors = (size_t)m->n_vectors;
  *t = (rooms){.x = qn_room_take(r, (size_t)m->n_features, sizeof(float)), .kernels = qn_room_take(r, vectors, sizeof(float)),
               .scores = qn_room_take(r, (size_t)width_of(m), sizeof(float))};
  if (!vectors || !n) return;
  t->pairs = qn_room_take(r, (size_t)pairs_of(m), sizeof(float));
  t->votes = qn_room_take(r, n, sizeof(int64_t));
  if (!m->prob_a) return;
  t->r = qn_room_take(r, n * n, sizeof(float));
  t->work = qn_room_take(r, n * (n + 2), sizeof(double));
}

/* Each pair of classes votes by the support vectors of both. Returns the class with the most votes. */
static int64_t vote(const svm *m, const rooms *t) {
  const int64_t n = m->labels.count;
  int64_t first_i = 0, pair = 0, best = 0;
  memset(t->votes, 0, (size_t)n * sizeof *t->votes);
  for (int64_t i = 0; i < n - 1; first_i += m->per_class[i++]) {
    int64_t first_j = first_i + m->per_class[i];
    for (int64_t j = i + 1; j < n; first_j += m->per_class[j++], pair++) {
      const float *of_i = m->coefficients + (j - 1) * m->n_vectors, *of_j = m->coefficients + i * m->n_vectors;
      double sum = 0;
      for (int64_t k = first_i; k < first_i + m->per_class[i]; k++) sum += (double)(of_i[k] * t->kernels[k]);
      for (int64_t k = first_j; k < first_j + m->per_class[j]; k++) sum += (double)(of_j[k] * t->kernels[k]);
      sum += (double)m->rho[pair];
      t->pairs[pair] = (float)sum;
      t->votes[sum > 0 ? i : j]++;
    }
  }
  for (int64_t i = 1; i < n; i++) best = t->votes[i] > t->votes[best] ? i : best;
  return best;
}

/* Platt's sigmoid for each pair, then coupled. */
static void probabilities(const svm *m, const rooms *t) {
  const int64_t n = m->labels.count;
  memset(t->r, 0, (size_t)(n * n) * sizeof *t->r);
  for (int64_t i = 0, pair = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++, pair++) {
      float p = 1 - qn_logistic(t->pairs[pair] * m->prob_a[pair] + m->prob_b[pair]);
      p = p < 1e-7f ? 1e-7f : p > 1 - 1e-7f ? 1 - 1e-7f : p;
      t->r[i * n + j] = p;
      t->r[j * n + i] = 1 - p;
    }
  qn_svm_couple(n, t->r, t->scores, t->work);
}

static int64_t classify(const svm *m, const rooms *t) {
  const int64_t n = m->labels.count;
  float *z = t->scores;
  if (!m->n_vectors) {
    qn_svm_kernels(&m->kernel, t->x, m->coefficients, n, m->n_features, z);
    int64_t best = 0;
    for (int64_t k = 0; k < n; k++) z[k] += m->rho[0];
    for (int64_t k = 1; k < n; k++) best = z[k] > z[best] ? k : best;
    if (n == 2 && !m->prob_a && (m->positive ? z[best] >= 0.5f : z[best] > 0)) best = 1; /* so does onnxruntime */
    qn_score_row(m->transform, z, n);
    return best;
  }
  qn_svm_kernels(&m->kernel, t->x, m->vectors, m->n_vectors, m->n_features, t->kernels);
  const int64_t best = vote(m, t);
  if (m->prob_a) probabilities(m, t);
  else if (n > 2) memcpy(z, t->pairs, (size_t)pairs_of(m) * sizeof *z);
  else {
    qn_score_pair(m->transform, t->pairs[0], m->transform == QN_SCORE_NONE, z);
    return best;
  }
  qn_score_row(m->transform, z, width_of(m));
  return best;
}

static float regress(const svm *m, const rooms *t) {
  float y = m->rho[0], linear;
  if (m->n_vectors) {
    qn_svm_kernels(&m->kernel, t->x, m->vectors, m->n_vectors, m->n_features, t->kernels);
    for (int64_t v = 0; v < m->n_vectors; v++) y += m->coefficients[v] * t->kernels[v];
  } else {
    qn_svm_kernels(&m->kernel, t->x, m->coefficients, 1, m->n_features, &linear);
    y += linear;
  }
  return !m->one_class ? y : y > 0 ? 1 : -1;
}

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  const svm *m = s->kept;
  int64_t rows;
  QN_TRY(qn_ml_scores(s, &m->labels, m->n_features, width_of(m), &rows));
  qn_room r = {0};
  rooms t;
  take(m, &r, &t);
  return qn_room_done(s, &r);
}

static qn_status run(qn_step *s) {
  const svm *m = s->kept;
  const bool classes = m->labels.count;
  const qn_tensor *x = qn_in(s, 0), *label = classes ? qn_out(s, 0) : NULL, *out = qn_out(s, classes);
  int64_t rows, columns;
  qn_ml_extent(x, &rows, &columns);
  qn_room r = {.base = s->scratch};
  rooms t;
  take(m, &r, &t);
  for (int64_t i = 0; i < rows; i++) {
    qn_cast(x->dtype, (const char *)x->data + (size_t)(i * columns) * qn_dtype_size(x->dtype), QN_FLOAT, t.x, (size_t)columns, (qn_cast_mode){0});
    if (classes) {
      const int64_t best = classify(m, &t);
      if (label) qn_labels_store(&m->labels, best, label, i);
    } else {
      t.scores[0] = regress(m, &t);
    }
    if (out) memcpy((float *)out->data + i * width_of(m), t.scores, (size_t)width_of(m) * sizeof(float));
  }
  return QN_OK;
}

#define SVM(id, text, outputs)                                                                                                            \
  const qn_op qn_op_##id = {.domain = "ai.onnx.ml", .name = text, .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = outputs, \
                            .plan = plan, .run = run, .prepare = prepare};
SVM(svm_classifier, "SVMClassifier", 2)
SVM(svm_regressor, "SVMRegressor", 1)
