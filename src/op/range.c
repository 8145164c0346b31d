/* Range, OneHot. */
#include <math.h>
#include <string.h>

#include "kernel/cast.h"
#include "op/axes.h"

enum { CHUNK = 64 };

/* start, limit and delta as doubles or as integers. */
static void load_range(const qn_tensor *const t[3], double f[3], int64_t n[3]) {
  for (int i = 0; i < 3; i++) {
    qn_load(QN_IN_F64, t[i]->dtype, t[i]->data, 0, 1, &f[i]);
    qn_load(QN_IN_I64, t[i]->dtype, t[i]->data, 0, 1, &n[i]);
  }
}

static qn_status plan_range(qn_step *s) {
  const qn_tensor *t[3];
  double f[3];
  int64_t n[3], count = 0;
  for (int i = 0; i < 3; i++) {
    QN_TRY(qn_check_type(s, i, QN_FLOAT_TYPES | QN_INDEX_TYPES | QN_TYPE_BIT(QN_INT16)));
    QN_TRY(qn_same_type(s, 0, i));
    if (qn_in(s, i)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "input %d is not a scalar", i);
    QN_TRY(qn_need(s, i, &t[i]));
  }
  load_range(t, f, n);
  if (f[2] == 0) return qn_step_fail(s, QN_ERR_RANGE, "delta is 0");
  if (qn_dtype_of(t[0]->dtype)->is_float) {
    double steps = ceil((f[1] - f[0]) / f[2]);
    if (steps != steps || steps > 4e9)
      return qn_step_fail(s, QN_ERR_RANGE, "from %g to %g by %g is too long", f[0], f[1], f[2]);
    count = steps > 0 ? (int64_t)steps : 0;
  } else if ((n[1] > n[0]) == (n[2] > 0) && n[1] != n[0]) {
    bool up = n[2] > 0;
    uint64_t span = up ? (uint64_t)n[1] - (uint64_t)n[0] : (uint64_t)n[0] - (uint64_t)n[1];
    uint64_t steps = (span - 1) / (up ? (uint64_t)n[2] : 0 - (uint64_t)n[2]) + 1;
    count = steps > INT64_MAX ? INT64_MAX : (int64_t)steps;
  }
  return qn_out_shape(s, 0, t[0]->dtype, 1, &count);
}

static qn_status run_range(qn_step *s) {
  const qn_tensor *t[3] = {qn_in(s, 0), qn_in(s, 1), qn_in(s, 2)};
  qn_tensor *y = qn_out(s, 0);
  double f[3];
  int64_t n[3];
  bool is_float = qn_dtype_of(y->dtype)->is_float;
  load_range(t, f, n);
  for (int64_t at = 0; at < y->count; at += CHUNK) {
    union { double f64[CHUNK]; int64_t i64[CHUNK]; } part;
    int64_t m = y->count - at < CHUNK ? y->count - at : CHUNK;
    for (int64_t i = 0; i < m; i++) {
      if (is_float) part.f64[i] = f[0] + (double)(at + i) * f[2];
      else part.i64[i] = (int64_t)((uint64_t)n[0] + (uint64_t)(at + i) * (uint64_t)n[2]);
    }
    qn_store(is_float ? QN_IN_F64 : QN_IN_I64, y->dtype, y->data, (size_t)at, (size_t)m, &part, (qn_cast_mode){0});
  }
  return QN_OK;
}

static qn_status plan_one_hot(qn_step *s) {
  int64_t depth, dims[QN_MAX_RANK + 1];
  int axis;
  QN_TRY(qn_check_type(s, 0, QN_REAL_TYPES));
  QN_TRY(qn_check_type(s, 1, QN_REAL_TYPES));
  QN_TRY(qn_check_type(s, 2, QN_ANY_TYPE));
  const qn_tensor *index = qn_in(s, 0), *values = qn_in(s, 2);
  QN_TRY(qn_need_int(s, 1, 0, &depth));
  if (values->count != 2) return qn_step_fail(s, QN_ERR_SHAPE, "values has %lld elements, expected 2", (long long)values->count);
  if (depth < 0) return qn_step_fail(s, QN_ERR_RANGE, "depth is %lld", (long long)depth);
  int rank = index->rank + 1;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -1), rank, &axis));
  for (int i = 0; i < rank; i++) dims[i] = i == axis ? depth : index->dims[i - (i > axis)];
  return qn_out_shape(s, 0, values->dtype, rank, dims);
}

static qn_status run_one_hot(qn_step *s) {
  const qn_tensor *index = qn_in(s, 0), *values = qn_in(s, 2);
  qn_tensor *y = qn_out(s, 0);
  int axis;
  if (y->count == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -1), y->rank, &axis));
  int64_t depth = y->dims[axis], inner = qn_product(y->dims + axis + 1, y->rank - axis - 1);
  qn_fill_run(qn_bits(y), values->data, 0, y->data, 0, y->count);
  for (int64_t i = 0; i < index->count; i++) {
    int64_t k;
    qn_load(QN_IN_I64, index->dtype, index->data, (size_t)i, 1, &k);
    if (k < -depth || k >= depth) continue; /* out of range: all off */
    if (k < 0) k += depth;
    qn_copy_run(qn_bits(y), values->data, 1, y->data, (i / inner * depth + k) * inner + i % inner, 1);
  }
  return QN_OK;
}

const qn_op qn_op_range = {.domain = "", .name = "Range", .since = 11, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                           .plan = plan_range, .run = run_range};
const qn_op qn_op_one_hot = {.domain = "", .name = "OneHot", .since = 9, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                             .plan = plan_one_hot, .run = run_one_hot};
