#include "feature/image/resize_by.h"

static qn_resample filter_of(const qn_resize_by *how) {
  const bool pillow = how->like == QN_LIKE_PILLOW, widen = pillow || how->antialias;
  return (qn_resample){how->filter, widen ? -0.5 : -0.75, widen, !pillow};
}

qn_status qn_resize_plan(const qn_stage *s, const qn_resize_by *how, const qn_picture *in, int32_t dh, int32_t dw, size_t *scratch, qn_error *err) {
  const qn_resample filter = filter_of(how);
  if (how->like == QN_LIKE_OPENCV) return qn_stage_fail(s, err, QN_ERR_UNSUPPORTED, "OpenCV's filters are not there yet");
  if (!qn_resample_scratch(&filter, in->height, in->width, in->channels, dh, dw, scratch))
    return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for resizing %d×%d to %d×%d", in->width, in->height, dw, dh);
  return QN_OK;
}

void qn_resize_run(const qn_resize_by *how, const qn_picture *in, void *dst, int32_t dh, int32_t dw, void *scratch) {
  const qn_resample filter = filter_of(how);
  if (in->bytes) qn_resample_u8(&filter, in->data, in->height, in->width, in->channels, dst, dh, dw, scratch);
  else qn_resample_f32(&filter, in->data, in->height, in->width, in->channels, dst, dh, dw, scratch);
}
