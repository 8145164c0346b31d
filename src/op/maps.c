/* ai.onnx.ml ZipMap, CastMap, DictVectorizer: between tensors and maps. What the standard leaves open is as in onnxruntime. */
#include <string.h>

#include "kernel/cast.h"
#include "op/ml.h"

/* ---- ZipMap: each row of scores becomes a map from the labels ---- */

static qn_status plan_zip(qn_step *s) {
  qn_labels labels;
  int64_t rows, columns;
  QN_TRY(qn_ml_rows(s, &rows, &columns));
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_FLOAT)));
  QN_TRY(qn_ml_labels(s, "classlabels_strings", "classlabels_int64s", &labels));
  if (columns != labels.count)
    return qn_step_fail(s, QN_ERR_SHAPE, "a row of input 0 has %lld values for %lld labels", (long long)columns, (long long)labels.count);
  s->dynamic = true;
  if (!qn_out(s, 0)) return QN_OK;
  s->out[0]->kind = QN_KIND_SEQUENCE;
  s->out[0]->tensor.dtype = QN_FLOAT;
  return QN_OK;
}

static qn_status run_zip(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_value *out = s->out[0], parts[2] = {{.kind = QN_KIND_TENSOR}, {.kind = QN_KIND_TENSOR}}, map = {.kind = QN_KIND_MAP, .tensor = {.dtype = QN_FLOAT}, .items = parts, .item_count = 2};
  qn_labels labels;
  int64_t rows, columns;
  if (!out) return QN_OK;
  qn_ml_extent(x, &rows, &columns);
  QN_TRY(qn_ml_labels(s, "classlabels_strings", "classlabels_int64s", &labels));
  qn_value_clear(out);
  out->kind = QN_KIND_SEQUENCE;
  out->tensor.dtype = QN_FLOAT;
  QN_TRY(qn_tensor_shape(&parts[0].tensor, qn_labels_type(&labels), 1, &columns, s->err));
  QN_TRY(qn_tensor_shape(&parts[1].tensor, QN_FLOAT, 1, &columns, s->err));
  parts[0].tensor.data = (void *)(uintptr_t)(labels.text ? (const void *)labels.text : labels.numbers);
  for (int64_t r = 0; r < rows; r++) {
    parts[1].tensor.data = (float *)x->data + r * columns;
    QN_TRY(qn_value_insert(out, r, &map, s->err));
  }
  return QN_OK;
}

/* ---- CastMap ---- */

static const char *const TARGETS[] = {"TO_FLOAT", "TO_STRING", "TO_INT64"};
static const qn_dtype TARGET_TYPES[] = {QN_FLOAT, QN_STRING, QN_INT64};
static const char *const FORMS[] = {"DENSE", "SPARSE"};

static qn_status check_map(const qn_step *s, uint32_t values) {
  const qn_tensor *t = qn_in(s, 0);
  if (!t) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 0 is missing");
  if (s->in[0]->kind != QN_KIND_MAP) return qn_step_fail(s, QN_ERR_TYPE, "input 0 is not a map");
  if ((unsigned)t->dtype < QN_DTYPE_COUNT && (values & QN_TYPE_BIT(t->dtype))) return QN_OK;
  return qn_step_fail(s, QN_ERR_TYPE, "input 0 maps to %s, which this operator does not take", qn_dtype_name(t->dtype));
}

static qn_status plan_cast_map(qn_step *s) {
  int target, form;
  QN_TRY(check_map(s, QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_STRING)));
  QN_TRY(qn_ml_choice(s, "cast_to", TARGETS, 3, &target));
  QN_TRY(qn_ml_choice(s, "map_form", FORMS, 2, &form));
  const int64_t length = qn_attr_int(s, "max_map", 1);
  if (form && length < 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "max_map is %lld; 1 or more is expected", (long long)length);
  s->dynamic = true; /* as long as the map */
  return QN_OK;
}

/* Element i of the map's values, as the target type, to element `at` of the output. `text` is where its digits go. */
static qn_status cast_value(const qn_step *s, const qn_tensor *values, int64_t i, const qn_tensor *y, int64_t at, char *text) {
  const float *number = values->dtype == QN_FLOAT ? (const float *)values->data + i : NULL;
  const qn_string *from = number ? NULL : (const qn_string *)values->data + i;
  double v = 0;
  uint64_t whole = 0;
  bool integer = false;
  if (y->dtype == QN_STRING) {
    ((qn_string *)y->data)[at] = number ? (qn_string){text, qn_float_text((double)*number, true, text)} : *from;
    return QN_OK;
  }
  if (number) v = (double)*number;
  else if (!qn_parse_number(from->data, from->length, &v, &whole, &integer))
    return qn_step_fail(s, QN_ERR_RANGE, "value %lld of the map is not a number", (long long)i);
  if (integer && y->dtype == QN_INT64) ((int64_t *)y->data)[at] = (int64_t)whole;
  else qn_store(QN_IN_F64, y->dtype, y->data, (size_t)at, 1, &v, (qn_cast_mode){0});
  return QN_OK;
}

