/* What a regression learned on a scaled target, in the target's own unit: f(value · scale + center), for each row or each column of it.
 * scikit-learn 1.9's TransformedTargetRegressor: StandardScaler's scale_ and mean_, and the inverse of the function (of log: exp; of log1p: expm1;
 * of sqrt: square). */
#include "feature/numbers.h"
#include "feature/step.h"

enum { SCALE, CENTER, FUNCTION, LEAST, MOST, PARAMS };
enum { NONE, EXP, EXPM1, SQUARE };

static const qn_param params[PARAMS] = {
  [SCALE] = {"scale", QN_PARAM_NUMBERS, .least = -1e30, .most = 1e30, .least_count = 1, .most_count = 1 << 20},
  [CENTER] = {"center", QN_PARAM_NUMBERS, .least = -1e30, .most = 1e30, .least_count = 1, .most_count = 1 << 20},
  [FUNCTION] = {"function", QN_PARAM_CHOICE, .choices = "none|exp|expm1|square"},
  [LEAST] = {"least", QN_PARAM_NUMBER, -1e300, 1e300, .fallback = -1e300}, /* what is beyond is cut */
  [MOST] = {"most", QN_PARAM_NUMBER, -1e300, 1e300, .fallback = 1e300},
};

static int64_t targets_of(const qn_tensor *t) { return t->rank == 2 ? t->dims[1] : 1; }

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_UNDEFINED, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  char shape[QN_SHAPE_TEXT];
  if (!qn_is_numbers(t->dtype)) return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; it takes numbers", s->inputs[0]->name, qn_dtype_name(t->dtype));
  if (t->rank < 1 || t->rank > 2)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes [rows] or [rows, targets]", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  for (int i = SCALE; i <= CENTER; i++)
    if (s->set[i].count > 1 && s->set[i].count != targets_of(t))
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "%s has %d numbers for %lld targets", params[i].name, s->set[i].count, (long long)targets_of(t));
  return qn_stage_result(s, "value", QN_DOUBLE, t->rank == 2 && t->dims[1] == 1 ? 1 : t->rank, t->dims, err); /* one target: a number for each row */
}

static double of_list(const qn_setting *set, int64_t i, double none) { return set->count ? set->list[set->count > 1 ? i : 0] : none; }

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  qn_stage_rows(s, 0, in->dims[0]);
  double *y = qn_stage_out(s, 0)->data;
  const int64_t targets = targets_of(in);
  const double least = qn_stage_number(s, LEAST), most = qn_stage_number(s, MOST);
  for (int64_t i = 0; i < in->count; i++) {
    double x = qn_number_at(in, i) * of_list(&s->set[SCALE], i % targets, 1) + of_list(&s->set[CENTER], i % targets, 0);
    switch (qn_stage_int(s, FUNCTION)) {
      case EXP: x = exp(x); break;
      case EXPM1: x = expm1(x); break;
      case SQUARE: x *= x; break;
      default: break;
    }
    y[i] = x < least ? least : x > most ? most : x;
  }
  return QN_OK;
}

const qn_step_type qn_step_unscale = {"unscale", params, PARAMS, .answer = QN_ANSWER_ROWS, .whole = true, .plan = plan, .run = run};
