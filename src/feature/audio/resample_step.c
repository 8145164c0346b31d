/* Another rate, as torchaudio 2.3 functional.resample computes it: a sinc under a Hann window, at each phase of the ratio (J. O. Smith,
 * "Digital Audio Resampling"). A sound of unknown rate is taken to have the wanted one. */
#include <string.h>

#include "feature/audio/sound.h"
#include "kernel/simd.h"

enum { RATE, FROM, ZEROS, ROLLOFF, PARAMS };

static const qn_param params[PARAMS] = {
  [RATE] = {"rate", QN_PARAM_INT, 1, QN_MOST_RATE, .fallback = QN_REQUIRED},
  [FROM] = {"from", QN_PARAM_INT, 1, QN_MOST_RATE, .fallback = 0},      /* not given: that of the sound */
  [ZEROS] = {"zeros", QN_PARAM_INT, 1, 128, .fallback = 6},             /* crossings of zero on each side: lowpass_filter_width */
  [ROLLOFF] = {"rolloff", QN_PARAM_NUMBER, 0.01, 1, .fallback = 0.99},
};

#define MOST_TABLE (1 << 20)

typedef struct state {
  qn_past past;
  int64_t ready;
} state; /* then: table [to][stride], kept [stride], piece [stride] */

typedef struct ratio {
  int64_t from, to; /* without common factors; equal: nothing to do */
  int64_t width;    /* samples on each side */
  int64_t stride;   /* of the table: 2 · width + 1, filled up with zeros to a multiple of four */
} ratio;

static ratio ratio_of(const qn_stage *s) {
  int64_t a = (int64_t)s->planned, b = qn_stage_int(s, RATE);
  for (int64_t x = a, y = b; y;) {
    const int64_t rest = x % y;
    x = y, y = rest;
    if (!y) a /= x, b /= x;
  }
  const double base = (double)(a < b ? a : b) * qn_stage_number(s, ROLLOFF);
  const int64_t width = (int64_t)ceil(qn_stage_number(s, ZEROS) * (double)a / base);
  return (ratio){a, b, width, (2 * width + 4) / 4 * 4};
}

/* Samples of the result that n samples give. */
static int64_t count_of(const ratio *r, int64_t n) { return (r->to * n + r->from - 1) / r->from; }

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_sound_in(s, 1, err));
  const int64_t n = qn_sound_samples(s);
  s->planned = qn_stage_number(s, RATE);
  if (s->facts->rate > 0 || qn_stage_int(s, FROM)) QN_TRY(qn_sound_rate(s, qn_stage_number(s, FROM), &s->planned, err));
  if (s->planned != floor(s->planned)) return qn_stage_fail(s, err, QN_ERR_UNSUPPORTED, "a rate is a whole number of samples per second, got %g", s->planned);
  s->facts->rate = qn_stage_number(s, RATE);
  if (!s->stream && !(s->facts->seconds > 0)) s->facts->seconds = (double)n / s->planned;
  const ratio r = ratio_of(s);
  if (r.from == r.to) return qn_sound_result(s, 1, n, err);
  if (r.to * r.stride > MOST_TABLE)
    return qn_stage_fail(s, err, QN_ERR_UNSUPPORTED, "from %g to %d samples per second is a ratio of %lld to %lld, which is too large", s->planned, qn_stage_int(s, RATE), (long long)r.from,
                         (long long)r.to);
  s->state_size = sizeof(state) + (size_t)((r.to + 2) * r.stride) * sizeof(float);
  return qn_sound_result(s, 1, s->stream ? count_of(&r, n + r.stride) + 1 : count_of(&r, n), err);
}

static void make_table(const qn_stage *s, const ratio *r, float *table) {
  const double pi = 3.14159265358979323846, zeros = qn_stage_number(s, ZEROS), base = (double)(r->from < r->to ? r->from : r->to) * qn_stage_number(s, ROLLOFF);
  memset(table, 0, (size_t)(r->to * r->stride) * sizeof *table);
  for (int64_t q = 0; q < r->to; q++)
    for (int64_t k = 0; k <= 2 * r->width; k++) {
      const double t = ((double)(q * r->from / r->to + k - r->width) / (double)r->from - (double)q / (double)r->to) * base;
      if (fabs(t) >= zeros) continue;
      const double window = cos(t * pi / zeros / 2);
      table[q * r->stride + k] = (float)((t == 0 ? 1 : sin(t * pi) / (t * pi)) * window * window * base / (double)r->from);
    }
}

static float dot(const float *a, const float *b, int64_t n) {
  float lanes[4];
  qn_f32x4 sum = qn_splat4(0);
  for (int64_t i = 0; i < n; i += 4) sum = qn_madd4(qn_load4(a + i), qn_load4(b + i), sum);
  qn_store4(lanes, sum);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const ratio r = ratio_of(s);
  const int64_t n = qn_sound_samples(s);
  const float *x = qn_stage_in(s, 0)->data;
  float *y = qn_stage_out(s, 0)->data;
  if (r.from == r.to) {
    if (n) memcpy(y, x, (size_t)n * sizeof *y);
    qn_sound_length(s, n);
    return QN_OK;
  }
  state *st = s->state;
  float *table = (float *)(st + 1), *kept = table + r.to * r.stride, *piece = kept + r.stride;
  if (!st->ready) make_table(s, &r, table), st->ready = 1;
  if (s->first) st->past = (qn_past){0, 0};
  const int64_t total = st->past.start + n, count = count_of(&r, total), made = st->past.made;
  int64_t j = made;
  for (; j < count; j++) {
    const int64_t middle = j * r.from / r.to, begin = middle - r.width;
    if (!s->last && middle + r.width >= total) break;
    const float *from = piece;
    if (begin >= st->past.start && begin + r.stride <= total) from = x + (begin - st->past.start);
    else
      for (int64_t k = 0; k < r.stride; k++) {
        const int64_t place = begin + k;
        piece[k] = place < 0 || place >= total ? 0 : qn_past_at(&st->past, kept, r.stride, x, place);
      }
    y[j - made] = dot(table + j % r.to * r.stride, from, r.stride);
  }
  qn_sound_length(s, j - made);
  st->past.made = j;
  qn_past_keep(&st->past, kept, r.stride, x, n);
  return QN_OK;
}

const qn_step_type qn_step_resample = {"resample", params, PARAMS, QN_SOURCE_SOUND, .plan = plan, .run = run};
