/* A place for each category of each column, 1 where a row has it: scikit-learn 1.9's OneHotEncoder by its categories_, drop_idx_ and
 * infrequent_categories_. The infrequent categories of a column share one place, behind the others. */
#include "cJSON.h"
#include "feature/tabular/categories.h"

enum { CATEGORIES, UNKNOWN, DROP, INFREQUENT, PARAMS };
enum { UNKNOWN_ERROR, UNKNOWN_IGNORE, UNKNOWN_INFREQUENT };

static const qn_param params[PARAMS] = {
  [CATEGORIES] = {"categories", QN_PARAM_TREE, .fallback = QN_REQUIRED},
  [UNKNOWN] = {"unknown", QN_PARAM_CHOICE, .choices = "error|ignore|infrequent"}, /* ignore: zeros; infrequent: where a column has such, else zeros */
  [DROP] = {"drop", QN_PARAM_NUMBERS, .least = -1, .most = 1 << 24, .least_count = 1, .most_count = 1 << 20}, /* the category of each column that has no place, -1: none */
  [INFREQUENT] = {"infrequent", QN_PARAM_TREE},                                                              /* lists of categories, as "categories" */
};

typedef struct encoder {
  qn_category_lists lists;
  int32_t *places;     /* [all categories], owned: in the row, −1: dropped */
  int32_t *first;      /* [columns], owned: of a column's categories in `places` */
  int32_t *infrequent; /* [columns], owned: their place, −1: none or dropped */
  int32_t width;
} encoder;

static void release(qn_stage *s) {
  encoder *e = s->own;
  if (!e) return;
  qn_category_lists_free(&e->lists);
  qn_free(e->places);
  qn_free(e->first);
  qn_free(e->infrequent);
  qn_free(e);
}

/* Marks the infrequent categories of a column by −2 in its places. */
static qn_status mark_infrequent(const qn_stage *s, const qn_categories *c, const cJSON *list, int32_t column, int32_t *places, qn_error *err) {
  if (cJSON_IsNull(list)) return QN_OK;
  if (!cJSON_IsArray(list)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "infrequent is a list of lists or null, one for each column; number %d is none", column);
  for (const cJSON *v = list->child; v; v = v->next) {
    qn_category key;
    const int32_t at = qn_category_read(v, &key) ? qn_categories_find(c, &key) : -1;
    if (at < 0) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "infrequent names for column %d what is none of its categories", column);
    places[at] = -2;
  }
  return QN_OK;
}

/* Gives the categories of a column their places. */
static void number_places(encoder *e, int32_t column, int32_t drop) {
  const qn_categories *c = &e->lists.columns[column];
  int32_t *places = e->places + e->first[column], shared = 0;
  const bool drop_shared = drop >= 0 && places[drop] == -2;
  for (int32_t i = 0; i < c->count; i++) {
    if (places[i] == -2) shared++;
    else places[i] = i == drop ? -1 : e->width++;
  }
  e->infrequent[column] = shared && !drop_shared ? e->width++ : -1;
  for (int32_t i = 0; i < c->count; i++)
    if (places[i] == -2) places[i] = e->infrequent[column];
}

static qn_status prepare(qn_stage *s, qn_error *err) {
  encoder *e = s->own = qn_alloc_zeroed(sizeof *e);
  if (!e) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for its categories");
  QN_TRY(qn_category_lists_read(s, CATEGORIES, &e->lists, err));
  const int32_t columns = e->lists.count;
  const qn_setting *drop = &s->set[DROP];
  const cJSON *infrequent = s->set[INFREQUENT].json;
  if (drop->json && drop->count != columns) return qn_stage_fail(s, err, QN_ERR_SHAPE, "drop has %d numbers for %d columns", drop->count, columns);
  if (infrequent && (!cJSON_IsArray(infrequent) || cJSON_GetArraySize(infrequent) != columns))
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "infrequent is a list of lists or null, one for each of %d columns", columns);
  int64_t all = 0;
  for (int32_t i = 0; i < columns; i++) all += e->lists.columns[i].count;
  if (all > 1 << 24) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%lld categories are too many", (long long)all);
  e->places = qn_alloc_zeroed((size_t)all * sizeof *e->places);
  e->first = qn_alloc_zeroed((size_t)columns * sizeof *e->first);
  e->infrequent = qn_alloc_zeroed((size_t)columns * sizeof *e->infrequent);
  if (!e->places || !e->first || !e->infrequent) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for its categories");
  const cJSON *list = infrequent ? infrequent->child : NULL;
  for (int32_t i = 0, at = 0; i < columns; at += e->lists.columns[i++].count) {
    e->first[i] = at;
    const double dropped = drop->count ? drop->list[i] : -1;
    if (dropped != floor(dropped) || dropped >= e->lists.columns[i].count)
      return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "drop names the category %g of column %d, which has %d", dropped, i, e->lists.columns[i].count);
    if (list) QN_TRY(mark_infrequent(s, &e->lists.columns[i], list, i, e->places + at, err));
    if (list) list = list->next;
    number_places(e, i, (int32_t)dropped);
  }
  return QN_OK;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  const encoder *e = s->own;
  int64_t rows;
  int32_t width;
  QN_TRY(qn_columns_take(s, QN_COLUMNS_ANY, &rows, &width, err));
  QN_TRY(qn_category_lists_fit(s, CATEGORIES, &e->lists, width, err));
  return qn_columns_result(s, "one_hot", rows, e->width, false, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  const encoder *e = s->own;
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  double *y = out->data;
  for (int64_t i = 0; i < out->count; i++) y[i] = 0;
  qn_column c = qn_column_first(s);
  do {
    const qn_categories *categories = &e->lists.columns[c.index];
    for (int64_t row = 0; row < out->dims[0]; row++) {
      const int32_t category = qn_categories_of(categories, &c, row);
      if (category < 0 && qn_stage_int(s, UNKNOWN) == UNKNOWN_ERROR) return qn_category_unknown(s, categories, &c, row, err);
      const int32_t place = category >= 0 ? e->places[e->first[c.index] + category] : qn_stage_int(s, UNKNOWN) == UNKNOWN_INFREQUENT ? e->infrequent[c.index] : -1;
      if (place >= 0) y[row * e->width + place] = 1;
    }
  } while (qn_column_next(s, &c));
  return QN_OK;
}

const qn_step_type qn_step_one_hot = {"one_hot", params, PARAMS, .whole = true, .prepare = prepare, .release = release, .plan = plan, .run = run};
