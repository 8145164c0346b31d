/* A part of a picture: at `x`, `y`, or the middle as torchvision cuts it out. What lies outside of the picture is filled. */
#include "feature/image/place_image.h"

enum { WIDTH, HEIGHT, X, Y, VALUE, PARAMS };

static const qn_param params[PARAMS] = {
  [WIDTH] = {"width", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE, .fallback = QN_REQUIRED},
  [HEIGHT] = {"height", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE, .fallback = QN_REQUIRED},
  [X] = {"x", QN_PARAM_INT, .least = -QN_MOST_SIDE, .most = QN_MOST_SIDE},
  [Y] = {"y", QN_PARAM_INT, .least = -QN_MOST_SIDE, .most = QN_MOST_SIDE},
  [VALUE] = QN_PARAM_FILL,
};

/* Half of what is cut off, rounded to even; half of what is added, rounded down. */
static int32_t middle(int32_t side, int32_t part) { return part > side ? -((part - side) / 2) : (int32_t)rint((side - part) / 2.0); }

static void corner(const qn_stage *s, const qn_picture *in, int32_t *x, int32_t *y) {
  *x = s->set[X].json ? qn_stage_int(s, X) : middle(in->width, qn_stage_int(s, WIDTH));
  *y = s->set[Y].json ? qn_stage_int(s, Y) : middle(in->height, qn_stage_int(s, HEIGHT));
}

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  int32_t x, y;
  QN_TRY(qn_picture_in(s, &in, err));
  QN_TRY(qn_fill_plan(s, &s->set[VALUE], &in, err));
  QN_TRY(qn_picture_result(s, &in, qn_stage_int(s, HEIGHT), qn_stage_int(s, WIDTH), in.channels, err));
  corner(s, &in, &x, &y);
  qn_view_change(s->facts, qn_stage_int(s, WIDTH), qn_stage_int(s, HEIGHT), (double[6]){1, 0, x, 0, 1, y});
  return QN_OK;
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  int32_t x, y;
  char pixel[16];
  QN_TRY(qn_picture_in(s, &in, err));
  corner(s, &in, &x, &y);
  qn_fill_pixel(&s->set[VALUE], 0, &in, pixel);
  qn_place_image(&in, -x, -y, QN_BORDER_CONSTANT, pixel, qn_stage_out(s, 0)->data, qn_stage_int(s, HEIGHT), qn_stage_int(s, WIDTH));
  return QN_OK;
}

const qn_step_type qn_step_crop = {"crop", params, PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
