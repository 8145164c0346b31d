/* Text of the scores of classes over time, the best class of each place: repeats and blanks dropped (greedy CTC: Graves et al. 2006). */
#include <string.h>

#include "feature/step.h"

enum { LABELS, BLANK, SPACE, PARAMS };

static const qn_param params[PARAMS] = {
  [LABELS] = {"labels", QN_PARAM_TEXTS, .fallback = QN_REQUIRED}, /* of every class, the blank among them */
  [BLANK] = {"blank", QN_PARAM_INT, 0, 1 << 24, .fallback = 0},
  [SPACE] = {"space", QN_PARAM_TEXT},                             /* the label that means a space ("|" of wav2vec 2.0) */
};

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_FLOAT, -1, err));
  const qn_tensor *t = qn_stage_in(s, 0);
  const qn_setting *labels = &s->set[LABELS];
  char shape[QN_SHAPE_TEXT];
  if (t->rank < 2 || t->rank > 3 || (t->rank == 3 && t->dims[0] != 1))
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes [places, classes] or [1, places, classes]", s->inputs[0]->name, qn_shape_text(shape, t->rank, t->dims));
  if (labels->count != t->dims[t->rank - 1] || !labels->count)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "there are %d labels for %lld classes", labels->count, (long long)t->dims[t->rank - 1]);
  if (qn_stage_int(s, BLANK) >= labels->count) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "blank is the class %d, there are %d", qn_stage_int(s, BLANK), labels->count);
  size_t longest = 1;
  for (int32_t i = 0; i < labels->count; i++) longest = labels->texts[i].length > longest ? labels->texts[i].length : longest;
  const uint64_t size = (uint64_t)t->dims[t->rank - 2] * longest;
  if (longest > 1 << 20 || size > INT32_MAX) return qn_stage_fail(s, err, QN_ERR_MEMORY, "a text of %lld places would be too long", (long long)t->dims[t->rank - 2]);
  s->state_size = (size_t)size; /* the text's bytes, which have to outlast the run */
  QN_TRY(qn_stage_result(s, "text", QN_STRING, 0, NULL, err));
  return qn_stage_result(s, "score", QN_FLOAT, 0, NULL, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t places = in->dims[in->rank - 2], classes = in->dims[in->rank - 1], blank = qn_stage_int(s, BLANK);
  const qn_setting *space = &s->set[SPACE];
  const float *x = in->data;
  char *text = s->state;
  size_t length = 0;
  double sum = 0;
  int64_t kept = 0, last = blank;
  for (int64_t t = 0; t < places; t++, x += classes) {
    int64_t best = blank;
    for (int64_t i = 0; i < classes; i++)
      if (x[i] > x[best]) best = i;
    if (best != blank && best != last) {
      const qn_string *label = &s->set[LABELS].texts[best];
      const bool is_space = space->text && label->length == space->length && !memcmp(label->data, space->text, space->length);
      if (is_space) text[length++] = ' ';
      else memcpy(text + length, label->data, label->length), length += label->length;
      sum += x[best];
      kept++;
    }
    last = best;
  }
  *(qn_string *)qn_stage_out(s, 0)->data = (qn_string){text, length};
  *(float *)qn_stage_out(s, 1)->data = kept ? (float)(sum / (double)kept) : 0;
  return QN_OK;
}

const qn_step_type qn_step_ctc = {"ctc", params, PARAMS, .answer = QN_ANSWER_ONE, .whole = true, .plan = plan, .run = run};
