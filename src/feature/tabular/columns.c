#include "feature/tabular/columns.h"

#include <string.h>

static int64_t width_of(const qn_tensor *t) { return t->rank == 2 ? t->dims[1] : 1; }

qn_status qn_columns_take(const qn_stage *s, qn_columns_kind kind, int64_t *rows, int32_t *width, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, -1, QN_UNDEFINED, -1, err));
  *rows = 0;
  int64_t sum = 0;
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    const char *name = s->inputs[i]->name;
    const bool text = t->dtype == QN_STRING;
    if (!text && !qn_is_numbers(t->dtype)) return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; it takes numbers or texts", name, qn_dtype_name(t->dtype));
    if (kind != QN_COLUMNS_ANY && text != (kind == QN_COLUMNS_TEXTS))
      return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' holds %s; it takes %s", name, text ? "texts" : "numbers", text ? "numbers" : "texts");
    if (t->rank != 1 && t->rank != 2)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes [rows] or [rows, columns]", name, qn_shape_text(shape, t->rank, t->dims));
    if (i && t->dims[0] != *rows)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has %lld rows and '%s' has %lld", s->inputs[0]->name, (long long)*rows, name, (long long)t->dims[0]);
    *rows = t->dims[0];
    sum += width_of(t);
  }
  if (sum < 1 || sum > 1 << 24) return qn_stage_fail(s, err, QN_ERR_SHAPE, "it got %lld columns; from 1 to %d are possible", (long long)sum, 1 << 24);
  *width = (int32_t)sum;
  return QN_OK;
}

/* Input i's first column, or that of the next input that has one. False: there is none. */
static bool column_at(const qn_stage *s, int i, qn_column *c) {
  for (; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    if (!width_of(t)) continue;
    c->tensor = t, c->slot = s->inputs[i], c->input = i, c->first = 0, c->stride = width_of(t);
    return true;
  }
  return false;
}

qn_column qn_column_first(const qn_stage *s) {
  qn_column c = {0};
  column_at(s, 0, &c);
  return c;
}

bool qn_column_next(const qn_stage *s, qn_column *c) {
  c->index++;
  if (++c->first < c->stride) return true;
  return column_at(s, c->input + 1, c);
}

typedef struct words {
  char *at, *end; /* end: where the NUL has to be at the latest */
} words;

static void add(words *w, const char *text, size_t length) {
  while (length && w->at < w->end) *w->at++ = *text++, length--;
  for (int k = 0; length && k < 3 && (*text & 0xC0) == 0x80; k++) text--, w->at--; /* no half of a character */
  *w->at = 0;
}

static void add_number(words *w, int64_t n) {
  char digits[24];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + n % 10), n /= 10; while (n);
  add(w, digits + at, sizeof digits - at);
}

char *qn_column_place(char buffer[QN_PLACE_TEXT], const qn_column *c, int64_t row) {
  words name = {buffer, buffer + QN_PLACE_TEXT - 40}, rest;
  if (c->slot->columns && c->first < c->slot->column_count) {
    const qn_string *column = &c->slot->columns[c->first];
    add(&name, "column '", 8);
    add(&name, column->data, column->length);
  } else if (c->tensor->rank == 1) {
    add(&name, "column '", 8);
    add(&name, c->slot->name, strlen(c->slot->name));
  } else {
    add(&name, "column ", 7);
    add_number(&name, c->first);
    add(&name, " of '", 5);
    add(&name, c->slot->name, strlen(c->slot->name));
  }
  rest = (words){name.at, buffer + QN_PLACE_TEXT - 1};
  add(&rest, "'", 1);
  if (row >= 0) {
    add(&rest, ", row ", 6);
    add_number(&rest, row);
  }
  return buffer;
}

char *qn_column_value(char buffer[QN_VALUE_TEXT], const qn_column *c, int64_t row) {
  words w = {buffer, buffer + QN_VALUE_TEXT - 6};
  if (qn_column_missing(c, row)) {
    add(&w, "missing", 7);
  } else if (qn_column_is_text(c)) {
    const qn_string *text = qn_column_text(c, row);
    add(&w, "'", 1);
    const char *begin = w.at;
    add(&w, text->data, text->length);
    const bool cut = w.at < begin + text->length;
    w.end = buffer + QN_VALUE_TEXT - 1;
    add(&w, cut ? "…'" : "'", cut ? strlen("…'") : 1);
  } else {
    qn_error number; /* the one that writes numbers */
    qn_fail(&number, QN_ERR_ARGUMENT, "%g", qn_column_number(c, row));
    add(&w, number.text, strlen(number.text));
  }
  return buffer;
}

qn_status qn_columns_list(const qn_stage *s, int32_t param, int32_t width, qn_error *err) {
  const qn_setting *set = &s->set[param];
  if (!set->json || set->count == 1 || set->count == width) return QN_OK;
  return qn_stage_fail(s, err, QN_ERR_SHAPE, "%s has %d numbers for %d columns", s->type->params[param].name, set->count, width);
}

qn_status qn_columns_result(qn_stage *s, const char *name, int64_t rows, int64_t width, bool keep, qn_error *err) {
  const qn_slot *in = s->inputs[0];
  QN_TRY(qn_stage_result(s, keep && s->input_count == 1 ? in->name : name, QN_DOUBLE, 2, (int64_t[]){rows, width}, err));
  if (keep && s->input_count == 1) s->results[0].columns = in->columns, s->results[0].column_count = in->column_count;
  return QN_OK;
}
