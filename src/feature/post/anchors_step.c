/* What a detector with anchors says, as boxes: SSD (Liu et al. 2016), BlazeFace (Bazarevsky et al. 2019) and their kin. The inputs are tensors of boxes,
 * then as many of scores; several are levels of one list. Anchors come from a file, or lie evenly on grids, all of one size. */
#include <string.h>

#include "feature/post/boxes.h"

enum { STRIDES, PER_CELL, ANCHORS, WIDTH, HEIGHT, ORDER, CENTER, SIZE, SIZES, KEYPOINTS, SCORES, CLIP, BACKGROUND, LEAST, PARAMS };

static const qn_param params[PARAMS] = {
  [STRIDES] = {"strides", QN_PARAM_NUMBERS, .least = 1, .most = 4096, .least_count = 1, .most_count = 16},
  [PER_CELL] = {"per_cell", QN_PARAM_NUMBERS, .least = 1, .most = 64, .least_count = 1, .most_count = 16}, /* anchors at each place of a grid, by stride */
  [ANCHORS] = {"anchors", QN_PARAM_FILE},                                                                   /* float32 [n, 4], little-endian: middle x, y, width, height as fractions */
  [WIDTH] = {"width", QN_PARAM_INT, .least = 1, .most = 32768},
  [HEIGHT] = {"height", QN_PARAM_INT, .least = 1, .most = 32768},
  [ORDER] = {"order", QN_PARAM_CHOICE, .choices = "xywh|yxhw"},
  [CENTER] = {"center", QN_PARAM_NUMBER, 1e-6, 1e6, .fallback = 0.1}, /* the variances of SSD */
  [SIZE] = {"size", QN_PARAM_NUMBER, 1e-6, 1e6, .fallback = 0.2},
  [SIZES] = {"sizes", QN_PARAM_CHOICE, .choices = "exp|linear"},
  [KEYPOINTS] = {"keypoints", QN_PARAM_INT, 0, 256}, /* x and y of each behind the box, as its middle is */
  [SCORES] = {"scores", QN_PARAM_CHOICE, .choices = "sigmoid|softmax|plain"},
  [CLIP] = {"clip", QN_PARAM_NUMBER, 1e-3, 1e6, .fallback = 1e6}, /* of scores before the sigmoid */
  [BACKGROUND] = {"background", QN_PARAM_BOOL},                   /* class 0 is nothing */
  [LEAST] = {"least", QN_PARAM_NUMBER, -1e6, 1e6, .fallback = 0.5},
};

typedef struct grid {
  int64_t columns, rows, per_cell;
} grid;

static grid grid_of(const qn_stage *s, int i, double w, double h) {
  const double stride = s->set[STRIDES].list[i];
  const qn_setting *per = &s->set[PER_CELL];
  return (grid){(int64_t)ceil(w / stride), (int64_t)ceil(h / stride), per->count ? (int64_t)per->list[per->count > 1 ? i : 0] : 1};
}

static qn_status plan(qn_stage *s, qn_error *err) {
  const int levels = s->input_count / 2, points = qn_stage_int(s, KEYPOINTS);
  double w, h;
  QN_TRY(qn_seen_size(s, qn_stage_number(s, WIDTH), qn_stage_number(s, HEIGHT), &w, &h, err));
  if (s->input_count < 2 || s->input_count % 2) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes tensors of boxes and as many of scores, got %d inputs", s->input_count);
  const qn_setting *strides = &s->set[STRIDES], *file = &s->set[ANCHORS];
  if ((strides->count > 0) == (file->text != NULL)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "give strides or anchors");
  if (s->set[PER_CELL].count > 1 && s->set[PER_CELL].count != strides->count) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "there are %d strides and %d numbers per_cell", strides->count, s->set[PER_CELL].count);
  int64_t total = 0, anchors = 0, classes = 0, rows, size;
  for (int i = 0; i < levels; i++) {
    QN_TRY(qn_rows_of(s, i, &rows, &size, err));
    if (size != 4 + 2 * points) return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has %lld numbers for a box; with %d keypoints it takes %d", s->inputs[i]->name, (long long)size, points, 4 + 2 * points);
    const int64_t boxes = rows;
    QN_TRY(qn_rows_of(s, levels + i, &rows, &size, err));
    if (rows != boxes || (i && size != classes))
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has %lld boxes, '%s' has %lld rows of %lld scores", s->inputs[i]->name, (long long)boxes, s->inputs[levels + i]->name, (long long)rows, (long long)size);
    classes = size, total += rows;
  }
  if (qn_stage_int(s, BACKGROUND) && classes < 2) return qn_stage_fail(s, err, QN_ERR_SHAPE, "with a background there are at least 2 classes, got %lld", (long long)classes);
  for (int i = 0; i < strides->count; i++) {
    const grid g = grid_of(s, i, w, h);
    anchors += g.columns * g.rows * g.per_cell;
  }
  if (file->text) anchors = (int64_t)(file->length / 16);
  if (anchors != total || (file->text && file->length % 16)) return qn_stage_fail(s, err, QN_ERR_SHAPE, "there are %lld anchors for %lld boxes of a picture of %g×%g", (long long)anchors, (long long)total, w, h);
  s->scratch_size = (size_t)total * 4 * sizeof(float);
  QN_TRY(qn_stage_result(s, "box", QN_FLOAT, 2, (int64_t[]){total, 4}, err));
  QN_TRY(qn_stage_result(s, "score", QN_FLOAT, 1, &total, err));
  if (classes > 1 + qn_stage_int(s, BACKGROUND)) QN_TRY(qn_stage_result(s, "class", QN_INT32, 1, &total, err));
  if (points) QN_TRY(qn_stage_result(s, "points", QN_FLOAT, 3, (int64_t[]){total, points, 2}, err));
  return QN_OK;
}

