/* Numbers of at least `floor` to their logarithms: (max(log(max(x + offset, floor) / reference), most − top) + add) · multiply.
 * Whisper: log10, top 8, add 4, multiply 0.25. librosa.power_to_db: db, top 80; torchaudio: offset 1e-6, natural. */
#include "feature/step.h"
#include "kernel/vmath.h"

enum { BASE, FLOOR, OFFSET, REFERENCE, TO_PEAK, TOP, ADD, MULTIPLY, PARAMS };

static const qn_param params[PARAMS] = {
  [BASE] = {"base", QN_PARAM_CHOICE, .choices = "e|10|2|db|db_amplitude"},
  [FLOOR] = {"floor", QN_PARAM_NUMBER, 1e-37, 1e30, .fallback = 1e-10},
  [OFFSET] = {"offset", QN_PARAM_NUMBER, 0, 1e30, .fallback = 0},
  [REFERENCE] = {"reference", QN_PARAM_NUMBER, 1e-37, 1e30, .fallback = 1},
  [TO_PEAK] = {"to_peak", QN_PARAM_BOOL, .fallback = 0}, /* the reference is the greatest number */
  [TOP] = {"top", QN_PARAM_NUMBER, 0, 1e6, .fallback = 0}, /* in units of the result, how far below the greatest; 0: any */
  [ADD] = {"add", QN_PARAM_NUMBER, -1e9, 1e9, .fallback = 0},
  [MULTIPLY] = {"multiply", QN_PARAM_NUMBER, -1e9, 1e9, .fallback = 1},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  if (s->stream && (qn_stage_int(s, TO_PEAK) || qn_stage_number(s, TOP) > 0))
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s needs the whole signal, so it cannot be part of a stream", qn_stage_int(s, TO_PEAK) ? "to_peak" : "top");
  return qn_stage_result(s, s->inputs[0]->name, QN_FLOAT, t->rank, t->dims, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  static const double units[] = {1, 0.43429448190325182765, 1.44269504088896340736, 4.3429448190325182765, 8.6858896380650365530};
  const qn_tensor *in = qn_stage_in(s, 0);
  if (in->rank) qn_stage_rows(s, 0, in->dims[0]);
  const int64_t n = in->count;
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  const float floor = (float)qn_stage_number(s, FLOOR), offset = (float)qn_stage_number(s, OFFSET), unit = (float)units[qn_stage_int(s, BASE)];
  double reference = qn_stage_number(s, REFERENCE);
  if (qn_stage_int(s, TO_PEAK)) {
    reference = floor;
    for (int64_t i = 0; i < n; i++) reference = x[i] > reference ? x[i] : reference;
  }
  const float less = (float)(log(reference) * units[qn_stage_int(s, BASE)]);
  float most = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    const float v = x[i] + offset;
    y[i] = qn_log_f32(v < floor ? floor : v) * unit - less; /* a NaN stays */
  }
  for (int64_t i = 0; i < n; i++) most = y[i] > most ? y[i] : most;
  const float add = (float)qn_stage_number(s, ADD), multiply = (float)qn_stage_number(s, MULTIPLY), top = (float)qn_stage_number(s, TOP), least = top > 0 ? most - top : -INFINITY;
  for (int64_t i = 0; i < n; i++) y[i] = ((y[i] < least ? least : y[i]) + add) * multiply;
  return QN_OK;
}

const qn_step_type qn_step_log = {"log", params, PARAMS, .plan = plan, .run = run};
