/* The categories of columns, as scikit-learn's encoders have them in categories_: for each column a list of texts or of numbers, in which
 * null stands for a missing value. Found by a hash table. */
#ifndef QN_FEATURE_CATEGORIES_H
#define QN_FEATURE_CATEGORIES_H

#include "feature/tabular/columns.h"

typedef struct qn_category {
  qn_string text;  /* data NULL: a number */
  double number;   /* NaN: missing */
} qn_category;

/* Of one column. */
typedef struct qn_categories {
  qn_category *items; /* [count], owned */
  int32_t *table;     /* [mask + 1] indices, −1 where none is, owned */
  uint32_t mask;
  int32_t count;
  bool texts, numbers; /* what of both there is */
} qn_categories;

/* Of all columns. */
typedef struct qn_category_lists {
  qn_categories *columns; /* [count], owned */
  int32_t count;
} qn_category_lists;

/* Reads parameter `param`, a tree: [["a", "b"], [1, 2, null]]. What was made before a failure is freed by qn_category_lists_free. */
qn_status qn_category_lists_read(const qn_stage *s, int32_t param, qn_category_lists *lists, qn_error *err);
void qn_category_lists_free(qn_category_lists *lists);
/* In `plan`: that the columns are as many and of the types of the lists. */
qn_status qn_category_lists_fit(const qn_stage *s, int32_t param, const qn_category_lists *lists, int32_t width, qn_error *err);

/* The index of a category, or of the value that a column has in a row; −1: it is none of them. */
int32_t qn_categories_find(const qn_categories *c, const qn_category *key);
int32_t qn_categories_of(const qn_categories *c, const qn_column *column, int64_t row);
/* A key for find from the JSON of a category: text, number or null; false: it is something else. */
struct cJSON;
bool qn_category_read(const struct cJSON *v, qn_category *key);

/* Fails with the value that is none of the categories of its column. */
qn_status qn_category_unknown(const qn_stage *s, const qn_categories *c, const qn_column *column, int64_t row, qn_error *err);

#endif