/* All anchors [n, 4], as fractions of the picture. */
static void make_anchors(const qn_stage *s, double w, double h, float *a) {
  const qn_setting *file = &s->set[ANCHORS];
  if (file->text) {
    memcpy(a, file->text, file->length);
    return;
  }
  for (int i = 0; i < s->set[STRIDES].count; i++) {
    const grid g = grid_of(s, i, w, h);
    for (int64_t k = 0; k < g.columns * g.rows * g.per_cell; k++, a += 4) {
      const int64_t cell = k / g.per_cell;
      a[0] = (float)(((double)(cell % g.columns) + 0.5) / (double)g.columns), a[1] = (float)(((double)(cell / g.columns) + 0.5) / (double)g.rows), a[2] = a[3] = 1;
    }
  }
}

/* The best class of a row of scores, and its score. */
static int32_t best_of(const qn_stage *s, const float *x, int64_t n, float *score) {
  const int how = qn_stage_int(s, SCORES), first = qn_stage_int(s, BACKGROUND);
  const float clip = (float)qn_stage_number(s, CLIP);
  int64_t best = first;
  for (int64_t k = first + 1; k < n; k++)
    if (x[k] > x[best]) best = k;
  float v = x[best];
  if (how == 0) v = qn_sigmoid(v < -clip ? -clip : v > clip ? clip : v);
  if (how == 1) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += exp((double)x[k] - v);
    v = (float)(1 / sum);
  }
  *score = v;
  return (int32_t)(best - first);
}

static qn_status run(qn_stage *s, qn_error *err) {
  const int levels = s->input_count / 2, points = qn_stage_int(s, KEYPOINTS), size = 4 + 2 * points, swap = qn_stage_int(s, ORDER);
  const float center = (float)qn_stage_number(s, CENTER), scale = (float)qn_stage_number(s, SIZE), least = (float)qn_stage_number(s, LEAST);
  double w, h;
  QN_TRY(qn_seen_size(s, qn_stage_number(s, WIDTH), qn_stage_number(s, HEIGHT), &w, &h, err));
  const float unit[2] = {(float)w, (float)h};
  make_anchors(s, w, h, s->scratch);
  const float *anchor = s->scratch;
  const bool several = s->result_count > 2 && s->results[2].tensor.dtype == QN_INT32;
  float *boxes = qn_stage_out(s, 0)->data, *scores = qn_stage_out(s, 1)->data, *marks = points ? qn_stage_out(s, s->result_count - 1)->data : NULL;
  int64_t count = 0;
  for (int i = 0; i < levels; i++) {
    int64_t rows, classes, numbers;
    QN_TRY(qn_rows_of(s, i, &rows, &numbers, err));
    QN_TRY(qn_rows_of(s, levels + i, &rows, &classes, err));
    const float *box = qn_stage_in(s, i)->data, *score = qn_stage_in(s, levels + i)->data;
    for (int64_t r = 0; r < rows; r++, box += size, score += classes, anchor += 4) {
      float v;
      const int32_t class = best_of(s, score, classes, &v);
      if (!(v >= least)) continue;
      for (int axis = 0; axis < 2; axis++) {
        const float middle = box[axis ^ swap] * center * anchor[2 + axis] + anchor[axis], raw = box[2 + (axis ^ swap)] * scale;
        const float half = (qn_stage_int(s, SIZES) == 0 ? expf(raw) : raw) * anchor[2 + axis] / 2;
        boxes[4 * count + axis] = (middle - half) * unit[axis], boxes[4 * count + 2 + axis] = (middle + half) * unit[axis];
        for (int k = 0; k < points; k++)
          marks[2 * (count * points + k) + axis] = (box[4 + 2 * k + (axis ^ swap)] * center * anchor[2 + axis] + anchor[axis]) * unit[axis];
      }
      scores[count] = v;
      if (several) ((int32_t *)qn_stage_out(s, 2)->data)[count] = class;
      count++;
    }
  }
  for (int i = 0; i < s->result_count; i++) qn_stage_rows(s, i, count);
  return QN_OK;
}

const qn_step_type qn_step_anchors = {"anchors", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
