/* Every sample times a number: Kaldi, for one, was trained on samples of ±32768. */
#include "feature/audio/sound.h"

enum { BY, PARAMS };

static const qn_param params[PARAMS] = {
  [BY] = {"by", QN_PARAM_NUMBER, -1e9, 1e9, .fallback = QN_REQUIRED},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_sound_in(s, 0, err));
  const qn_tensor *in = qn_stage_in(s, 0);
  return qn_sound_result(s, in->dims[0], in->dims[1], err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const float by = (float)qn_stage_number(s, BY), *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  qn_sound_length(s, in->dims[1]);
  for (int64_t i = 0; i < in->count; i++) y[i] = x[i] * by;
  return QN_OK;
}

const qn_step_type qn_step_gain = {"gain", params, PARAMS, QN_SOURCE_SOUND, .plan = plan, .run = run};
