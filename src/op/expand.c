/* Expand, Tile. */
#include "op/axes.h"

static qn_status plan_expand(qn_step *s) {
  int64_t want[QN_MAX_RANK], dims[QN_MAX_RANK];
  int count;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_need_ints(s, 1, want, QN_MAX_RANK, &count));
  if (count < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "the shape is missing");
  int rank = x->rank > count ? x->rank : count;
  bool grows = false;
  for (int i = 0; i < rank; i++) {
    int64_t a = i < rank - x->rank ? 1 : x->dims[i - (rank - x->rank)], b = i < rank - count ? 1 : want[i - (rank - count)];
    char from[QN_SHAPE_TEXT], to[QN_SHAPE_TEXT];
    if (b < 0 || (a != b && a != 1 && b != 1))
      return qn_step_fail(s, QN_ERR_SHAPE, "shape %s does not broadcast to %s", qn_shape_text(from, x->rank, x->dims),
                          qn_shape_text(to, count, want));
    dims[i] = a == 1 ? b : a;
    grows = grows || dims[i] != a;
  }
  if (!grows) return qn_out_view(s, 0, 0, rank, dims);
  return qn_out_shape(s, 0, x->dtype, rank, dims);
}

static qn_status run_expand(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  int64_t own[QN_MAX_RANK], from[QN_MAX_RANK], to[QN_MAX_RANK];
  if (y->count == 0 || !y->data || y->data == x->data) return QN_OK; /* a view */
  qn_strides(x->rank, x->dims, own);
  qn_strides(y->rank, y->dims, to);
  int lead = y->rank - x->rank;
  for (int i = 0; i < y->rank; i++) from[i] = i < lead || x->dims[i - lead] == 1 ? 0 : own[i - lead];
  qn_copy_strided(qn_bits(x), y->rank, y->dims, x->data, 0, from, y->data, 0, to);
  return QN_OK;
}

static qn_status plan_tile(qn_step *s) {
  int64_t repeats[QN_MAX_RANK], dims[QN_MAX_RANK];
  int count;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  if (s->opset < 6) {
    int64_t times, along;
    int axis;
    QN_TRY(qn_need_int(s, 1, 1, &times));
    QN_TRY(qn_need_int(s, 2, 0, &along));
    QN_TRY(qn_axis_plain(s, along, x->rank, &axis));
    for (int i = 0; i < x->rank; i++) repeats[i] = i == axis ? times : 1;
    count = x->rank;
  } else {
    QN_TRY(qn_need_ints(s, 1, repeats, QN_MAX_RANK, &count));
  }
  if (count != x->rank) return qn_step_fail(s, QN_ERR_SHAPE, "%d repeats for an input of rank %d", count, x->rank);
  QN_TRY(qn_state(s, QN_MAX_RANK * sizeof(int64_t)));
  for (int i = 0; i < count; i++) {
    if (repeats[i] < 0 || __builtin_mul_overflow(x->dims[i], repeats[i], &dims[i]))
      return qn_step_fail(s, QN_ERR_ARGUMENT, "dimension %d of %lld cannot be repeated %lld times", i, (long long)x->dims[i],
                          (long long)repeats[i]);
    ((int64_t *)s->state)[i] = repeats[i];
  }
  return qn_out_shape(s, 0, x->dtype, x->rank, dims);
}

static qn_status run_tile(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  const int64_t *repeats = s->state;
  int64_t own[QN_MAX_RANK], out[QN_MAX_RANK], dims[QN_COPY_RANK], from[QN_COPY_RANK], to[QN_COPY_RANK];
  if (y->count == 0) return QN_OK;
  qn_strides(x->rank, x->dims, own);
  qn_strides(y->rank, y->dims, out);
  for (int i = 0; i < x->rank; i++) {
    dims[2 * i] = repeats[i];
    from[2 * i] = 0;
    to[2 * i] = out[i] * x->dims[i];
    dims[2 * i + 1] = x->dims[i];
    from[2 * i + 1] = own[i];
    to[2 * i + 1] = out[i];
  }
  qn_copy_strided(qn_bits(x), 2 * x->rank, dims, x->data, 0, from, y->data, 0, to);
  return QN_OK;
}

const qn_op qn_op_expand = {.domain = "", .name = "Expand", .since = 8, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                            .plan = plan_expand, .run = run_expand};
const qn_op qn_op_tile = {.domain = "", .name = "Tile", .since = 1, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                          .plan = plan_tile, .run = run_tile};
