/* What the operators of ai.onnx.ml share: lists of labels, choices by name, rows of features. */
#ifndef QN_OP_ML_H
#define QN_OP_ML_H

#include "kernel/lookup.h"
#include "kernel/score.h"
#include "op/op.h"

/* The types that features come in. */
#define QN_ML_TYPES (QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_INT32))

/* Strings or integers; one of the two is set. They live as long as the model. */
typedef struct qn_labels {
  const qn_string *text;
  const int64_t *numbers;
  int64_t count;
} qn_labels;

/* From two attributes, of which exactly one is there and not empty. */
qn_status qn_ml_labels(const qn_step *s, const char *text, const char *numbers, qn_labels *labels);
static inline qn_dtype qn_labels_type(const qn_labels *l) { return l->text ? QN_STRING : QN_INT64; }
/* Label i to element `at` of a tensor of the labels' type. */
void qn_labels_store(const qn_labels *l, int64_t i, const qn_tensor *out, int64_t at);

/* An attribute that is one of `count` names; without it the first. */
qn_status qn_ml_choice(const qn_step *s, const char *name, const char *const *names, int count, int *choice);
/* post_transform. */
qn_status qn_ml_transform(const qn_step *s, qn_score *how);
int qn_ml_index_of(qn_string name, const char *const *names, int count); /* -1: none of them */

/* A list of floats; NULL and 0 when it is missing. */
const float *qn_ml_floats(const qn_step *s, const char *name, size_t *count);
const int64_t *qn_ml_ints(const qn_step *s, const char *name, size_t *count);
/* Fails unless a list has as many elements as expected. */
qn_status qn_ml_expect(const qn_step *s, const char *name, size_t count, size_t expected);

/* plan(): input 0 is [rows, columns], or [columns] for one row, of QN_ML_TYPES. */
qn_status qn_ml_rows(const qn_step *s, int64_t *rows, int64_t *columns);
/* plan() of a model over rows: input 0 has `features` columns; the outputs are the labels, when there are any, and [rows, width] scores. */
qn_status qn_ml_scores(qn_step *s, const qn_labels *labels, int64_t features, int64_t width, int64_t *rows);
void qn_ml_extent(const qn_tensor *x, int64_t *rows, int64_t *columns);

/* prepare(): a lookup that lives as long as the model. */
qn_status qn_ml_lookup(qn_step *s, const qn_string *text, const uint64_t *numbers, size_t count, qn_lookup *l);
/* The same over int64 numbers. */
qn_status qn_ml_lookup_labels(qn_step *s, const qn_labels *labels, qn_lookup *l);
/* prepare() of an operator that looks up the labels of two attributes (qn_ml_labels): s->kept is the qn_lookup. */
qn_status qn_ml_keep_lookup(qn_step *s, const char *text, const char *numbers);

#endif
