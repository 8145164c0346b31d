/* Another size, computed as the library did that the model was trained behind. */
#include "feature/image/picture.h"
#include "feature/image/resize_by.h"

enum { WIDTH, HEIGHT, SHORTER, LONGER, LIKE, FILTER, ANTIALIAS, PARAMS };

static const qn_param params[PARAMS] = {
  [WIDTH] = {"width", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE},
  [HEIGHT] = {"height", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE},
  [SHORTER] = {"shorter", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE},
  [LONGER] = {"longer", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE},
  [LIKE] = {"like", QN_PARAM_CHOICE, .choices = QN_RESIZE_LIKE},
  [FILTER] = {"filter", QN_PARAM_CHOICE, .choices = QN_FILTERS, .fallback = QN_FILTER_BILINEAR},
  [ANTIALIAS] = {"antialias", QN_PARAM_BOOL, .fallback = 1},
};

static qn_resize_by by(const qn_stage *s) { return (qn_resize_by){qn_stage_int(s, LIKE), qn_stage_int(s, FILTER), qn_stage_int(s, ANTIALIAS)}; }

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  int32_t w = qn_stage_int(s, WIDTH), h = qn_stage_int(s, HEIGHT), shorter = qn_stage_int(s, SHORTER), longer = qn_stage_int(s, LONGER);
  if ((w && h) + (shorter > 0) + (longer > 0) != 1 || !w != !h)
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "give width and height, or shorter, or longer");
  if (!w) { /* the ratio stays; the other side is cut off to a whole number, as torchvision does */
    const bool first = (in.width <= in.height) == (shorter > 0);
    const int64_t side = shorter ? shorter : longer;
    w = first ? (int32_t)side : (int32_t)(side * in.width / in.height < QN_MOST_SIDE + 1 ? side * in.width / in.height : QN_MOST_SIDE + 1);
    h = first ? (int32_t)(side * in.height / in.width < QN_MOST_SIDE + 1 ? side * in.height / in.width : QN_MOST_SIDE + 1) : (int32_t)side;
    if (w < 1) w = 1;
    if (h < 1) h = 1;
  }
  const qn_resize_by how = by(s);
  QN_TRY(qn_picture_result(s, &in, h, w, in.channels, err));
  QN_TRY(qn_resize_plan(s, &how, &in, h, w, &s->scratch_size, err));
  qn_view_change(s->facts, w, h, (double[6]){(double)in.width / w, 0, 0, 0, (double)in.height / h, 0});
  return QN_OK;
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  const qn_tensor *out = qn_stage_out(s, 0);
  const qn_resize_by how = by(s);
  qn_resize_run(&how, &in, out->data, (int32_t)out->dims[0], (int32_t)out->dims[1], s->scratch);
  return QN_OK;
}

const qn_step_type qn_step_resize = {"resize", params, PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
