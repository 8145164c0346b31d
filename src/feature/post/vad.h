/* Speech segments from the frame probabilities of a voice activity detector: hysteresis, as vad-web's FrameProcessor
 * (0.0.31) has it. No memory is allocated. */
#ifndef QN_FEATURE_VAD_H
#define QN_FEATURE_VAD_H

#include <stdbool.h>
#include <stdint.h>

/* Silero VAD v5 at 16 kHz: [1, 576] samples per run, the last 64 of the frame before and 512 new ones. */
#define QN_VAD_FRAME 512
#define QN_VAD_CONTEXT 64

typedef struct qn_vad_options {
  float positive;          /* a frame is speech from this probability on: 0.3 */
  float negative;          /* only frames below this count towards the end: 0.25 */
  int32_t redemption;      /* quiet frames that end a segment: 43 (1.4 s of 32 ms frames) */
  int32_t pre_pad;         /* frames before the first speech that belong to it: 25 (0.8 s) */
  int32_t min_speech;      /* fewer speech frames than this are no segment: 12 (0.4 s) */
} qn_vad_options;

/* Frames [from, to), the quiet ones at the end included. */
typedef struct qn_vad_segment {
  int64_t from, to;
} qn_vad_segment;

/* What a frame changed; a set, because a frame can do two of these. */
enum {
  QN_VAD_START = 1,       /* speech began, maybe */
  QN_VAD_REAL_START = 2,  /* and lasts for min_speech frames now */
  QN_VAD_END = 4,         /* a segment is complete */
  QN_VAD_MISFIRE = 8      /* it was too short */
};

typedef struct qn_vad {
  qn_vad_options options;
  float context[QN_VAD_CONTEXT];
  int64_t frames;         /* seen */
  int64_t free_from;      /* the first frame that no segment has taken */
  int64_t from;           /* of the segment now speaking */
  int32_t speech, quiet;  /* frames of each in it */
  bool speaking;
} qn_vad;

/* vad-web's defaults for frames of `frame_ms` milliseconds (32 for Silero v5). */
void qn_vad_defaults(qn_vad_options *options, float frame_ms);
/* options: copied. vad: caller owns. */
void qn_vad_start(qn_vad *vad, const qn_vad_options *options);

/* The model's input for the next frame. samples: [512], −1 … 1 at 16 kHz; input: [576]; caller owns both. */
void qn_vad_input(qn_vad *vad, const float *samples, float *input);
/* Takes the probability of the next frame. Returns a set of QN_VAD_ events; *segment is written with QN_VAD_END and
 * with QN_VAD_MISFIRE. */
int32_t qn_vad_push(qn_vad *vad, float probability, qn_vad_segment *segment);
/* The sound has ended: closes an open segment. */
int32_t qn_vad_finish(qn_vad *vad, qn_vad_segment *segment);

/* All at once. probabilities: [frames]; segments: [capacity]; caller owns both. Returns how many there are, of which
 * the first `capacity` were written. */
int32_t qn_vad_segments(const qn_vad_options *options, const float *probabilities, int64_t frames,
                        qn_vad_segment *segments, int32_t capacity);

#endif
