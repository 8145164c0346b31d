/* y[i] = x[i] − coefficient · x[i − 1]. What stands before the first sample: nothing (torchaudio 2.3 functional.preemphasis), the sample itself
 * (Kaldi), or a straight line through the first two (librosa 0.11 effects.preemphasis, whose filter starts with 2 x[0] − x[1]). */
#include "feature/audio/sound.h"

enum { COEFFICIENT, START, PARAMS };
enum { NOTHING, COPY, LINE };

static const qn_param params[PARAMS] = {
  [COEFFICIENT] = {"coefficient", QN_PARAM_NUMBER, 0, 1, .fallback = 0.97},
  [START] = {"start", QN_PARAM_CHOICE, .choices = "zero|copy|librosa"},
};

typedef struct state {
  float before;
  bool begun; /* a sample came: a piece may be empty */
} state;

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_sound_in(s, 1, err));
  s->state_size = sizeof(state);
  if (s->stream && qn_stage_int(s, START) == LINE)
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "start of 'librosa' needs the two first samples at once, so it cannot be part of a stream");
  return qn_sound_result(s, 1, qn_sound_samples(s), err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const int64_t n = qn_sound_samples(s);
  const float *x = qn_stage_in(s, 0)->data, c = (float)qn_stage_number(s, COEFFICIENT);
  float *y = qn_stage_out(s, 0)->data;
  state *st = s->state;
  qn_sound_length(s, n);
  if (s->first) st->begun = false;
  if (!n) return QN_OK;
  const int32_t start = qn_stage_int(s, START);
  if (st->begun) y[0] = x[0] - c * st->before;
  else y[0] = start == LINE ? x[0] + (2 * x[0] - x[n > 1]) : start == COPY ? x[0] - c * x[0] : x[0];
  for (int64_t i = 1; i < n; i++) y[i] = x[i] - c * x[i - 1];
  *st = (state){x[n - 1], true};
  return QN_OK;
}

const qn_step_type qn_step_pre_emphasis = {"pre_emphasis", params, PARAMS, QN_SOURCE_SOUND, .plan = plan, .run = run};
