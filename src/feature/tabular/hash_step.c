/* Columns hashed into a vector of a fixed width: scikit-learn 1.9's FeatureHasher over rows as dictionaries. A number goes by its column's name
 * and counts as much as it is; a text goes by "name=text" and counts 1; what is missing is not in the row. */
#include <string.h>

#include "feature/tabular/columns.h"
#include "kernel/murmur3.h"

enum { SIZE, SIGNED, PARAMS };

static const qn_param params[PARAMS] = {
  [SIZE] = {"size", QN_PARAM_INT, 1, 1 << 24, .fallback = QN_REQUIRED}, /* n_features */
  [SIGNED] = {"signed", QN_PARAM_BOOL, .fallback = 1},                  /* alternate_sign */
};

static bool name_of(const qn_column *c, qn_string *name) {
  if (c->slot->columns && c->first < c->slot->column_count) *name = c->slot->columns[c->first];
  else *name = (qn_string){c->slot->name, strlen(c->slot->name)};
  return (c->slot->columns && c->first < c->slot->column_count) || c->stride == 1;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  int64_t rows;
  int32_t width;
  QN_TRY(qn_columns_take(s, QN_COLUMNS_ANY, &rows, &width, err));
  qn_column c = qn_column_first(s);
  do {
    qn_string name;
    char place[QN_PLACE_TEXT];
    if (!name_of(&c, &name)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s has no name, by which it would be hashed", qn_column_place(place, &c, -1));
  } while (qn_column_next(s, &c));
  return qn_columns_result(s, "hash", rows, qn_stage_int(s, SIZE), false, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  const int64_t size = out->dims[1];
  double *y = out->data;
  for (int64_t i = 0; i < out->count; i++) y[i] = 0;
  qn_column c = qn_column_first(s);
  do {
    qn_string name;
    name_of(&c, &name);
    for (int64_t row = 0; row < out->dims[0]; row++) {
      if (qn_column_missing(&c, row)) continue;
      qn_murmur3 hash = {0};
      qn_murmur3_add(&hash, name.data, name.length);
      double value = 1;
      if (qn_column_is_text(&c)) {
        const qn_string *text = qn_column_text(&c, row);
        qn_murmur3_add(&hash, "=", 1);
        qn_murmur3_add(&hash, text->data, text->length);
      } else {
        value = qn_column_number(&c, row);
      }
      const int32_t h = (int32_t)qn_murmur3_end(&hash);
      /* |h| of the smallest number is one more than the largest */
      const int64_t place = (h < 0 ? -(int64_t)h : h) % size;
      y[row * size + place] += h < 0 && qn_stage_int(s, SIGNED) ? -value : value;
    }
  } while (qn_column_next(s, &c));
  return QN_OK;
}

const qn_step_type qn_step_hash = {"hash", params, PARAMS, .whole = true, .plan = plan, .run = run};
