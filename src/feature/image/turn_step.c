/* Flipping and turning by right angles. */
#include <string.h>

#include "feature/image/picture.h"

enum { AXIS, FLIP_PARAMS };
enum { BY, TURN_PARAMS };

static const qn_param flip_params[FLIP_PARAMS] = {[AXIS] = {"axis", QN_PARAM_CHOICE, .choices = "horizontal|vertical"}}; /* left ↔ right, or top ↔ bottom */
static const qn_param turn_params[TURN_PARAMS] = {[BY] = {"by", QN_PARAM_CHOICE, .choices = "90|180|270"}};              /* degrees, clockwise */

/* Where a pixel of the result comes from: x = m[0] x' + m[1] y' + m[2], y = m[3] x' + m[4] y' + m[5], of corners. */
static void matrix_of(const qn_stage *s, const qn_picture *in, int32_t m[6], int32_t *w, int32_t *h) {
  const int kind = s->type->params == flip_params ? qn_stage_int(s, AXIS) : 2 + qn_stage_int(s, BY);
  const int32_t a = in->width, b = in->height;
  const int32_t all[5][6] = {{-1, 0, a, 0, 1, 0}, {1, 0, 0, 0, -1, b}, {0, 1, 0, -1, 0, b}, {-1, 0, a, 0, -1, b}, {0, -1, a, 1, 0, 0}};
  memcpy(m, all[kind], sizeof all[kind]);
  *w = m[0] ? a : b, *h = m[0] ? b : a;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  int32_t m[6], w, h;
  QN_TRY(qn_picture_in(s, &in, err));
  matrix_of(s, &in, m, &w, &h);
  QN_TRY(qn_picture_result(s, &in, h, w, in.channels, err));
  qn_view_change(s->facts, w, h, (double[6]){m[0], m[1], m[2], m[3], m[4], m[5]});
  return QN_OK;
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  int32_t m[6], w, h;
  QN_TRY(qn_picture_in(s, &in, err));
  matrix_of(s, &in, m, &w, &h);
  const size_t size = (size_t)in.channels * (in.bytes ? 1 : 4);
  /* A negative step reads the pixel before its corner. */
  const int64_t x0 = m[2] - (m[0] + m[1] < 0), y0 = m[5] - (m[3] + m[4] < 0), step = (m[0] + (int64_t)m[3] * in.width) * (int64_t)size;
  char *o = qn_stage_out(s, 0)->data;
  for (int32_t y = 0; y < h; y++) {
    const char *p = (const char *)in.data + ((m[4] * (int64_t)y + y0) * in.width + m[1] * (int64_t)y + x0) * (int64_t)size;
    if (size == 4) /* a size that is known is copied by one instruction */
      for (int32_t x = 0; x < w; x++, o += 4) memcpy(o, p + x * step, 4);
    else if (size == 3)
      for (int32_t x = 0; x < w; x++, o += 3) memcpy(o, p + x * step, 3);
    else
      for (int32_t x = 0; x < w; x++, o += size) memcpy(o, p + x * step, size);
  }
  return QN_OK;
}

const qn_step_type qn_step_flip = {"flip", flip_params, FLIP_PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
const qn_step_type qn_step_turn = {"turn", turn_params, TURN_PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
