/* The k largest numbers of a row of scores, the largest first, with their names. */
#include "feature/post/ranking.h"

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
  return qn_ranking_plan(s, labels, t->count, "scores", t->count < qn_stage_int(s, K) ? t->count : qn_stage_int(s, K), err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const float *x = in->data, least = (float)qn_stage_number(s, LEAST);
  qn_ranking r = qn_ranking_start(s, &s->set[LABELS]);
  for (int64_t i = 0; i < in->count; i++)
    if (x[i] >= least) qn_ranking_insert(&r, x[i], (int32_t)i);
  qn_ranking_finish(s, &r);
  return QN_OK;
}

const qn_step_type qn_step_top_k = {"top_k", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
