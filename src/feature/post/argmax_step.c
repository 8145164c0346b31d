/* The best class of each row of scores, with its name. */
#include "feature/post/ranking.h"

enum { LABELS, PARAMS };

static const qn_param params[PARAMS] = {
  [LABELS] = {"labels", QN_PARAM_TEXTS},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const int64_t classes = t->rank ? t->dims[t->rank - 1] : 0;
  char shape[QN_SHAPE_TEXT];
  if (classes < 1 || classes > INT32_MAX)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes rows of scores", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  return qn_ranking_plan(s, &s->set[LABELS], classes, "scores", t->count / classes, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t classes = in->dims[in->rank - 1];
  const float *x = in->data;
  qn_ranking r = qn_ranking_start(s, &s->set[LABELS]);
  for (int64_t row = 0; row < in->count / classes; row++, x += classes) {
    int64_t best = 0;
    for (int64_t i = 1; i < classes; i++)
      if (x[i] > x[best]) best = i;
    qn_ranking_append(&r, x[best], (int32_t)best);
  }
  qn_ranking_finish(s, &r);
  return QN_OK;
}

const qn_step_type qn_step_argmax = {"argmax", params, PARAMS, .answer = QN_ANSWER_ROWS, .whole = true, .plan = plan, .run = run};
