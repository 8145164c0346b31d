/* Sequence operators. Their results are made at run time: deep copies, owned by the value. */
#include "op/axes.h"

static qn_status check_sequence(const qn_step *s, int i) {
  if (!qn_in(s, i)) return qn_step_fail(s, QN_ERR_ARGUMENT, "input %d is missing", i);
  if (s->in[i]->kind == QN_KIND_SEQUENCE) return QN_OK;
  return qn_step_fail(s, QN_ERR_TYPE, "input %d is not a sequence", i);
}

/* Makes output 0 an empty sequence. */
static qn_value *fresh(qn_step *s, qn_dtype dtype) {
  qn_value *out = s->out[0];
  if (!out) return NULL;
  qn_value_clear(out);
  out->kind = QN_KIND_SEQUENCE;
  out->tensor.dtype = dtype;
  return out;
}

static qn_status plan_result(qn_step *s, qn_kind kind, qn_dtype dtype) {
  s->dynamic = true;
  if (!qn_out(s, 0)) return QN_OK;
  s->out[0]->kind = kind;
  s->out[0]->tensor.dtype = dtype;
  return QN_OK;
}

/* A position as given, or `otherwise`; at most `bound` - 1 after wrapping. */
static qn_status position(const qn_step *s, int i, int64_t otherwise, int64_t bound, int64_t *at) {
  *at = otherwise;
  if (!qn_in(s, i)) return QN_OK;
  if (qn_in(s, i)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "the position is not a scalar");
  *at = qn_index_at(qn_in(s, i), 0);
  int64_t length = s->in[0]->item_count;
  if (*at < -length || *at >= bound)
    return qn_step_fail(s, QN_ERR_RANGE, "position %lld of a sequence of %lld", (long long)*at, (long long)length);
  if (*at < 0) *at += length;
  return QN_OK;
}

static qn_status plan_empty(qn_step *s) {
  int64_t type = qn_attr_int(s, "dtype", QN_FLOAT);
  if (type < 0 || qn_dtype_of((qn_dtype)type)->bits == 0) return qn_step_fail(s, QN_ERR_TYPE, "unknown element type %lld", (long long)type);
  return plan_result(s, QN_KIND_SEQUENCE, (qn_dtype)type);
}

static qn_status run_empty(qn_step *s) {
  fresh(s, (qn_dtype)qn_attr_int(s, "dtype", QN_FLOAT));
  return QN_OK;
}

static qn_status plan_construct(qn_step *s) {
  for (int i = 0; i < s->n_in; i++) {
    QN_TRY(qn_check_type(s, i, QN_ANY_TYPE));
    QN_TRY(qn_same_type(s, 0, i));
  }
  return plan_result(s, QN_KIND_SEQUENCE, qn_in(s, 0)->dtype);
}

static qn_status run_construct(qn_step *s) {
  qn_value *out = fresh(s, qn_in(s, 0)->dtype);
  for (int i = 0; out && i < s->n_in; i++) QN_TRY(qn_value_insert(out, i, s->in[i], s->err));
  return QN_OK;
}

static qn_status plan_insert(qn_step *s) {
  QN_TRY(check_sequence(s, 0));
  QN_TRY(qn_check_type(s, 1, QN_ANY_TYPE));
  if (qn_in(s, 2)) QN_TRY(qn_check_type(s, 2, QN_INDEX_TYPES));
  return plan_result(s, QN_KIND_SEQUENCE, qn_in(s, 1)->dtype);
}

static qn_status run_insert(qn_step *s) {
  const qn_value *from = s->in[0];
  int64_t at;
  QN_TRY(position(s, 2, from->item_count, from->item_count + 1, &at));
  if (from->item_count && from->items[0].tensor.dtype != qn_in(s, 1)->dtype)
    return qn_step_fail(s, QN_ERR_TYPE, "a %s tensor does not go into a sequence of %s", qn_dtype_name(qn_in(s, 1)->dtype),
                        qn_dtype_name(from->items[0].tensor.dtype));
  qn_value *out = fresh(s, qn_in(s, 1)->dtype);
  for (int64_t i = 0; out && i < from->item_count; i++) QN_TRY(qn_value_insert(out, i, &from->items[i], s->err));
  return out ? qn_value_insert(out, at, s->in[1], s->err) : QN_OK;
}

static qn_status plan_erase(qn_step *s) {
  QN_TRY(check_sequence(s, 0));
  if (qn_in(s, 1)) QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  return plan_result(s, QN_KIND_SEQUENCE, s->in[0]->tensor.dtype);
}

static qn_status run_erase(qn_step *s) {
  const qn_value *from = s->in[0];
  int64_t at;
  if (from->item_count == 0) return qn_step_fail(s, QN_ERR_RANGE, "the sequence is empty");
  QN_TRY(position(s, 1, from->item_count - 1, from->item_count, &at));
  qn_value *out = fresh(s, from->tensor.dtype);
  for (int64_t i = 0; out && i < from->item_count; i++)
    if (i != at) QN_TRY(qn_value_insert(out, out->item_count, &from->items[i], s->err));
  return QN_OK;
}

static qn_status plan_at(qn_step *s) {
  QN_TRY(check_sequence(s, 0));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  return plan_result(s, QN_KIND_TENSOR, s->in[0]->tensor.dtype);
}

static qn_status run_at(qn_step *s) {
  int64_t at;
  QN_TRY(position(s, 1, 0, s->in[0]->item_count, &at));
  return s->out[0] ? qn_value_copy(s->out[0], &s->in[0]->items[at], s->err) : QN_OK;
}

static qn_status plan_length(qn_step *s) {
  QN_TRY(check_sequence(s, 0));
  return qn_out_shape(s, 0, QN_INT64, 0, NULL);
}

