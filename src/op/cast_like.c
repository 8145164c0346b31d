/* Cast, CastLike: elements of another type. BitCast: the same bits under another type. */
#include <string.h>

#include "kernel/cast.h"
#include "op/elementwise.h"

/* Opsets 1 to 5 give the type as text, by its name in TensorProto. */
static qn_status target(const qn_step *s, qn_dtype *to) {
  if (s->op->name[4]) { /* CastLike */
    const qn_tensor *like = qn_in(s, 1);
    if (!like) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 1 is missing");
    *to = like->dtype;
    return QN_OK;
  }
  const char *name = qn_attr_text(s, "to", NULL);
  int64_t number = qn_attr_int(s, "to", 0);
  if (name) {
    static const char *const NAMES[] = {"", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL",
                                        "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
    for (int i = 1; i < (int)(sizeof NAMES / sizeof *NAMES); i++)
      if (strcmp(name, NAMES[i]) == 0) number = i;
    if (!number) return qn_step_fail(s, QN_ERR_ARGUMENT, "there is no type '%s' to cast to", name);
  }
  if (number <= 0 || number >= QN_DTYPE_COUNT)
    return number ? qn_step_fail(s, QN_ERR_ARGUMENT, "there is no element type %lld to cast to", (long long)number) : qn_step_fail(s, QN_ERR_ARGUMENT, "attribute to, the type to cast to, is missing");
  *to = (qn_dtype)number;
  return QN_OK;
}

static qn_status plan_cast(qn_step *s) {
  qn_dtype to;
  QN_TRY(qn_check_type(s, 0, QN_CAST_TYPES | QN_TYPE_BIT(QN_STRING)));
  QN_TRY(target(s, &to));
  const qn_tensor *x = qn_in(s, 0);
  if (!((QN_CAST_TYPES | QN_TYPE_BIT(QN_STRING)) & QN_TYPE_BIT(to)))
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a cast from %s to %s", qn_dtype_name(x->dtype), qn_dtype_name(to));
  if (to == x->dtype) return qn_out_view(s, 0, 0, x->rank, x->dims);
  const char *round = qn_attr_text(s, "round_mode", "up");
  if (strcmp(round, "up") != 0 && strcmp(round, "down") != 0 && strcmp(round, "nearest") != 0)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "round_mode is '%s'; 'up', 'down' or 'nearest' is expected", round);
  QN_TRY(qn_out_shape(s, 0, to, x->rank, x->dims));
  if (to == QN_STRING) { /* text of unknown length: the output gets a block of its own */
    size_t size;
    if (!qn_size_mul((size_t)x->count, sizeof(qn_string) + QN_NUMBER_TEXT, &size))
      return qn_step_fail(s, QN_ERR_MEMORY, "too many strings");
    s->scratch_size = size;
    s->dynamic = true;
  }
  return QN_OK;
}

static qn_status to_text(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  if (!qn_out(s, 0)) return QN_OK;
  qn_value text = {.kind = QN_KIND_TENSOR, .tensor = *x};
  qn_string *out = s->scratch;
  char *bytes = (char *)(out + x->count);
  text.tensor.dtype = QN_STRING;
  text.tensor.data = out;
  const qn_compute c = qn_compute_of(x->dtype);
  for (int64_t i = 0; i < x->count; i++, bytes += QN_NUMBER_TEXT) {
    size_t length;
    if (c == QN_IN_F32 || c == QN_IN_F64) {
      double v;
      qn_load(QN_IN_F64, x->dtype, x->data, (size_t)i, 1, &v);
      length = qn_float_text(v, c == QN_IN_F32, bytes);
    } else {
      int64_t v;
      qn_load(QN_IN_I64, x->dtype, x->data, (size_t)i, 1, &v);
      const bool negative = c == QN_IN_I64 && v < 0;
      if (x->dtype == QN_BOOL) memcpy(bytes, v ? "True" : "False", length = v ? 4 : 5);
      else length = qn_int_text(negative ? 0 - (uint64_t)v : (uint64_t)v, negative, bytes);
    }
    out[i] = (qn_string){bytes, length};
  }
  return qn_value_copy(s->out[0], &text, s->err);
}

