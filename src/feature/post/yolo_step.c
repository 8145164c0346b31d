/* What detectors of the YOLO family say, as boxes. The input is one tensor, of one picture:
 *   v8: [1, 4 + classes + 3 · keypoints, n], boxes in pixels, scores as they are (YOLOv8, v9, v11 as Ultralytics exports them)
 *   v5: [1, n, 5 + classes], boxes in pixels, the score of an object times that of a class (YOLOv5, v7)
 *   x:  [1, n, 5 + classes], the same of a grid: middles from its corners, sizes as logarithms, both in strides (YOLOX) */
#include "feature/post/boxes.h"

enum { FORM, KEYPOINTS, STRIDES, WIDTH, HEIGHT, LEAST, PARAMS };
enum { V8, V5, X };

static const qn_param params[PARAMS] = {
  [FORM] = {"form", QN_PARAM_CHOICE, .choices = "v8|v5|x"},
  [KEYPOINTS] = {"keypoints", QN_PARAM_INT, 0, 1024}, /* of v8: x, y and whether it is seen, behind the classes */
  [STRIDES] = {"strides", QN_PARAM_NUMBERS, .least = 1, .most = 4096, .least_count = 1, .most_count = 8}, /* of x: 8, 16 and 32 unless others are given */
  [WIDTH] = {"width", QN_PARAM_INT, .least = 1, .most = 32768},
  [HEIGHT] = {"height", QN_PARAM_INT, .least = 1, .most = 32768},
  [LEAST] = {"least", QN_PARAM_NUMBER, 0, 1, .fallback = 0.25},
};

static const double strides[] = {8, 16, 32};

static qn_status shape_of(const qn_stage *s, int64_t *n, int64_t *numbers, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  if (qn_stage_int(s, FORM) == V8) return qn_rows_of(s, 0, numbers, n, err);
  return qn_rows_of(s, 0, n, numbers, err);
}

static int levels_of(const qn_stage *s, const double **list) {
  *list = s->set[STRIDES].count ? s->set[STRIDES].list : strides;
  return s->set[STRIDES].count ? s->set[STRIDES].count : 3;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  int64_t n, numbers;
  char shape[QN_SHAPE_TEXT];
  QN_TRY(shape_of(s, &n, &numbers, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const int form = qn_stage_int(s, FORM), points = qn_stage_int(s, KEYPOINTS);
  if (points && form != V8) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "keypoints are of the form v8");
  const int64_t classes = numbers - (form == V8 ? 4 + 3 * (int64_t)points : 5);
  if (classes < 1)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s, which leaves no class; it takes %s", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims), form == V8 ? "[1, 4 + classes + 3 · keypoints, n]" : "[1, n, 5 + classes]");
  if (form == X) {
    const double *list;
    double w, h;
    int64_t places = 0;
    QN_TRY(qn_seen_size(s, qn_stage_number(s, WIDTH), qn_stage_number(s, HEIGHT), &w, &h, err));
    for (int i = 0, levels = levels_of(s, &list); i < levels; i++) places += (int64_t)(w / list[i]) * (int64_t)(h / list[i]);
    if (places != n) return qn_stage_fail(s, err, QN_ERR_SHAPE, "the grids of a picture of %g×%g have %lld places, '%s' has %lld", w, h, (long long)places, s->inputs[0]->name, (long long)n);
  }
  QN_TRY(qn_stage_result(s, "box", QN_FLOAT, 2, (int64_t[]){n, 4}, err));
  QN_TRY(qn_stage_result(s, "score", QN_FLOAT, 1, &n, err));
  QN_TRY(qn_stage_result(s, "class", QN_INT32, 1, &n, err));
  if (!points) return QN_OK;
  QN_TRY(qn_stage_result(s, "points", QN_FLOAT, 3, (int64_t[]){n, points, 2}, err));
  return qn_stage_result(s, "seen", QN_FLOAT, 2, (int64_t[]){n, points}, err);
}

/* Where place i of the grids begins, and its stride. */
typedef struct place {
  int level;
  int64_t at;
  double x, y, stride;
} place;

static void next_place(place *p, const double *list, double w, double h) {
  int64_t columns = (int64_t)(w / list[p->level]);
  if (p->at == columns * (int64_t)(h / list[p->level])) p->level++, p->at = 0, columns = (int64_t)(w / list[p->level]);
  p->stride = list[p->level], p->x = (double)(p->at % columns), p->y = (double)(p->at / columns), p->at++;
}

static qn_status run(qn_stage *s, qn_error *err) {
  int64_t n, numbers;
  QN_TRY(shape_of(s, &n, &numbers, err));
  const int form = qn_stage_int(s, FORM), points = qn_stage_int(s, KEYPOINTS);
  const int64_t first = form == V8 ? 4 : 5, classes = numbers - first - 3 * (int64_t)points, step = form == V8 ? n : 1, row = form == V8 ? 1 : numbers;
  const float least = (float)qn_stage_number(s, LEAST), *x = qn_stage_in(s, 0)->data;
  const double *list;
  double w = 0, h = 0;
  levels_of(s, &list);
  if (form == X) QN_TRY(qn_seen_size(s, qn_stage_number(s, WIDTH), qn_stage_number(s, HEIGHT), &w, &h, err));
  float *boxes = qn_stage_out(s, 0)->data, *scores = qn_stage_out(s, 1)->data;
  int32_t *class = qn_stage_out(s, 2)->data;
  int64_t count = 0;
  place p = {0};
  for (int64_t i = 0; i < n; i++, x += row) {
    if (form == X) next_place(&p, list, w, h);
    int64_t best = 0;
    for (int64_t c = 1; c < classes; c++)
      if (x[(first + c) * step] > x[(first + best) * step]) best = c;
    const float score = x[(first + best) * step] * (form == V8 ? 1 : x[4 * step]);
    if (!(score >= least)) continue;
    double middle[2] = {x[0], x[step]}, half[2] = {x[2 * step] / 2, x[3 * step] / 2};
    if (form == X) middle[0] = (middle[0] + p.x) * p.stride, middle[1] = (middle[1] + p.y) * p.stride, half[0] = exp(2 * half[0]) * p.stride / 2, half[1] = exp(2 * half[1]) * p.stride / 2;
    for (int a = 0; a < 2; a++) boxes[4 * count + a] = (float)(middle[a] - half[a]), boxes[4 * count + 2 + a] = (float)(middle[a] + half[a]);
    scores[count] = score, class[count] = (int32_t)best;
    for (int64_t k = 0; k < points; k++) {
      const float *mark = x + (first + classes + 3 * k) * step;
      float *to = (float *)qn_stage_out(s, 3)->data + 2 * (count * points + k);
      to[0] = mark[0], to[1] = mark[step];
      ((float *)qn_stage_out(s, 4)->data)[count * points + k] = mark[2 * step];
    }
    count++;
  }
  for (int i = 0; i < s->result_count; i++) qn_stage_rows(s, i, count);
  return QN_OK;
}

const qn_step_type qn_step_yolo = {"yolo", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
