/* RGBA, RGB or grey to the channels that a model takes. */
#include "feature/image/picture.h"

enum { TO, LIKE, ALPHA, BACKGROUND, PARAMS };
enum { RGB, BGR, GRAY, RGBA };

static const qn_param params[PARAMS] = {
  [TO] = {"to", QN_PARAM_CHOICE, .choices = "rgb|bgr|gray|rgba"},
  [LIKE] = {"like", QN_PARAM_CHOICE, .choices = "pillow|opencv|torch"},
  [ALPHA] = {"alpha", QN_PARAM_CHOICE, .choices = "drop|blend"},
  [BACKGROUND] = {"background", QN_PARAM_NUMBERS, .least = 0, .most = 255, .least_count = 3, .most_count = 3},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  if (in.channels == 2) return qn_stage_fail(s, err, QN_ERR_SHAPE, "a picture of two channels has no colours");
  const int to = qn_stage_int(s, TO);
  return qn_picture_result(s, &in, in.height, in.width, to == GRAY ? 1 : to == RGBA ? 4 : 3, err);
}

/* Luma as each library computes it for uint8: ITU-R BT.601 in 16 bits (Pillow 11), in 15 (OpenCV 4), in single precision, cut off (torchvision). */
static uint8_t gray_u8(int like, int r, int g, int b) {
  if (like == 0) return (uint8_t)((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
  if (like == 1) return (uint8_t)((r * 9798 + g * 19235 + b * 3735 + (1 << 14)) >> 15);
  return (uint8_t)(0.2989f * (float)r + 0.587f * (float)g + 0.114f * (float)b);
}

static float gray_f32(int like, float r, float g, float b) { return (like == 2 ? 0.2989f : 0.299f) * r + 0.587f * g + 0.114f * b; }

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  const int to = qn_stage_int(s, TO), like = qn_stage_int(s, LIKE), n = in.channels, m = to == GRAY ? 1 : to == RGBA ? 4 : 3;
  const bool blend = qn_stage_int(s, ALPHA) == 1 && n == 4;
  const size_t count = (size_t)in.height * (size_t)in.width;
  double paper[3];
  for (int c = 0; c < 3; c++) paper[c] = s->set[BACKGROUND].count ? s->set[BACKGROUND].list[c] : 255;
  const int order[3] = {to == BGR ? 2 : 0, 1, to == BGR ? 0 : 2};
  if (in.bytes) {
    const uint8_t *p = in.data;
    uint8_t *o = qn_stage_out(s, 0)->data;
    if (n == 4 && m == 3 && !blend) { /* what a page has, without a thought about alpha */
      const int a = order[0], b = order[2];
      for (size_t i = 0; i < count; i++, p += 4, o += 3) o[0] = p[a], o[1] = p[1], o[2] = p[b];
      return QN_OK;
    }
    for (size_t i = 0; i < count; i++, p += n, o += m) {
      int v[4] = {p[0], n < 3 ? p[0] : p[1], n < 3 ? p[0] : p[2], n == 4 ? p[3] : 255};
      if (blend && v[3] < 255)
        for (int c = 0; c < 3; c++) v[c] = (v[c] * v[3] + (int)paper[c] * (255 - v[3]) + 127) / 255;
      if (to == GRAY) o[0] = n < 3 ? p[0] : gray_u8(like, v[0], v[1], v[2]);
      else o[0] = (uint8_t)v[order[0]], o[1] = (uint8_t)v[1], o[2] = (uint8_t)v[order[2]];
      if (to == RGBA) o[3] = (uint8_t)(blend ? 255 : v[3]);
    }
    return QN_OK;
  }
  const float *p = in.data;
  float *o = qn_stage_out(s, 0)->data;
  for (size_t i = 0; i < count; i++, p += n, o += m) {
    float v[4] = {p[0], n < 3 ? p[0] : p[1], n < 3 ? p[0] : p[2], n == 4 ? p[3] : 1};
    if (blend)
      for (int c = 0; c < 3; c++) v[c] = v[c] * v[3] + (float)(paper[c] / 255) * (1 - v[3]);
    if (to == GRAY) o[0] = n < 3 ? p[0] : gray_f32(like, v[0], v[1], v[2]);
    else o[0] = v[order[0]], o[1] = v[1], o[2] = v[order[2]];
    if (to == RGBA) o[3] = blend ? 1 : v[3];
  }
  return QN_OK;
}

const qn_step_type qn_step_color = {"color", params, PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
