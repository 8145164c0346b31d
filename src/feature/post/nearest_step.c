/* The k stored vectors whose angle to a vector is the smallest, by cosine: search over embeddings that a file of the package has. */
#include "feature/post/ranking.h"

enum { VECTORS, K, LABELS, LEAST, PARAMS };

static const qn_param params[PARAMS] = {
  [VECTORS] = {"vectors", QN_PARAM_FILE, .fallback = QN_REQUIRED}, /* float32 [n, width], little-endian, no header */
  [K] = {"k", QN_PARAM_INT, 1, 65536, .fallback = 5},
  [LABELS] = {"labels", QN_PARAM_TEXTS},
  [LEAST] = {"least", QN_PARAM_NUMBER, -1, 1, .fallback = -1}, /* cosines below it are no answers */
};

static int64_t stored(const qn_stage *s, int64_t width) { return (int64_t)(s->set[VECTORS].length / 4) / width; }

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const qn_setting *labels = &s->set[LABELS];
  const int64_t width = t->rank ? t->dims[t->rank - 1] : 0;
  if (!width || width != t->count)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes one vector", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  if (s->set[VECTORS].length % (4 * (uint64_t)width))
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "vectors has %zu bytes, which is not a whole number of vectors of %lld float32", s->set[VECTORS].length, (long long)width);
  const int64_t n = stored(s, width), k = n < qn_stage_int(s, K) ? n : qn_stage_int(s, K);
  return qn_ranking_plan(s, labels, n, "vectors", k, err);
}

static double dot(const float *a, const float *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t width = in->dims[in->rank - 1], n = in->count ? stored(s, width) : 0; /* no row: no answer */
  qn_ranking r = qn_ranking_start(s, &s->set[LABELS]);
  const float least = (float)qn_stage_number(s, LEAST), *row = (const float *)(const void *)s->set[VECTORS].text;
  const double length = sqrt(dot(in->data, in->data, width));
  for (int64_t i = 0; i < n; i++, row += width) {
    const double lengths = length * sqrt(dot(row, row, width));
    const float cosine = lengths > 0 ? (float)(dot(row, in->data, width) / lengths) : 0; /* with zeros: as scikit-learn 1.9's cosine_similarity */
    if (cosine >= least) qn_ranking_insert(&r, cosine, (int32_t)i);
  }
  qn_ranking_finish(s, &r);
  return QN_OK;
}

const qn_step_type qn_step_nearest = {"nearest", params, PARAMS, .answer = QN_ANSWER_ROWS, .whole = true, .plan = plan, .run = run};
