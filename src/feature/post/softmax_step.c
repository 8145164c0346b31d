/* Scores to probabilities over the last axis; divided by a temperature first (Guo et al. 2017, "On Calibration of Modern Neural Networks"). */
#include "feature/step.h"

enum { TEMPERATURE, PARAMS };

static const qn_param params[PARAMS] = {
  [TEMPERATURE] = {"temperature", QN_PARAM_NUMBER, 1e-6, 1e6, .fallback = 1},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  if (t->rank < 1) return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is a single number", s->inputs[0]->name);
  return qn_stage_result(s, s->inputs[0]->name, QN_FLOAT, t->rank, t->dims, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  if (in->rank) qn_stage_rows(s, 0, in->dims[0]);
  const int64_t n = in->dims[in->rank - 1];
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  const double temperature = qn_stage_number(s, TEMPERATURE);
  for (int64_t row = 0; n && row < in->count / n; row++, x += n, y += n) {
    float most = x[0];
    double sum = 0;
    for (int64_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++) sum += y[i] = (float)exp(((double)x[i] - most) / temperature);
    for (int64_t i = 0; i < n; i++) y[i] = (float)(y[i] / sum);
  }
  return QN_OK;
}

const qn_step_type qn_step_softmax = {"softmax", params, PARAMS, .plan = plan, .run = run};
