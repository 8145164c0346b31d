/* HannWindow, HammingWindow, BlackmanWindow, MelWeightMatrix: tables for spectra. */
#include <math.h>
#include <string.h>

#include "op/elementwise.h"
#include "op/wide.h"

static qn_status output_type(const qn_step *s, qn_dtype *type) {
  int64_t given = qn_attr_int(s, "output_datatype", QN_FLOAT);
  if (given < 1 || given >= QN_DTYPE_COUNT || !(QN_NUMERIC_TYPES >> given & 1))
    return qn_step_fail(s, QN_ERR_TYPE, "output_datatype %lld is no type of numbers", (long long)given);
  *type = (qn_dtype)given;
  return QN_OK;
}

static qn_status plan_window(qn_step *s) {
  int64_t n;
  qn_dtype type;
  QN_TRY(qn_check_type(s, 0, QN_INDEX_TYPES));
  QN_TRY(qn_need_int(s, 0, 0, &n));
  QN_TRY(output_type(s, &type));
  if (n < 0) return qn_step_fail(s, QN_ERR_SHAPE, "the length of the window is %lld; 0 or more is expected", (long long)n);
  return qn_out_shape(s, 0, type, 1, &n);
}

/* a - b cos(2 pi k / n) + c cos(4 pi k / n) */
static qn_status run_window(qn_step *s) {
  static const double TERMS[3][3] = {{0.5, 0.5, 0}, {25.0 / 46, 21.0 / 46, 0}, {0.42, 0.5, 0.08}};
  const double *t = TERMS[s->op->name[0] == 'B' ? 2 : s->op->name[2] == 'n' ? 0 : 1];
  qn_tensor *y = qn_out(s, 0);
  int64_t n = y->count - (qn_attr_int(s, "periodic", 1) == 0);
  for (int64_t k = 0; k < y->count; k++) {
    double angle = n ? 2 * 3.14159265358979323846 * (double)k / (double)n : 3.14159265358979323846; /* one point, symmetric: the middle */
    qn_put_double(y, k, t[0] - t[1] * cos(angle) + t[2] * cos(2 * angle));
  }
  return QN_OK;
}

static qn_status plan_mel(qn_step *s) {
  int64_t bins, length;
  qn_dtype type;
  for (int i = 0; i < 5; i++) {
    QN_TRY(qn_check_type(s, i, i < 3 ? QN_INDEX_TYPES : QN_FLOATS));
    if (qn_in(s, i)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "input %d is not a scalar", i);
  }
  QN_TRY(qn_need_int(s, 0, 0, &bins));
  QN_TRY(qn_need_int(s, 1, 0, &length));
  QN_TRY(output_type(s, &type));
  if (bins < 0 || length < 1 || bins > INT32_MAX || length > INT32_MAX)
    return qn_step_fail(s, QN_ERR_SHAPE, "%lld mel bands of a transform of length %lld", (long long)bins, (long long)length);
  int64_t dims[2] = {length / 2 + 1, bins};
  return qn_out_shape(s, 0, type, 2, dims);
}

/* Corner k of the triangles: equal steps in mel (O'Shaughnessy, 1987), as a bin of the spectrum. */
static qn_status corner(const qn_step *s, int64_t k, int64_t bands, int64_t bins, int64_t *at) {
  double low = 2595 * log10(1 + qn_double_at(qn_in(s, 3), 0) / 700), high = 2595 * log10(1 + qn_double_at(qn_in(s, 4), 0) / 700);
  double hertz = 700 * (pow(10, (low + (double)k * (high - low) / (double)(bands + 2)) / 2595) - 1);
  double bin = floor((double)(qn_index_at(qn_in(s, 1), 0) + 1) * hertz / (double)qn_index_at(qn_in(s, 2), 0));
  if (!(bin >= 0 && bin < (double)bins)) return qn_step_fail(s, QN_ERR_RANGE, "%g hertz lie outside of the spectrum", hertz);
  *at = (int64_t)bin;
  return QN_OK;
}

static qn_status run_mel(qn_step *s) {
  qn_tensor *y = qn_out(s, 0);
  int64_t bins = y->dims[0], bands = y->dims[1], at[3];
  if (y->count == 0) return QN_OK;
  memset(y->data, 0, qn_tensor_bytes(y));
  for (int64_t i = 0; i < bands; i++) {
    for (int k = 0; k < 3; k++) QN_TRY(corner(s, i + k, bands, bins, &at[k]));
    if (at[1] == at[0]) qn_put_double(y, at[1] * bands + i, 1);
    for (int64_t j = at[0]; at[1] > at[0] && j <= at[1]; j++) qn_put_double(y, j * bands + i, (double)(j - at[0]) / (double)(at[1] - at[0]));
    for (int64_t j = at[1]; j < at[2]; j++) qn_put_double(y, j * bands + i, (double)(at[2] - j) / (double)(at[2] - at[1]));
  }
  return QN_OK;
}

#define WINDOW(id, text)                                                                                                          \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = 17, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,        \
                            .plan = plan_window, .run = run_window};
WINDOW(hann_window, "HannWindow")
WINDOW(hamming_window, "HammingWindow")
WINDOW(blackman_window, "BlackmanWindow")
const qn_op qn_op_mel_weight_matrix = {.domain = "", .name = "MelWeightMatrix", .since = 17, .min_in = 5, .max_in = 5, .min_out = 1,
                                       .max_out = 1, .plan = plan_mel, .run = run_mel};
