#include "feature/post/vad.h"

#include <string.h>

void qn_vad_defaults(qn_vad_options *options, float frame_ms) {
  if (!(frame_ms >= 1)) frame_ms = 1;
  *options = (qn_vad_options){.positive = 0.3f,
                              .negative = 0.25f,
                              .redemption = (int32_t)(1400 / frame_ms),
                              .pre_pad = (int32_t)(800 / frame_ms),
                              .min_speech = (int32_t)(400 / frame_ms)};
}

void qn_vad_start(qn_vad *vad, const qn_vad_options *options) {
  *vad = (qn_vad){.options = *options};
}

void qn_vad_input(qn_vad *vad, const float *samples, float *input) {
  memcpy(input, vad->context, sizeof vad->context);
  memcpy(input + QN_VAD_CONTEXT, samples, QN_VAD_FRAME * sizeof *samples);
  memcpy(vad->context, samples + QN_VAD_FRAME - QN_VAD_CONTEXT, sizeof vad->context);
}

int32_t qn_vad_finish(qn_vad *vad, qn_vad_segment *segment) {
  if (!vad->speaking) return 0;
  int32_t event = vad->speech >= vad->options.min_speech ? QN_VAD_END : QN_VAD_MISFIRE;
  *segment = (qn_vad_segment){vad->from, vad->frames};
  vad->free_from = vad->frames;
  vad->speaking = false;
  vad->speech = vad->quiet = 0;
  return event;
}

int32_t qn_vad_push(qn_vad *vad, float probability, qn_vad_segment *segment) {
  const qn_vad_options *o = &vad->options;
  int32_t events = 0;
  if (probability >= o->positive) {
    if (!vad->speaking) {
      int64_t from = vad->frames - o->pre_pad;
      vad->from = from > vad->free_from ? from : vad->free_from;
      vad->speaking = true;
      events = QN_VAD_START;
    }
    if (++vad->speech == o->min_speech) events |= QN_VAD_REAL_START;
    vad->quiet = 0;
  }
  vad->frames++;
  if (vad->speaking && probability < o->negative && ++vad->quiet >= o->redemption)
    events |= qn_vad_finish(vad, segment);
  return events;
}

int32_t qn_vad_segments(const qn_vad_options *options, const float *probabilities, int64_t frames,
                        qn_vad_segment *segments, int32_t capacity) {
  qn_vad vad;
  qn_vad_start(&vad, options);
  int32_t count = 0;
  for (int64_t i = 0; i <= frames; i++) {
    qn_vad_segment segment;
    int32_t event = i < frames ? qn_vad_push(&vad, probabilities[i], &segment) : qn_vad_finish(&vad, &segment);
    if (!(event & QN_VAD_END)) continue;
    if (count < capacity) segments[count] = segment;
    count++;
  }
  return count;
}
