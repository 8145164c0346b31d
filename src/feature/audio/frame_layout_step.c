/* The order of the numbers in a model's input: frames [t, f] with a batch of one (b) or without, frames or features first. */
#include <string.h>

#include "feature/step.h"

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

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t t = in->dims[0], f = in->dims[1];
  const int32_t order = qn_stage_int(s, ORDER);
  qn_tensor *out = qn_stage_out(s, 0);
  out->dims[order == BTF || order == FT ? 1 : order == BFT ? 2 : 0] = t;
  out->count = t * f;
  const float *x = in->data;
  float *y = out->data;
  if (order == BTF || order == TF) {
    if (out->count) memcpy(y, x, (size_t)out->count * sizeof *y);
    return QN_OK;
  }
  for (int64_t from = 0; from < t; from += 16) /* blocks of rows stay in the cache */
    for (int64_t k = 0; k < f; k++)
      for (int64_t i = from; i < t && i < from + 16; i++) y[k * t + i] = x[i * f + k];
  return QN_OK;
}

const qn_step_type qn_step_frame_layout = {"frame_layout", params, PARAMS, .plan = plan, .run = run};
