/* Numbers minus their mean, divided by their standard deviation: of all, of each feature over the frames, of each frame; or by means and
 * deviations that are known from training. Computed in double. */
#include "feature/step.h"

enum { OVER, MEAN, VARIANCE, EPSILON, EPSILON_IN, DDOF, MEANS, STDS, PARAMS };
enum { ALL, FEATURE, FRAME };

static const qn_param params[PARAMS] = {
  [OVER] = {"over", QN_PARAM_CHOICE, .choices = "all|feature|frame"},
  [MEAN] = {"mean", QN_PARAM_BOOL, .fallback = 1},
  [VARIANCE] = {"variance", QN_PARAM_BOOL, .fallback = 1},
  [EPSILON] = {"epsilon", QN_PARAM_NUMBER, 0, 1, .fallback = 1e-7},
  [EPSILON_IN] = {"epsilon_in", QN_PARAM_CHOICE, .choices = "variance|std"}, /* what it is added to */
  [DDOF] = {"ddof", QN_PARAM_INT, 0, 1, .fallback = 0},
  [MEANS] = {"means", QN_PARAM_NUMBERS, .least = -1e9, .most = 1e9, .least_count = 1, .most_count = 65536}, /* one, or one for each feature */
  [STDS] = {"stds", QN_PARAM_NUMBERS, .least = 1e-12, .most = 1e9, .least_count = 1, .most_count = 65536},
};

static bool known(const qn_stage *s) { return s->set[MEANS].count || s->set[STDS].count; }

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 2, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  for (int i = MEANS; i <= STDS; i++)
    if (s->set[i].count > 1 && s->set[i].count != t->dims[1])
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "%s has %d numbers for frames of %lld", params[i].name, s->set[i].count, (long long)t->dims[1]);
  if (s->stream && !known(s) && qn_stage_int(s, OVER) != FRAME)
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "means over all frames need the whole signal, so it cannot be part of a stream: give means and stds");
  return qn_stage_result(s, s->inputs[0]->name, QN_FLOAT, 2, t->dims, err);
}

/* `count` numbers, `step` apart. */
static void group(const qn_stage *s, const float *x, float *y, int64_t count, int64_t step) {
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < count; i++) mean += x[i * step];
  mean = count ? mean / (double)count : 0;
  for (int64_t i = 0; i < count; i++) squares += (x[i * step] - mean) * (x[i * step] - mean);
  const int64_t free = count - qn_stage_int(s, DDOF);
  const double variance = free > 0 ? squares / (double)free : 0, epsilon = qn_stage_number(s, EPSILON);
  double std = qn_stage_int(s, EPSILON_IN) == 0 ? sqrt(variance + epsilon) : sqrt(variance) + epsilon;
  if (!qn_stage_int(s, VARIANCE) || std == 0) std = 1;
  if (!qn_stage_int(s, MEAN)) mean = 0;
  for (int64_t i = 0; i < count; i++) y[i * step] = (float)((x[i * step] - mean) / std);
}

static double at(const qn_setting *set, int64_t i, double none) { return !set->count ? none : set->list[set->count > 1 ? i : 0]; }

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t rows = in->dims[0], n = in->dims[1];
  const int32_t over = qn_stage_int(s, OVER);
  const float *x = in->data;
  qn_tensor *out = qn_stage_out(s, 0);
  float *y = out->data;
  out->dims[0] = rows, out->dims[1] = n, out->count = in->count; /* frames, or a sound, whose length varies */
  if (known(s))
    for (int64_t i = 0; i < in->count; i++) y[i] = (float)((x[i] - at(&s->set[MEANS], i % n, 0)) / at(&s->set[STDS], i % n, 1));
  else if (over == ALL) group(s, x, y, in->count, 1);
  else if (over == FEATURE)
    for (int64_t k = 0; k < n; k++) group(s, x + k, y + k, rows, n);
  else
    for (int64_t row = 0; row < rows; row++) group(s, x + row * n, y + row * n, n, 1);
  return QN_OK;
}

const qn_step_type qn_step_standardize = {"standardize", params, PARAMS, .plan = plan, .run = run};
