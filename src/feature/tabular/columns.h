/* What steps over rows take: tensors [rows] or [rows, width] of numbers or of texts, which side by side are one matrix. A missing number is
 * NaN, a missing text is "". */
#ifndef QN_FEATURE_COLUMNS_H
#define QN_FEATURE_COLUMNS_H

#include "feature/numbers.h"
#include "feature/step.h"

typedef enum qn_columns_kind { QN_COLUMNS_NUMBERS, QN_COLUMNS_TEXTS, QN_COLUMNS_ANY } qn_columns_kind;

/* One column of the matrix. */
typedef struct qn_column {
  const qn_tensor *tensor;
  int64_t first, stride;  /* its value in row r is element first + r · stride */
  int32_t index;          /* among all columns of the step */
  int32_t input;          /* its input's index: a step may take one twice */
  const qn_slot *slot;
} qn_column;

/* In `plan`: checks the inputs; their rows, and how many columns they have together (1 or more). */
qn_status qn_columns_take(const qn_stage *s, qn_columns_kind kind, int64_t *rows, int32_t *width, qn_error *err);
/* The first column; qn_column_next goes on, false behind the last. */
qn_column qn_column_first(const qn_stage *s);
bool qn_column_next(const qn_stage *s, qn_column *c);

static inline bool qn_column_is_text(const qn_column *c) { return c->tensor->dtype == QN_STRING; }
static inline double qn_column_number(const qn_column *c, int64_t row) { return qn_number_at(c->tensor, c->first + row * c->stride); }
static inline const qn_string *qn_column_text(const qn_column *c, int64_t row) { return (const qn_string *)c->tensor->data + c->first + row * c->stride; }
static inline bool qn_column_missing(const qn_column *c, int64_t row) {
  return qn_column_is_text(c) ? !qn_column_text(c, row)->length : isnan(qn_column_number(c, row));
}

/* "column 'age'", "column 3 of 'cities'", and with a row ≥ 0 "column 'age', row 2", as a sentence begins. Returns buffer. */
#define QN_PLACE_TEXT 128
char *qn_column_place(char buffer[QN_PLACE_TEXT], const qn_column *c, int64_t row);
/* The value for a message: 'Rome', 3.5, "missing". Returns buffer. */
#define QN_VALUE_TEXT 64
char *qn_column_value(char buffer[QN_VALUE_TEXT], const qn_column *c, int64_t row);

/* A list of one number counts for every column; else it has to have `width`. */
qn_status qn_columns_list(const qn_stage *s, int32_t param, int32_t width, qn_error *err);
static inline double qn_columns_of_list(const qn_setting *set, int32_t column, double none) {
  return !set->count ? none : set->list[set->count > 1 ? column : 0];
}

/* Adds the result float64 [rows, width], called as the only input is or `name`; its columns have the names of the inputs' when `keep`. */
qn_status qn_columns_result(qn_stage *s, const char *name, int64_t rows, int64_t width, bool keep, qn_error *err);

#endif
