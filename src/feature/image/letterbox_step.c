/* The whole picture inside of a given size, its ratio kept, the rest filled. */
#include "feature/image/place_image.h"
#include "feature/image/resize_by.h"

enum { WIDTH, HEIGHT, AT, ENLARGE, VALUE, LIKE, FILTER, ANTIALIAS, PARAMS };

static const qn_param params[PARAMS] = {
  [WIDTH] = {"width", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE, .fallback = QN_REQUIRED},
  [HEIGHT] = {"height", QN_PARAM_INT, .least = 1, .most = QN_MOST_SIDE, .fallback = QN_REQUIRED},
  [AT] = {"at", QN_PARAM_CHOICE, .choices = "center|corner"},
  [ENLARGE] = {"enlarge", QN_PARAM_BOOL, .fallback = 1}, /* also pictures that are smaller */
  [VALUE] = QN_PARAM_FILL,
  [LIKE] = {"like", QN_PARAM_CHOICE, .choices = QN_RESIZE_LIKE},
  [FILTER] = {"filter", QN_PARAM_CHOICE, .choices = QN_FILTERS, .fallback = QN_FILTER_BILINEAR},
  [ANTIALIAS] = {"antialias", QN_PARAM_BOOL, .fallback = 1},
};

typedef struct box {
  int32_t w, h, left, top; /* of the picture inside */
} box;

static int32_t side(double n, int32_t most) { return n < 1 ? 1 : n > most ? most : (int32_t)rint(n); }

/* Sizes are rounded; of an odd rest the smaller half comes first (letterbox() of Ultralytics 8). */
static box inside(const qn_stage *s, const qn_picture *in) {
  const int32_t w = qn_stage_int(s, WIDTH), h = qn_stage_int(s, HEIGHT);
  double ratio = (double)w / in->width < (double)h / in->height ? (double)w / in->width : (double)h / in->height;
  if (ratio > 1 && !qn_stage_int(s, ENLARGE)) ratio = 1;
  box b = {side(in->width * ratio, w), side(in->height * ratio, h), 0, 0};
  if (qn_stage_int(s, AT) == 0) b.left = (w - b.w) / 2, b.top = (h - b.h) / 2;
  return b;
}

static qn_resize_by by(const qn_stage *s) { return (qn_resize_by){qn_stage_int(s, LIKE), qn_stage_int(s, FILTER), qn_stage_int(s, ANTIALIAS)}; }
static size_t pixels_of(const qn_picture *in, box b) { return qn_align_up((size_t)b.w * (size_t)b.h * (size_t)in->channels * (in->bytes ? 1 : 4)); }

static qn_status plan(qn_stage *s, qn_error *err) {
  qn_picture in;
  QN_TRY(qn_picture_in(s, &in, err));
  QN_TRY(qn_fill_plan(s, &s->set[VALUE], &in, err));
  const box b = inside(s, &in);
  const qn_resize_by how = by(s);
  const int32_t w = qn_stage_int(s, WIDTH), h = qn_stage_int(s, HEIGHT);
  QN_TRY(qn_picture_result(s, &in, h, w, in.channels, err));
  QN_TRY(qn_resize_plan(s, &how, &in, b.h, b.w, &s->scratch_size, err));
  if (!qn_size_add(s->scratch_size, pixels_of(&in, b), &s->scratch_size)) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for a picture of %d×%d", w, h);
  const double x = (double)in.width / b.w, y = (double)in.height / b.h;
  qn_view_change(s->facts, w, h, (double[6]){x, 0, -x * b.left, 0, y, -y * b.top});
  return QN_OK;
}

static qn_status run(qn_stage *s, qn_error *err) {
  qn_picture in;
  char pixel[16];
  QN_TRY(qn_picture_in(s, &in, err));
  const box b = inside(s, &in);
  const qn_resize_by how = by(s);
  qn_resize_run(&how, &in, s->scratch, b.h, b.w, (char *)s->scratch + pixels_of(&in, b));
  qn_fill_pixel(&s->set[VALUE], 0, &in, pixel);
  in.data = s->scratch, in.width = b.w, in.height = b.h;
  qn_place_image(&in, b.left, b.top, QN_BORDER_CONSTANT, pixel, qn_stage_out(s, 0)->data, qn_stage_int(s, HEIGHT), qn_stage_int(s, WIDTH));
  return QN_OK;
}

const qn_step_type qn_step_letterbox = {"letterbox", params, PARAMS, QN_SOURCE_PICTURE, .plan = plan, .run = run};
