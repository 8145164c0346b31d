/* NonZero, Compress: results as long as the data say. */
#include "op/axes.h"

static bool nonzero(const qn_tensor *t, int64_t i) {
  bool floating = qn_dtype_of(t->dtype)->is_float || t->dtype == QN_COMPLEX64 || t->dtype == QN_COMPLEX128;
  switch (t->dtype) {
    case QN_STRING: return ((const qn_string *)t->data)[i].length != 0;
    case QN_COMPLEX64: return (((const uint64_t *)t->data)[i] & 0x7fffffff7fffffffu) != 0;
    case QN_COMPLEX128: return ((((const uint64_t *)t->data)[2 * i] | ((const uint64_t *)t->data)[2 * i + 1]) << 1) != 0;
    default: break;
  }
  switch (qn_bits(t)) { /* the shift takes the sign of a float: -0 is zero */
    case 64: return ((const uint64_t *)t->data)[i] << floating != 0;
    case 32: return (uint32_t)(((const uint32_t *)t->data)[i] << floating) != 0;
    case 16: return (uint16_t)(((const uint16_t *)t->data)[i] << floating) != 0;
    case 8: return ((const uint8_t *)t->data)[i] != 0;
    default: {
      unsigned bits = qn_bits(t), per = 8 / bits;
      return ((unsigned)((const uint8_t *)t->data)[i / per] >> (unsigned)(i % per) * bits & ((1u << bits) - 1)) != 0;
    }
  }
}

static qn_status plan_nonzero(qn_step *s) {
  s->dynamic = true;
  return qn_check_type(s, 0, QN_ANY_TYPE);
}

static qn_status run_nonzero(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  int64_t found = 0;
  for (int64_t i = 0; i < x->count; i++) found += nonzero(x, i);
  int64_t dims[2] = {x->rank, found}, at[QN_MAX_RANK] = {0};
  QN_TRY(qn_out_dynamic(s, 0, QN_INT64, 2, dims));
  int64_t *y = qn_out(s, 0)->data;
  int64_t column = 0;
  for (int64_t i = 0; i < x->count; i++) {
    if (nonzero(x, i)) {
      for (int d = 0; d < x->rank; d++) y[d * found + column] = at[d];
      column++;
    }
    for (int d = x->rank - 1; d >= 0; d--) {
      if (++at[d] < x->dims[d]) break;
      at[d] = 0;
    }
  }
  return QN_OK;
}

static qn_status plan_compress(qn_step *s) {
  int axis;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(QN_BOOL)));
  const qn_attr *a = qn_attr_find(s, "axis", QN_ATTR_INT);
  if (a) QN_TRY(qn_axis_plain(s, a->i, qn_in(s, 0)->rank, &axis));
  s->dynamic = true;
  return QN_OK;
}

static qn_status run_compress(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *condition = qn_in(s, 1);
  const uint8_t *keep = condition->data;
  const qn_attr *a = qn_attr_find(s, "axis", QN_ATTR_INT);
  int axis = 0, rank = a ? x->rank : 1;
  int64_t dims[QN_MAX_RANK], found = 0;
  if (a) QN_TRY(qn_axis_plain(s, a->i, x->rank, &axis));
  for (int i = 0; i < rank; i++) dims[i] = a ? x->dims[i] : x->count;
  int64_t outer = a ? qn_product(x->dims, axis) : 1, inner = a ? qn_product(x->dims + axis + 1, x->rank - axis - 1) : 1;
  int64_t all = dims[axis], n = condition->count < all ? condition->count : all;
  for (int64_t i = 0; i < n; i++) found += keep[i] != 0;
  for (int64_t i = n; i < condition->count; i++)
    if (keep[i]) return qn_step_fail(s, QN_ERR_RANGE, "index %lld is out of range for a dimension of %lld", (long long)i, (long long)all);
  dims[axis] = found;
  QN_TRY(qn_out_dynamic(s, 0, x->dtype, rank, dims));
  qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  for (int64_t o = 0, to = 0; o < outer; o++)
    for (int64_t i = 0; i < n; i++) {
      if (!keep[i]) continue;
      qn_copy_run(qn_bits(x), x->data, (o * all + i) * inner, y->data, to, inner);
      to += inner;
    }
  return QN_OK;
}

const qn_op qn_op_nonzero = {.domain = "", .name = "NonZero", .since = 9, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                             .plan = plan_nonzero, .run = run_nonzero};
const qn_op qn_op_compress = {.domain = "", .name = "Compress", .since = 9, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                              .plan = plan_compress, .run = run_compress};