static qn_status run_length(qn_step *s) {
  *(int64_t *)qn_out(s, 0)->data = s->in[0]->item_count;
  return QN_OK;
}

static qn_status plan_concat(qn_step *s) {
  QN_TRY(check_sequence(s, 0));
  if (!qn_attr_find(s, "axis", QN_ATTR_INT)) return qn_step_fail(s, QN_ERR_ARGUMENT, "attribute axis is missing");
  return plan_result(s, QN_KIND_TENSOR, s->in[0]->tensor.dtype);
}

static qn_status run_concat(qn_step *s) {
  const qn_value *from = s->in[0];
  bool stack = qn_attr_int(s, "new_axis", 0) != 0;
  int64_t dims[QN_MAX_RANK + 1], at = 0;
  int axis;
  if (from->item_count == 0) return qn_step_fail(s, QN_ERR_RANGE, "the sequence is empty");
  const qn_tensor *first = &from->items[0].tensor;
  int rank = first->rank + stack;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), rank, &axis));
  for (int d = 0; d < rank; d++) dims[d] = stack && d == axis ? 0 : first->dims[d - (stack && d > axis)];
  dims[axis] = 0;
  for (int64_t i = 0; i < from->item_count; i++) {
    const qn_tensor *t = &from->items[i].tensor;
    bool fits = from->items[i].kind == QN_KIND_TENSOR && t->dtype == first->dtype && t->rank == first->rank;
    for (int d = 0; fits && d < t->rank; d++) fits = (!stack && d == axis) || t->dims[d] == first->dims[d];
    if (!fits || __builtin_add_overflow(dims[axis], stack ? 1 : t->dims[axis], &dims[axis]))
      return qn_step_fail(s, QN_ERR_SHAPE, "item %lld does not line up with the first one", (long long)i);
  }
  QN_TRY(qn_out_dynamic(s, 0, first->dtype, rank, dims));
  qn_tensor *y = qn_out(s, 0);
  if (!y || y->count == 0) return QN_OK;
  int64_t outer = qn_product(dims, axis), inner = qn_product(dims + axis + 1, rank - axis - 1), row = dims[axis] * inner;
  for (int64_t i = 0; i < from->item_count; i++) {
    const qn_tensor *t = &from->items[i].tensor;
    int64_t n = (stack ? 1 : t->dims[axis]) * inner;
    for (int64_t o = 0; o < outer; o++) qn_copy_run(qn_bits(y), t->data, o * n, y->data, o * row + at, n);
    at += n;
  }
  return QN_OK;
}

static qn_status plan_split(qn_step *s) {
  int axis;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), qn_in(s, 0)->rank, &axis));
  if (qn_in(s, 1)) QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  return plan_result(s, QN_KIND_SEQUENCE, qn_in(s, 0)->dtype);
}

static qn_status run_split(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *split = qn_in(s, 1);
  qn_value *out = fresh(s, x->dtype);
  int axis;
  if (!out) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  bool drop = !split && qn_attr_int(s, "keepdims", 1) == 0;
  int64_t outer = qn_product(x->dims, axis), inner = qn_product(x->dims + axis + 1, x->rank - axis - 1), dim = x->dims[axis], at = 0;
  qn_value part = {0}; /* each part is made here, then copied into the sequence */
  qn_status status = QN_OK;
  int64_t k = 0;
  for (; status == QN_OK && (at < dim || (split && split->rank && k < split->count)); k++) {
    int64_t n = 1, dims[QN_MAX_RANK];
    if (split) {
      if (split->rank && k >= split->count) break;
      n = qn_index_at(split, split->rank ? k : 0);
      if (n < 0 || (n == 0 && split->rank == 0) || (split->rank && n > dim - at)) {
        status = qn_step_fail(s, QN_ERR_RANGE, "a part of %lld of a dimension of %lld", (long long)n, (long long)dim);
        break;
      }
      if (n > dim - at) n = dim - at;
    }
    int rank = 0;
    for (int d = 0; d < x->rank; d++)
      if (d != axis || !drop) dims[rank++] = d == axis ? n : x->dims[d];
    status = qn_value_reserve(&part, x->dtype, rank, dims, s->err);
    for (int64_t o = 0; status == QN_OK && part.tensor.count && o < outer; o++)
      qn_copy_run(qn_bits(x), x->data, (o * dim + at) * inner, part.tensor.data, o * n * inner, n * inner);
    if (status == QN_OK) status = qn_value_insert(out, k, &part, s->err);
    at += n;
  }
  qn_value_clear(&part);
  if (status == QN_OK && at != dim)
    return qn_step_fail(s, QN_ERR_RANGE, "the parts sum to %lld, the dimension is %lld", (long long)at, (long long)dim);
  return status;
}

#define SEQUENCE(id, text, version, least, most, suffix)                                                                      \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = version, .min_in = least, .max_in = most, .min_out = 1,      \
                            .max_out = 1, .plan = plan_##suffix, .run = run_##suffix};
SEQUENCE(sequence_empty, "SequenceEmpty", 11, 0, 0, empty)
SEQUENCE(sequence_construct, "SequenceConstruct", 11, 1, -1, construct)
SEQUENCE(sequence_insert, "SequenceInsert", 11, 2, 3, insert)
SEQUENCE(sequence_erase, "SequenceErase", 11, 1, 2, erase)
SEQUENCE(sequence_at, "SequenceAt", 11, 2, 2, at)
SEQUENCE(sequence_length, "SequenceLength", 11, 1, 1, length)
SEQUENCE(concat_from_sequence, "ConcatFromSequence", 11, 1, 1, concat)
SEQUENCE(split_to_sequence, "SplitToSequence", 11, 1, 2, split)
