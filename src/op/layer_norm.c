/* LayerNormalization, RMSNormalization and SimplifiedLayerNormalization, as onnxruntime called it before: statistics of rows. */
#include <math.h>

#include "base/parallel.h"
#include "kernel/cast.h"
#include "kernel/norm.h"
#include "op/axes.h"

static bool is_rms(const qn_step *s) { return s->op->name[0] != 'L'; }

/* A gain or bias broadcasts to x. */
static qn_status check_row(const qn_step *s, int i) {
  const qn_tensor *x = qn_in(s, 0), *t = qn_in(s, i);
  QN_TRY(qn_check_type(s, i, QN_FLOAT_TYPES));
  bool fits = t->rank <= x->rank;
  for (int d = 0; fits && d < t->rank; d++) {
    int at = x->rank - t->rank + d;
    fits = t->dims[d] == 1 || t->dims[d] == x->dims[at];
  }
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "input %d of shape %s does not broadcast to %s", i, qn_shape_text(a, t->rank, t->dims),
                        qn_shape_text(b, x->rank, x->dims));
  return QN_OK;
}

static qn_status plan_layer(qn_step *s) {
  int axis;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -1), x->rank, &axis));
  QN_TRY(check_row(s, 1));
  if (qn_in(s, 2)) QN_TRY(check_row(s, 2));
  QN_TRY(qn_out_like(s, 0, x));
  for (int i = 0; i < x->rank; i++) dims[i] = i < axis ? x->dims[i] : 1;
  int64_t stash = qn_attr_int(s, "stash_type", QN_FLOAT);
  qn_dtype type = stash == QN_DOUBLE || stash == QN_FLOAT16 || stash == QN_BFLOAT16 ? (qn_dtype)stash : QN_FLOAT;
  QN_TRY(qn_out_shape(s, 1, type, x->rank, dims)); /* an RMS has no mean: its only statistic is the deviation */
  QN_TRY(qn_out_shape(s, 2, type, x->rank, dims));
  if (x->count == 0) return QN_OK;
  int64_t n = qn_product(x->dims + axis, x->rank - axis);
  if ((uint64_t)n > SIZE_MAX / 32) return qn_step_fail(s, QN_ERR_MEMORY, "rows of %lld are too long", (long long)n);
  s->scratch_size = (size_t)n * 3 * sizeof(double);
  return QN_OK;
}

/* The part of a gain or bias that belongs to a row, of the compute type; `first` is the row's first element in x. */
static const void *spread(const qn_step *s, int i, qn_compute c, int axis, int64_t first, int64_t n, void *buffer) {
  const qn_tensor *x = qn_in(s, 0), *t = qn_in(s, i);
  if (!t) return NULL;
  size_t size = c == QN_IN_F64 ? sizeof(double) : sizeof(float);
  int64_t strides[QN_MAX_RANK], own[QN_MAX_RANK], at = 0;
  int lead = x->rank - t->rank;
  bool dense = true;
  qn_strides(t->rank, t->dims, own);
  int64_t rest = first / n;
  for (int d = x->rank - 1; d >= 0; d--) {
    strides[d] = d < lead || t->dims[d - lead] == 1 ? 0 : own[d - lead];
    if (d >= axis) {
      dense = dense && (x->dims[d] == 1 || strides[d] != 0);
      continue;
    }
    at += rest % x->dims[d] * strides[d];
    rest /= x->dims[d];
  }
  if (dense && qn_compute_dtype(c) == t->dtype) return (const char *)t->data + (size_t)at * size;
  int64_t index[QN_MAX_RANK] = {0};
  for (int64_t k = 0; k < n; k++) {
    qn_load(c, t->dtype, t->data, (size_t)at, 1, (char *)buffer + (size_t)k * size);
    for (int d = x->rank - 1; d >= axis; d--) {
      at += strides[d];
      if (++index[d] < x->dims[d]) break;
      at -= strides[d] * x->dims[d];
      index[d] = 0;
    }
  }
  return buffer;
}

static void row_double(const double *x, int64_t n, bool rms, double epsilon, const double *gain, const double *bias, double *y,
                       double stats[2]) {
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < n && !rms; i++) mean += x[i];
  mean /= (double)n;
  for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  stats[0] = mean;
  stats[1] = 1 / sqrt(squares / (double)n + epsilon);
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * stats[1] * (gain ? gain[i] : 1) + (bias ? bias[i] : 0);
}

