/* Transpose. */
#include "op/axes.h"

static qn_status permutation(const qn_step *s, int perm[QN_MAX_RANK]) {
  int64_t given[QN_MAX_RANK];
  int rank = qn_in(s, 0)->rank, count = qn_attr_ints(s, "perm", given, QN_MAX_RANK);
  if (count >= 0 && count != rank)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "perm has %d entries for an input of rank %d", count, rank);
  unsigned seen = 0;
  for (int i = 0; i < rank; i++) {
    perm[i] = rank - 1 - i;
    if (count >= 0) QN_TRY(qn_axis_plain(s, given[i], rank, &perm[i]));
    if (seen >> perm[i] & 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "perm names dimension %d twice", perm[i]);
    seen |= 1u << perm[i];
  }
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  int perm[QN_MAX_RANK], last = -1;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(permutation(s, perm));
  bool moves = false;
  for (int i = 0; i < x->rank; i++) {
    dims[i] = x->dims[perm[i]];
    if (dims[i] == 1) continue;
    moves = moves || perm[i] < last;
    last = perm[i];
  }
  return moves ? qn_out_shape(s, 0, x->dtype, x->rank, dims) : qn_out_view(s, 0, 0, x->rank, dims);
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  int perm[QN_MAX_RANK];
  int64_t from[QN_MAX_RANK], x_strides[QN_MAX_RANK], y_strides[QN_MAX_RANK];
  if (y->count == 0 || !y->data || y->data == x->data) return QN_OK; /* a view */
  QN_TRY(permutation(s, perm));
  qn_strides(x->rank, x->dims, from);
  qn_strides(y->rank, y->dims, y_strides);
  for (int i = 0; i < x->rank; i++) x_strides[i] = from[perm[i]];
  qn_copy_strided(qn_bits(x), x->rank, y->dims, x->data, 0, x_strides, y->data, 0, y_strides);
  return QN_OK;
}

const qn_op qn_op_transpose = {.domain = "", .name = "Transpose", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                               .plan = plan, .run = run};
