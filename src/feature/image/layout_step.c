/* The order of the numbers in a model's input: a picture [h, w, c] as [1, c, h, w], or as [1, h, w, c]. */
#include <string.h>

#include "feature/image/picture.h"

enum { ORDER, TYPE, PARAMS };
enum { NCHW, NHWC, CHW, HWC };

static const qn_param params[PARAMS] = {
  [ORDER] = {"order", QN_PARAM_CHOICE, .choices = "nchw|nhwc|chw|hwc"},
  [TYPE] = {"type", QN_PARAM_CHOICE, .choices = "float32|uint8"},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  const int64_t h = in.height, w = in.width, c = in.channels;
  const int64_t shapes[4][4] = {{1, c, h, w}, {1, h, w, c}, {c, h, w}, {h, w, c}};
  const int order = qn_stage_int(s, ORDER);
  const bool bytes = qn_stage_int(s, TYPE) == 1;
  if (bytes && !in.bytes) return qn_stage_fail(s, err, QN_ERR_TYPE, "the picture is float32 already");
  return qn_stage_result(s, "tensor", bytes ? QN_UINT8 : QN_FLOAT, order < CHW ? 4 : 3, shapes[order], err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  const int order = qn_stage_int(s, ORDER), n = in.channels;
  const bool planar = order == NCHW || order == CHW;
  qn_tensor *out = qn_stage_out(s, 0);
  const size_t count = (size_t)in.height * (size_t)in.width;
  for (int c = 0; c < n; c++) {
    const size_t step = planar ? 1 : (size_t)n, at = planar ? count * (size_t)c : (size_t)c;
    if (out->dtype == QN_UINT8) {
      uint8_t *o = (uint8_t *)out->data + at;
      const uint8_t *p = (const uint8_t *)in.data + c;
      for (size_t i = 0; i < count; i++, p += n, o += step) *o = *p;
    } else if (in.bytes) {
      float *o = (float *)out->data + at;
      const uint8_t *p = (const uint8_t *)in.data + c;
      for (size_t i = 0; i < count; i++, p += n, o += step) *o = *p;
    } else {
      float *o = (float *)out->data + at;
      const float *p = (const float *)in.data + c;
      for (size_t i = 0; i < count; i++, p += n, o += step) *o = *p;
    }
  }
  return QN_OK;
}

const qn_step_type qn_step_layout = {"layout", params, PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
