/* Columns of rows by name, in the order of the list: float64 [rows, columns], or strings. Where every list of steps over rows begins, so
 * that the order of a row's members does not matter, and where it is said what may be missing or of another type. */
#include <string.h>

#include "feature/tabular/columns.h"
#include "kernel/cast.h"

enum { COLUMNS, TYPE, MISSING, WRONG, MISSING_TEXTS, MISSING_NUMBER, PARAMS };
enum { NUMBER, TEXT };
enum { WRONG_ERROR, WRONG_MISSING, WRONG_PARSE };

static const qn_param params[PARAMS] = {
  [COLUMNS] = {"columns", QN_PARAM_TEXTS, .fallback = QN_REQUIRED},
  [TYPE] = {"type", QN_PARAM_CHOICE, .choices = "number|text"},
  [MISSING] = {"missing", QN_PARAM_CHOICE, .choices = "error|allow"},
  [WRONG] = {"wrong", QN_PARAM_CHOICE, .choices = "error|missing|parse"}, /* a value of another type; parse: a text that is a number is one */
  [MISSING_TEXTS] = {"missing_texts", QN_PARAM_TEXTS},                    /* these mean that a value is missing */
  [MISSING_NUMBER] = {"missing_number", QN_PARAM_NUMBER, -1e300, 1e300, .fallback = 1e300},
};

static const qn_slot *named(const qn_stage *s, const qn_string *name) {
  for (int i = 0; i < s->input_count; i++)
    if (strlen(s->inputs[i]->name) == name->length && !memcmp(s->inputs[i]->name, name->data, name->length)) return s->inputs[i];
  return NULL;
}

/* Fails for a column that is wanted and not there. */
static qn_status absent(const qn_stage *s, const qn_string *name, qn_error *err) {
  char words[384] = "", wanted[100] = "";
  for (int i = 0; i < s->input_count; i++) {
    const size_t at = strlen(words), n = strlen(s->inputs[i]->name);
    if (at + n + 3 > sizeof words) break;
    if (at) memcpy(words + at, ", ", 3);
    memcpy(words + strlen(words), s->inputs[i]->name, n + 1);
  }
  memcpy(wanted, name->data, name->length < 99 ? name->length : 99);
  return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "there is no column '%s'; there are %s", wanted, words);
}

static qn_status plan(qn_stage *s, qn_error *err) {
  const qn_setting *columns = &s->set[COLUMNS];
  int64_t rows;
  int32_t width;
  QN_TRY(qn_columns_take(s, QN_COLUMNS_ANY, &rows, &width, err));
  if (!columns->count) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "columns is an empty list");
  for (int32_t c = 0; c < columns->count; c++) {
    const qn_slot *slot = named(s, &columns->texts[c]);
    if (!slot && !qn_stage_int(s, MISSING)) return absent(s, &columns->texts[c], err);
    if (slot && slot->tensor.rank == 2 && slot->tensor.dims[1] != 1)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has %lld columns; it takes one column of each name", slot->name, (long long)slot->tensor.dims[1]);
  }
  QN_TRY(qn_stage_result(s, "columns", qn_stage_int(s, TYPE) == TEXT ? QN_STRING : QN_DOUBLE, 2, (int64_t[]){rows, columns->count}, err));
  s->results[0].columns = columns->texts, s->results[0].column_count = columns->count;
  return QN_OK;
}

static bool means_missing(const qn_stage *s, const qn_string *text) {
  const qn_setting *set = &s->set[MISSING_TEXTS];
  for (int32_t i = 0; i < set->count; i++)
    if (set->texts[i].length == text->length && !memcmp(set->texts[i].data, text->data, text->length)) return true;
  return !text->length;
}

static qn_status wrong(const qn_stage *s, const qn_column *c, int64_t row, const char *wanted, qn_error *err) {
  char place[QN_PLACE_TEXT], value[QN_VALUE_TEXT];
  return qn_stage_fail(s, err, QN_ERR_TYPE, "%s: the value is %s, not a %s", qn_column_place(place, c, row), qn_column_value(value, c, row), wanted);
}

/* The number in this row, NaN where it is missing. */
static qn_status number_of(const qn_stage *s, const qn_column *c, int64_t row, double *out, qn_error *err) {
  *out = NAN;
  if (!qn_column_is_text(c)) {
    const double x = qn_column_number(c, row);
    if (!s->set[MISSING_NUMBER].json || x != qn_stage_number(s, MISSING_NUMBER)) *out = x;
    return QN_OK;
  }
  const qn_string *text = qn_column_text(c, row);
  uint64_t whole;
  bool is_whole;
  if (means_missing(s, text)) return QN_OK;
  const bool number = qn_parse_number(text->data, text->length, out, &whole, &is_whole);
  if (!number) *out = NAN;
  /* a column with one text has all its numbers as texts: the number is not what is wrong with it */
  if (qn_stage_int(s, WRONG) == WRONG_MISSING || (number && qn_stage_int(s, WRONG) == WRONG_PARSE)) return QN_OK;
  return wrong(s, c, row, "number", err);
}

static qn_status text_of(const qn_stage *s, const qn_column *c, int64_t row, qn_string *out, qn_error *err) {
  *out = (qn_string){"", 0};
  if (qn_column_is_text(c)) {
    if (!means_missing(s, qn_column_text(c, row))) *out = *qn_column_text(c, row);
    return QN_OK;
  }
  if (qn_column_missing(c, row) || qn_stage_int(s, WRONG) == WRONG_MISSING) return QN_OK;
  return wrong(s, c, row, "text", err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  const qn_setting *columns = &s->set[COLUMNS];
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  const int64_t rows = out->dims[0], width = columns->count;
  const bool is_text = out->dtype == QN_STRING, allow = qn_stage_int(s, MISSING) != 0;
  for (int32_t i = 0; i < columns->count; i++) {
    const qn_slot *slot = named(s, &columns->texts[i]);
    const qn_column c = {.tensor = slot ? &slot->tensor : NULL, .slot = slot, .stride = 1, .index = i};
    for (int64_t row = 0; row < rows; row++) {
      double number = NAN;
      qn_string text = {"", 0};
      if (slot && is_text) QN_TRY(text_of(s, &c, row, &text, err));
      else if (slot) QN_TRY(number_of(s, &c, row, &number, err));
      if (is_text) ((qn_string *)out->data)[row * width + i] = text;
      else ((double *)out->data)[row * width + i] = number;
      if (allow || (is_text ? text.length > 0 : !isnan(number))) continue;
      char place[QN_PLACE_TEXT];
      return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s: the value is missing", qn_column_place(place, &c, row));
    }
  }
  return QN_OK;
}

const qn_step_type qn_step_select = {"select", params, PARAMS, QN_SOURCE_ROWS, .whole = true, .plan = plan, .run = run, .of_source = true};
