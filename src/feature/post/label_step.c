/* Names for numbers of classes, which stand in an input called "class"; the other inputs pass as they are. */
#include <string.h>

#include "feature/step.h"

enum { LABELS, PARAMS };

static const qn_param params[PARAMS] = {[LABELS] = {"labels", QN_PARAM_TEXTS, .fallback = QN_REQUIRED}};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, -1, QN_UNDEFINED, -1, err));
  if (s->input_count > QN_MOST_RESULTS) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes up to %d inputs, got %d", QN_MOST_RESULTS, s->input_count);
  bool found = false;
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    const bool class = !strcmp(s->inputs[i]->name, "class");
    if (class && t->dtype != QN_INT32) return qn_stage_fail(s, err, QN_ERR_TYPE, "'class' is %s; it takes int32", qn_dtype_name(t->dtype));
    found = found || class;
    QN_TRY(qn_stage_result(s, class ? "label" : s->inputs[i]->name, class ? QN_STRING : t->dtype, t->rank, t->dims, err));
    s->results[i].most_rows = s->inputs[i]->most_rows;
  }
  return found ? QN_OK : qn_stage_fail(s, err, QN_ERR_ARGUMENT, "none of its inputs is called 'class'");
}

static qn_status run(qn_stage *s, qn_error *err) {
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    if (t->rank) qn_stage_rows(s, i, t->dims[0]);
    if (qn_stage_out(s, i)->dtype == t->dtype) {
      memcpy(qn_stage_out(s, i)->data, t->data, qn_tensor_bytes(t));
      continue;
    }
    const int32_t *class = t->data;
    qn_string *label = qn_stage_out(s, i)->data;
    for (int64_t k = 0; k < t->count; k++) {
      if (class[k] < 0 || class[k] >= s->set[LABELS].count) return qn_stage_fail(s, err, QN_ERR_SHAPE, "there is class %d and %d labels", class[k], s->set[LABELS].count);
      label[k] = s->set[LABELS].texts[class[k]];
    }
  }
  return QN_OK;
}

const qn_step_type qn_step_label = {"label", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
