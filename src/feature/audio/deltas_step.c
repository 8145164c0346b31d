/* How each number changes from frame to frame: the slope, or the curvature, of the parabola that fits `width` frames best (Savitzky and Golay
 * 1964), as librosa 0.11 feature.delta ("interp": frames at the ends get the derivative of the first or last full fit) and torchaudio 2.3
 * functional.compute_deltas ("nearest": the first and last frame go on) compute it. */
#include <string.h>

#include "feature/audio/sound.h"

enum { WIDTH, ORDER, EDGE, STACK, PARAMS };
enum { INTERP, NEAREST };

static const qn_param params[PARAMS] = {
  [WIDTH] = {"width", QN_PARAM_INT, 3, 255, .fallback = 9},
  [ORDER] = {"order", QN_PARAM_INT, 1, 2, .fallback = 1},
  [EDGE] = {"edge", QN_PARAM_CHOICE, .choices = "interp|nearest"},
  [STACK] = {"stack", QN_PARAM_BOOL, .fallback = 0}, /* behind the numbers themselves, and the orders below */
};

typedef struct state {
  qn_past past; /* in frames */
} state;        /* then: kept [width][n] */

static qn_status too_few(const qn_stage *s, int64_t frames, qn_error *err) {
  return qn_stage_fail(s, err, QN_ERR_SHAPE, "%lld frames are fewer than the width %d: take edge 'nearest'", (long long)frames, qn_stage_int(s, WIDTH));
}

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 2, err));
  const int64_t frames = qn_stage_in(s, 0)->dims[0], n = qn_stage_in(s, 0)->dims[1];
  const int32_t width = qn_stage_int(s, WIDTH), parts = qn_stage_int(s, STACK) ? qn_stage_int(s, ORDER) + 1 : 1;
  if (width % 2 == 0) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "width is odd, got %d", width);
  if (n > 65536) return qn_stage_fail(s, err, QN_ERR_SHAPE, "frames of more than 65536 numbers: %lld", (long long)n);
  if (!s->stream && frames && frames < width && qn_stage_int(s, EDGE) == INTERP) return too_few(s, frames, err);
  s->state_size = sizeof(state) + (size_t)(width * n) * sizeof(float);
  return qn_stage_result(s, "deltas", QN_FLOAT, 2, (int64_t[]){s->stream ? frames + width : frames, n * parts}, err);
}

/* What the sample at distance i counts. */
static double weight_of(int32_t order, int32_t half, int32_t i) {
  double squares = 0, fourths = 0;
  for (int32_t k = 1; k <= half; k++) squares += 2.0 * k * k, fourths += 2.0 * k * k * k * (double)k;
  const double width = 2 * half + 1;
  return order == 1 ? i / squares : 2 * (width * i * i - squares) / (width * fourths - squares * squares);
}

static qn_status run(qn_stage *s, qn_error *err) {
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t n = in->dims[1], rows = in->dims[0];
  const int32_t width = qn_stage_int(s, WIDTH), half = width / 2, order = qn_stage_int(s, ORDER), stack = qn_stage_int(s, STACK);
  const bool interp = qn_stage_int(s, EDGE) == INTERP;
  state *st = s->state;
  const float *x = in->data;
  float *kept = (float *)(st + 1), *y = qn_stage_out(s, 0)->data;
  if (s->first) st->past = (qn_past){0, 0};
  const int64_t total = st->past.start + rows, made = st->past.made;
  if (interp && s->last && total && total < width) return too_few(s, total, err);
  int64_t t = made;
  for (; t < total && (s->last || (t + half < total && (!interp || total >= width))); t++) {
    const int64_t middle = !interp ? t : t < half ? half : t + half >= total ? total - 1 - half : t;
    for (int32_t part = stack ? 0 : order; part <= order; part++, y += n) {
      memset(y, 0, (size_t)n * sizeof *y);
      for (int32_t i = part ? -half : 0; i <= (part ? half : 0); i++) {
        int64_t row = part ? middle + i : t;
        row = row < 0 ? 0 : row >= total ? total - 1 : row;
        const float *from = row >= st->past.start ? x + (row - st->past.start) * n : kept + (width + row - st->past.start) * n;
        const float weight = part ? (float)weight_of(part, half, i) : 1;
        for (int64_t k = 0; k < n; k++) y[k] += weight * from[k];
      }
    }
  }
  qn_stage_rows(s, 0, t - made);
  st->past.made = t;
  const int64_t start = st->past.start;
  qn_past_keep(&st->past, kept, width * n, x, rows * n);
  st->past.start = start + rows;
  return QN_OK;
}

const qn_step_type qn_step_deltas = {"deltas", params, PARAMS, .plan = plan, .run = run};
