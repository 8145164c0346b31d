/* What operators share and what needs no planner: attributes, messages, axes, broadcasting. */
#include "op/op.h"

#include <string.h>

const qn_attr *qn_attr_find(const qn_step *s, const char *name, qn_attr_type type) {
  for (int i = 0; i < s->n_attrs; i++)
    if (s->attrs[i].type == type && strcmp(s->attrs[i].name, name) == 0) return &s->attrs[i];
  return NULL;
}

int64_t qn_attr_int(const qn_step *s, const char *name, int64_t otherwise) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_INT);
  return a ? a->i : otherwise;
}

float qn_attr_float(const qn_step *s, const char *name, float otherwise) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_FLOAT);
  return a ? a->f : otherwise;
}

const char *qn_attr_text(const qn_step *s, const char *name, const char *otherwise) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_STRING);
  return a && a->s.data ? a->s.data : otherwise;
}

int qn_attr_ints(const qn_step *s, const char *name, int64_t *values, int max) {
  const qn_attr *a = qn_attr_find(s, name, QN_ATTR_INTS);
  if (!a) return -1;
  for (size_t i = 0; i < a->count && i < (size_t)max; i++) values[i] = a->ints[i];
  return a->count > INT32_MAX ? INT32_MAX : (int)a->count;
}

qn_status qn_step_fail(const qn_step *s, qn_status code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  qn_status status = qn_fail_step(s->err, code, s->op->name, s->name ? s->name : "", format, args);
  va_end(args);
  return status;
}

const char *qn_types_text(char text[QN_TYPES_TEXT], uint32_t type_bits) {
  size_t n = 0;
  for (unsigned t = 1; t < QN_DTYPE_COUNT; t++) {
    if (!(type_bits >> t & 1)) continue;
    const char *before = n == 0 ? "" : type_bits >> t > 1 ? ", " : " or ", *name = qn_dtype_name((qn_dtype)t);
    for (int part = 0; part < 2; part++)
      for (const char *from = part ? name : before; *from && n < QN_TYPES_TEXT - 1; from++) text[n++] = *from;
  }
  text[n] = 0;
  return text;
}

qn_status qn_check_type(const qn_step *s, int i, uint32_t type_bits) {
  const qn_tensor *t = qn_in(s, i);
  if (!t) return qn_step_fail(s, QN_ERR_ARGUMENT, "input %d is missing", i);
  if (s->in[i]->kind != QN_KIND_TENSOR)
    return qn_step_fail(s, QN_ERR_TYPE, "input %d is a %s, expected a tensor", i,
                        s->in[i]->kind == QN_KIND_SEQUENCE ? "sequence" : s->in[i]->kind == QN_KIND_MAP ? "map" : "optional");
  if ((unsigned)t->dtype < QN_DTYPE_COUNT && (type_bits & QN_TYPE_BIT(t->dtype))) return QN_OK;
  char list[QN_TYPES_TEXT];
  return qn_step_fail(s, QN_ERR_TYPE, "input %d is %s; %s is expected", i, qn_dtype_name(t->dtype), qn_types_text(list, type_bits));
}

qn_status qn_check_same(const qn_step *s, const char *what, const qn_tensor *t, const qn_tensor *x) {
  if (!t || t->dtype == x->dtype) return QN_OK;
  return qn_step_fail(s, QN_ERR_TYPE, "%s has element type %s where the first input has %s; the same is expected", what, qn_dtype_name(t->dtype), qn_dtype_name(x->dtype));
}

qn_status qn_axis_plain(const qn_step *s, int64_t axis, int rank, int *out) {
  if (axis < -rank || axis >= rank)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "axis %lld is out of range for rank %d", (long long)axis, rank);
  *out = (int)(axis < 0 ? axis + rank : axis);
  return QN_OK;
}

qn_status qn_axis(const qn_step *s, int64_t axis, int rank, int *out) {
  QN_TRY(qn_axis_plain(s, axis, rank, out));
  if (s->channels_last && rank >= 3 && *out > 0) *out = *out == 1 ? rank - 1 : *out - 1;
  return QN_OK;
}

qn_status qn_broadcast(const qn_step *s, int first, int count, int *rank, int64_t dims[QN_MAX_RANK]) {
  *rank = 0;
  for (int i = first; i < first + count; i++) {
    const qn_tensor *t = qn_in(s, i);
    if (t && t->rank > *rank) *rank = t->rank;
  }
  for (int d = 0; d < *rank; d++) dims[d] = 1;
  for (int i = first; i < first + count; i++) {
    const qn_tensor *t = qn_in(s, i);
    if (!t) continue;
    for (int d = 0; d < t->rank; d++) {
      int64_t *to = &dims[*rank - t->rank + d];
      if (t->dims[d] == 1 || t->dims[d] == *to) continue;
      if (*to == 1) {
        *to = t->dims[d];
        continue;
      }
      char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
      return qn_step_fail(s, QN_ERR_SHAPE, "input %d of shape %s does not broadcast with %s, the shape of the inputs before it", i,
                          qn_shape_text(a, t->rank, t->dims), qn_shape_text(b, *rank, dims));
    }
  }
  return QN_OK;
}
