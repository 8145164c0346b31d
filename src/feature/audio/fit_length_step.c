/* A sound of one length: cut off at its end, or followed by silence. */
#include <string.h>

#include "feature/audio/sound.h"

enum { SAMPLES, SECONDS, PARAMS };

static const qn_param params[PARAMS] = {
  [SAMPLES] = {"samples", QN_PARAM_INT, 0, 1e8, .fallback = 0},
  [SECONDS] = {"seconds", QN_PARAM_NUMBER, 0, 1e5, .fallback = 0},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_sound_in(s, 0, err));
  double samples = qn_stage_number(s, SAMPLES), seconds = qn_stage_number(s, SECONDS), rate = 1;
  if ((samples > 0) == (seconds > 0)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "give samples or seconds, one of them");
  if (seconds > 0) {
    QN_TRY(qn_sound_rate(s, 0, &rate, err));
    samples = floor(seconds * rate + 0.5);
    if (samples < 1 || samples > 1e8) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%g seconds of %g samples are from 1 to 100000000 samples, got %g", seconds, rate, samples);
  }
  return qn_sound_result(s, qn_stage_in(s, 0)->dims[0], (int64_t)samples, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0), *out = qn_stage_out(s, 0);
  const int64_t n = in->dims[1], m = out->dims[1], taken = n < m ? n : m;
  for (int64_t c = 0; c < out->dims[0]; c++) {
    float *y = (float *)out->data + c * m;
    if (taken) memcpy(y, (const float *)in->data + c * n, (size_t)taken * sizeof *y);
    memset(y + taken, 0, (size_t)(m - taken) * sizeof *y);
  }
  return QN_OK;
}

const qn_step_type qn_step_fit_length = {"fit_length", params, PARAMS, QN_SOURCE_SOUND, .whole = true, .plan = plan, .run = run};
