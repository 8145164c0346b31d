/* Named spans of a text by the labels of its tokens (BIO: "B-PER" begins one, "I-PER" goes on, "O" is none): the label and the mean score, and
 * where it begins and ends, in tokens, or in the text where the second input says that of each token. As the pipelines of transformers 4.57
 * aggregate by "simple": a span also begins where the label changes. Tokens that begin where they end, [CLS] and the like, are passed over. */
#include <string.h>

#include "feature/numbers.h"
#include "feature/step.h"

enum { LABELS, LEAST, PARAMS };

static const qn_param params[PARAMS] = {
  [LABELS] = {"labels", QN_PARAM_TEXTS, .fallback = QN_REQUIRED},
  [LEAST] = {"least", QN_PARAM_NUMBER, -1e30, 1e30, .fallback = -1e30}, /* mean scores below it are no answers */
};

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, s->input_count == 2 ? 2 : 1, QN_UNDEFINED, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  if (t->dtype != QN_FLOAT) return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; it takes float32", s->inputs[0]->name, qn_dtype_name(t->dtype));
  if (t->rank < 2 || t->rank > 3 || (t->rank == 3 && t->dims[0] != 1) || t->dims[t->rank - 2] > INT32_MAX)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes [tokens, labels] or [1, tokens, labels]", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  const int64_t tokens = t->dims[t->rank - 2], classes = t->dims[t->rank - 1];
  if (s->set[LABELS].count != classes || classes < 1)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "there are %d labels for %lld scores of a token", s->set[LABELS].count, (long long)classes);
  if (s->input_count == 2) {
    const qn_tensor *offsets = qn_stage_in(s, 1);
    if (offsets->dtype != QN_INT32 && offsets->dtype != QN_INT64)
      return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; where tokens lie is said by whole numbers", s->inputs[1]->name, qn_dtype_name(offsets->dtype));
    if (offsets->rank < 2 || offsets->dims[offsets->rank - 1] != 2 || offsets->count != 2 * tokens)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes the beginning and the end of each of %lld tokens", s->inputs[1]->name,
                           qn_shape_text(shape, offsets->rank, offsets->dims), (long long)tokens);
  }
  QN_TRY(qn_stage_result(s, "label", QN_STRING, 1, &tokens, err));
  QN_TRY(qn_stage_result(s, "score", QN_FLOAT, 1, &tokens, err));
  QN_TRY(qn_stage_result(s, "start", QN_INT32, 1, &tokens, err));
  return qn_stage_result(s, "end", QN_INT32, 1, &tokens, err);
}

/* A span that is being read. */
typedef struct span {
  qn_string tag;
  double sum;
  int32_t count, start, end;
} span;

static int32_t place_of(double x) { return x > 0 ? x < INT32_MAX ? (int32_t)x : INT32_MAX : 0; }

static bool prefixed(const qn_string *label) { return label->length >= 2 && (label->data[0] == 'B' || label->data[0] == 'I') && label->data[1] == '-'; }

/* Writes the span as answer k unless it is none; the count of answers then. */
static int64_t close_span(qn_stage *s, const span *open, int64_t k) {
  const bool outside = open->tag.length == 1 && open->tag.data[0] == 'O';
  const float score = open->count ? (float)(open->sum / open->count) : 0;
  if (!open->count || outside || !(score >= (float)qn_stage_number(s, LEAST))) return k;
  ((qn_string *)qn_stage_out(s, 0)->data)[k] = open->tag;
  ((float *)qn_stage_out(s, 1)->data)[k] = score;
  ((int32_t *)qn_stage_out(s, 2)->data)[k] = open->start;
  ((int32_t *)qn_stage_out(s, 3)->data)[k] = open->end;
  return k + 1;
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0), *offsets = s->input_count == 2 ? qn_stage_in(s, 1) : NULL;
  const int64_t tokens = in->dims[in->rank - 2], classes = in->dims[in->rank - 1];
  const float *x = in->data;
  span open = {0};
  int64_t count = 0;
  for (int64_t k = 0; k < tokens; k++, x += classes) {
    const int32_t start = place_of(offsets ? qn_number_at(offsets, 2 * k) : (double)k), end = place_of(offsets ? qn_number_at(offsets, 2 * k + 1) : (double)k + 1);
    if (end <= start) continue;
    int64_t best = 0;
    for (int64_t i = 1; i < classes; i++)
      if (x[i] > x[best]) best = i;
    qn_string tag = s->set[LABELS].texts[best];
    const bool begins = prefixed(&tag) && tag.data[0] == 'B';
    if (prefixed(&tag)) tag.data += 2, tag.length -= 2;
    if (begins || !open.count || tag.length != open.tag.length || memcmp(tag.data, open.tag.data, tag.length)) {
      count = close_span(s, &open, count);
      open = (span){.tag = tag, .start = start};
    }
    open.sum += x[best], open.count++, open.end = end;
  }
  count = close_span(s, &open, count);
  for (int r = 0; r < 4; r++) qn_stage_rows(s, r, count);
  return QN_OK;
}

const qn_step_type qn_step_spans = {"spans", params, PARAMS, .answer = QN_ANSWER_ROWS, .whole = true, .plan = plan, .run = run};
