/* Values for what is missing, as scikit-learn's SimpleImputer has them in statistics_, whatever strategy found them. */
#include "feature/tabular/columns.h"

enum { VALUES, TEXTS, INDICATOR, PARAMS };

static const qn_param params[PARAMS] = {
  [VALUES] = {"values", QN_PARAM_NUMBERS, .least = -1e300, .most = 1e300, .least_count = 1, .most_count = 1 << 20}, /* of numbers */
  [TEXTS] = {"texts", QN_PARAM_TEXTS},                                                                              /* of texts */
  [INDICATOR] = {"indicator", QN_PARAM_NUMBERS, .least = 0, .most = 1 << 24, .least_count = 0, .most_count = 1 << 20}, /* columns of which 1 or 0 says, behind all others, whether they were missing */
};

static qn_status plan(qn_stage *s, qn_error *err) {
  int64_t rows;
  int32_t width;
  if (!s->set[VALUES].json == !s->set[TEXTS].json) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "give values (of numbers) or texts (of texts), and not both");
  const bool texts = s->set[TEXTS].json;
  QN_TRY(qn_columns_take(s, texts ? QN_COLUMNS_TEXTS : QN_COLUMNS_NUMBERS, &rows, &width, err));
  QN_TRY(qn_columns_list(s, VALUES, width, err));
  const qn_setting *indicator = &s->set[INDICATOR];
  if (texts) {
    if (s->set[TEXTS].count != 1 && s->set[TEXTS].count != width)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "texts has %d texts for %d columns", s->set[TEXTS].count, width);
    if (indicator->json) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "indicator is for numbers: texts and numbers are not in one tensor");
    const qn_slot *in = s->inputs[0];
    QN_TRY(qn_stage_result(s, s->input_count == 1 ? in->name : "rows", QN_STRING, 2, (int64_t[]){rows, width}, err));
    if (s->input_count == 1) s->results[0].columns = in->columns, s->results[0].column_count = in->column_count;
    return QN_OK;
  }
  for (int32_t i = 0; i < indicator->count; i++)
    if (indicator->list[i] >= width || indicator->list[i] != floor(indicator->list[i]))
      return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "indicator names the column %g of %d", indicator->list[i], width);
  return qn_columns_result(s, "rows", rows, (int64_t)width + indicator->count, true, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  const int64_t rows = out->dims[0], width = out->dims[1];
  const qn_setting *indicator = &s->set[INDICATOR], *texts = &s->set[TEXTS];
  qn_column c = qn_column_first(s);
  do {
    if (out->dtype == QN_STRING) {
      qn_string *y = (qn_string *)out->data + c.index;
      for (int64_t row = 0; row < rows; row++, y += width)
        *y = qn_column_missing(&c, row) ? texts->texts[texts->count > 1 ? c.index : 0] : *qn_column_text(&c, row);
      continue;
    }
    double *y = (double *)out->data + c.index;
    const double value = qn_columns_of_list(&s->set[VALUES], c.index, 0);
    for (int64_t row = 0; row < rows; row++, y += width) {
      const double x = qn_column_number(&c, row);
      *y = isnan(x) ? value : x;
    }
    for (int32_t i = 0; i < indicator->count; i++) {
      if ((int32_t)indicator->list[i] != c.index) continue;
      y = (double *)out->data + width - indicator->count + i;
      for (int64_t row = 0; row < rows; row++, y += width) *y = qn_column_missing(&c, row);
    }
  } while (qn_column_next(s, &c));
  return QN_OK;
}

const qn_step_type qn_step_impute = {"impute", params, PARAMS, .whole = true, .plan = plan, .run = run};