typedef struct job {
  const qn_step *s;
  qn_compute c;
  int axis;
  int64_t n;
  float epsilon;
  bool rms, shared;         /* shared: all rows have the same gain and bias, which lie in scratch already or in their tensors */
  const void *gain, *bias;
  char *row, *gain_at, *bias_at;
} job;

static void normalize(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const qn_step *s = j->s;
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const qn_compute c = j->c;
  const int64_t n = j->n;
  const bool rms = j->rms, direct = qn_compute_dtype(c) == x->dtype;
  const size_t size = c == QN_IN_F64 ? sizeof(double) : sizeof(float);
  const void *gain = j->gain, *bias = j->bias;
  (void)worker;
  for (int64_t r = first; r < last; r++) {
    double stats[2];
    if (!j->shared) {
      gain = spread(s, 1, c, j->axis, r * n, n, j->gain_at);
      bias = spread(s, 2, c, j->axis, r * n, n, j->bias_at);
    }
    const void *from = direct ? (const char *)x->data + (size_t)(r * n) * size : j->row;
    void *to = direct ? (char *)y->data + (size_t)(r * n) * size : j->row;
    if (!direct) qn_load(c, x->dtype, x->data, (size_t)(r * n), (size_t)n, j->row);
    if (c == QN_IN_F64) {
      row_double(from, n, rms, (double)j->epsilon, gain, bias, to, stats);
    } else {
      stats[0] = rms ? 0 : qn_sum(from, n) / (double)n;
      stats[1] = 1 / sqrt(qn_sum_squares(from, n, (float)stats[0]) / (double)n + (double)j->epsilon);
      qn_scale_row(from, n, (float)stats[0], (float)stats[1], gain, bias, to);
    }
    if (!direct) qn_store(c, y->dtype, y->data, (size_t)(r * n), (size_t)n, j->row, (qn_cast_mode){0});
    for (int k = 1; k < 3; k++)
      if (qn_out(s, k)) qn_store(QN_IN_F64, qn_out(s, k)->dtype, qn_out(s, k)->data, (size_t)r, 1, &stats[rms ? 1 : k - 1], (qn_cast_mode){0});
  }
}

static qn_status run_layer(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  job j = {.s = s, .c = qn_compute_of(x->dtype), .epsilon = qn_attr_float(s, "epsilon", 1e-5f), .rms = is_rms(s), .shared = true, .row = s->scratch};
  if (x->count == 0) return QN_OK;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "axis", -1), x->rank, &j.axis));
  j.n = qn_product(x->dims + j.axis, x->rank - j.axis);
  const size_t size = j.c == QN_IN_F64 ? sizeof(double) : sizeof(float);
  j.gain_at = j.row + (size_t)j.n * size;
  j.bias_at = j.gain_at + (size_t)j.n * size;
  for (int i = 1; i < 3; i++) /* does the gain differ between rows? */
    for (int d = 0; qn_in(s, i) && d < qn_in(s, i)->rank; d++)
      if (x->rank - qn_in(s, i)->rank + d < j.axis && qn_in(s, i)->dims[d] != 1) j.shared = false;
  if (j.shared) {
    j.gain = spread(s, 1, j.c, j.axis, 0, j.n, j.gain_at);
    j.bias = spread(s, 2, j.c, j.axis, 0, j.n, j.bias_at);
  }
  qn_parallel(x->count / j.n, j.shared && qn_compute_dtype(j.c) == x->dtype ? j.n * 24 : -1 /* scratch is for one thread */, normalize, &j);
  return QN_OK;
}

const qn_op qn_op_layer_normalization = {.domain = "", .name = "LayerNormalization", .since = 1, .min_in = 2, .max_in = 3, .min_out = 1,
                                         .max_out = 3, .plan = plan_layer, .run = run_layer};
const qn_op qn_op_rms_normalization = {.domain = "", .name = "RMSNormalization", .since = 23, .min_in = 2, .max_in = 2, .min_out = 1,
                                       .max_out = 1, .plan = plan_layer, .run = run_layer};
const qn_op qn_op_simplified_layer_norm = {.domain = "", .name = "SimplifiedLayerNormalization", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1,
                                           .max_out = 2, .plan = plan_layer, .run = run_layer};
