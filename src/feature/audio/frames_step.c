/* Overlapping pieces of a sound, one a row, weighed by a window: float32 [1, samples] to [frames, context + length]. Padding as
 * librosa.stft and torch.stft have it with center ("reflect", "constant"), or as Kaldi has it with snip_edges off ("kaldi"). */
#include <string.h>

#include "feature/audio/audio_window.h"
#include "feature/audio/sound.h"

enum { LENGTH, HOP, CONTEXT, PAD, TAIL, DROP_LAST, WINDOW, WINDOW_LENGTH, PERIODIC, REMOVE_DC, PRE_EMPHASIS, RATE, PARAMS };
enum { PAD_NONE, PAD_REFLECT, PAD_CONSTANT, PAD_KALDI };

static const qn_param params[PARAMS] = {
  [LENGTH] = {"length", QN_PARAM_INT, 1, 65536, .fallback = QN_REQUIRED},
  [HOP] = {"hop", QN_PARAM_INT, 0, 65536, .fallback = 0},                     /* from frame to frame; 0: the length */
  [CONTEXT] = {"context", QN_PARAM_INT, 0, 65536, .fallback = 0},             /* samples of the frame before, or silence, in front */
  [PAD] = {"pad", QN_PARAM_CHOICE, .choices = "none|reflect|constant|kaldi"}, /* but none: frames are centred on multiples of hop */
  [TAIL] = {"tail", QN_PARAM_CHOICE, .choices = "drop|pad"},                  /* without padding: a last frame that is not full */
  [DROP_LAST] = {"drop_last", QN_PARAM_BOOL, .fallback = 0},                  /* as Whisper does */
  [WINDOW] = {"window", QN_PARAM_CHOICE, .choices = QN_AUDIO_WINDOWS},
  [WINDOW_LENGTH] = {"window_length", QN_PARAM_INT, 0, 65536, .fallback = 0}, /* in the middle of the frame, zeros around; 0: all of it */
  [PERIODIC] = {"periodic", QN_PARAM_BOOL, .fallback = 1},
  [REMOVE_DC] = {"remove_dc", QN_PARAM_BOOL, .fallback = 0},                  /* a frame's mean, before the window */
  [PRE_EMPHASIS] = {"pre_emphasis", QN_PARAM_NUMBER, 0, 1, .fallback = 0},    /* within a frame, as Kaldi does */
  [RATE] = {"rate", QN_PARAM_NUMBER, 1, QN_MOST_RATE, .fallback = 0},         /* what the sound has to have; not given: any */
};

typedef struct state {
  qn_past past;
  bool ready; /* the window is there */
} state;      /* then: window [size], kept [most] */

typedef struct shape {
  int64_t size, hop; /* of a frame */
  int64_t left;      /* frame f begins at f · hop − left */
  int64_t most;      /* samples that are kept */
  int32_t pad;
  bool padded_tail, drop_last;
} shape;

static shape shape_of(const qn_stage *s) {
  const int64_t length = qn_stage_int(s, LENGTH), context = qn_stage_int(s, CONTEXT), hop = qn_stage_int(s, HOP) ? qn_stage_int(s, HOP) : length;
  const int32_t pad = qn_stage_int(s, PAD);
  const int64_t left = pad == PAD_NONE ? context : pad == PAD_KALDI ? length / 2 - hop / 2 : length / 2;
  const int64_t size = context + length;
  return (shape){size, hop, left, size + (left > 0 ? left : 0) + hop + 2, pad, qn_stage_int(s, TAIL) == 1, qn_stage_int(s, DROP_LAST) == 1};
}

