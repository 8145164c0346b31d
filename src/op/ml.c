#include "op/ml.h"

#include <string.h>

qn_status qn_ml_labels(const qn_step *s, const char *text, const char *numbers, qn_labels *labels) {
  const qn_attr *t = qn_attr_find(s, text, QN_ATTR_STRINGS), *n = qn_attr_find(s, numbers, QN_ATTR_INTS);
  const bool has_text = t && t->count, has_numbers = n && n->count;
  if (has_text == has_numbers) return qn_step_fail(s, QN_ERR_ARGUMENT, "one of %s and %s is expected", text, numbers);
  *labels = (qn_labels){has_text ? t->strings : NULL, has_text ? NULL : n->ints, (int64_t)(has_text ? t->count : n->count)};
  return QN_OK;
}

void qn_labels_store(const qn_labels *l, int64_t i, const qn_tensor *out, int64_t at) {
  if (l->text) ((qn_string *)out->data)[at] = l->text[i];
  else ((int64_t *)out->data)[at] = l->numbers[i];
}

int qn_ml_index_of(qn_string name, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (strlen(names[i]) == name.length && memcmp(names[i], name.data, name.length) == 0) return i;
  return -1;
}

qn_status qn_ml_choice(const qn_step *s, const char *name, const char *const *names, int count, int *choice) {
  const char *text = qn_attr_text(s, name, names[0]);
  *choice = qn_ml_index_of((qn_string){text, strlen(text)}, names, count);
  return *choice >= 0 ? QN_OK : qn_step_fail(s, QN_ERR_ARGUMENT, "%s is '%s', which is not known", name, text);
}

qn_status qn_ml_transform(const qn_step *s, qn_score *how) {
  static const char *const NAMES[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  int choice;
  QN_TRY(qn_ml_choice(s, "post_transform", NAMES, 5, &choice));
  *how = (qn_score)choice;
  return QN_OK;
}

const float *qn_ml_floats(const qn_step *s, const char *name, size_t *count) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_FLOATS);
  *count = a ? a->count : 0;
  return *count ? a->floats : NULL;
}

const int64_t *qn_ml_ints(const qn_step *s, const char *name, size_t *count) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_INTS);
  *count = a ? a->count : 0;
  return *count ? a->ints : NULL;
}

qn_status qn_ml_expect(const qn_step *s, const char *name, size_t count, size_t expected) {
  return count == expected ? QN_OK : qn_step_fail(s, QN_ERR_ARGUMENT, "%s has %zu elements; %zu are expected", name, count, expected);
}

void qn_ml_extent(const qn_tensor *x, int64_t *rows, int64_t *columns) {
  *rows = x->rank == 1 ? 1 : x->dims[0];
  *columns = x->dims[x->rank - 1];
}

qn_status qn_ml_rows(const qn_step *s, int64_t *rows, int64_t *columns) {
  QN_TRY(qn_check_type(s, 0, QN_ML_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  if (x->rank < 1 || x->rank > 2) return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has shape %s; [rows, features] is expected", qn_shape_text(text, x->rank, x->dims));
  qn_ml_extent(x, rows, columns);
  return QN_OK;
}

qn_status qn_ml_scores(qn_step *s, const qn_labels *labels, int64_t features, int64_t width, int64_t *rows) {
  int64_t columns;
  QN_TRY(qn_ml_rows(s, rows, &columns));
  if (columns != features)
    return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has %lld columns; the model has coefficients for %lld", (long long)columns, (long long)features);
  const int64_t dims[2] = {*rows, width};
  const bool classes = labels->count;
  if (classes) QN_TRY(qn_out_shape(s, 0, qn_labels_type(labels), 1, dims));
  return qn_out_shape(s, classes, QN_FLOAT, 2, dims);
}

qn_status qn_ml_lookup(qn_step *s, const qn_string *text, const uint64_t *numbers, size_t count, qn_lookup *l) {
  *l = (qn_lookup){.text = text, .numbers = numbers, .count = count};
  size_t bytes;
  uint32_t *order = count <= UINT32_MAX && qn_size_mul(count, 2 * sizeof *order, &bytes) ? qn_keep_block(s, bytes) : NULL;
  if (!order) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for a list of %zu", count);
  qn_lookup_sort(l, order, order + count);
  return QN_OK;
}

qn_status qn_ml_lookup_labels(qn_step *s, const qn_labels *labels, qn_lookup *l) {
  return qn_ml_lookup(s, labels->text, (const uint64_t *)labels->numbers, (size_t)labels->count, l);
}

qn_status qn_ml_keep_lookup(qn_step *s, const char *text, const char *numbers) {
  qn_labels labels;
  QN_TRY(qn_ml_labels(s, text, numbers, &labels));
  QN_TRY(qn_keep(s, sizeof(qn_lookup)));
  return qn_ml_lookup_labels(s, &labels, s->kept);
}
