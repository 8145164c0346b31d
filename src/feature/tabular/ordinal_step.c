/* The index of each value among its column's categories: scikit-learn 1.9's OrdinalEncoder by its categories_. A missing value that is a
 * category becomes missing_value, NaN unless it is given. */
#include "feature/tabular/categories.h"

enum { CATEGORIES, UNKNOWN, UNKNOWN_VALUE, MISSING_VALUE, PARAMS };
enum { UNKNOWN_ERROR, UNKNOWN_USE, UNKNOWN_MISSING };

static const qn_param params[PARAMS] = {
  [CATEGORIES] = {"categories", QN_PARAM_TREE, .fallback = QN_REQUIRED},
  [UNKNOWN] = {"unknown", QN_PARAM_CHOICE, .choices = "error|value|missing"}, /* value: unknown_value; missing: NaN */
  [UNKNOWN_VALUE] = {"unknown_value", QN_PARAM_NUMBER, -1e300, 1e300, .fallback = -1},
  [MISSING_VALUE] = {"missing_value", QN_PARAM_NUMBER, -1e300, 1e300, .fallback = 1e300},
};

static void release(qn_stage *s) {
  if (s->own) qn_category_lists_free(s->own);
  qn_free(s->own);
}

static qn_status prepare(qn_stage *s, qn_error *err) {
  s->own = qn_alloc_zeroed(sizeof(qn_category_lists));
  if (!s->own) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for its categories");
  return qn_category_lists_read(s, CATEGORIES, s->own, err);
}

static qn_status plan(qn_stage *s, qn_error *err) {
  int64_t rows;
  int32_t width;
  QN_TRY(qn_columns_take(s, QN_COLUMNS_ANY, &rows, &width, err));
  QN_TRY(qn_category_lists_fit(s, CATEGORIES, s->own, width, err));
  return qn_columns_result(s, "ordinal", rows, width, true, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  const qn_category_lists *lists = s->own;
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  const double missing = s->set[MISSING_VALUE].json ? qn_stage_number(s, MISSING_VALUE) : NAN;
  const double unknown = qn_stage_int(s, UNKNOWN) == UNKNOWN_USE ? qn_stage_number(s, UNKNOWN_VALUE) : NAN;
  qn_column c = qn_column_first(s);
  do {
    double *y = (double *)out->data + c.index;
    for (int64_t row = 0; row < out->dims[0]; row++, y += out->dims[1]) {
      const int32_t category = qn_categories_of(&lists->columns[c.index], &c, row);
      if (category < 0 && qn_stage_int(s, UNKNOWN) == UNKNOWN_ERROR) return qn_category_unknown(s, &lists->columns[c.index], &c, row, err);
      *y = category < 0 ? unknown : qn_column_missing(&c, row) ? missing : category;
    }
  } while (qn_column_next(s, &c));
  return QN_OK;
}

const qn_step_type qn_step_ordinal = {"ordinal", params, PARAMS, .whole = true, .prepare = prepare, .release = release, .plan = plan, .run = run};
