/* The order of the numbers in a model's input: frames [t, f] with a batch of one (b) or without, frames or features first. */
#include <string.h>

#include "feature/step.h"
#include "kernel/simd.h"

enum { ORDER, PARAMS };
enum { BTF, BFT, TF, FT };

static const qn_param params[PARAMS] = {
  [ORDER] = {"order", QN_PARAM_CHOICE, .choices = "btf|bft|tf|ft"},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 2, err));
  const int64_t t = qn_stage_in(s, 0)->dims[0], f = qn_stage_in(s, 0)->dims[1];
  const int64_t shapes[4][3] = {{1, t, f}, {1, f, t}, {t, f}, {f, t}};
  const int32_t order = qn_stage_int(s, ORDER);
  return qn_stage_result(s, "tensor", QN_FLOAT, order < TF ? 3 : 2, shapes[order], err);
}

/* x: [t, f], y: [f, t]; in blocks of rows, which stay in the cache */
static void transpose(const float *x, size_t t, size_t f, float *y) {
  enum { BLOCK = 16 };
  for (size_t from = 0; from < t; from += BLOCK) {
    const size_t to = from + BLOCK < t ? from + BLOCK : t;
    size_t k = 0;
    for (; k + 4 <= f && to - from == BLOCK; k += 4)
      for (size_t i = from; i < to; i += 4) {
        qn_f32x4 v[4];
        for (size_t n = 0; n < 4; n++) v[n] = qn_load4(x + (i + n) * f + k);
        qn_turn4(v);
        for (size_t n = 0; n < 4; n++) qn_store4(y + (k + n) * t + i, v[n]);
      }
    for (; k < f; k++)
      for (size_t i = from; i < to; i++) y[k * t + i] = x[i * f + k];
  }
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t t = in->dims[0], f = in->dims[1];
  const int32_t order = qn_stage_int(s, ORDER);
  qn_tensor *out = qn_stage_out(s, 0);
  out->dims[order == BTF || order == FT ? 1 : order == BFT ? 2 : 0] = t;
  out->count = t * f;
  if (order == BFT || order == FT) transpose(in->data, (size_t)t, (size_t)f, out->data);
  else if (out->count) memcpy(out->data, in->data, (size_t)out->count * sizeof(float));
  return QN_OK;
}

const qn_step_type qn_step_frame_layout = {"frame_layout", params, PARAMS, .plan = plan, .run = run};
