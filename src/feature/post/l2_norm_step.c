/* Vectors to length 1, over the last axis; a vector of zeros stays (scikit-learn 1.9's normalize, torch's F.normalize). */
#include "feature/step.h"

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  if (t->rank < 1) return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is a single number", s->inputs[0]->name);
  return qn_stage_result(s, s->inputs[0]->name, QN_FLOAT, t->rank, t->dims, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  qn_stage_rows(s, 0, in->dims[0]);
  const int64_t n = in->dims[in->rank - 1];
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  for (int64_t row = 0; n && row < in->count / n; row++, x += n, y += n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    const double length = sum > 0 ? sqrt(sum) : 1;
    for (int64_t i = 0; i < n; i++) y[i] = (float)(x[i] / length);
  }
  return QN_OK;
}

const qn_step_type qn_step_l2_norm = {"l2_norm", NULL, 0, .plan = plan, .run = run};