static qn_status run_cast_map(qn_step *s) {
  const qn_value *map = s->in[0];
  int target, form;
  QN_TRY(qn_ml_choice(s, "cast_to", TARGETS, 3, &target));
  QN_TRY(qn_ml_choice(s, "map_form", FORMS, 2, &form));
  if (!qn_value_is_map(map, QN_INT64)) return qn_step_fail(s, QN_ERR_TYPE, "input 0 is not a map from int64 numbers");
  const int64_t count = map->items[0].tensor.count, length = form ? qn_attr_int(s, "max_map", 1) : count, *keys = map->items[0].tensor.data;
  for (int64_t i = 0; i < count; i++)
    if (i && keys[i] <= keys[i - 1]) return qn_step_fail(s, QN_ERR_ARGUMENT, "the keys of the map do not ascend");
  if (form && count && (keys[0] < 0 || keys[count - 1] >= length))
    return qn_step_fail(s, QN_ERR_RANGE, "the map has key %lld; keys from 0 to %lld are expected", (long long)(keys[0] < 0 ? keys[0] : keys[count - 1]), (long long)length - 1);
  if (!s->out[0]) return QN_OK;
  const int64_t dims[2] = {1, length};
  char *text = NULL;
  size_t room;
  if (TARGET_TYPES[target] != QN_STRING) {
    QN_TRY(qn_out_dynamic(s, 0, TARGET_TYPES[target], 2, dims));
  } else {
    if (!qn_size_mul((size_t)count, QN_NUMBER_TEXT, &room)) return qn_step_fail(s, QN_ERR_MEMORY, "the map is too long");
    QN_TRY(qn_value_reserve_strings(s->out[0], 2, dims, room, &text, s->err));
  }
  const qn_tensor *y = qn_out(s, 0);
  const int64_t zero = 0;
  for (int64_t at = 0, i = 0; at < length; at++) {
    if (!form || (i < count && keys[i] == at)) {
      QN_TRY(cast_value(s, &map->items[1].tensor, i, y, at, text ? text + i * QN_NUMBER_TEXT : NULL));
      i++;
    } else if (y->dtype == QN_STRING) {
      ((qn_string *)y->data)[at] = (qn_string){"0.f", 3}; /* what onnxruntime writes there */
    } else {
      memcpy((char *)y->data + (size_t)at * qn_dtype_size(y->dtype), &zero, qn_dtype_size(y->dtype));
    }
  }
  return QN_OK;
}

/* ---- DictVectorizer ---- */

static qn_status prepare_vectorizer(qn_step *s) { return qn_ml_keep_lookup(s, "string_vocabulary", "int64_vocabulary"); }

static qn_status plan_vectorizer(qn_step *s) {
  if (!s->kept) QN_TRY(prepare_vectorizer(s));
  QN_TRY(check_map(s, QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_STRING)));
  const qn_lookup *l = s->kept;
  return qn_out_shape(s, 0, qn_in(s, 0)->dtype, 2, (int64_t[]){1, (int64_t)l->count});
}

/* Keys that are not in the vocabulary are left out, as by scikit-learn. */
static qn_status run_vectorizer(qn_step *s) {
  const qn_lookup *l = s->kept;
  const qn_value *map = s->in[0];
  const qn_tensor *y = qn_out(s, 0);
  if (!qn_value_is_map(map, l->text ? QN_STRING : QN_INT64))
    return qn_step_fail(s, QN_ERR_TYPE, "input 0 is not a map from %s as the vocabulary is", l->text ? "strings" : "int64 numbers");
  const qn_tensor *keys = &map->items[0].tensor, *values = &map->items[1].tensor;
  const size_t size = qn_dtype_size(values->dtype);
  if (!y) return QN_OK;
  memset(y->data, 0, qn_tensor_bytes(y)); /* an empty string is all zeros too */
  for (int64_t i = 0; i < keys->count; i++) {
    const int64_t at = l->text ? qn_lookup_text(l, ((const qn_string *)keys->data)[i]) : qn_lookup_number(l, ((const uint64_t *)keys->data)[i]);
    if (at >= 0) memcpy((char *)y->data + (size_t)at * size, (const char *)values->data + (size_t)i * size, size);
  }
  return QN_OK;
}

const qn_op qn_op_zip_map = {.domain = "ai.onnx.ml", .name = "ZipMap", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                             .plan = plan_zip, .run = run_zip};
const qn_op qn_op_cast_map = {.domain = "ai.onnx.ml", .name = "CastMap", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                              .plan = plan_cast_map, .run = run_cast_map};
const qn_op qn_op_dict_vectorizer = {.domain = "ai.onnx.ml", .name = "DictVectorizer", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                     .plan = plan_vectorizer, .run = run_vectorizer, .prepare = prepare_vectorizer};
