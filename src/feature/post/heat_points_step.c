/* The hottest place of each map: keypoints of poses and hands. [1, k, h, w], or [1, h, w, k], to points of the picture that the model saw. */
#include "feature/post/boxes.h"

enum { ORDER, REFINE, SIGMOID, LEAST, PARAMS };

static const qn_param params[PARAMS] = {
  [ORDER] = {"order", QN_PARAM_CHOICE, .choices = "nchw|nhwc"},
  [REFINE] = {"refine", QN_PARAM_CHOICE, .choices = "quarter|none"}, /* a quarter of a place towards the warmer neighbour (Newell et al. 2016, "Stacked Hourglass Networks") */
  [SIGMOID] = {"sigmoid", QN_PARAM_BOOL},                            /* of the score */
  [LEAST] = {"least", QN_PARAM_NUMBER, -1e30, 1e30, .fallback = -1e30},
};

static void sizes(const qn_stage *s, int64_t *k, int64_t *h, int64_t *w) {
  const int64_t *d = qn_stage_in(s, 0)->dims + 1;
  const bool last = qn_stage_int(s, ORDER) == 1;
  *k = last ? d[2] : d[0], *h = last ? d[0] : d[1], *w = last ? d[1] : d[2];
}

static qn_status plan(qn_stage *s, qn_error *err) {
  double w, h;
  int64_t k, rows, columns;
  char shape[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, 4, err));
  QN_TRY(qn_seen_size(s, 0, 0, &w, &h, err));
  sizes(s, &k, &rows, &columns);
  const qn_tensor *t = qn_stage_in(s, 0);
  if (t->dims[0] != 1 || t->count < 1) return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes the maps of one picture", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  QN_TRY(qn_stage_result(s, "points", QN_FLOAT, 2, (int64_t[]){k, 2}, err));
  QN_TRY(qn_stage_result(s, "score", QN_FLOAT, 1, &k, err));
  return qn_stage_result(s, "index", QN_INT32, 1, &k, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  double w, h;
  int64_t k, rows, columns;
  QN_TRY(qn_seen_size(s, 0, 0, &w, &h, err));
  sizes(s, &k, &rows, &columns);
  const bool last = qn_stage_int(s, ORDER) == 1;
  const int64_t step = last ? k : 1;
  float *points = qn_stage_out(s, 0)->data, *scores = qn_stage_out(s, 1)->data;
  int32_t *index = qn_stage_out(s, 2)->data;
  int64_t count = 0;
  for (int64_t c = 0; c < k; c++) {
    const float *map = (const float *)qn_stage_in(s, 0)->data + (last ? c : c * rows * columns);
    int64_t best = 0;
    for (int64_t i = 1; i < rows * columns; i++)
      if (map[i * step] > map[best * step]) best = i;
    const int64_t x = best % columns, y = best / columns;
    double dx = 0.5, dy = 0.5;
    if (qn_stage_int(s, REFINE) == 0) {
      if (x > 0 && x < columns - 1) dx += map[(best + 1) * step] > map[(best - 1) * step] ? 0.25 : map[(best + 1) * step] < map[(best - 1) * step] ? -0.25 : 0;
      if (y > 0 && y < rows - 1) dy += map[(best + columns) * step] > map[(best - columns) * step] ? 0.25 : map[(best + columns) * step] < map[(best - columns) * step] ? -0.25 : 0;
    }
    const float v = qn_stage_int(s, SIGMOID) ? qn_sigmoid(map[best * step]) : map[best * step];
    if (!(v >= qn_stage_number(s, LEAST))) continue;
    points[2 * count] = (float)(((double)x + dx) * w / (double)columns), points[2 * count + 1] = (float)(((double)y + dy) * h / (double)rows);
    scores[count] = v, index[count++] = (int32_t)c;
  }
  for (int i = 0; i < s->result_count; i++) qn_stage_rows(s, i, count);
  return QN_OK;
}

const qn_step_type qn_step_heat_points = {"heat_points", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
