#include "feature/image/picture.h"

#include "feature/image/affine.h"

qn_status qn_picture_in(const qn_stage *s, qn_picture *picture, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_UNDEFINED, 3, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  char shape[QN_SHAPE_TEXT];
  const int64_t h = t->dims[0], w = t->dims[1], c = t->dims[2];
  if (t->dtype != QN_UINT8 && t->dtype != QN_FLOAT) return qn_stage_fail(s, err, QN_ERR_TYPE, "a picture is uint8 or float32, not %s", qn_dtype_name(t->dtype));
  if (h < 1 || w < 1 || h > QN_MOST_SIDE || w > QN_MOST_SIDE || c < 1 || c > 4)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "a picture is [height, width, channels] with sides from 1 to %d and 1 to 4 channels, not %s", QN_MOST_SIDE, qn_shape_text(shape, 3, t->dims));
  *picture = (qn_picture){(int32_t)h, (int32_t)w, (int32_t)c, t->dtype == QN_UINT8, t->data};
  return QN_OK;
}

qn_status qn_picture_result(qn_stage *s, const qn_picture *like, int32_t height, int32_t width, int32_t channels, qn_error *err) {
  if (height < 1 || width < 1 || height > QN_MOST_SIDE || width > QN_MOST_SIDE)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "the result would be a picture of %d×%d; sides are from 1 to %d", width, height, QN_MOST_SIDE);
  return qn_stage_result(s, "picture", like->bytes ? QN_UINT8 : QN_FLOAT, 3, (int64_t[]){height, width, channels}, err);
}

void qn_view_change(qn_facts *facts, int32_t width, int32_t height, const double m[6]) {
  qn_affine_product(facts->to_source, m, facts->to_source);
  facts->view_width = width, facts->view_height = height;
}
