/* Spectra to bands of the mel scale: float32 [frames, bins] to [frames, filters]. */
#include "feature/audio/mel_filters.h"
#include "feature/audio/sound.h"

enum { FILTERS, LOW, HIGH, SCALE, NORM, TRIANGLES, RATE, SIZE, PARAMS };

static const qn_param params[PARAMS] = {
  [FILTERS] = {"filters", QN_PARAM_INT, 1, 4096, .fallback = 80},
  [LOW] = {"low", QN_PARAM_NUMBER, 0, 5e5, .fallback = 0},
  [HIGH] = {"high", QN_PARAM_NUMBER, -5e5, 5e5, .fallback = 0},       /* up to 0: so much below half the rate */
  [SCALE] = {"scale", QN_PARAM_CHOICE, .choices = "slaney|htk"},      /* librosa: slaney; torchaudio and Kaldi: htk */
  [NORM] = {"norm", QN_PARAM_CHOICE, .choices = "slaney|none"},       /* librosa: slaney; torchaudio and Kaldi: none */
  [TRIANGLES] = {"triangles", QN_PARAM_CHOICE, .choices = "hertz|mel"}, /* Kaldi: mel */
  [RATE] = {"rate", QN_PARAM_NUMBER, 1, QN_MOST_RATE, .fallback = 0}, /* not given: that of the sound */
  [SIZE] = {"size", QN_PARAM_INT, 0, 65536, .fallback = 0},           /* of the transform; 0: an even one */
};

typedef struct state {
  int32_t ready;
} state; /* then: spans [2 filters], weights [2 bins] */

static qn_status mel_of(const qn_stage *s, double rate, qn_mel *m, qn_error *err) {
  const int64_t bins = qn_stage_in(s, 0)->dims[1];
  const int32_t size = qn_stage_int(s, SIZE) ? qn_stage_int(s, SIZE) : 2 * ((int32_t)bins - 1);
  const double low = qn_stage_number(s, LOW), high = qn_stage_number(s, HIGH) > 0 ? qn_stage_number(s, HIGH) : rate / 2 + qn_stage_number(s, HIGH);
  if (size < 1 || size / 2 + 1 != bins) return qn_stage_fail(s, err, QN_ERR_SHAPE, "a spectrum of %lld bins is not of a transform of size %d", (long long)bins, size);
  if (!(low < high && high <= rate / 2)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "low is below high and high at most half the rate: %g, %g, %g", low, high, rate / 2);
  *m = (qn_mel){qn_stage_int(s, FILTERS), (int32_t)bins, size, rate, low, high, qn_stage_int(s, SCALE) == 0, qn_stage_int(s, TRIANGLES) == 1, qn_stage_int(s, NORM) == 0};
  return QN_OK;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 2, err));
  const int64_t frames = qn_stage_in(s, 0)->dims[0], bins = qn_stage_in(s, 0)->dims[1];
  qn_mel m;
  if (bins < 1 || bins > 65536) return qn_stage_fail(s, err, QN_ERR_SHAPE, "a spectrum has from 1 to 65536 bins, got %lld", (long long)bins);
  QN_TRY(qn_sound_rate(s, qn_stage_number(s, RATE), &s->planned, err));
  QN_TRY(mel_of(s, s->planned, &m, err));
  s->state_size = sizeof(state) + 2 * (size_t)m.filters * sizeof(int32_t) + 2 * (size_t)bins * sizeof(float);
  return qn_stage_result(s, "mel", QN_FLOAT, 2, (int64_t[]){frames, m.filters}, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  const qn_tensor *in = qn_stage_in(s, 0);
  const int32_t filters = qn_stage_int(s, FILTERS);
  state *st = s->state;
  int32_t *spans = (int32_t *)(st + 1);
  float *weights = (float *)(spans + 2 * filters);
  if (!st->ready) {
    qn_mel m;
    QN_TRY(mel_of(s, s->planned, &m, err));
    qn_mel_filters(&m, spans, weights);
    st->ready = 1;
  }
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  qn_stage_rows(s, 0, in->dims[0]);
  for (int64_t row = 0; row < in->dims[0]; row++, x += in->dims[1], y += filters) qn_mel_apply(filters, spans, weights, x, y);
  return QN_OK;
}

const qn_step_type qn_step_mel = {"mel", params, PARAMS, .plan = plan, .run = run};
