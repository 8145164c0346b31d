/* Gather, GatherElements, GatherND. */
#include <string.h>

#include "op/axes.h"

static qn_status plan_gather(qn_step *s) {
  int axis, rank;
  int64_t dims[2 * QN_MAX_RANK];
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1);
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  rank = axis;
  memcpy(dims, x->dims, sizeof x->dims);
  for (int i = 0; i < index->rank; i++) dims[rank++] = index->dims[i];
  for (int i = axis + 1; i < x->rank; i++) dims[rank++] = x->dims[i];
  return qn_out_shape(s, 0, x->dtype, rank, dims);
}

static qn_status run_gather(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1);
  qn_tensor *y = qn_out(s, 0);
  int axis;
  if (y->count == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  int64_t outer = qn_product(x->dims, axis), inner = qn_product(x->dims + axis + 1, x->rank - axis - 1), to = 0;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < index->count; i++, to += inner) {
      int64_t at = qn_index_at(index, i);
      QN_TRY(qn_index_check(s, &at, x->dims[axis]));
      qn_copy_run(qn_bits(x), x->data, (o * x->dims[axis] + at) * inner, y->data, to, inner);
    }
  return QN_OK;
}

static qn_status plan_gather_elements(qn_step *s) {
  int axis;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1);
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  bool fits = x->rank == index->rank;
  for (int i = 0; fits && i < x->rank; i++) fits = i == axis || index->dims[i] <= x->dims[i];
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "indices of shape %s do not fit data of shape %s", qn_shape_text(a, index->rank, index->dims),
                        qn_shape_text(b, x->rank, x->dims));
  return qn_out_shape(s, 0, x->dtype, index->rank, index->dims);
}

static qn_status run_gather_elements(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1);
  int64_t strides[QN_MAX_RANK], at[QN_MAX_RANK] = {0}, base = 0;
  int axis, last = x->rank - 1;
  if (index->count == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  qn_strides(x->rank, x->dims, strides);
  for (int64_t i = 0; i < index->count; i++) { /* base leaves the axis out */
    int64_t k = qn_index_at(index, i);
    QN_TRY(qn_index_check(s, &k, x->dims[axis]));
    qn_copy_run(qn_bits(x), x->data, base + k * strides[axis], qn_out(s, 0)->data, i, 1);
    for (int d = last; d >= 0; d--) {
      int64_t step = d == axis ? 0 : strides[d];
      base += step;
      if (++at[d] < index->dims[d]) break;
      base -= step * index->dims[d];
      at[d] = 0;
    }
  }
  return QN_OK;
}

static qn_status plan_gather_nd(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1);
  int64_t batch = qn_attr_int(s, "batch_dims", 0), dims[2 * QN_MAX_RANK];
  if (index->rank < 1 || x->rank < 1) return qn_step_fail(s, QN_ERR_SHAPE, "data and indices must have a dimension");
  if (batch < 0 || batch >= index->rank || batch >= x->rank)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "batch_dims %lld does not fit ranks %d and %d", (long long)batch, x->rank, index->rank);
  int64_t depth = index->dims[index->rank - 1];
  if (depth < 0 || depth > x->rank - batch)
    return qn_step_fail(s, QN_ERR_SHAPE, "an index of %lld numbers, the last dimension of the indices, for data of %d dimensions", (long long)depth, x->rank - (int)batch);
  for (int i = 0; i < batch; i++)
    if (x->dims[i] != index->dims[i])
      return qn_step_fail(s, QN_ERR_SHAPE, "batch dimension %d is %lld in data and %lld in indices", i, (long long)x->dims[i],
                          (long long)index->dims[i]);
  int rank = index->rank - 1;
  memcpy(dims, index->dims, sizeof index->dims);
  for (int i = (int)(batch + depth); i < x->rank; i++) dims[rank++] = x->dims[i];
  return qn_out_shape(s, 0, x->dtype, rank, dims);
}

static qn_status run_gather_nd(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1);
  qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  int batch = (int)qn_attr_int(s, "batch_dims", 0), depth = (int)index->dims[index->rank - 1];
  int64_t strides[QN_MAX_RANK], batches = qn_product(x->dims, batch);
  qn_strides(x->rank, x->dims, strides);
  int64_t per = qn_product(index->dims + batch, index->rank - 1 - batch), block = qn_product(x->dims + batch, x->rank - batch);
  int64_t inner = qn_product(x->dims + batch + depth, x->rank - batch - depth);
  for (int64_t i = 0; i < batches * per; i++) {
    int64_t at = i / per * block;
    for (int k = 0; k < depth; k++) {
      int64_t j = qn_index_at(index, i * depth + k);
      QN_TRY(qn_index_check(s, &j, x->dims[batch + k]));
      at += j * strides[batch + k];
    }
    qn_copy_run(qn_bits(x), x->data, at, y->data, i * inner, inner);
  }
  return QN_OK;
}

const qn_op qn_op_gather = {.domain = "", .name = "Gather", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                            .plan = plan_gather, .run = run_gather};
const qn_op qn_op_gather_elements = {.domain = "", .name = "GatherElements", .since = 11, .min_in = 2, .max_in = 2, .min_out = 1,
                                     .max_out = 1, .plan = plan_gather_elements, .run = run_gather_elements};
const qn_op qn_op_gather_nd = {.domain = "", .name = "GatherND", .since = 11, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                               .plan = plan_gather_nd, .run = run_gather_nd};
