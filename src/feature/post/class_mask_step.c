/* The class of every pixel, at the size of the source: maps of scores are interpolated back through all that the features did, then the best is taken. */
#include <string.h>

#include "feature/image/affine.h"
#include "feature/post/boxes.h"

enum { ORDER, SIZE, LEAST, COLORS, PARAMS };

static const qn_param params[PARAMS] = {
  [ORDER] = {"order", QN_PARAM_CHOICE, .choices = "nchw|nhwc"},
  [SIZE] = {"size", QN_PARAM_CHOICE, .choices = "source|model"},
  [LEAST] = {"least", QN_PARAM_NUMBER, -1e30, 1e30, .fallback = 0.5},                                        /* of a single map: where it is 1 */
  [COLORS] = {"colors", QN_PARAM_NUMBERS, .least = 0, .most = 255, .least_count = 4, .most_count = 4 * 256}, /* red, green, blue and alpha of each class */
};

typedef struct maps {
  int64_t classes, h, w, c_step, x_step;
  int32_t out_h, out_w;
} maps;

static qn_status maps_of(const qn_stage *s, maps *m, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 4, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const bool last = qn_stage_int(s, ORDER) == 1;
  *m = (maps){.classes = t->dims[last ? 3 : 1], .h = t->dims[last ? 1 : 2], .w = t->dims[last ? 2 : 3]};
  if (t->dims[0] != 1 || t->count < 1 || m->classes > 256 || m->h > 32768 || m->w > 32768)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes the maps of one picture and up to 256 classes", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  m->c_step = last ? 1 : m->h * m->w, m->x_step = last ? m->classes : 1;
  const bool source = qn_stage_int(s, SIZE) == 0;
  if (source && !s->facts->width) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the picture is not known: give the facts of the features, or size \"model\"");
  m->out_h = source ? s->facts->height : (int32_t)m->h, m->out_w = source ? s->facts->width : (int32_t)m->w;
  return QN_OK;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  maps m;
  double back[6];
  QN_TRY(maps_of(s, &m, err));
  const int64_t classes = m.classes > 1 ? m.classes : 2;
  if (s->set[COLORS].count && s->set[COLORS].count != 4 * classes) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "colors has %d numbers; %lld classes take %lld", s->set[COLORS].count, (long long)classes, (long long)(4 * classes));
  if (qn_stage_int(s, SIZE) == 0 && !qn_affine_invert(s->facts->to_source, back)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the way back to the source is not known");
  s->scratch_size = (size_t)m.classes * sizeof(float);
  QN_TRY(qn_stage_result(s, "mask", QN_UINT8, 2, (int64_t[]){m.out_h, m.out_w}, err));
  return s->set[COLORS].count ? qn_stage_result(s, "picture", QN_UINT8, 3, (int64_t[]){m.out_h, m.out_w, 4}, err) : QN_OK;
}

static int64_t bounded(double x, int64_t n) { return !(x > 0) ? 0 : x > (double)(n - 1) ? n - 1 : (int64_t)x; }

static qn_status run(qn_stage *s, qn_error *err) {
  maps m;
  double to[6] = {1, 0, 0, 0, 1, 0};
  QN_TRY(maps_of(s, &m, err));
  const bool source = qn_stage_int(s, SIZE) == 0;
  if (source) { /* from the source's pixels to the maps' */
    double back[6];
    if (!qn_affine_invert(s->facts->to_source, back)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the way back to the source is not known");
    qn_affine_product((double[6]){(double)m.w / s->facts->view_width, 0, 0, 0, (double)m.h / s->facts->view_height, 0}, back, to);
  }
  const float *x = qn_stage_in(s, 0)->data, least = (float)qn_stage_number(s, LEAST);
  float *score = s->scratch;
  uint8_t *mask = qn_stage_out(s, 0)->data, *paint = s->set[COLORS].count ? qn_stage_out(s, 1)->data : NULL;
  for (int32_t y = 0; y < m.out_h; y++)
    for (int32_t k = 0; k < m.out_w; k++) {
      const double px = qn_affine_x(to, k + 0.5, y + 0.5) - 0.5, py = qn_affine_y(to, k + 0.5, y + 0.5) - 0.5;
      const int64_t x0 = bounded(floor(px), m.w), y0 = bounded(floor(py), m.h), x1 = bounded(floor(px) + 1, m.w), y1 = bounded(floor(py) + 1, m.h);
      const float fx = (float)(px - floor(px)), fy = (float)(py - floor(py));
      const int64_t tap[4] = {(y0 * m.w + x0) * m.x_step, (y0 * m.w + x1) * m.x_step, (y1 * m.w + x0) * m.x_step, (y1 * m.w + x1) * m.x_step};
      int64_t best = 0;
      for (int64_t c = 0; c < m.classes; c++) {
        const float *map = x + c * m.c_step;
        score[c] = !source ? map[tap[0]] : (map[tap[0]] * (1 - fx) + map[tap[1]] * fx) * (1 - fy) + (map[tap[2]] * (1 - fx) + map[tap[3]] * fx) * fy;
        if (score[c] > score[best]) best = c;
      }
      if (m.classes == 1) best = score[0] >= least;
      *mask++ = (uint8_t)best;
      if (paint)
        for (int c = 0; c < 4; c++) *paint++ = (uint8_t)s->set[COLORS].list[4 * best + c];
    }
  return QN_OK;
}

const qn_step_type qn_step_class_mask = {"class_mask", params, PARAMS, .plan = plan, .run = run};
