/* Scatter, ScatterElements, ScatterND. */
#include <string.h>

#include "kernel/cast.h"
#include "op/axes.h"

typedef enum how { NONE, ADD, MUL, MAX, MIN } how;

static qn_status reduction(const qn_step *s, how *out) {
  static const char *const NAMES[] = {"none", "add", "mul", "max", "min"};
  const char *text = qn_attr_text(s, "reduction", "none");
  for (int i = 0; i < 5; i++)
    if (strcmp(text, NAMES[i]) == 0) {
      *out = (how)i;
      return i == NONE ? QN_OK : qn_check_type(s, 0, QN_REAL_TYPES);
    }
  return qn_step_fail(s, QN_ERR_ARGUMENT, "reduction is '%s'; 'none', 'add', 'mul', 'max' or 'min' is expected", text);
}

#define COMBINE_FLOATS(T, M)                                                                          \
  {                                                                                                   \
    T *a = left.M, *b = right.M;                                                                      \
    for (int64_t i = 0; i < n; i++)                                                                   \
      a[i] = h == ADD ? a[i] + b[i] : h == MUL ? a[i] * b[i] : (h == MAX ? b[i] > a[i] : b[i] < a[i]) ? b[i] : a[i]; \
    break;                                                                                            \
  }

/* y[y_at …) = y[y_at …) ∘ x[x_at …), n elements */
static void combine(how h, qn_dtype dtype, const void *x, int64_t x_at, void *y, int64_t y_at, int64_t n_all) {
  qn_compute c = qn_compute_of(dtype);
  union { float f32[64]; double f64[64]; uint64_t u64[64]; } left, right;
  for (int64_t done = 0; done < n_all; done += 64) {
    int64_t n = n_all - done < 64 ? n_all - done : 64;
    qn_load(c, dtype, y, (size_t)(y_at + done), (size_t)n, &left);
    qn_load(c, dtype, x, (size_t)(x_at + done), (size_t)n, &right);
    switch (c) {
      case QN_IN_F32: COMBINE_FLOATS(float, f32)
      case QN_IN_F64: COMBINE_FLOATS(double, f64)
      default: {
        uint64_t flip = c == QN_IN_U64 ? 0 : (uint64_t)1 << 63; /* signed order as unsigned order */
        uint64_t *a = left.u64, *b = right.u64;
        for (int64_t i = 0; i < n; i++) {
          bool more = (b[i] ^ flip) > (a[i] ^ flip);
          a[i] = h == ADD ? a[i] + b[i] : h == MUL ? a[i] * b[i] : (h == MAX) == more ? b[i] : a[i];
        }
      }
    }
    qn_store(c, dtype, y, (size_t)(y_at + done), (size_t)n, &left, (qn_cast_mode){0});
  }
}

static void put(how h, const qn_tensor *x, int64_t x_at, qn_tensor *y, int64_t y_at, int64_t n) {
  if (h == NONE && n == 1 && qn_bits(x) == 32) ((uint32_t *)y->data)[y_at] = ((const uint32_t *)x->data)[x_at];
  else if (h == NONE) qn_copy_run(qn_bits(x), x->data, x_at, y->data, y_at, n);
  else combine(h, x->dtype, x->data, x_at, y->data, y_at, n);
}

static qn_status plan_common(qn_step *s) {
  how h;
  for (int i = 0; i < 3; i++) QN_TRY(qn_check_type(s, i, i == 1 ? QN_INDEX_TYPES : QN_ANY_TYPE));
  QN_TRY(qn_same_type(s, 0, 2));
  QN_TRY(reduction(s, &h));
  return qn_out_like(s, 0, qn_in(s, 0));
}

