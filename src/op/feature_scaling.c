/* ai.onnx.ml Scaler, Normalizer, Binarizer, Imputer: features column by column or row by row. Computed in double precision,
 * which single precision results do not suffer from. */
#include <math.h>

#include "kernel/cast.h"
#include "op/ml.h"

enum { CHUNK = 128 };

static qn_status check_features(const qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ML_TYPES));
  return qn_in(s, 0)->rank ? QN_OK : qn_step_fail(s, QN_ERR_SHAPE, "input 0 is a scalar; [rows, features] is expected");
}

/* A list with one element for each column, or one for all. */
static qn_status check_columns(const qn_step *s, const char *name, size_t count) {
  const qn_tensor *x = qn_in(s, 0);
  const int64_t columns = x->dims[x->rank - 1];
  if (count == 1 || (int64_t)count == columns) return QN_OK;
  return qn_step_fail(s, QN_ERR_ARGUMENT, "%s has %zu elements for %lld features", name, count, (long long)columns);
}

/* ---- Scaler ---- */

static qn_status plan_scaler(qn_step *s) {
  size_t count;
  QN_TRY(check_features(s));
  if (qn_ml_floats(s, "scale", &count)) QN_TRY(check_columns(s, "scale", count));
  if (qn_ml_floats(s, "offset", &count)) QN_TRY(check_columns(s, "offset", count));
  return qn_out_shape(s, 0, QN_FLOAT, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status run_scaler(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  if (!y) return QN_OK;
  size_t n_scale, n_offset, count = (size_t)x->count, columns = (size_t)x->dims[x->rank - 1], column = 0;
  const float *scale = qn_ml_floats(s, "scale", &n_scale), *offset = qn_ml_floats(s, "offset", &n_offset);
  double v[CHUNK];
  for (size_t done = 0, n; done < count; done += n) {
    n = count - done < CHUNK ? count - done : CHUNK;
    qn_load(QN_IN_F64, x->dtype, x->data, done, n, v);
    for (size_t i = 0; i < n; i++) {
      if (offset) v[i] -= (double)offset[n_offset > 1 ? column : 0];
      if (scale) v[i] *= (double)scale[n_scale > 1 ? column : 0];
      ((float *)y->data)[done + i] = (float)v[i];
      column = column + 1 < columns ? column + 1 : 0;
    }
  }
  return QN_OK;
}

/* ---- Normalizer ---- */

enum { NORM_MAX, NORM_L1, NORM_L2 };
static const char *const NORMS[] = {"MAX", "L1", "L2"};

static qn_status plan_normalizer(qn_step *s) {
  int norm;
  QN_TRY(check_features(s));
  QN_TRY(qn_ml_choice(s, "norm", NORMS, 3, &norm));
  return qn_out_shape(s, 0, QN_FLOAT, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status run_normalizer(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  if (!y) return QN_OK;
  int norm;
  QN_TRY(qn_ml_choice(s, "norm", NORMS, 3, &norm));
  const size_t columns = (size_t)x->dims[x->rank - 1], count = (size_t)x->count;
  double v[CHUNK];
  for (size_t row = 0; row < count; row += columns) {
    double by = norm == NORM_MAX ? -INFINITY : 0;
    for (int pass = 0; pass < 2; pass++) {
      for (size_t done = 0, n; done < columns; done += n) {
        n = columns - done < CHUNK ? columns - done : CHUNK;
        qn_load(QN_IN_F64, x->dtype, x->data, row + done, n, v);
        for (size_t i = 0; i < n; i++) {
          if (pass) ((float *)y->data)[row + done + i] = (float)(by != 0 ? v[i] / by : v[i]);
          else if (norm == NORM_MAX) by = v[i] > by ? v[i] : by;
          else by += norm == NORM_L1 ? fabs(v[i]) : v[i] * v[i];
        }
      }
      if (norm == NORM_L2) by = sqrt(by);
    }
  }
  return QN_OK;
}

/* ---- Binarizer ---- */

static qn_status plan_binarizer(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ML_TYPES));
  return qn_out_like(s, 0, qn_in(s, 0));
}

static qn_status run_binarizer(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  if (!y) return QN_OK;
  const double threshold = (double)qn_attr_float(s, "threshold", 0);
  double v[CHUNK];
  for (size_t count = (size_t)x->count, done = 0, n; done < count; done += n) {
    n = count - done < CHUNK ? count - done : CHUNK;
    qn_load(QN_IN_F64, x->dtype, x->data, done, n, v);
    for (size_t i = 0; i < n; i++) v[i] = v[i] > threshold;
    qn_store(QN_IN_F64, y->dtype, y->data, done, n, v, (qn_cast_mode){0});
  }
  return QN_OK;
}

/* ---- Imputer ---- */

static bool is_real(const qn_tensor *x) { return x->dtype == QN_FLOAT || x->dtype == QN_DOUBLE; }

static qn_status plan_imputer(qn_step *s) {
  QN_TRY(check_features(s));
  const bool real = is_real(qn_in(s, 0));
  const char *name = real ? "imputed_value_floats" : "imputed_value_int64s";
  size_t count;
  if (real) qn_ml_floats(s, name, &count);
  else qn_ml_ints(s, name, &count);
  if (!count) return qn_step_fail(s, QN_ERR_ARGUMENT, "%s is missing, and the input is %s", name, qn_dtype_name(qn_in(s, 0)->dtype));
  QN_TRY(check_columns(s, name, count));
  return qn_out_like(s, 0, qn_in(s, 0));
}

static qn_status run_imputer(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  if (!y) return QN_OK;
  const bool real = is_real(x);
  const qn_compute c = real ? QN_IN_F64 : QN_IN_I64;
  const double old = (double)qn_attr_float(s, "replaced_value_float", 0);
  const int64_t old_whole = qn_attr_int(s, "replaced_value_int64", 0);
  size_t n_values, columns = (size_t)x->dims[x->rank - 1], column = 0;
  const int64_t *wholes = real ? NULL : qn_ml_ints(s, "imputed_value_int64s", &n_values);
  const float *reals = real ? qn_ml_floats(s, "imputed_value_floats", &n_values) : NULL;
  double v[CHUNK];
  int64_t w[CHUNK];
  for (size_t count = (size_t)x->count, done = 0, n; done < count; done += n) {
    n = count - done < CHUNK ? count - done : CHUNK;
    qn_load(c, x->dtype, x->data, done, n, real ? (void *)v : w);
    for (size_t i = 0; i < n; i++) {
      const size_t k = n_values > 1 ? column : 0;
      if (real && (v[i] == old || (isnan(v[i]) && isnan(old)))) v[i] = (double)reals[k];
      if (!real && w[i] == old_whole) w[i] = wholes[k];
      column = column + 1 < columns ? column + 1 : 0;
    }
    qn_store(c, y->dtype, y->data, done, n, real ? (const void *)v : w, (qn_cast_mode){0});
  }
  return QN_OK;
}

#define FEATURES(id, text, suffix)                                                                                                  \
  const qn_op qn_op_##id = {.domain = "ai.onnx.ml", .name = text, .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, \
                            .plan = plan_##suffix, .run = run_##suffix};
FEATURES(scaler, "Scaler", scaler)
FEATURES(normalizer, "Normalizer", normalizer)
FEATURES(binarizer, "Binarizer", binarizer)
FEATURES(imputer, "Imputer", imputer)
