/* DFT, STFT: real signals have a last dimension of 1, complex ones of 2. */
#include <string.h>

#include "kernel/fft.h"
#include "op/wide.h"

static qn_status check_signal(const qn_step *s) {
  char text[QN_SHAPE_TEXT];
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0);
  if (x->rank >= 2 && (x->dims[x->rank - 1] == 1 || x->dims[x->rank - 1] == 2)) return QN_OK;
  return qn_step_fail(s, QN_ERR_SHAPE, "the signal has shape %s; a last dimension of 1 (real) or 2 (complex) is expected", qn_shape_text(text, x->rank, x->dims));
}

static qn_status check_length(const qn_step *s, int64_t n) {
  if (n >= 1 && n <= (int64_t)QN_FFT_MOST) return QN_OK;
  return qn_step_fail(s, QN_ERR_SHAPE, "a transform of length %lld; 1 to %lld is expected", (long long)n, (long long)QN_FFT_MOST);
}

/* The integer inputs among [first, last]. */
static qn_status check_integers(const qn_step *s, int first, int last) {
  for (int i = first; i <= last; i++)
    if (qn_in(s, i)) QN_TRY(qn_check_type(s, i, QN_INDEX_TYPES));
  return QN_OK;
}

/* Working memory for transforms of length n: a line, and the tables. */
static double *take_line(qn_room *r, int64_t n, double **tables) {
  double *line = qn_room_take(r, 2 * (size_t)n, sizeof(double));
  *tables = qn_room_take(r, qn_fft_scratch((size_t)n), sizeof(double));
  return line;
}

/* ---- DFT ---- */

static bool flag(const qn_step *s, const char *name) { return qn_attr_int(s, name, 0) != 0; }

/* The axis, from the attribute up to opset 19 and from input 2 since. */
static qn_status dft_axis(const qn_step *s, int64_t given, int *axis) {
  const qn_tensor *x = qn_in(s, 0);
  if (s->opset < 20) given = qn_attr_int(s, "axis", 1);
  QN_TRY(qn_axis_plain(s, given, x->rank, axis));
  if (*axis == x->rank - 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "the axis is the last dimension, which holds the real and imaginary parts");
  return QN_OK;
}

static qn_status plan_dft(qn_step *s) {
  int64_t given = -2, n, dims[QN_MAX_RANK];
  int axis;
  double *tables;
  QN_TRY(check_signal(s));
  QN_TRY(check_integers(s, 1, 2));
  const qn_tensor *x = qn_in(s, 0);
  if (s->opset >= 20) QN_TRY(qn_need_int(s, 2, -2, &given));
  QN_TRY(dft_axis(s, given, &axis));
  bool real_result = flag(s, "inverse") && flag(s, "onesided");
  QN_TRY(qn_need_int(s, 1, real_result ? 2 * (x->dims[axis] - 1) : x->dims[axis], &n));
  QN_TRY(check_length(s, n));
  memcpy(dims, x->dims, sizeof dims);
  dims[axis] = flag(s, "onesided") && !real_result ? n / 2 + 1 : n;
  dims[x->rank - 1] = real_result ? 1 : 2;
  qn_room r = {0};
  take_line(&r, n, &tables);
  QN_TRY(qn_room_done(s, &r));
  return qn_out_shape(s, 0, x->dtype, x->rank, dims);
}

static qn_status run_dft(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  int axis;
  if (y->count == 0) return QN_OK;
  QN_TRY(dft_axis(s, qn_in(s, 2) ? qn_index_at(qn_in(s, 2), 0) : -2, &axis));
  bool inverse = flag(s, "inverse"), real_result = inverse && flag(s, "onesided");
  int64_t n = real_result || !flag(s, "onesided") ? y->dims[axis] : qn_in(s, 1) ? qn_index_at(qn_in(s, 1), 0) : x->dims[axis];
  qn_room r = {.base = s->scratch};
  double *tables, *line = take_line(&r, n, &tables);
  qn_fft_prepare((size_t)n, tables);
  int64_t parts = x->dims[x->rank - 1], outputs = y->dims[y->rank - 1], inner = qn_product(x->dims + axis + 1, x->rank - axis - 2);
  int64_t outer = qn_product(x->dims, axis), given = real_result ? n / 2 + 1 : n;
  if (given > x->dims[axis]) given = x->dims[axis];
  for (int64_t i = 0; i < outer * inner; i++) {
    memset(line, 0, 2 * (size_t)n * sizeof(double));
    for (int64_t k = 0; k < given; k++) {
      int64_t at = ((i / inner * x->dims[axis] + k) * inner + i % inner) * parts;
      line[2 * k] = qn_double_at(x, at);
      line[2 * k + 1] = parts == 2 ? qn_double_at(x, at + 1) : 0;
    }
    if (real_result) { /* the other half is the conjugate of this one */
      line[1] = 0;
      if (n % 2 == 0) line[n + 1] = 0;
      for (int64_t k = 1; k < (n + 1) / 2; k++) {
        line[2 * (n - k)] = line[2 * k];
        line[2 * (n - k) + 1] = -line[2 * k + 1];
      }
    }
    qn_fft((size_t)n, line, inverse, tables);
    for (int64_t k = 0; k < y->dims[axis]; k++)
      for (int64_t part = 0; part < outputs; part++)
        qn_put_double(y, ((i / inner * y->dims[axis] + k) * inner + i % inner) * outputs + part, line[2 * k + part] / (inverse ? (double)n : 1));
  }
  return QN_OK;
}