static qn_status plan_elements(qn_step *s) {
  int axis;
  QN_TRY(plan_common(s));
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1), *updates = qn_in(s, 2);
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  bool fits = x->rank == index->rank && qn_tensor_same_shape(index, updates);
  for (int i = 0; fits && i < x->rank; i++) fits = i == axis || index->dims[i] <= x->dims[i];
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT], c[QN_SHAPE_TEXT];
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "indices of shape %s and updates of shape %s do not fit data of shape %s",
                        qn_shape_text(a, index->rank, index->dims), qn_shape_text(b, updates->rank, updates->dims),
                        qn_shape_text(c, x->rank, x->dims));
  return QN_OK;
}

static qn_status run_elements(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1), *updates = qn_in(s, 2);
  qn_tensor *y = qn_out(s, 0);
  int64_t strides[QN_MAX_RANK], at[QN_MAX_RANK] = {0}, base = 0;
  how h;
  int axis;
  QN_TRY(reduction(s, &h));
  if (y->data != x->data && y->count) memcpy(y->data, x->data, qn_tensor_bytes(x));
  if (index->count == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", 0), x->rank, &axis));
  qn_strides(x->rank, x->dims, strides);
  for (int64_t i = 0; i < index->count; i++) { /* base leaves the axis out */
    int64_t k = qn_index_at(index, i);
    if (k < 0 || k >= x->dims[axis]) QN_TRY(qn_index_check(s, &k, x->dims[axis]));
    put(h, updates, i, y, base + k * strides[axis], 1);
    for (int d = x->rank - 1; d >= 0; d--) {
      int64_t step = d == axis ? 0 : strides[d];
      base += step;
      if (++at[d] < index->dims[d]) break;
      base -= step * index->dims[d];
      at[d] = 0;
    }
  }
  return QN_OK;
}

static qn_status plan_nd(qn_step *s) {
  QN_TRY(plan_common(s));
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1), *updates = qn_in(s, 2);
  int64_t depth = index->rank ? index->dims[index->rank - 1] : -1;
  bool fits = index->rank && depth <= x->rank && updates->rank == index->rank - 1 + x->rank - (int)depth;
  for (int i = 0; fits && i < updates->rank; i++)
    fits = updates->dims[i] == (i < index->rank - 1 ? index->dims[i] : x->dims[(int)depth + i - index->rank + 1]);
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT], c[QN_SHAPE_TEXT];
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "indices of shape %s and updates of shape %s do not fit data of shape %s",
                        qn_shape_text(a, index->rank, index->dims), qn_shape_text(b, updates->rank, updates->dims),
                        qn_shape_text(c, x->rank, x->dims));
  return QN_OK;
}

static qn_status run_nd(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1), *updates = qn_in(s, 2);
  qn_tensor *y = qn_out(s, 0);
  int64_t strides[QN_MAX_RANK];
  how h;
  QN_TRY(reduction(s, &h));
  if (y->data != x->data && y->count) memcpy(y->data, x->data, qn_tensor_bytes(x));
  if (updates->count == 0) return QN_OK;
  int depth = (int)index->dims[index->rank - 1];
  int64_t rows = qn_product(index->dims, index->rank - 1), inner = qn_product(x->dims + depth, x->rank - depth);
  qn_strides(x->rank, x->dims, strides);
  for (int64_t i = 0; i < rows; i++) {
    int64_t at = 0;
    for (int k = 0; k < depth; k++) {
      int64_t j = qn_index_at(index, i * depth + k);
      QN_TRY(qn_index_check(s, &j, x->dims[k]));
      at += j * strides[k];
    }
    put(h, updates, i * inner, y, at, inner);
  }
  return QN_OK;
}

const qn_op qn_op_scatter = {.domain = "", .name = "Scatter", .since = 9, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                             .plan = plan_elements, .run = run_elements};
const qn_op qn_op_scatter_elements = {.domain = "", .name = "ScatterElements", .since = 11, .min_in = 3, .max_in = 3, .min_out = 1,
                                      .max_out = 1, .plan = plan_elements, .run = run_elements};
const qn_op qn_op_scatter_nd = {.domain = "", .name = "ScatterND", .since = 11, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                                .plan = plan_nd, .run = run_nd};
