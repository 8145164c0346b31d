/* ai.onnx.ml LabelEncoder, CategoryMapper, OneHotEncoder: each element is looked up in a list. */
#include <string.h>

#include "kernel/cast.h"
#include "op/ml.h"

typedef struct list { /* of keys or values, in the model's memory */
  qn_dtype dtype;
  const void *data;
  size_t count;
} list;

typedef struct encoder {
  qn_lookup lookup;
  qn_dtype from, to;
  const void *values;     /* [lookup.count] of type `to` */
  union {
    qn_string text;
    int64_t i64;
    int32_t i32;
    int16_t i16;
    float f32;
    double f64;
  } otherwise;            /* for what is not in the list */
} encoder;

typedef struct encoders { /* CategoryMapper and the first LabelEncoder go either way: the input's type decides */
  int count;
  encoder way[2];
} encoders;

#define KEY_TYPES                                                                                                                   \
  (QN_TYPE_BIT(QN_STRING) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_INT16))

/* Keys of n numbers from element `first`. */
static void number_keys(qn_dtype dtype, const void *data, size_t first, size_t n, uint64_t *keys) {
  const bool real = dtype == QN_FLOAT || dtype == QN_DOUBLE;
  qn_load(real ? QN_IN_F64 : QN_IN_I64, dtype, data, first, n, keys);
  for (size_t i = 0; real && i < n; i++) {
    double v;
    memcpy(&v, &keys[i], sizeof v);
    keys[i] = qn_lookup_key(v);
  }
}

static qn_status set_default(const qn_step *s, encoder *e) {
  const qn_attr *a = qn_attr_find(s, "default_tensor", QN_ATTR_TENSOR), *text = qn_attr_find(s, "default_string", QN_ATTR_STRING);
  if (a && a->tensor->count) {
    if (a->tensor->dtype != e->to || a->tensor->count != 1 || !a->tensor->data)
      return qn_step_fail(s, QN_ERR_TYPE, "default_tensor is not one %s", qn_dtype_name(e->to));
    memcpy(&e->otherwise, a->tensor->data, qn_dtype_size(e->to));
    return QN_OK;
  }
  const int64_t whole = qn_attr_int(s, "default_int64", -1);
  const float real = qn_attr_float(s, "default_float", -0.0f);
  switch (e->to) {
    case QN_STRING: e->otherwise.text = text ? text->s : (qn_string){"_Unused", 7}; break;
    case QN_FLOAT: e->otherwise.f32 = real; break;
    case QN_DOUBLE: e->otherwise.f64 = (double)real; break;
    case QN_INT32: e->otherwise.i32 = (int32_t)whole; break;
    case QN_INT16: e->otherwise.i16 = (int16_t)whole; break;
    default: e->otherwise.i64 = whole; break;
  }
  return QN_OK;
}

static qn_status add_way(qn_step *s, encoders *all, list keys, list values) {
  if (keys.count != values.count) return qn_step_fail(s, QN_ERR_ARGUMENT, "%zu keys for %zu values", keys.count, values.count);
  encoder *e = &all->way[all->count++];
  e->from = keys.dtype;
  e->to = values.dtype;
  e->values = values.data;
  QN_TRY(set_default(s, e));
  uint64_t *numbers = NULL;
  if (keys.dtype != QN_STRING) {
    size_t bytes;
    numbers = qn_size_mul(keys.count, sizeof *numbers, &bytes) ? qn_keep_block(s, bytes) : NULL;
    if (!numbers) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for %zu keys", keys.count);
    number_keys(keys.dtype, keys.data, 0, keys.count, numbers);
  }
  return qn_ml_lookup(s, keys.dtype == QN_STRING ? keys.data : NULL, numbers, keys.count, &e->lookup);
}

/* The one of side_strings, side_int64s, side_floats, side_tensor that is there; side is "keys" or "values". */
static qn_status read_list(const qn_step *s, const char *side, list *out) {
  static const struct { const char *suffix; qn_attr_type type; qn_dtype dtype; } FORMS[] = {
      {"_strings", QN_ATTR_STRINGS, QN_STRING}, {"_int64s", QN_ATTR_INTS, QN_INT64}, {"_floats", QN_ATTR_FLOATS, QN_FLOAT}, {"_tensor", QN_ATTR_TENSOR, QN_UNDEFINED}};
  int found = 0;
  for (int i = 0; i < 4; i++) {
    char name[16];
    const size_t length = strlen(side);
    memcpy(name, side, length);
    memcpy(name + length, FORMS[i].suffix, strlen(FORMS[i].suffix) + 1);
    const qn_attr *a = qn_attr_find(s, name, FORMS[i].type);
    if (!a || (FORMS[i].type == QN_ATTR_TENSOR ? a->tensor->count : (int64_t)a->count) == 0) continue;
    found++;
    if (FORMS[i].type == QN_ATTR_TENSOR) *out = (list){a->tensor->dtype, a->tensor->data, (size_t)a->tensor->count};
    else *out = (list){FORMS[i].dtype, i == 0 ? (const void *)a->strings : i == 1 ? (const void *)a->ints : (const void *)a->floats, a->count};
  }
  if (found != 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "%d lists of %s are given; one is expected", found, side);
  if (!(KEY_TYPES & QN_TYPE_BIT(out->dtype))) return qn_step_fail(s, QN_ERR_TYPE, "%s are %s, which this operator does not take", side, qn_dtype_name(out->dtype));
  return out->data ? QN_OK : qn_step_fail(s, QN_ERR_UNSUPPORTED, "%s_tensor has no data in the model", side);
}

static qn_status prepare_lists(qn_step *s) {
  list keys, values;
  QN_TRY(qn_keep(s, sizeof(encoders)));
  QN_TRY(read_list(s, "keys", &keys));
  QN_TRY(read_list(s, "values", &values));
  return add_way(s, s->kept, keys, values);
}

