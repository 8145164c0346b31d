/* Straight lines of M-LSD (Gu et al. 2021, "Towards Light-weight and Real-time Line Segment Detection"): a map of middles, whose other places are 0 already,
 * and how far from there the two ends are. Inputs: offsets [1, h, w, 4], scores [1, h, w, 1]. */
#include <string.h>

#include "feature/post/boxes.h"

enum { LEAST, SHORTEST, MOST, PARAMS };

static const qn_param params[PARAMS] = {
  [LEAST] = {"least", QN_PARAM_NUMBER, 0, 1, .fallback = 0.2},
  [SHORTEST] = {"shortest", QN_PARAM_NUMBER, 0, 1e6, .fallback = 20}, /* pixels of the picture that the model saw */
  [MOST] = {"most", QN_PARAM_INT, 1, 65536, .fallback = 200},
};

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[2][QN_SHAPE_TEXT];
  double w, h;
  QN_TRY(qn_stage_takes(s, 2, QN_FLOAT, 4, err));
  QN_TRY(qn_seen_size(s, 0, 0, &w, &h, err));
  const qn_tensor *offsets = qn_stage_in(s, 0), *scores = qn_stage_in(s, 1);
  if (offsets->dims[0] != 1 || offsets->dims[3] != 4 || scores->dims[3] != 1 || memcmp(offsets->dims, scores->dims, 3 * sizeof *offsets->dims) || scores->count < 1)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "it takes [1, h, w, 4] and [1, h, w, 1], got %s and %s", qn_shape_text(shape[0], 4, offsets->dims), qn_shape_text(shape[1], 4, scores->dims));
  const int64_t n = scores->count < qn_stage_int(s, MOST) ? scores->count : qn_stage_int(s, MOST);
  QN_TRY(qn_stage_result(s, "line", QN_FLOAT, 2, (int64_t[]){n, 4}, err));
  return qn_stage_result(s, "score", QN_FLOAT, 1, &n, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  double w, h;
  QN_TRY(qn_seen_size(s, 0, 0, &w, &h, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const float *d = t->data, *score = qn_stage_in(s, 1)->data, least = (float)qn_stage_number(s, LEAST);
  float *lines = qn_stage_out(s, 0)->data, *scores = qn_stage_out(s, 1)->data;
  const int64_t most = s->results[0].most_rows, columns = t->dims[2], places = t->dims[1] * columns;
  const double sx = w / (double)columns, sy = h / (double)t->dims[1];
  int64_t count = 0;
  for (int64_t i = 0; i < places; i++, d += 4) {
    if (!(score[i] >= least) || (count == most && !(score[i] > scores[count - 1]))) continue;
    const double x = (double)(i % columns) + 0.5, y = (double)(i / columns) + 0.5;
    const double line[4] = {(x + d[0]) * sx, (y + d[1]) * sy, (x + d[2]) * sx, (y + d[3]) * sy};
    if (!(hypot(line[2] - line[0], line[3] - line[1]) >= qn_stage_number(s, SHORTEST))) continue;
    int64_t at = count < most ? count++ : count - 1;
    for (; at > 0 && scores[at - 1] < score[i]; at--) scores[at] = scores[at - 1], memcpy(lines + 4 * at, lines + 4 * at - 4, 4 * sizeof *lines);
    scores[at] = score[i];
    for (int k = 0; k < 4; k++) lines[4 * at + k] = (float)line[k];
  }
  for (int i = 0; i < s->result_count; i++) qn_stage_rows(s, i, count);
  return QN_OK;
}

const qn_step_type qn_step_lines = {"lines", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
