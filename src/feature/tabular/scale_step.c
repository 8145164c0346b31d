/* (value − center) / scale + offset for each column, kept within [least, most]: scikit-learn's scalers by the numbers that they found.
 * StandardScaler: mean_, scale_. RobustScaler: center_, scale_. MaxAbsScaler: scale_. MinMaxScaler to [a, b]: center data_min_, scale
 * data_range_ / (b − a), offset a. What is missing stays so. */
#include "feature/tabular/columns.h"

enum { CENTER, SCALE, OFFSET, LEAST, MOST, PARAMS };

#define ANY .least = -1e300, .most = 1e300, .least_count = 1, .most_count = 1 << 20

static const qn_param params[PARAMS] = {
  [CENTER] = {"center", QN_PARAM_NUMBERS, ANY},
  [SCALE] = {"scale", QN_PARAM_NUMBERS, .least = 1e-300, .most = 1e300, .least_count = 1, .most_count = 1 << 20},
  [OFFSET] = {"offset", QN_PARAM_NUMBERS, ANY},
  [LEAST] = {"least", QN_PARAM_NUMBER, -1e300, 1e300, .fallback = -1e300},
  [MOST] = {"most", QN_PARAM_NUMBER, -1e300, 1e300, .fallback = 1e300},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  int64_t rows;
  int32_t width;
  QN_TRY(qn_columns_take(s, QN_COLUMNS_NUMBERS, &rows, &width, err));
  for (int i = CENTER; i <= OFFSET; i++) QN_TRY(qn_columns_list(s, i, width, err));
  if (s->set[LEAST].json && s->set[MOST].json && qn_stage_number(s, LEAST) > qn_stage_number(s, MOST))
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "least, %g, is above most, %g", qn_stage_number(s, LEAST), qn_stage_number(s, MOST));
  return qn_columns_result(s, "rows", rows, width, true, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  const int64_t rows = out->dims[0], width = out->dims[1];
  const double least = s->set[LEAST].json ? qn_stage_number(s, LEAST) : -INFINITY, most = s->set[MOST].json ? qn_stage_number(s, MOST) : INFINITY;
  qn_column c = qn_column_first(s);
  do {
    const double center = qn_columns_of_list(&s->set[CENTER], c.index, 0), scale = qn_columns_of_list(&s->set[SCALE], c.index, 1);
    const double offset = qn_columns_of_list(&s->set[OFFSET], c.index, 0);
    double *y = (double *)out->data + c.index;
    for (int64_t row = 0; row < rows; row++, y += width) {
      const double x = (qn_column_number(&c, row) - center) / scale + offset;
      *y = x < least ? least : x > most ? most : x;
    }
  } while (qn_column_next(s, &c));
  return QN_OK;
}

const qn_step_type qn_step_scale = {"scale", params, PARAMS, .whole = true, .plan = plan, .run = run};