/* Strings and integers side by side, looked up either way. */
static qn_status both_ways(qn_step *s, list text, list numbers) {
  QN_TRY(qn_keep(s, sizeof(encoders)));
  QN_TRY(add_way(s, s->kept, text, numbers));
  return add_way(s, s->kept, numbers, text);
}

static qn_status prepare_mapper(qn_step *s) {
  const qn_attr *text = qn_attr_find(s, "cats_strings", QN_ATTR_STRINGS);
  list numbers = {.dtype = QN_INT64};
  numbers.data = qn_ml_ints(s, "cats_int64s", &numbers.count);
  return both_ways(s, (list){QN_STRING, text ? text->strings : NULL, text ? text->count : 0}, numbers);
}

/* Version 1: the integers are the positions in the list. */
static qn_status prepare_classes(qn_step *s) {
  const qn_attr *text = qn_attr_find(s, "classes_strings", QN_ATTR_STRINGS);
  const size_t count = text ? text->count : 0;
  size_t bytes;
  int64_t *position = qn_size_mul(count, sizeof *position, &bytes) ? qn_keep_block(s, bytes) : NULL;
  if (!position) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for %zu classes", count);
  for (size_t i = 0; i < count; i++) position[i] = (int64_t)i;
  return both_ways(s, (list){QN_STRING, text ? text->strings : NULL, count}, (list){QN_INT64, position, count});
}

static const encoder *chosen(const qn_step *s) {
  const encoders *all = s->kept;
  for (int i = 0; i < all->count; i++)
    if (all->way[i].from == qn_in(s, 0)->dtype) return &all->way[i];
  return NULL;
}

static qn_status plan_encoder(qn_step *s) {
  if (!s->kept) QN_TRY(s->op->prepare(s)); /* folding of constants comes before packing */
  const encoders *all = s->kept;
  QN_TRY(qn_check_type(s, 0, KEY_TYPES));
  const encoder *e = chosen(s);
  if (!e) return qn_step_fail(s, QN_ERR_TYPE, "input 0 is %s; the keys are %s", qn_dtype_name(qn_in(s, 0)->dtype), qn_dtype_name(all->way[0].from));
  return qn_out_shape(s, 0, e->to, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status run_encoder(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const encoder *e = chosen(s);
  if (!y) return QN_OK;
  const size_t size = qn_dtype_size(e->to);
  for (int64_t i = 0; i < x->count; i++) {
    int64_t at;
    uint64_t key;
    if (x->dtype == QN_STRING) {
      at = qn_lookup_text(&e->lookup, ((const qn_string *)x->data)[i]);
    } else {
      number_keys(x->dtype, x->data, (size_t)i, 1, &key);
      at = qn_lookup_number(&e->lookup, key);
    }
    memcpy((char *)y->data + (size_t)i * size, at < 0 ? (const char *)&e->otherwise : (const char *)e->values + (size_t)at * size, size);
  }
  return QN_OK;
}

/* ---- OneHotEncoder ---- */

static qn_status prepare_one_hot(qn_step *s) { return qn_ml_keep_lookup(s, "cats_strings", "cats_int64s"); }

static qn_status plan_one_hot(qn_step *s) {
  if (!s->kept) QN_TRY(prepare_one_hot(s));
  const qn_lookup *l = s->kept;
  int64_t dims[QN_MAX_RANK + 1];
  QN_TRY(qn_check_type(s, 0, l->text ? QN_TYPE_BIT(QN_STRING) : QN_ML_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  for (int d = 0; d < x->rank; d++) dims[d] = x->dims[d];
  dims[x->rank] = (int64_t)l->count;
  return qn_out_shape(s, 0, QN_FLOAT, x->rank + 1, dims);
}

static qn_status run_one_hot(qn_step *s) {
  const qn_lookup *l = s->kept;
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const bool zeros = qn_attr_int(s, "zeros", 1) != 0;
  if (!y) return QN_OK;
  memset(y->data, 0, qn_tensor_bytes(y));
  for (int64_t i = 0; i < x->count; i++) {
    int64_t at, number;
    if (l->text) {
      at = qn_lookup_text(l, ((const qn_string *)x->data)[i]);
    } else {
      qn_cast(x->dtype, (const char *)x->data + (size_t)i * qn_dtype_size(x->dtype), QN_INT64, &number, 1, (qn_cast_mode){0});
      at = qn_lookup_number(l, (uint64_t)number);
    }
    if (at >= 0) ((float *)y->data)[(size_t)i * l->count + (size_t)at] = 1;
    else if (!zeros) return qn_step_fail(s, QN_ERR_RANGE, "element %lld of input 0 is none of the %zu categories", (long long)i, l->count);
  }
  return QN_OK;
}

#define ENCODER(id, text, first, last, prepare_function, plan_function, run_function)                                                      \
  const qn_op qn_op_##id = {.domain = "ai.onnx.ml", .name = text, .since = first, .until = last, .min_in = 1, .max_in = 1, .min_out = 1, \
                            .max_out = 1, .plan = plan_function, .run = run_function, .prepare = prepare_function};
ENCODER(label_encoder_1, "LabelEncoder", 1, 1, prepare_classes, plan_encoder, run_encoder)
ENCODER(label_encoder, "LabelEncoder", 2, 0, prepare_lists, plan_encoder, run_encoder)
ENCODER(category_mapper, "CategoryMapper", 1, 0, prepare_mapper, plan_encoder, run_encoder)
ENCODER(one_hot_encoder, "OneHotEncoder", 1, 0, prepare_one_hot, plan_one_hot, run_one_hot)
