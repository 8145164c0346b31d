/* Columns side by side as one vector for each row: float32 [rows, columns], what a model takes. A missing value is an error here, unless the
 * model knows NaN (gradient boosting does). */
#include "feature/tabular/columns.h"

enum { MISSING, PARAMS };

static const qn_param params[PARAMS] = {
  [MISSING] = {"missing", QN_PARAM_CHOICE, .choices = "error|allow"},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  int64_t rows;
  int32_t width;
  QN_TRY(qn_columns_take(s, QN_COLUMNS_NUMBERS, &rows, &width, err));
  return qn_stage_result(s, "vector", QN_FLOAT, 2, (int64_t[]){rows, width}, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  const int64_t rows = out->dims[0], width = out->dims[1];
  qn_column c = qn_column_first(s);
  do {
    float *y = (float *)out->data + c.index;
    for (int64_t row = 0; row < rows; row++, y += width) {
      *y = (float)qn_column_number(&c, row);
      char place[QN_PLACE_TEXT];
      if (isnan(*y) && !qn_stage_int(s, MISSING))
        return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s: the value is missing; impute it, or allow it by \"missing\"", qn_column_place(place, &c, row));
    }
  } while (qn_column_next(s, &c));
  return QN_OK;
}

const qn_step_type qn_step_concat = {"concat", params, PARAMS, .whole = true, .plan = plan, .run = run};
