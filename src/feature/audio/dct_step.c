/* Each frame's cosine transform (DCT-II, orthonormal), of which the first numbers are cepstral coefficients: of log-mel bands, MFCC. Liftered
 * as librosa 0.11 feature.mfcc does, whose sine starts at 1, or as Kaldi, where it starts at 0. */
#include "feature/step.h"

enum { COUNT, LIFTER, LIKE, PARAMS };

static const qn_param params[PARAMS] = {
  [COUNT] = {"count", QN_PARAM_INT, 1, 4096, .fallback = 13},
  [LIFTER] = {"lifter", QN_PARAM_NUMBER, 0, 1e6, .fallback = 0}, /* 0: none */
  [LIKE] = {"like", QN_PARAM_CHOICE, .choices = "librosa|kaldi"},
};

typedef struct state {
  int32_t ready;
  float table[]; /* [count][inputs] */
} state;

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 2, err));
  const int64_t frames = qn_stage_in(s, 0)->dims[0], n = qn_stage_in(s, 0)->dims[1];
  const int32_t count = qn_stage_int(s, COUNT);
  if (n < count || n > 4096) return qn_stage_fail(s, err, QN_ERR_SHAPE, "it takes frames of count (%d) to 4096 numbers, got %lld", count, (long long)n);
  s->state_size = sizeof(state) + (size_t)(count * n) * sizeof(float);
  return qn_stage_result(s, "cepstrum", QN_FLOAT, 2, (int64_t[]){frames, count}, err);
}

static void make_table(const qn_stage *s, int32_t count, int32_t n, float *table) {
  const double pi = 3.14159265358979323846, lifter = qn_stage_number(s, LIFTER);
  for (int32_t k = 0; k < count; k++) {
    double height = sqrt((k ? 2.0 : 1.0) / n);
    if (lifter > 0) height *= 1 + lifter / 2 * sin(pi * (k + (qn_stage_int(s, LIKE) == 0)) / lifter);
    for (int32_t i = 0; i < n; i++) table[k * n + i] = (float)(height * cos(pi * k * (2 * i + 1) / (2 * n)));
  }
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int32_t count = qn_stage_int(s, COUNT), n = (int32_t)in->dims[1];
  state *st = s->state;
  if (!st->ready) make_table(s, count, n, st->table), st->ready = 1;
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  qn_stage_rows(s, 0, in->dims[0]);
  for (int64_t row = 0; row < in->dims[0]; row++, x += n)
    for (int32_t k = 0; k < count; k++) {
      double sum = 0;
      for (int32_t i = 0; i < n; i++) sum += (double)st->table[k * n + i] * x[i];
      *y++ = (float)sum;
    }
  return QN_OK;
}

const qn_step_type qn_step_dct = {"dct", params, PARAMS, .plan = plan, .run = run};