static qn_status from_text(qn_step *s, qn_cast_mode mode) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  const qn_string *text = x->data;
  const bool is_float = qn_dtype_of(y->dtype)->is_float;
  const size_t per_byte = qn_dtype_of(y->dtype)->bits < 8 ? 8 / qn_dtype_of(y->dtype)->bits : 1;
  double v[4];
  uint64_t whole[4];
  for (size_t i = 0, count = (size_t)x->count; i < count; i += per_byte) {
    bool integers = !is_float;
    const size_t n = count - i < per_byte ? count - i : per_byte;
    for (size_t k = 0; k < n; k++) {
      const qn_string t = text[i + k];
      bool integer;
      if (!qn_parse_number(t.data, t.length, &v[k], &whole[k], &integer)) {
        if (y->dtype != QN_BOOL)
          return qn_step_fail(s, QN_ERR_RANGE, "the string at %zu is not a number", i + k);
        v[k] = t.length && (t.data[0] | 32) != 'f'; /* True, False */
      }
      integers = integers && integer;
    }
    if (integers) qn_store(QN_IN_I64, y->dtype, y->data, i, n, whole, mode);
    else qn_store(QN_IN_F64, y->dtype, y->data, i, n, v, mode);
  }
  return QN_OK;
}

static qn_status run_cast(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_dtype to;
  QN_TRY(target(s, &to));
  if (to == x->dtype || !qn_out(s, 0)) return QN_OK; /* a view */
  if (to == QN_STRING) return to_text(s);
  const char *round = qn_attr_text(s, "round_mode", "up");
  const qn_cast_mode mode = {.no_saturate = qn_attr_int(s, "saturate", 1) == 0,
                             .wrap = s->opset > 21, /* the reference went over from its own arithmetic to ml_dtypes' */
                             .nan_ones = s->opset <= 21,
                             .round = round[0] == 'u' ? QN_ROUND_UP : round[0] == 'd' ? QN_ROUND_DOWN : QN_ROUND_NEAREST};
  if (x->dtype == QN_STRING) return from_text(s, mode);
  qn_cast(x->dtype, x->data, to, qn_out(s, 0)->data, (size_t)x->count, mode);
  return QN_OK;
}

const qn_op qn_op_cast = {.domain = "", .name = "Cast", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                          .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan_cast, .run = run_cast};
const qn_op qn_op_cast_like = {.domain = "", .name = "CastLike", .since = 15, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                               .flags = QN_LAYOUT_PLAIN, .plan = plan_cast, .run = run_cast};

static qn_status plan_bits(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  if (!x) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 0 is missing");
  int64_t to = qn_attr_int(s, "to", 0);
  const unsigned bits = to > 0 && to < QN_DTYPE_COUNT && to != QN_STRING ? qn_dtype_of((qn_dtype)to)->bits : 0;
  if (bits == 0 || x->dtype == QN_STRING || bits != qn_dtype_of(x->dtype)->bits)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "the bits of %s cannot be read as element type %lld", qn_dtype_name(x->dtype), (long long)to);
  return qn_out_shape(s, 0, (qn_dtype)to, x->rank, x->dims);
}

static qn_status run_bits(qn_step *s) {
  if (qn_out(s, 0)->data != qn_in(s, 0)->data && qn_in(s, 0)->count) memcpy(qn_out(s, 0)->data, qn_in(s, 0)->data, qn_tensor_bytes(qn_in(s, 0)));
  return QN_OK;
}
const qn_op qn_op_bit_cast = {.domain = "", .name = "BitCast", .since = 26, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                              .flags = QN_LAYOUT_ELEMENTWISE, .plan = plan_bits, .run = run_bits};
