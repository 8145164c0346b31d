/* Room around a picture: given for each side, or as much as makes its sides multiples of a number, or the picture square. */
#include "feature/image/place_image.h"

enum { SIDES, MULTIPLE, SQUARE, AT, BORDER, VALUE, PARAMS };

static const qn_param params[PARAMS] = {
  [SIDES] = {"sides", QN_PARAM_NUMBERS, .least = 0, .most = QN_MOST_SIDE, .least_count = 1, .most_count = 4}, /* all; or left and right, top and bottom; or left, top, right, bottom */
  [MULTIPLE] = {"multiple", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE},
  [SQUARE] = {"square", QN_PARAM_BOOL},
  [AT] = {"at", QN_PARAM_CHOICE, .choices = "corner|center"}, /* where the picture stays when it is made square or a multiple */
  [BORDER] = {"border", QN_PARAM_CHOICE, .choices = QN_BORDERS},
  [VALUE] = QN_PARAM_FILL,
};

/* left, top, right, bottom */
static void room(const qn_stage *s, const qn_picture *in, int64_t by[4]) {
  const qn_setting *sides = &s->set[SIDES];
  int64_t w = in->width, h = in->height;
  const int64_t multiple = qn_stage_int(s, MULTIPLE);
  for (int i = 0; i < 4; i++) by[i] = sides->count ? (int64_t)sides->list[sides->count == 1 ? 0 : sides->count == 2 ? i % 2 : i] : 0;
  if (sides->count) return;
  if (qn_stage_int(s, SQUARE)) w = h = w > h ? w : h;
  if (multiple) w = (w + multiple - 1) / multiple * multiple, h = (h + multiple - 1) / multiple * multiple;
  w -= in->width, h -= in->height;
  if (qn_stage_int(s, AT)) by[0] = w / 2, by[1] = h / 2;
  by[2] = w - by[0], by[3] = h - by[1];
}

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  int64_t by[4];
  QN_TRY(qn_picture_in(s, &in, err));
  QN_TRY(qn_fill_plan(s, &s->set[VALUE], &in, err));
  const qn_setting *sides = &s->set[SIDES];
  if ((sides->count > 0) == (s->set[MULTIPLE].json || qn_stage_int(s, SQUARE))) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "give sides, or multiple, or square");
  if (sides->count == 3) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "sides is a list of 1, 2 or 4, got 3");
  for (int i = 0; i < sides->count; i++)
    if (sides->list[i] != floor(sides->list[i])) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "sides are whole numbers, got %g", sides->list[i]);
  room(s, &in, by);
  const int64_t w = by[0] + in.width + by[2], h = by[1] + in.height + by[3];
  QN_TRY(qn_picture_result(s, &in, (int32_t)h, (int32_t)w, in.channels, err));
  qn_view_change(s->facts, (int32_t)w, (int32_t)h, (double[6]){1, 0, (double)-by[0], 0, 1, (double)-by[1]});
  return QN_OK;
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  int64_t by[4];
  char pixel[16];
  QN_TRY(qn_picture_in(s, &in, err));
  room(s, &in, by);
  qn_fill_pixel(&s->set[VALUE], 0, &in, pixel);
  const qn_tensor *out = qn_stage_out(s, 0);
  qn_place_image(&in, (int32_t)by[0], (int32_t)by[1], (qn_border)qn_stage_int(s, BORDER), pixel, out->data, (int32_t)out->dims[0], (int32_t)out->dims[1]);
  return QN_OK;
}

const qn_step_type qn_step_pad = {"pad", params, PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
