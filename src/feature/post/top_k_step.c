/* The k largest numbers of a row of scores, the largest first, with their names. */
#include "feature/step.h"

enum { K, LABELS, LEAST, PARAMS };

static const qn_param params[PARAMS] = {
  [K] = {"k", QN_PARAM_INT, 1, 65536, .fallback = 5},
  [LABELS] = {"labels", QN_PARAM_TEXTS},
  [LEAST] = {"least", QN_PARAM_NUMBER, -1e30, 1e30, .fallback = -1e30}, /* scores below it are no answers */
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const qn_setting *labels = &s->set[LABELS];
  char shape[QN_SHAPE_TEXT];
  if (t->rank < 1 || t->dims[t->rank - 1] != t->count)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes one row of scores", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  if (labels->json && labels->count != t->count)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "there are %d labels for %lld scores", labels->count, (long long)t->count);
  const int64_t k = t->count < qn_stage_int(s, K) ? t->count : qn_stage_int(s, K);
  if (labels->json) QN_TRY(qn_stage_result(s, "label", QN_STRING, 1, &k, err));
  QN_TRY(qn_stage_result(s, "score", QN_FLOAT, 1, &k, err));
  return qn_stage_result(s, "index", QN_INT32, 1, &k, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const float *x = in->data, least = (float)qn_stage_number(s, LEAST);
  const int first = s->set[LABELS].json ? 1 : 0;
  const int64_t most = s->results[first].most_rows;
  float *scores = s->results[first].tensor.data;
  int32_t *indices = s->results[first + 1].tensor.data;
  int64_t count = 0;
  for (int64_t i = 0; i < in->count; i++) {
    if (!(x[i] >= least) || (count == most && x[i] <= scores[count - 1])) continue;
    int64_t at = count < most ? count++ : count - 1;
    for (; at > 0 && scores[at - 1] < x[i]; at--) scores[at] = scores[at - 1], indices[at] = indices[at - 1];
    scores[at] = x[i], indices[at] = (int32_t)i;
  }
  for (int r = 0; r < s->result_count; r++) qn_stage_rows(s, r, count);
  if (first)
    for (int64_t i = 0; i < count; i++) ((qn_string *)qn_stage_out(s, 0)->data)[i] = s->set[LABELS].texts[indices[i]];
  return QN_OK;
}

const qn_step_type qn_step_top_k = {"top_k", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
