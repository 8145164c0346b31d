/* Of candidates that overlap, one. The inputs are boxes, scores, and what else belongs to each (classes, points): all keep their names. */
#include <string.h>

#include "feature/post/boxes.h"

enum { IOU, MOST, KIND, BY_CLASS, PARAMS };

static const qn_param params[PARAMS] = {
  [IOU] = {"iou", QN_PARAM_NUMBER, 0, 1, .fallback = 0.5},
  [MOST] = {"most", QN_PARAM_INT, 1, 65536, .fallback = 100},
  [KIND] = {"kind", QN_PARAM_CHOICE, .choices = "hard|weighted"}, /* weighted: the mean of all that overlap, by score (BlazeFace) */
  [BY_CLASS] = {"by_class", QN_PARAM_BOOL, .fallback = 1},        /* boxes of different classes do not compete */
};

static int64_t row_size(const qn_tensor *t) {
  int64_t size = 1;
  for (int i = 1; i < t->rank; i++) size *= t->dims[i];
  return size;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  if (s->input_count < 2 || s->input_count > QN_MOST_RESULTS) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes boxes, scores and up to %d more, got %d inputs", QN_MOST_RESULTS - 2, s->input_count);
  const int64_t n = qn_stage_in(s, 0)->rank ? s->inputs[0]->most_rows : 0, most = n < qn_stage_int(s, MOST) ? n : qn_stage_int(s, MOST);
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    const bool fits = t->rank >= 1 && s->inputs[i]->most_rows == n && (i > 1 || (t->dtype == QN_FLOAT && row_size(t) == (i ? 1 : 4)));
    if (!fits || (t->dtype != QN_FLOAT && t->dtype != QN_INT32))
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is %s %s; it takes %s", s->inputs[i]->name, qn_dtype_name(t->dtype), qn_shape_text(shape, t->rank, t->dims),
                           i == 0 ? "boxes, float32 [n, 4]" : i == 1 ? "scores, float32 [n], of as many boxes" : "float32 or int32 of as many rows as boxes");
    int64_t dims[QN_MAX_RANK];
    memcpy(dims, t->dims, sizeof *dims * (size_t)t->rank);
    dims[0] = most;
    QN_TRY(qn_stage_result(s, s->inputs[i]->name, t->dtype, t->rank, dims, err));
  }
  if (n > INT32_MAX / 64) return qn_stage_fail(s, err, QN_ERR_SHAPE, "%lld boxes are too many", (long long)n);
  s->scratch_size = (size_t)n * 2 * sizeof(int32_t);
  return QN_OK;
}

/* Indices by falling score, equal ones in order: a merge sort, from `a` with `b` to help. */
static void sort(const float *score, int32_t *a, int32_t *b, int32_t n) {
  for (int32_t i = 0; i < n; i++) a[i] = i;
  int32_t *from = a, *to = b;
  for (int32_t width = 1; width < n; width *= 2) {
    for (int32_t left = 0; left < n; left += 2 * width) {
      const int32_t middle = left + width < n ? left + width : n, end = middle + width < n ? middle + width : n;
      int32_t i = left, k = middle;
      for (int32_t o = left; o < end; o++) to[o] = k >= end || (i < middle && !(score[from[k]] > score[from[i]])) ? from[i++] : from[k++];
    }
    int32_t *t = from;
    from = to, to = t;
  }
  if (from != a) memcpy(a, from, sizeof *a * (size_t)n);
}

/* Row `row` of the results: input row `index`, or the mean of those in `group`, weighted by score. */
static void put(const qn_stage *s, int64_t row, int32_t index, const int32_t *group, int32_t count) {
  const float *score = qn_stage_in(s, 1)->data;
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    const int64_t size = row_size(t);
    const float *in = t->data;
    float *out = (float *)s->results[i].tensor.data + row * size; /* int32 is copied alike */
    memcpy(out, in + index * size, (size_t)size * 4);
    if (i == 1 || t->dtype != QN_FLOAT || count < 2) continue;
    for (int64_t k = 0; k < size; k++) {
      double sum = 0, weights = 0;
      for (int32_t g = 0; g < count; g++) sum += (double)in[group[g] * size + k] * score[group[g]], weights += score[group[g]];
      if (weights > 0) out[k] = (float)(sum / weights);
    }
  }
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *boxes = qn_stage_in(s, 0);
  const int32_t n = (int32_t)boxes->dims[0];
  const float *box = boxes->data, *score = qn_stage_in(s, 1)->data, iou = (float)qn_stage_number(s, IOU);
  const int32_t *class = NULL;
  for (int i = 2; i < s->input_count; i++)
    if (qn_stage_int(s, BY_CLASS) && qn_stage_in(s, i)->dtype == QN_INT32 && row_size(qn_stage_in(s, i)) == 1) class = qn_stage_in(s, i)->data;
  int32_t *left = s->scratch, *help = left + n, rest = n;
  sort(score, left, help, n);
  int64_t count = 0;
  for (const int64_t most = s->results[0].most_rows; rest && count < most; count++) {
    /* What overlaps the best goes to `help`; the others move up. */
    const int32_t best = left[0];
    int32_t kept = 0, group = 0;
    for (int32_t i = 0; i < rest; i++) {
      const bool same = i == 0 || ((!class || class[left[i]] == class[best]) && qn_box_iou(box + 4 * best, box + 4 * left[i]) > iou);
      if (same) help[group++] = left[i];
      else left[kept++] = left[i];
    }
    put(s, count, best, help, qn_stage_int(s, KIND) ? group : 1);
    rest = kept;
  }
  for (int i = 0; i < s->result_count; i++) qn_stage_rows(s, i, count);
  return QN_OK;
}

const qn_step_type qn_step_nms = {"nms", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
