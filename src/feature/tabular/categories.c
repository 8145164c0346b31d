#include "feature/tabular/categories.h"

#include <string.h>

#include "cJSON.h"

bool qn_category_read(const cJSON *v, qn_category *key) {
  *key = (qn_category){{NULL, 0}, NAN};
  if (cJSON_IsString(v)) {
    if (v->valuestring[0]) key->text = (qn_string){v->valuestring, strlen(v->valuestring)};
  } else if (cJSON_IsNumber(v)) {
    key->number = v->valuedouble + 0.0; /* one zero */
  } else {
    return cJSON_IsNull(v);
  }
  return true;
}

static bool same(const qn_category *a, const qn_category *b) {
  if (a->text.data || b->text.data) return a->text.data && b->text.data && a->text.length == b->text.length && !memcmp(a->text.data, b->text.data, a->text.length);
  return a->number == b->number || (isnan(a->number) && isnan(b->number));
}

/* FNV-1a. */
static uint32_t hash(const qn_category *c) {
  const double number = isnan(c->number) ? 0 : c->number;
  const char *bytes = c->text.data ? c->text.data : (const char *)&number;
  uint32_t h = 2166136261u;
  for (size_t i = 0, n = c->text.data ? c->text.length : sizeof number; i < n; i++) h = (h ^ (uint8_t)bytes[i]) * 16777619u;
  return h ^ h >> 15;
}

/* Where the key is in the table, or where it would be. */
static uint32_t place_of(const qn_categories *c, const qn_category *key) {
  uint32_t at = hash(key) & c->mask;
  while (c->table[at] >= 0 && !same(&c->items[c->table[at]], key)) at = (at + 1) & c->mask;
  return at;
}

int32_t qn_categories_find(const qn_categories *c, const qn_category *key) { return c->table[place_of(c, key)]; }

int32_t qn_categories_of(const qn_categories *c, const qn_column *column, int64_t row) {
  qn_category key = {{NULL, 0}, NAN};
  if (!qn_column_missing(column, row)) {
    if (qn_column_is_text(column)) key.text = *qn_column_text(column, row);
    else key.number = qn_column_number(column, row) + 0.0;
  }
  return qn_categories_find(c, &key);
}

static qn_status read_column(const qn_stage *s, const char *name, const cJSON *list, int32_t index, qn_categories *c, qn_error *err) {
  if (!cJSON_IsArray(list)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is a list of lists, one for each column; number %d is none", name, index);
  const int count = cJSON_GetArraySize(list);
  if (count < 1 || count > 1 << 24) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s has %d categories for column %d", name, count, index);
  uint32_t size = 4;
  while (size < 2 * (uint32_t)count) size *= 2;
  c->mask = size - 1;
  c->items = qn_alloc((size_t)count * sizeof *c->items);
  c->table = qn_alloc(size * sizeof *c->table);
  if (!c->items || !c->table) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for %d categories", count);
  memset(c->table, 0xFF, size * sizeof *c->table);
  for (const cJSON *v = list->child; v; v = v->next) {
    qn_category *item = &c->items[c->count];
    if (!qn_category_read(v, item)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "a category is text, a number or null; in %s, number %d of column %d is none", name, c->count, index);
    c->texts = c->texts || item->text.data, c->numbers = c->numbers || !isnan(item->number);
    const uint32_t at = place_of(c, item);
    if (c->table[at] >= 0) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s has the categories %d and %d of column %d alike", name, c->table[at], c->count, index);
    c->table[at] = c->count++;
  }
  if (c->texts && c->numbers) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s mixes texts and numbers for column %d", name, index);
  return QN_OK;
}

qn_status qn_category_lists_read(const qn_stage *s, int32_t param, qn_category_lists *lists, qn_error *err) {
  const char *name = s->type->params[param].name;
  const cJSON *json = s->set[param].json;
  const int count = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 0;
  if (count < 1 || count > 1 << 20) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is a list of lists, one for each column", name);
  lists->columns = qn_alloc_zeroed((size_t)count * sizeof *lists->columns);
  if (!lists->columns) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for %d columns", count);
  lists->count = count;
  int32_t i = 0;
  for (const cJSON *list = json->child; list && i < count; list = list->next, i++) QN_TRY(read_column(s, name, list, i, &lists->columns[i], err));
  return QN_OK;
}

void qn_category_lists_free(qn_category_lists *lists) {
  for (int32_t i = 0; i < lists->count; i++) {
    qn_free(lists->columns[i].items);
    qn_free(lists->columns[i].table);
  }
  qn_free(lists->columns);
  *lists = (qn_category_lists){0};
}

qn_status qn_category_lists_fit(const qn_stage *s, int32_t param, const qn_category_lists *lists, int32_t width, qn_error *err) {
  if (lists->count != width) return qn_stage_fail(s, err, QN_ERR_SHAPE, "%s has lists for %d columns, there are %d", s->type->params[param].name, lists->count, width);
  qn_column column = qn_column_first(s);
  do {
    const qn_categories *c = &lists->columns[column.index];
    const bool text = qn_column_is_text(&column);
    char place[QN_PLACE_TEXT];
    if (text ? c->numbers : c->texts)
      return qn_stage_fail(s, err, QN_ERR_TYPE, "%s holds %s, its categories are %s", qn_column_place(place, &column, -1), text ? "texts" : "numbers", text ? "numbers" : "texts");
  } while (qn_column_next(s, &column));
  return QN_OK;
}

qn_status qn_category_unknown(const qn_stage *s, const qn_categories *c, const qn_column *column, int64_t row, qn_error *err) {
  char place[QN_PLACE_TEXT], value[QN_VALUE_TEXT];
  return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s: the value is %s, which is none of the %d categories", qn_column_place(place, column, row), qn_column_value(value, column, row), c->count);
}
