/* Concat, Split. */
#include <string.h>

#include "op/axes.h"

static qn_status plan_concat(qn_step *s) {
  int axis;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  const qn_attr *given = qn_attr_find(s, "axis", QN_ATTR_INT);
  if (!given && s->opset >= 4) return qn_step_fail(s, QN_ERR_ARGUMENT, "attribute axis is missing");
  QN_TRY(qn_axis(s, given ? given->i : 1, x->rank, &axis));
  memcpy(dims, x->dims, sizeof dims);
  for (int i = 1; i < s->n_in; i++) {
    QN_TRY(qn_check_type(s, i, QN_ANY_TYPE));
    QN_TRY(qn_same_type(s, 0, i));
    const qn_tensor *t = qn_in(s, i);
    bool fits = t->rank == x->rank;
    for (int d = 0; fits && d < t->rank; d++) fits = d == axis || t->dims[d] == x->dims[d];
    char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
    if (!fits)
      return qn_step_fail(s, QN_ERR_SHAPE, "input %d of shape %s does not line up with %s outside of axis %d", i,
                          qn_shape_text(a, t->rank, t->dims), qn_shape_text(b, x->rank, x->dims), axis);
    if (__builtin_add_overflow(dims[axis], t->dims[axis], &dims[axis]))
      return qn_step_fail(s, QN_ERR_SHAPE, "the result is too large");
  }
  return qn_out_shape(s, 0, x->dtype, x->rank, dims);
}

static qn_status run_concat(qn_step *s) {
  qn_tensor *y = qn_out(s, 0);
  int axis;
  if (y->count == 0) return QN_OK;
  QN_TRY(qn_axis(s, qn_attr_int(s, "axis", 1), y->rank, &axis));
  int64_t outer = qn_product(y->dims, axis), inner = qn_product(y->dims + axis + 1, y->rank - axis - 1);
  int64_t row = y->dims[axis] * inner, at = 0;
  for (int i = 0; i < s->n_in; i++) {
    const qn_tensor *x = qn_in(s, i);
    int64_t n = x->dims[axis] * inner;
    for (int64_t o = 0; o < outer; o++) qn_copy_run(qn_bits(y), x->data, o * n, y->data, o * row + at, n);
    at += n;
  }
  return QN_OK;
}

/* Lengths of the parts along the axis, into sizes[n_out]. */
enum { MAX_PARTS = 1024 };

static qn_status plan_split(qn_step *s) {
  int axis, count = -1;
  int64_t sizes[MAX_PARTS];
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axis(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  if (s->n_out > MAX_PARTS) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "%d outputs, at most %d are supported", s->n_out, MAX_PARTS);
  if (qn_in(s, 1)) QN_TRY(qn_need_ints(s, 1, sizes, MAX_PARTS, &count));
  else count = qn_attr_ints(s, "split", sizes, MAX_PARTS);
  int64_t dim = x->dims[axis], n = s->n_out, total = 0;
  if (count < 0) {
    int64_t parts = qn_attr_int(s, "num_outputs", n);
    if (parts != n) return qn_step_fail(s, QN_ERR_ARGUMENT, "num_outputs is %lld, the node has %d outputs", (long long)parts, s->n_out);
    if (s->opset < 18 && dim % n)
      return qn_step_fail(s, QN_ERR_SHAPE, "a dimension of %lld does not split evenly into %d", (long long)dim, s->n_out);
    int64_t each = dim / n + (dim % n != 0);
    for (int i = 0; i < n; i++) {
      sizes[i] = dim - total < each ? dim - total : each;
      total += sizes[i];
    }
  } else {
    if (count != n) return qn_step_fail(s, QN_ERR_ARGUMENT, "split has %d entries, the node has %d outputs", count, s->n_out);
    for (int i = 0; i < n; i++) {
      if (sizes[i] < 0 || sizes[i] > dim - total)
        return qn_step_fail(s, QN_ERR_SHAPE, "part %d of %lld does not fit a dimension of %lld", i, (long long)sizes[i], (long long)dim);
      total += sizes[i];
    }
    if (total != dim)
      return qn_step_fail(s, QN_ERR_SHAPE, "the parts sum to %lld, the dimension is %lld", (long long)total, (long long)dim);
  }
  /* An output nobody wants leaves no tensor behind, so the lengths are kept. */
  QN_TRY(qn_state(s, (size_t)n * sizeof(int64_t)));
  memcpy(s->state, sizes, (size_t)n * sizeof(int64_t));
  for (int i = 0; i < n; i++) {
    int64_t dims[QN_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = sizes[i];
    QN_TRY(qn_out_shape(s, i, x->dtype, x->rank, dims));
  }
  return QN_OK;
}

static qn_status run_split(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const int64_t *sizes = s->state;
  int axis;
  if (x->count == 0) return QN_OK;
  QN_TRY(qn_axis(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  int64_t outer = qn_product(x->dims, axis), inner = qn_product(x->dims + axis + 1, x->rank - axis - 1);
  int64_t row = x->dims[axis] * inner, at = 0;
  for (int i = 0; i < s->n_out; i++) {
    int64_t n = sizes[i] * inner;
    qn_tensor *y = qn_out(s, i);
    for (int64_t o = 0; y && o < outer; o++) qn_copy_run(qn_bits(x), x->data, o * row + at, y->data, o * n, n);
    at += n;
  }
  return QN_OK;
}

const qn_op qn_op_concat = {.domain = "", .name = "Concat", .since = 1, .min_in = 1, .max_in = -1, .min_out = 1, .max_out = 1,
                            .flags = QN_LAYOUT_FOLLOW, .plan = plan_concat, .run = run_concat};
const qn_op qn_op_split = {.domain = "", .name = "Split", .since = 1, .min_in = 1, .max_in = 2, .min_out = 1, .max_out = -1,
                           .flags = QN_LAYOUT_FOLLOW, .plan = plan_split, .run = run_split};