/* ---- STFT ---- */

static qn_status plan_stft(qn_step *s) {
  char text[QN_SHAPE_TEXT];
  int64_t step, n;
  double *tables;
  QN_TRY(check_signal(s));
  const qn_tensor *x = qn_in(s, 0), *window = qn_in(s, 2);
  if (x->rank != 3) return qn_step_fail(s, QN_ERR_SHAPE, "the signal has shape %s; [batch, length, 1 or 2] is expected", qn_shape_text(text, x->rank, x->dims));
  if (window) {
    QN_TRY(qn_check_type(s, 2, QN_FLOATS));
    if (window->rank != 1) return qn_step_fail(s, QN_ERR_SHAPE, "the window has rank %d; 1 is expected", window->rank);
  }
  if (!qn_in(s, 1)) return qn_step_fail(s, QN_ERR_ARGUMENT, "input 1, frame_step, is missing");
  QN_TRY(check_integers(s, 1, 1));
  QN_TRY(check_integers(s, 3, 3));
  QN_TRY(qn_need_int(s, 1, 0, &step));
  QN_TRY(qn_need_int(s, 3, window ? window->count : x->dims[1], &n));
  QN_TRY(check_length(s, n));
  if (step < 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "frame_step is %lld; at least 1 is expected", (long long)step);
  if (n > x->dims[1]) return qn_step_fail(s, QN_ERR_SHAPE, "frames of %lld do not fit a signal of length %lld", (long long)n, (long long)x->dims[1]);
  qn_room r = {0};
  take_line(&r, n, &tables);
  QN_TRY(qn_room_done(s, &r));
  int64_t dims[4] = {x->dims[0], (x->dims[1] - n) / step + 1, qn_attr_int(s, "onesided", 1) ? n / 2 + 1 : n, 2};
  return qn_out_shape(s, 0, x->dtype, 4, dims);
}

static qn_status run_stft(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *window = qn_in(s, 2);
  qn_tensor *y = qn_out(s, 0);
  int64_t step = qn_index_at(qn_in(s, 1), 0), n = qn_in(s, 3) ? qn_index_at(qn_in(s, 3), 0) : window ? window->count : x->dims[1];
  qn_room r = {.base = s->scratch};
  double *tables, *line = take_line(&r, n, &tables);
  qn_fft_prepare((size_t)n, tables);
  int64_t parts = x->dims[2], frames = y->dims[1], bins = y->dims[2];
  for (int64_t i = 0; i < y->dims[0] * frames; i++) {
    for (int64_t k = 0; k < n; k++) { /* behind a short window there is nothing */
      double weight = !window ? 1 : k < window->count ? qn_double_at(window, k) : 0;
      int64_t at = (i / frames * x->dims[1] + i % frames * step + k) * parts;
      line[2 * k] = weight * qn_double_at(x, at);
      line[2 * k + 1] = parts == 2 ? weight * qn_double_at(x, at + 1) : 0;
    }
    qn_fft((size_t)n, line, false, tables);
    qn_store(QN_IN_F64, y->dtype, y->data, (size_t)(i * bins * 2), (size_t)bins * 2, line, (qn_cast_mode){0});
  }
  return QN_OK;
}

const qn_op qn_op_dft = {.domain = "", .name = "DFT", .since = 17, .min_in = 1, .max_in = 3, .min_out = 1, .max_out = 1, .plan = plan_dft, .run = run_dft};
const qn_op qn_op_stft = {.domain = "", .name = "STFT", .since = 17, .min_in = 2, .max_in = 4, .min_out = 1, .max_out = 1, .plan = plan_stft, .run = run_stft};
