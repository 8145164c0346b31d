/* ai.onnx.ml LinearClassifier, LinearRegressor. What the standard leaves open is as in onnxruntime 1.2x. */
#include <math.h>

#include "kernel/gemm.h"
#include "op/ml.h"
#include "op/scratch.h"

typedef struct linear {
  qn_labels labels;       /* classifier */
  qn_score transform;
  int64_t n_targets, n_features;
  const float *intercepts; /* [n_targets] or NULL */
  float *packed;           /* coefficients as a right operand */
  bool pair;               /* one score tells two classes apart */
} linear;

static qn_status prepare(qn_step *s) {
  const bool classes = s->op->name[6] == 'C';
  size_t n_coefficients, n_intercepts;
  QN_TRY(qn_keep(s, sizeof(linear)));
  linear *m = s->kept;
  const float *coefficients = qn_ml_floats(s, "coefficients", &n_coefficients);
  m->intercepts = qn_ml_floats(s, "intercepts", &n_intercepts);
  QN_TRY(qn_ml_transform(s, &m->transform));
  if (classes) {
    QN_TRY(qn_ml_labels(s, "classlabels_strings", "classlabels_ints", &m->labels));
    m->n_targets = n_intercepts ? (int64_t)n_intercepts : m->labels.count;
    m->pair = m->n_targets == 1 && m->labels.count == 2;
    if (!m->pair && m->n_targets != m->labels.count)
      return qn_step_fail(s, QN_ERR_ARGUMENT, "there are %lld class labels for %zu intercepts", (long long)m->labels.count, n_intercepts);
  } else {
    m->n_targets = qn_attr_int(s, "targets", 1);
    if (m->n_targets < 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "targets is %lld; 1 or more is expected", (long long)m->n_targets);
    if (m->intercepts) QN_TRY(qn_ml_expect(s, "intercepts", n_intercepts, (size_t)m->n_targets));
  }
  if (!n_coefficients || (uint64_t)m->n_targets > n_coefficients || n_coefficients % (size_t)m->n_targets)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "%zu coefficients do not divide among %lld targets", n_coefficients, (long long)m->n_targets);
  m->n_features = (int64_t)n_coefficients / m->n_targets;
  const size_t room = qn_gemm_packed_count(m->n_features, m->n_targets, sizeof(float));
  m->packed = room ? qn_keep_block(s, room * sizeof(float)) : NULL;
  if (!m->packed) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the coefficients");
  qn_gemm_pack(m->n_features, m->n_targets, coefficients, 1, m->n_features, m->packed);
  return QN_OK;
}

static const float *as_floats(const qn_step *s, qn_room *r) {
  const qn_tensor *x = qn_in(s, 0);
  if (x->dtype == QN_FLOAT) return x->data;
  float *wide = qn_room_take(r, (size_t)x->count, sizeof *wide);
  if (wide) qn_cast(x->dtype, x->data, QN_FLOAT, wide, (size_t)x->count, (qn_cast_mode){0});
  return wide;
}

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  const linear *m = s->kept;
  int64_t rows;
  QN_TRY(qn_ml_scores(s, &m->labels, m->n_features, m->pair ? 2 : m->n_targets, &rows));
  qn_room r = {0};
  as_floats(s, &r);
  qn_room_take(&r, (size_t)(rows * m->n_targets), sizeof(float));
  return qn_room_done(s, &r);
}

static qn_status run(qn_step *s) {
  const linear *m = s->kept;
  const bool classes = m->labels.count;
  const qn_tensor *label = classes ? qn_out(s, 0) : NULL, *out = qn_out(s, classes);
  int64_t rows, columns, n = m->n_targets;
  qn_ml_extent(qn_in(s, 0), &rows, &columns);
  qn_room r = {.base = s->scratch};
  const float *x = as_floats(s, &r);
  float *scores = qn_room_take(&r, (size_t)(rows * n), sizeof(float));
  const qn_epilogue plain = {m->intercepts, -INFINITY, INFINITY};
  qn_gemm(rows, n, columns, x, columns, m->packed, scores, n, &plain);
  for (int64_t i = 0; i < rows; i++) {
    float *z = scores + i * n;
    if (label && m->pair) {
      qn_labels_store(&m->labels, z[0] > 0, label, i);
    } else if (label) {
      int64_t best = 0;
      for (int64_t k = 1; k < n; k++) best = z[k] > z[best] ? k : best;
      qn_labels_store(&m->labels, best, label, i);
    }
    if (!out) continue;
    float *to = (float *)out->data + i * (m->pair ? 2 : n);
    if (m->pair) {
      qn_score_pair(m->transform, z[0], false, to);
      continue;
    }
    for (int64_t k = 0; k < n; k++) to[k] = z[k];
    qn_score_row(m->transform, to, n);
  }
  return QN_OK;
}

#define LINEAR(id, text, outputs)                                                                                                         \
  const qn_op qn_op_##id = {.domain = "ai.onnx.ml", .name = text, .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = outputs, \
                            .plan = plan, .run = run, .prepare = prepare};
LINEAR(linear_classifier, "LinearClassifier", 2)
LINEAR(linear_regressor, "LinearRegressor", 1)
