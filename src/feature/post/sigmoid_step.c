/* Scores to probabilities, each by itself. sigmoid: 1 / (1 + exp(−x / temperature)). calibrate: 1 / (1 + exp(a x + b)), as Platt scaling
 * finds a and b for each class (Platt 1999; scikit-learn 1.9's CalibratedClassifierCV: a_ and b_ of its calibrators), the classes of a row then
 * divided by their sum. `both`: of one score a row the probabilities of both classes, 1 − p and p. */
#include "feature/step.h"

enum { BOTH, TEMPERATURE, SIGMOID_PARAMS };
enum { A = 1, B, CALIBRATE_PARAMS };

static const qn_param sigmoid_params[SIGMOID_PARAMS] = {
  [BOTH] = {"both", QN_PARAM_BOOL},
  [TEMPERATURE] = {"temperature", QN_PARAM_NUMBER, 1e-6, 1e6, .fallback = 1},
};

static const qn_param calibrate_params[CALIBRATE_PARAMS] = {
  [BOTH] = {"both", QN_PARAM_BOOL},
  [A] = {"a", QN_PARAM_NUMBERS, .least = -1e30, .most = 1e30, .fallback = QN_REQUIRED, .least_count = 1, .most_count = 1 << 20},
  [B] = {"b", QN_PARAM_NUMBERS, .least = -1e30, .most = 1e30, .fallback = QN_REQUIRED, .least_count = 1, .most_count = 1 << 20},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const int64_t classes = t->rank ? t->dims[t->rank - 1] : 1;
  char shape[QN_SHAPE_TEXT];
  if (!qn_stage_int(s, BOTH)) return qn_stage_result(s, s->inputs[0]->name, QN_FLOAT, t->rank, t->dims, err);
  if (t->rank > 2 || (t->rank == 2 && classes != 1))
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; both classes have to be made of one score a row", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  return qn_stage_result(s, s->inputs[0]->name, QN_FLOAT, 2, (int64_t[]){t->count, 2}, err);
}

static qn_status plan_calibrate(qn_stage *s, qn_error *err) {
  QN_TRY(plan(s, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const int64_t classes = qn_stage_int(s, BOTH) || !t->rank ? 1 : t->dims[t->rank - 1];
  for (int i = A; i <= B; i++)
    if (s->set[i].count != 1 && s->set[i].count != classes)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "%s has %d numbers for %lld classes", calibrate_params[i].name, s->set[i].count, (long long)classes);
  return QN_OK;
}

/* 1 / (1 + exp(−x)), without overflow. */
static double logistic(double x) {
  const double e = exp(x < 0 ? x : -x);
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

static void put(const qn_stage *s, float *y, int64_t i, double p) {
  if (!qn_stage_int(s, BOTH)) {
    y[i] = (float)p;
    return;
  }
  y[2 * i] = (float)(1 - p);
  y[2 * i + 1] = (float)p;
}

static void set_rows(qn_stage *s) {
  const qn_tensor *in = qn_stage_in(s, 0);
  if (in->rank) qn_stage_rows(s, 0, in->dims[0]);
}

static qn_status run_sigmoid(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  set_rows(s);
  const float *x = in->data;
  for (int64_t i = 0; i < in->count; i++) put(s, qn_stage_out(s, 0)->data, i, logistic(x[i] / qn_stage_number(s, TEMPERATURE)));
  return QN_OK;
}

static qn_status run_calibrate(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  set_rows(s);
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  const int64_t classes = qn_stage_int(s, BOTH) || !in->rank ? 1 : in->dims[in->rank - 1];
  const qn_setting *a = &s->set[A], *b = &s->set[B];
  for (int64_t i = 0; i < in->count; i += classes) {
    double sum = 0;
    for (int64_t c = 0; c < classes; c++) {
      const double p = logistic(-(a->list[a->count > 1 ? c : 0] * x[i + c] + b->list[b->count > 1 ? c : 0]));
      put(s, y, i + c, p);
      sum += p;
    }
    for (int64_t c = 0; classes > 1 && c < classes; c++) y[i + c] = sum > 0 ? (float)(y[i + c] / sum) : 1 / (float)classes;
  }
  return QN_OK;
}

const qn_step_type qn_step_sigmoid = {"sigmoid", sigmoid_params, SIGMOID_PARAMS, .whole = true, .plan = plan, .run = run_sigmoid};
const qn_step_type qn_step_calibrate = {"calibrate", calibrate_params, CALIBRATE_PARAMS, .whole = true, .plan = plan_calibrate, .run = run_calibrate};
