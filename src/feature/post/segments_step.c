/* Probabilities of frames to stretches: from where they reach `positive` until they stay below `negative` (post/vad.h). The answers are in
 * seconds of the source; the score is the mean probability. */
#include "feature/post/vad.h"
#include "feature/step.h"

enum { LENGTH, RATE, POSITIVE, NEGATIVE, REDEMPTION, PRE_PAD, MIN_SPEECH, PARAMS };

static const qn_param params[PARAMS] = {
  [LENGTH] = {"length", QN_PARAM_INT, 1, 65536, .fallback = QN_REQUIRED}, /* samples from frame to frame */
  [RATE] = {"rate", QN_PARAM_NUMBER, 1, 1e6, .fallback = 0},              /* of these; not given: that of the features */
  [POSITIVE] = {"positive", QN_PARAM_NUMBER, 0, 1, .fallback = 0.3},
  [NEGATIVE] = {"negative", QN_PARAM_NUMBER, 0, 1, .fallback = 0.25},
  [REDEMPTION] = {"redemption_ms", QN_PARAM_NUMBER, 0, 1e6, .fallback = 1400},
  [PRE_PAD] = {"pre_pad_ms", QN_PARAM_NUMBER, 0, 1e6, .fallback = 800},
  [MIN_SPEECH] = {"min_speech_ms", QN_PARAM_NUMBER, 0, 1e6, .fallback = 400},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  if (t->rank < 1 || t->count != t->dims[0])
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes one probability for each frame", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  s->planned = s->set[RATE].json ? qn_stage_number(s, RATE) : s->facts->rate;
  if (!(s->planned > 0)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "how many samples per second the frames had is not known: give rate");
  const int64_t most = s->inputs[0]->most_rows / 2 + 1; /* each but the last has a frame of speech and a quiet one */
  s->scratch_size = (size_t)most * sizeof(qn_vad_segment);
  QN_TRY(qn_stage_result(s, "start", QN_DOUBLE, 1, &most, err));
  QN_TRY(qn_stage_result(s, "end", QN_DOUBLE, 1, &most, err));
  return qn_stage_result(s, "score", QN_DOUBLE, 1, &most, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const double frame = qn_stage_int(s, LENGTH) / s->planned;
  int32_t frames[3];
  for (int i = 0; i < 3; i++) frames[i] = (int32_t)fmin(floor(qn_stage_number(s, REDEMPTION + i) / 1000 / frame), 1e9);
  const qn_vad_options options = {(float)qn_stage_number(s, POSITIVE), (float)qn_stage_number(s, NEGATIVE), frames[0], frames[1], frames[2]};
  const int64_t most = s->results[0].most_rows;
  qn_vad_segment *segments = s->scratch;
  const int64_t count = qn_vad_segments(&options, in->data, in->count, segments, (int32_t)most);
  double *start = qn_stage_out(s, 0)->data, *end = qn_stage_out(s, 1)->data, *score = qn_stage_out(s, 2)->data;
  for (int64_t i = 0; i < count && i < most; i++) {
    double sum = 0;
    for (int64_t k = segments[i].from; k < segments[i].to; k++) sum += ((const float *)in->data)[k];
    score[i] = sum / (double)(segments[i].to - segments[i].from);
    start[i] = (double)segments[i].from * frame;
    end[i] = (double)segments[i].to * frame;
    if (s->facts->seconds > 0 && end[i] > s->facts->seconds) end[i] = s->facts->seconds; /* the last frame may be filled with silence */
  }
  for (int i = 0; i < 3; i++) qn_stage_rows(s, i, count);
  return QN_OK;
}

const qn_step_type qn_step_segments = {"segments", params, PARAMS, .answer = QN_ANSWER_ROWS, .whole = true, .plan = plan, .run = run};
