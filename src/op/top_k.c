/* TopK, ArgMax, ArgMin, CumSum, CumProd. */
#include <string.h>

#include "kernel/cast.h"
#include "kernel/order.h"
#include "op/axes.h"

static qn_status plan_top_k(qn_step *s) {
  int axis;
  int64_t k, dims[QN_MAX_RANK];
  QN_TRY(qn_check_type(s, 0, QN_REAL_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -1), x->rank, &axis));
  if (s->opset >= 10 && !qn_in(s, 1)) return qn_step_fail(s, QN_ERR_ARGUMENT, "k is missing");
  QN_TRY(qn_need_int(s, 1, qn_attr_int(s, "k", -1), &k));
  if (k < 0 || k > x->dims[axis])
    return qn_step_fail(s, QN_ERR_RANGE, "k is %lld for a dimension of %lld", (long long)k, (long long)x->dims[axis]);
  memcpy(dims, x->dims, sizeof dims);
  dims[axis] = k;
  QN_TRY(qn_state(s, sizeof(int64_t)));
  *(int64_t *)s->state = k;
  QN_TRY(qn_out_shape(s, 0, x->dtype, x->rank, dims));
  QN_TRY(qn_out_shape(s, 1, QN_INT64, x->rank, dims));
  if (x->count == 0) return QN_OK;
  uint64_t bytes = ((uint64_t)x->dims[axis] + (uint64_t)k) * sizeof(int64_t);
  if (bytes > SIZE_MAX / 2) return qn_step_fail(s, QN_ERR_MEMORY, "a dimension of %lld is too long", (long long)x->dims[axis]);
  s->scratch_size = (size_t)bytes;
  return QN_OK;
}

static qn_status run_top_k(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *values = qn_out(s, 0), *places = qn_out(s, 1);
  int64_t k = *(const int64_t *)s->state;
  int axis;
  if (x->count == 0 || k == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -1), x->rank, &axis));
  int64_t n = x->dims[axis], outer = qn_product(x->dims, axis), inner = qn_product(x->dims + axis + 1, x->rank - axis - 1);
  int64_t *keys = s->scratch, *order = keys + n;
  bool largest = qn_attr_int(s, "largest", 1) != 0;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t j = 0; j < inner; j++) {
      if (inner == 1) qn_order_keys(x->dtype, x->data, o * n, n, keys);
      else
        for (int64_t i = 0; i < n; i++) qn_order_keys(x->dtype, x->data, (o * n + i) * inner + j, 1, keys + i);
      qn_top_k(keys, n, k, largest, order);
      for (int64_t i = 0; i < k; i++) {
        int64_t to = (o * k + i) * inner + j;
        if (values) qn_copy_run(qn_bits(x), x->data, (o * n + order[i]) * inner + j, values->data, to, 1);
        if (places) ((int64_t *)places->data)[to] = order[i];
      }
    }
  return QN_OK;
}

