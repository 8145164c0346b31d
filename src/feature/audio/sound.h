/* Sound in a pipeline, float32 [channels, samples], whole or piece by piece; and what a step keeps of the pieces before. */
#ifndef QN_FEATURE_AUDIO_SOUND_H
#define QN_FEATURE_AUDIO_SOUND_H

#include "feature/step.h"

#define QN_MOST_CHANNELS 64
#define QN_MOST_RATE 1e6

/* The only input as sound. channels: how many it has to have; 0: any. */
qn_status qn_sound_in(const qn_stage *s, int32_t channels, qn_error *err);
static inline int64_t qn_sound_samples(const qn_stage *s) { return qn_stage_in(s, 0)->dims[1]; }
/* Adds a result of at most so many samples. */
qn_status qn_sound_result(qn_stage *s, int64_t channels, int64_t samples, qn_error *err);
/* How long the result is in this run, at most as planned. */
void qn_sound_length(qn_stage *s, int64_t samples);
/* Samples per second: as known, or as asked for (0: not). Fails when neither or when they differ. */
qn_status qn_sound_rate(const qn_stage *s, double asked, double *rate, qn_error *err);

/* Lies in the state of a step that looks back: the samples before the piece. */
typedef struct qn_past {
  int64_t start; /* the place of the piece in the signal: how many samples came before */
  int64_t made;  /* frames or samples that the step has given */
} qn_past;

/* The sample at a place of the signal, within the piece or among the `most` before. kept: [most], the newest last. */
static inline float qn_past_at(const qn_past *p, const float *kept, int64_t most, const float *piece, int64_t place) {
  return place >= p->start ? piece[place - p->start] : kept[most + (place - p->start)];
}
/* After a piece of n samples: keeps its end. */
void qn_past_keep(qn_past *p, float *kept, int64_t most, const float *piece, int64_t n);

#endif
