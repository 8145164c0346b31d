/* A part of a picture, turned and scaled so that landmarks come to lie on a template: what models of faces and hands take.
 * Sampled as cv2.warpAffine of OpenCV 4 does with INTER_LINEAR: positions in 1/32 pixel. */
#include <string.h>

#include "feature/image/affine.h"
#include "feature/image/place_image.h"

enum { WIDTH, HEIGHT, TEMPLATE, FIT, BORDER, VALUE, PARAMS };

static const qn_param params[PARAMS] = {
  [WIDTH] = {"width", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE, .fallback = QN_REQUIRED},
  [HEIGHT] = {"height", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE, .fallback = QN_REQUIRED},
  [TEMPLATE] = {"template", QN_PARAM_NUMBERS, .least = -1e6, .most = 1e6, .fallback = QN_REQUIRED, .least_count = 4, .most_count = 2048},
  [FIT] = {"fit", QN_PARAM_CHOICE, .choices = "similarity|affine"},
  [BORDER] = {"border", QN_PARAM_CHOICE, .choices = "constant|edge"},
  [VALUE] = QN_PARAM_FILL,
};

/* The facts hold one map from the result to the source, which here depends on the points: it is put together in each run. */
typedef struct known {
  double before[6], planned[6]; /* from this step's input to the source; from the last view to the source, as if this step moved nothing */
  bool fresh;
  double points[2048];
} known;

static qn_status prepare(qn_stage *s, qn_error *err) {
  s->own = qn_alloc_zeroed(sizeof(known));
  return s->own ? QN_OK : qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for its points");
}

static void release(qn_stage *s) { qn_free(s->own); }

static qn_status picture_of(const qn_stage *s, qn_picture *in, qn_error *err) {
  if (s->input_count != 2) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes a picture and points, got %d inputs", s->input_count);
  qn_stage alone = *s;
  alone.input_count = 1;
  return qn_picture_in(&alone, in, err);
}

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(picture_of(s, &in, err));
  QN_TRY(qn_fill_plan(s, &s->set[VALUE], &in, err));
  const qn_tensor *points = qn_stage_in(s, 1);
  char shape[QN_SHAPE_TEXT];
  const int32_t n = s->set[TEMPLATE].count / 2;
  if (s->set[TEMPLATE].count % 2) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "template is a list of x and y in turn, got %d numbers", s->set[TEMPLATE].count);
  if (qn_stage_int(s, FIT) == 1 && n < 3) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "an affine map takes 3 points, template has %d", n);
  if (points->dtype != QN_FLOAT || points->rank < 1 || points->count != s->set[TEMPLATE].count)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is %s %s; template has float32 [%d, 2]", s->inputs[1]->name, qn_dtype_name(points->dtype), qn_shape_text(shape, points->rank, points->dims), n);
  known *k = s->own;
  memcpy(k->before, s->facts->to_source, sizeof k->before);
  if (k->before[0] == 0 && k->before[1] == 0) memcpy(k->before, (double[6]){1, 0, 0, 0, 1, 0}, sizeof k->before);
  k->fresh = true;
  qn_view_change(s->facts, qn_stage_int(s, WIDTH), qn_stage_int(s, HEIGHT), (double[6]){1, 0, 0, 0, 1, 0});
  return qn_picture_result(s, &in, qn_stage_int(s, HEIGHT), qn_stage_int(s, WIDTH), in.channels, err);
}

static int32_t fixed(double x) {
  const double limit = 536870912.0;
  return (int32_t)rint(!(x > -limit) ? -limit : x > limit ? limit : x);
}

static int32_t bounded(int32_t i, int32_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* m: from pixels of the result to those of the picture, by their indices. */
static void sample(const qn_stage *s, const qn_picture *in, const double m[6], void *dst, int32_t h, int32_t w) {
  char pixel[16];
  const size_t size = qn_fill_pixel(&s->set[VALUE], 0, in, pixel);
  const bool edge = qn_stage_int(s, BORDER) == 1;
  char *o = dst;
  for (int32_t y = 0; y < h; y++) {
    const int32_t x0 = fixed((m[1] * y + m[2]) * 1024) + 16, y0 = fixed((m[4] * y + m[5]) * 1024) + 16;
    for (int32_t x = 0; x < w; x++, o += size) {
      const int32_t at_x = (x0 + fixed(m[0] * x * 1024)) >> 5, at_y = (y0 + fixed(m[3] * x * 1024)) >> 5, fx = at_x & 31, fy = at_y & 31;
      const char *tap[4];
      for (int k = 0; k < 4; k++) {
        int32_t column = (at_x >> 5) + k % 2, row = (at_y >> 5) + k / 2;
        const bool out = column < 0 || row < 0 || column >= in->width || row >= in->height;
        column = bounded(column, in->width), row = bounded(row, in->height);
        tap[k] = out && !edge ? pixel : (const char *)in->data + ((size_t)row * (size_t)in->width + (size_t)column) * size;
      }
      const int32_t weight[4] = {(32 - fx) * (32 - fy), fx * (32 - fy), (32 - fx) * fy, fx * fy};
      for (int c = 0; c < in->channels; c++) {
        if (in->bytes) {
          int32_t sum = 512;
          for (int k = 0; k < 4; k++) sum += (uint8_t)tap[k][c] * weight[k];
          ((uint8_t *)o)[c] = (uint8_t)(sum >> 10);
        } else {
          float sum = 0;
          for (int k = 0; k < 4; k++) sum += ((const float *)tap[k])[c] * ((float)weight[k] / 1024);
          ((float *)o)[c] = sum;
        }
      }
    }
  }
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(picture_of(s, &in, err));
  known *k = s->own;
  const float *points = qn_stage_in(s, 1)->data;
  const qn_setting *template = &s->set[TEMPLATE];
  double to_view[6], forward[6], back[6], rest[6];
  if (!qn_affine_invert(k->before, to_view)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the picture before it has no size");
  for (int32_t i = 0; i < template->count; i += 2) { /* points are of the source */
    k->points[i] = qn_affine_x(to_view, points[i], points[i + 1]);
    k->points[i + 1] = qn_affine_y(to_view, points[i], points[i + 1]);
  }
  if (!qn_affine_fit(k->points, template->list, template->count / 2, qn_stage_int(s, FIT) == 0, forward) || !qn_affine_invert(forward, back))
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the points '%s' lie in one place or on a line, or are not numbers", s->inputs[1]->name);
  if (k->fresh) memcpy(k->planned, s->facts->to_source, sizeof k->planned);
  k->fresh = false;
  qn_affine_product(to_view, k->planned, rest); /* what later steps did */
  qn_affine_product(back, rest, rest);
  qn_affine_product(k->before, rest, s->facts->to_source);
  /* From corners to the middles of pixels. */
  const double m[6] = {back[0], back[1], back[2] + 0.5 * (back[0] + back[1]) - 0.5, back[3], back[4], back[5] + 0.5 * (back[3] + back[4]) - 0.5};
  sample(s, &in, m, qn_stage_out(s, 0)->data, qn_stage_int(s, HEIGHT), qn_stage_int(s, WIDTH));
  return QN_OK;
}

const qn_step_type qn_step_warp = {"warp", params, PARAMS, QN_SOURCE_PICTURE, .prepare = prepare, .release = release, .plan = plan, .run = run};
