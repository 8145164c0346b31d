/* Of one row of scores those that reach their threshold, in the order of the classes: answers that do not exclude each other. */
#include "feature/post/ranking.h"

enum { LEAST, LABELS, PARAMS };

static const qn_param params[PARAMS] = {
  [LEAST] = {"least", QN_PARAM_NUMBERS, .least = -1e30, .most = 1e30, .fallback = QN_REQUIRED, .least_count = 1, .most_count = 1 << 20}, /* for all classes, or for each */
  [LABELS] = {"labels", QN_PARAM_TEXTS},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  char shape[QN_SHAPE_TEXT];
  if (t->rank < 1 || t->dims[t->rank - 1] != t->count || t->count > INT32_MAX)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes one row of scores", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  if (s->set[LEAST].count > 1 && s->set[LEAST].count != t->count)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "least has %d numbers for %lld scores", s->set[LEAST].count, (long long)t->count);
  return qn_ranking_plan(s, &s->set[LABELS], t->count, "scores", t->count, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const float *x = in->data;
  const qn_setting *least = &s->set[LEAST];
  qn_ranking r = qn_ranking_start(s, &s->set[LABELS]);
  for (int64_t i = 0; i < in->count; i++)
    if (x[i] >= (float)least->list[least->count > 1 ? i : 0]) qn_ranking_append(&r, x[i], (int32_t)i);
  qn_ranking_finish(s, &r);
  return QN_OK;
}

const qn_step_type qn_step_threshold = {"threshold", params, PARAMS, .answer = QN_ANSWER_ROWS, .whole = true, .plan = plan, .run = run};
