/* Numbers of any range to those that a model was trained on: (value · scale − mean[c]) / std[c]. */
#include "feature/image/picture.h"

enum { SCALE, MEAN, STD, PARAMS };

static const qn_param params[PARAMS] = {
  [SCALE] = {"scale", QN_PARAM_NUMBER, -1e9, 1e9, .fallback = 1.0 / 255},
  [MEAN] = {"mean", QN_PARAM_NUMBERS, .least = -1e9, .most = 1e9, .least_count = 1, .most_count = 4},
  [STD] = {"std", QN_PARAM_NUMBERS, .least = 1e-12, .most = 1e9, .least_count = 1, .most_count = 4},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  for (int i = MEAN; i <= STD; i++)
    if (s->set[i].count > 1 && s->set[i].count != in.channels)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "%s has %d numbers for a picture of %d channels", params[i].name, s->set[i].count, in.channels);
  in.bytes = false;
  return qn_picture_result(s, &in, in.height, in.width, in.channels, err);
}

static double at(const qn_setting *set, int c, double none) { return !set->count ? none : set->list[set->count > 1 ? c : 0]; }

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  const size_t count = (size_t)in.height * (size_t)in.width;
  const double scale = qn_stage_number(s, SCALE);
  float *out = qn_stage_out(s, 0)->data;
  const int n = in.channels;
  for (int c = 0; c < n; c++) {
    const double mean = at(&s->set[MEAN], c, 0), std = at(&s->set[STD], c, 1);
    float *o = out + c;
    if (in.bytes) {
      float table[256]; /* a pixel has 256 values: the exact formula once for each */
      for (int v = 0; v < 256; v++) table[v] = (float)((v * scale - mean) / std);
      const uint8_t *p = (const uint8_t *)in.data + c;
      for (size_t i = 0; i < count; i++, p += n, o += n) *o = table[*p];
    } else {
      const float *p = (const float *)in.data + c;
      for (size_t i = 0; i < count; i++, p += n, o += n) *o = (float)((*p * scale - mean) / std);
    }
  }
  return QN_OK;
}

const qn_step_type qn_step_normalize = {"normalize", params, PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
