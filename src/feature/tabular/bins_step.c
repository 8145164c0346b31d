/* The interval in which a number lies: scikit-learn 1.9's KBinsDiscretizer by its bin_edges_. What is beyond the outer edges is in the first
 * and the last one; an edge belongs to the interval above it. */
#include "cJSON.h"
#include "feature/tabular/columns.h"

enum { EDGES, ENCODE, PARAMS };
enum { ORDINAL, ONE_HOT };

static const qn_param params[PARAMS] = {
  [EDGES] = {"edges", QN_PARAM_TREE, .fallback = QN_REQUIRED}, /* [[1, 2, 3], [0, 5, 7, 9]]: for each column, ascending */
  [ENCODE] = {"encode", QN_PARAM_CHOICE, .choices = "ordinal|one_hot"},
};

typedef struct bins {
  double *edges;  /* of all columns, owned */
  int32_t *first; /* [columns + 1], owned: of a column in `edges` */
  int32_t columns;
} bins;

static void release(qn_stage *s) {
  bins *b = s->own;
  if (!b) return;
  qn_free(b->edges);
  qn_free(b->first);
  qn_free(b);
}

static qn_status read_column(const qn_stage *s, const cJSON *list, int32_t column, double *edges, qn_error *err) {
  double *edge = edges;
  for (const cJSON *v = list->child; v; v = v->next, edge++) {
    if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "edges has for column %d what is no number", column);
    if (edge > edges && v->valuedouble <= edge[-1]) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "edges of column %d do not ascend: %g, then %g", column, edge[-1], v->valuedouble);
    *edge = v->valuedouble;
  }
  return QN_OK;
}

static qn_status prepare(qn_stage *s, qn_error *err) {
  const cJSON *json = s->set[EDGES].json;
  bins *b = s->own = qn_alloc_zeroed(sizeof *b);
  if (!b) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for its edges");
  const int columns = cJSON_IsArray(json) ? cJSON_GetArraySize(json) : 0;
  if (columns < 1 || columns > 1 << 20) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "edges is a list of lists, one for each column");
  int64_t all = 0;
  for (const cJSON *list = json->child; list; list = list->next) {
    const int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (count < 2) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "edges is a list of lists of two numbers or more");
    all += count;
  }
  if (all > 1 << 24) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%lld edges are too many", (long long)all);
  b->edges = qn_alloc((size_t)all * sizeof *b->edges);
  b->first = qn_alloc_zeroed(((size_t)columns + 1) * sizeof *b->first);
  if (!b->edges || !b->first) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for its edges");
  for (const cJSON *list = json->child; list; list = list->next, b->columns++) {
    QN_TRY(read_column(s, list, b->columns, b->edges + b->first[b->columns], err));
    b->first[b->columns + 1] = b->first[b->columns] + cJSON_GetArraySize(list);
  }
  return QN_OK;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  const bins *b = s->own;
  int64_t rows;
  int32_t width;
  QN_TRY(qn_columns_take(s, QN_COLUMNS_NUMBERS, &rows, &width, err));
  if (width != b->columns) return qn_stage_fail(s, err, QN_ERR_SHAPE, "edges has lists for %d columns, there are %d", b->columns, width);
  const bool one_hot = qn_stage_int(s, ENCODE) == ONE_HOT;
  return qn_columns_result(s, "bins", rows, one_hot ? b->first[width] - width : width, !one_hot, err);
}

/* How many of the inner edges are not above x. */
static int32_t bin_of(const double *edges, int32_t count, double x) {
  int32_t low = 1, high = count - 1;
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    if (edges[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

static qn_status run(qn_stage *s, qn_error *err) {
  const bins *b = s->own;
  qn_stage_rows(s, 0, qn_stage_in(s, 0)->dims[0]);
  const qn_tensor *out = qn_stage_out(s, 0);
  const int64_t width = out->dims[1];
  double *y = out->data;
  for (int64_t i = 0; i < out->count; i++) y[i] = 0;
  qn_column c = qn_column_first(s);
  do {
    const int32_t first = b->first[c.index], count = b->first[c.index + 1] - first;
    for (int64_t row = 0; row < out->dims[0]; row++) {
      char place[QN_PLACE_TEXT];
      const double x = qn_column_number(&c, row);
      if (isnan(x)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s: the value is missing; impute it first", qn_column_place(place, &c, row));
      const int32_t bin = bin_of(b->edges + first, count, x);
      if (qn_stage_int(s, ENCODE) == ONE_HOT) y[row * width + first - c.index + bin] = 1;
      else y[row * width + c.index] = bin;
    }
  } while (qn_column_next(s, &c));
  return QN_OK;
}

const qn_step_type qn_step_bins = {"bins", params, PARAMS, .whole = true, .prepare = prepare, .release = release, .plan = plan, .run = run};
