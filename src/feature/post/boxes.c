#include "feature/post/boxes.h"

qn_status qn_seen_size(const qn_stage *s, double width, double height, double *w, double *h, qn_error *err) {
  *w = width > 0 ? width : s->facts->view_width, *h = height > 0 ? height : s->facts->view_height;
  if (*w > 0 && *h > 0) return QN_OK;
  return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the size of the picture that the model saw is not known: give width and height, or the facts of the features");
}

qn_status qn_rows_of(const qn_stage *s, int input, int64_t *rows, int64_t *size, qn_error *err) {
  const qn_tensor *t = qn_stage_in(s, input);
  char shape[QN_SHAPE_TEXT];
  if (t->dtype != QN_FLOAT) return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; it takes float32", s->inputs[input]->name, qn_dtype_name(t->dtype));
  *size = t->rank ? t->dims[t->rank - 1] : 0;
  *rows = *size ? t->count / *size : 0;
  for (int i = 0; i + 2 < t->rank; i++)
    if (t->dims[i] != 1) *rows = 0;
  if (*rows < 1 || *rows > INT32_MAX || *size > INT32_MAX)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes rows of one picture, [1, n, m]", s->inputs[input]->name, qn_shape_text(shape, t->rank, t->dims));
  return QN_OK;
}

float qn_box_iou(const float a[4], const float b[4]) {
  const float w = fminf(a[2], b[2]) - fmaxf(a[0], b[0]), h = fminf(a[3], b[3]) - fmaxf(a[1], b[1]);
  if (!(w > 0 && h > 0)) return 0;
  const float both = w * h, all = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
  return all > 0 ? both / all : 0;
}
