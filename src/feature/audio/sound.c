#include "feature/audio/sound.h"

#include <string.h>

qn_status qn_sound_in(const qn_stage *s, int32_t channels, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 2, err));
  const int64_t found = qn_stage_in(s, 0)->dims[0];
  if (found < 1 || found > QN_MOST_CHANNELS) return qn_stage_fail(s, err, QN_ERR_SHAPE, "sound has from 1 to %d channels, got %lld", QN_MOST_CHANNELS, (long long)found);
  if (channels && found != channels)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "it takes %d channel%s, got %lld: put the step 'mono' before it", channels, channels == 1 ? "" : "s", (long long)found);
  return QN_OK;
}

qn_status qn_sound_result(qn_stage *s, int64_t channels, int64_t samples, qn_error *err) {
  QN_TRY(qn_stage_result(s, "sound", QN_FLOAT, 2, (int64_t[]){channels, samples}, err));
  s->results[s->result_count - 1].sound = true;
  return QN_OK;
}

void qn_sound_length(qn_stage *s, int64_t samples) {
  qn_tensor *t = qn_stage_out(s, 0);
  t->dims[1] = samples;
  t->count = t->dims[0] * samples;
}

qn_status qn_sound_rate(const qn_stage *s, double asked, double *rate, qn_error *err) {
  const double known = s->facts->rate;
  if (!(known >= 0 && known <= QN_MOST_RATE)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "a sound of %g samples per second; up to %g are possible", known, QN_MOST_RATE);
  if (known > 0 && asked > 0 && known != asked)
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the sound has %g samples per second, the step is for %g: put the step 'resample' before it", known, asked);
  *rate = known > 0 ? known : asked;
  return *rate > 0 ? QN_OK : qn_stage_fail(s, err, QN_ERR_ARGUMENT, "how many samples per second the sound has is not known: give rate");
}

void qn_past_keep(qn_past *p, float *kept, int64_t most, const float *piece, int64_t n) {
  p->start += n;
  if (n < most) {
    memmove(kept, kept + n, (size_t)(most - n) * sizeof *kept);
    if (n) memcpy(kept + (most - n), piece, (size_t)n * sizeof *kept);
  } else if (most) {
    memcpy(kept, piece + (n - most), (size_t)most * sizeof *kept);
  }
}
