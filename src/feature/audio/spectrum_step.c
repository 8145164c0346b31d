/* Frames to their spectra: float32 [frames, samples] to [frames, size / 2 + 1], as power or magnitude, or complex: [frames, size / 2 + 1, 2]. */
#include "feature/step.h"
#include "kernel/rfft.h"
#include "kernel/simd.h"

enum { SIZE, KIND, PARAMS };
enum { POWER, MAGNITUDE, COMPLEX };

static const qn_param params[PARAMS] = {
  [SIZE] = {"size", QN_PARAM_INT, 0, QN_RFFT_MOST, .fallback = 0}, /* of the transform: frames are followed by zeros; 0: as they are */
  [KIND] = {"kind", QN_PARAM_CHOICE, .choices = "power|magnitude|complex"},
};

typedef struct state {
  bool ready; /* the tables behind it are there */
  float tables[];
} state;

static size_t size_of(const qn_stage *s) { return qn_stage_int(s, SIZE) ? (size_t)qn_stage_int(s, SIZE) : (size_t)qn_stage_in(s, 0)->dims[1]; }

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 2, err));
  const int64_t frames = qn_stage_in(s, 0)->dims[0], length = qn_stage_in(s, 0)->dims[1], size = qn_stage_int(s, SIZE) ? qn_stage_int(s, SIZE) : length;
  qn_rfft f;
  if (length < 1 || size < length) return qn_stage_fail(s, err, QN_ERR_SHAPE, "frames of %lld samples do not fit a size of %lld", (long long)length, (long long)size);
  if (size > QN_RFFT_MOST || !qn_rfft_plan((size_t)size, &f))
    return qn_stage_fail(s, err, QN_ERR_UNSUPPORTED, "a size is at most %d and has no prime factor above %d, got %lld: give a larger size, which is filled with zeros", QN_RFFT_MOST,
                         QN_RFFT_PRIME, (long long)size);
  s->state_size = sizeof(state) + f.table_count * sizeof(float);
  s->scratch_size = f.work_count * sizeof(float);
  const bool complex = qn_stage_int(s, KIND) == COMPLEX;
  return qn_stage_result(s, "spectrum", QN_FLOAT, complex ? 3 : 2, (int64_t[]){frames, (int64_t)qn_rfft_bins(f.n), 2}, err);
}

/* bins: four real and four imaginary parts each; row k of y gets lane k. */
static void store_power(const float *bins, size_t count, int rows, bool root, float *y) {
  size_t i = 0;
  for (; i + 4 <= count && rows == 4; i += 4) {
    qn_f32x4 v[4];
    for (size_t k = 0; k < 4; k++) {
      const qn_f32x4 re = qn_load4(bins + 8 * (i + k)), im = qn_load4(bins + 8 * (i + k) + 4);
      v[k] = qn_add(qn_mul4(re, re), qn_mul4(im, im));
    }
    qn_turn4(v);
    for (size_t k = 0; k < 4; k++) qn_store4(y + k * count + i, v[k]);
  }
  for (; i < count; i++)
    for (size_t k = 0; k < (size_t)rows; k++) {
      const float re = bins[8 * i + k], im = bins[8 * i + 4 + k];
      y[k * count + i] = re * re + im * im;
    }
  if (root)
    for (i = 0; i < (size_t)rows * count; i++) y[i] = sqrtf(y[i]);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  state *st = s->state;
  qn_rfft f;
  qn_rfft_plan(size_of(s), &f); /* succeeded in plan */
  if (!st->ready) qn_rfft_prepare(&f, st->tables), st->ready = true;
  const int32_t kind = qn_stage_int(s, KIND);
  const size_t length = (size_t)in->dims[1], bins = qn_rfft_bins(f.n), width = kind == COMPLEX ? 2 * bins : bins;
  const float *x = in->data;
  float *y = qn_stage_out(s, 0)->data;
  qn_stage_rows(s, 0, in->dims[0]);
  for (int64_t row = 0; row < in->dims[0]; row += 4, x += 4 * length, y += 4 * width) {
    const int rows = in->dims[0] - row < 4 ? (int)(in->dims[0] - row) : 4;
    const float *z = qn_rfft4(&f, st->tables, x, rows, length, length, s->scratch);
    if (kind != COMPLEX) {
      store_power(z, bins, rows, kind == MAGNITUDE, y);
      continue;
    }
    for (size_t i = 0; i < bins; i++)
      for (size_t k = 0; k < (size_t)rows; k++) y[k * width + 2 * i] = z[8 * i + k], y[k * width + 2 * i + 1] = z[8 * i + 4 + k];
  }
  return QN_OK;
}

const qn_step_type qn_step_spectrum = {"spectrum", params, PARAMS, .plan = plan, .run = run};