/* Of a sound of n samples. */
static int64_t frame_count(const shape *h, int64_t n) {
  if (!n) return 0;
  const int64_t length = h->pad == PAD_NONE ? h->size - h->left : h->size;
  int64_t count;
  if (h->pad == PAD_KALDI) count = (n + h->hop / 2) / h->hop;
  else if (h->pad != PAD_NONE) count = n + 2 * h->left < length ? 0 : 1 + (n + 2 * h->left - length) / h->hop;
  else if (n < length) count = h->padded_tail;
  else count = 1 + (n - length + (h->padded_tail ? h->hop - 1 : 0)) / h->hop;
  return h->drop_last && count ? count - 1 : count;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_sound_in(s, 1, err));
  const shape h = shape_of(s);
  double rate;
  if (s->set[RATE].json) QN_TRY(qn_sound_rate(s, qn_stage_number(s, RATE), &rate, err));
  if (h.pad && qn_stage_int(s, CONTEXT)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "context and pad exclude each other");
  if (h.pad && h.padded_tail) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "tail is for frames without pad");
  if (qn_stage_int(s, WINDOW_LENGTH) > h.size)
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "window_length is at most the length %lld, got %d", (long long)h.size, qn_stage_int(s, WINDOW_LENGTH));
  /* of a stream: what was kept may add to a piece */
  const int64_t n = qn_sound_samples(s), frames = s->stream ? (n + 2 * h.most) / h.hop + 2 : frame_count(&h, n);
  s->state_size = sizeof(state) + (size_t)(h.size + h.most) * sizeof(float);
  return qn_stage_result(s, "frames", QN_FLOAT, 2, (int64_t[]){frames, h.size}, err);
}

/* Where padding takes its sample from; −1: silence. NumPy's reflection, again and again where the sound is short. */
static int64_t source_of(const shape *h, int64_t place, int64_t n) {
  if (place >= 0 && place < n) return place;
  if (h->pad == PAD_NONE || h->pad == PAD_CONSTANT) return -1;
  const int64_t period = h->pad == PAD_REFLECT ? 2 * (n - 1) : 2 * n;
  if (!period) return 0;
  place %= period;
  if (place < 0) place += period;
  return place < n ? place : h->pad == PAD_REFLECT ? period - place : period - 1 - place;
}

/* All samples of frame f are there, whatever follows. */
static bool complete(const shape *h, int64_t f, int64_t n) {
  const int64_t begin = f * h->hop - h->left;
  return begin + h->size <= n && (begin >= 0 || n > h->left);
}

static void finish(const qn_stage *s, const shape *h, const float *window, float *y) {
  if (qn_stage_int(s, REMOVE_DC)) {
    double sum = 0;
    for (int64_t i = 0; i < h->size; i++) sum += y[i];
    const float mean = (float)(sum / (double)h->size);
    for (int64_t i = 0; i < h->size; i++) y[i] -= mean;
  }
  const float c = (float)qn_stage_number(s, PRE_EMPHASIS);
  if (c > 0) {
    for (int64_t i = h->size - 1; i > 0; i--) y[i] -= c * y[i - 1];
    y[0] -= c * y[0];
  }
  if (qn_stage_int(s, WINDOW))
    for (int64_t i = 0; i < h->size; i++) y[i] *= window[i];
}

static void make_window(const qn_stage *s, const shape *h, float *window) {
  const int64_t length = qn_stage_int(s, WINDOW_LENGTH) ? qn_stage_int(s, WINDOW_LENGTH) : h->size;
  memset(window, 0, (size_t)h->size * sizeof *window);
  qn_audio_window(qn_stage_int(s, WINDOW), qn_stage_int(s, PERIODIC), (int32_t)length, window + (h->size - length) / 2);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const shape h = shape_of(s);
  state *st = s->state;
  float *window = (float *)(st + 1), *kept = window + h.size;
  if (!st->ready) make_window(s, &h, window), st->ready = true;
  if (s->first) st->past = (qn_past){0, 0};
  const float *x = qn_stage_in(s, 0)->data;
  const int64_t n = qn_sound_samples(s), total = st->past.start + n, count = frame_count(&h, total);
  float *y = qn_stage_out(s, 0)->data;
  int64_t made = 0;
  for (int64_t f = st->past.made; f < count && (s->last || complete(&h, f, total)); f++, made++, y += h.size) {
    const int64_t begin = f * h.hop - h.left;
    if (begin >= st->past.start && begin + h.size <= total) memcpy(y, x + (begin - st->past.start), (size_t)h.size * sizeof *y);
    else
      for (int64_t i = 0; i < h.size; i++) {
        const int64_t place = source_of(&h, begin + i, total);
        y[i] = place < 0 ? 0 : qn_past_at(&st->past, kept, h.most, x, place);
      }
    finish(s, &h, window, y);
  }
  qn_stage_rows(s, 0, made);
  st->past.made += made;
  qn_past_keep(&st->past, kept, h.most, x, n);
  return QN_OK;
}

const qn_step_type qn_step_frames = {"frames", params, PARAMS, QN_SOURCE_SOUND, .plan = plan, .run = run};
