/* One vector for a sequence of them, as sentence embeddings are made: [n, tokens, width] to [n, width], or [tokens, width] to [width]. A
 * second input says which tokens count ([n, tokens], not 0). As sentence-transformers 5.1's Pooling: a sequence of which no token counts
 * becomes zeros. */
#include "feature/numbers.h"
#include "feature/step.h"

enum { BY, PARAMS };
enum { MEAN, FIRST, MAX, LAST };

static const qn_param params[PARAMS] = {
  [BY] = {"by", QN_PARAM_CHOICE, .choices = "mean|first|max|last"}, /* first: the token [CLS] of BERT */
};

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[QN_SHAPE_TEXT], other[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, s->input_count == 2 ? 2 : 1, QN_UNDEFINED, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  if (t->dtype != QN_FLOAT) return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; it takes float32", s->inputs[0]->name, qn_dtype_name(t->dtype));
  if (t->rank != 2 && t->rank != 3)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes [n, tokens, width] or [tokens, width]", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  if (s->input_count == 2) {
    const qn_tensor *mask = qn_stage_in(s, 1);
    const int64_t *want = t->dims;
    if (!qn_is_numbers(mask->dtype)) return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; which tokens count is said by numbers", s->inputs[1]->name, qn_dtype_name(mask->dtype));
    const int64_t one_row[] = {1, want[0]};
    if (t->rank == 2 && mask->rank == 2) want = one_row;
    bool same = mask->rank == (t->rank == 2 && mask->rank == 2 ? 2 : t->rank - 1);
    for (int i = 0; same && i < mask->rank; i++) same = mask->dims[i] == want[i];
    if (!same)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s, which does not say for each token of '%s', %s, whether it counts", s->inputs[1]->name,
                           qn_shape_text(shape, mask->rank, mask->dims), s->inputs[0]->name, qn_shape_text(other, t->rank, t->dims));
  }
  const int64_t width = t->dims[t->rank - 1];
  s->scratch_size = (size_t)width * sizeof(double);
  return qn_stage_result(s, "vector", QN_FLOAT, t->rank - 1, t->rank == 3 ? (int64_t[]){t->dims[0], width} : &width, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *t = qn_stage_in(s, 0), *mask = s->input_count == 2 ? qn_stage_in(s, 1) : NULL;
  const int64_t rows = t->rank == 3 ? t->dims[0] : 1, tokens = t->dims[t->rank - 2], width = t->dims[t->rank - 1];
  const int by = qn_stage_int(s, BY);
  if (t->rank == 3) qn_stage_rows(s, 0, rows);
  const float *x = t->data;
  float *y = qn_stage_out(s, 0)->data;
  double *sum = s->scratch; /* [width] */
  for (int64_t row = 0; row < rows; row++, y += width) {
    for (int64_t c = 0; c < width; c++) sum[c] = 0;
    int64_t counted = 0;
    for (int64_t k = 0; k < tokens; k++, x += width) {
      if (mask && !(qn_number_at(mask, row * tokens + k) != 0)) continue;
      if (by == FIRST && counted) continue;
      const bool set = !counted || by == LAST;
      if (by == MAX) for (int64_t c = 0; c < width; c++) sum[c] = set || x[c] > sum[c] ? x[c] : sum[c];
      else for (int64_t c = 0; c < width; c++) sum[c] = set ? x[c] : sum[c] + x[c];
      counted++;
    }
    const double by_count = by == MEAN && counted ? (double)counted : 1;
    for (int64_t c = 0; c < width; c++) y[c] = (float)(sum[c] / by_count);
  }
  return QN_OK;
}

const qn_step_type qn_step_pool = {"pool", params, PARAMS, .whole = true, .plan = plan, .run = run};