static qn_status plan_arg(qn_step *s) {
  int axis, rank = 0;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_check_type(s, 0, QN_REAL_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  if (x->dims[axis] == 0) return qn_step_fail(s, QN_ERR_SHAPE, "axis %d is empty", axis);
  bool keep = qn_attr_int(s, "keepdims", 1) != 0;
  for (int i = 0; i < x->rank; i++)
    if (i != axis || keep) dims[rank++] = i == axis ? 1 : x->dims[i];
  return qn_out_shape(s, 0, QN_INT64, rank, dims);
}

static qn_status run_arg(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  int axis;
  if (x->count == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  qn_arg_best(x->dtype, x->data, qn_product(x->dims, axis), x->dims[axis], qn_product(x->dims + axis + 1, x->rank - axis - 1),
              strcmp(s->op->name, "ArgMax") == 0, qn_attr_int(s, "select_last_index", 0) != 0, qn_out(s, 0)->data);
  return QN_OK;
}

static qn_status plan_cumsum(qn_step *s) {
  int64_t axis;
  int checked;
  QN_TRY(qn_check_type(s, 0, QN_REAL_TYPES));
  QN_TRY(qn_need_int(s, 1, 0, &axis));
  QN_TRY(qn_axis_plain(s, axis, qn_in(s, 0)->rank, &checked));
  QN_TRY(qn_state(s, sizeof(int)));
  *(int *)s->state = checked;
  return qn_out_like(s, 0, qn_in(s, 0));
}

enum { TILE = 64 };
typedef union running { double f64[TILE]; uint64_t u64[TILE]; } running;

#define RUN_ALONG(M, T)                                                             \
  {                                                                                 \
    T sum = total->M[0];                                                            \
    for (int64_t k = 0; k < n; k++) {                                               \
      T *at = &part->M[reverse ? n - 1 - k : k], before = sum;                      \
      sum = product ? sum * *at : sum + *at;                                        \
      *at = exclusive ? before : sum;                                               \
    }                                                                               \
    total->M[0] = sum;                                                              \
  }

/* Of n consecutive elements, after those that gave total[0]. */
static void run_along(running *part, running *total, int64_t n, bool is_float, bool product, bool exclusive, bool reverse) {
  if (is_float) RUN_ALONG(f64, double)
  else RUN_ALONG(u64, uint64_t)
}

static qn_status run_cumsum(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  int axis = *(const int *)s->state;
  if (x->count == 0) return QN_OK;
  bool exclusive = qn_attr_int(s, "exclusive", 0) != 0, reverse = qn_attr_int(s, "reverse", 0) != 0;
  bool is_float = qn_dtype_of(x->dtype)->is_float, product = s->op->name[3] == 'P';
  qn_compute c = is_float ? QN_IN_F64 : qn_compute_of(x->dtype);
  int64_t n = x->dims[axis], outer = qn_product(x->dims, axis), inner = qn_product(x->dims + axis + 1, x->rank - axis - 1);
  running sum, part;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t j = 0; j < inner; j += TILE) {
      int64_t width = inner - j < TILE ? inner - j : TILE;
      for (int64_t k = 0; k < width; k++) {
        if (is_float) sum.f64[k] = product;
        else sum.u64[k] = product;
      }
      for (int64_t i = 0, step = 1; i < n; i += step) {
        if (inner == 1) step = n - i < TILE ? n - i : TILE;
        size_t at = (size_t)((o * n + (reverse ? n - step - i : i)) * inner + j);
        size_t count = (size_t)(inner == 1 ? step : width);
        qn_load(c, x->dtype, x->data, at, count, &part);
        if (inner == 1) {
          run_along(&part, &sum, step, is_float, product, exclusive, reverse);
          qn_store(c, y->dtype, y->data, at, count, &part, (qn_cast_mode){0});
          continue;
        }
        if (exclusive) qn_store(c, y->dtype, y->data, at, count, &sum, (qn_cast_mode){0});
        for (int64_t k = 0; k < width; k++) {
          if (is_float) sum.f64[k] = product ? sum.f64[k] * part.f64[k] : sum.f64[k] + part.f64[k];
          else sum.u64[k] = product ? sum.u64[k] * part.u64[k] : sum.u64[k] + part.u64[k];
        }
        if (!exclusive) qn_store(c, y->dtype, y->data, at, count, &sum, (qn_cast_mode){0});
      }
    }
  return QN_OK;
}

const qn_op qn_op_top_k = {.domain = "", .name = "TopK", .since = 1, .min_in = 1, .max_in = 2, .min_out = 2, .max_out = 2,
                           .plan = plan_top_k, .run = run_top_k};
const qn_op qn_op_arg_max = {.domain = "", .name = "ArgMax", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                             .plan = plan_arg, .run = run_arg};
const qn_op qn_op_arg_min = {.domain = "", .name = "ArgMin", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                             .plan = plan_arg, .run = run_arg};
const qn_op qn_op_cum_sum = {.domain = "", .name = "CumSum", .since = 11, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                             .plan = plan_cumsum, .run = run_cumsum};
const qn_op qn_op_cum_prod = {.domain = "", .name = "CumProd", .since = 26, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                              .plan = plan_cumsum, .run = run_cumsum};
