/* Several channels to one: their mean, or one of them. */
#include <string.h>

#include "feature/audio/sound.h"

enum { CHANNEL, PARAMS };

static const qn_param params[PARAMS] = {
  [CHANNEL] = {"channel", QN_PARAM_INT, -1, QN_MOST_CHANNELS - 1, .fallback = -1}, /* −1: the mean */
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_sound_in(s, 0, err));
  const qn_tensor *in = qn_stage_in(s, 0);
  if (qn_stage_int(s, CHANNEL) >= in->dims[0])
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "there is no channel %d in a sound of %lld", qn_stage_int(s, CHANNEL), (long long)in->dims[0]);
  return qn_sound_result(s, 1, in->dims[1], err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t channels = in->dims[0], n = in->dims[1];
  const int32_t channel = qn_stage_int(s, CHANNEL);
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  qn_sound_length(s, n);
  if (!n) return QN_OK;
  memcpy(y, channel > 0 ? x + channel * n : x, (size_t)n * sizeof *y);
  if (channel >= 0 || channels == 1) return QN_OK;
  for (int64_t c = 1; c < channels; c++)
    for (int64_t i = 0; i < n; i++) y[i] += x[c * n + i];
  for (int64_t i = 0; i < n; i++) y[i] /= (float)channels;
  return QN_OK;
}

const qn_step_type qn_step_mono = {"mono", params, PARAMS, QN_SOURCE_SOUND, .plan = plan, .run = run};
