/* Boxes and points of the picture that the model saw to those of the picture as it was given. Inputs of other names pass as they are. */
#include <string.h>

#include "feature/post/boxes.h"

enum { BOXES, POINTS, UNIT, CLIP, PARAMS };

static const qn_param params[PARAMS] = {
  [BOXES] = {"boxes", QN_PARAM_TEXTS},   /* names of tensors [n, 4]: x0, y0, x1, y1; "box" unless others are given */
  [POINTS] = {"points", QN_PARAM_TEXTS}, /* names of tensors of x and y in turn; "points" and "line" unless others are given */
  [UNIT] = {"unit", QN_PARAM_CHOICE, .choices = "pixels|fraction"},
  [CLIP] = {"clip", QN_PARAM_BOOL}, /* boxes end at the picture's edge */
};

static bool among(const qn_setting *names, const char *none, const char *name) {
  const size_t n = strlen(name);
  if (!names->json) {
    for (const char *p = none; *p; p += strcspn(p, "|") + (p[strcspn(p, "|")] != 0))
      if (strcspn(p, "|") == n && !memcmp(p, name, n)) return true;
    return false;
  }
  for (int32_t i = 0; i < names->count; i++)
    if (names->texts[i].length == n && !memcmp(names->texts[i].data, name, n)) return true;
  return false;
}

typedef enum kind { OTHER, BOX, POINT } kind;

static kind kind_of(const qn_stage *s, int i) {
  const char *name = s->inputs[i]->name;
  return among(&s->set[BOXES], "box", name) ? BOX : among(&s->set[POINTS], "points|line", name) ? POINT : OTHER;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  QN_TRY(qn_stage_takes(s, -1, QN_UNDEFINED, -1, err));
  if (s->input_count > QN_MOST_RESULTS) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes up to %d inputs, got %d", QN_MOST_RESULTS, s->input_count);
  if (!s->facts->width) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the picture is not known: give the facts of the features");
  int found = 0;
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    const kind k = kind_of(s, i);
    const int64_t last = t->rank ? t->dims[t->rank - 1] : 0;
    if (k != OTHER && (t->dtype != QN_FLOAT || t->rank < 1 || last % 2 || (k == BOX && last != 4)))
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is %s %s; it takes float32 %s", s->inputs[i]->name, qn_dtype_name(t->dtype), qn_shape_text(shape, t->rank, t->dims), k == BOX ? "[n, 4]" : "x and y in turn");
    found += k != OTHER;
    QN_TRY(qn_stage_result(s, s->inputs[i]->name, t->dtype, t->rank, t->dims, err));
    s->results[i].most_rows = s->inputs[i]->most_rows;
  }
  if (!found) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "none of its inputs is named as boxes or points");
  return QN_OK;
}

static void point(const qn_facts *f, bool fraction, float x, float y, float out[2]) {
  const double *m = f->to_source;
  out[0] = (float)((m[0] * x + m[1] * y + m[2]) / (fraction ? f->width : 1)), out[1] = (float)((m[3] * x + m[4] * y + m[5]) / (fraction ? f->height : 1));
}

static qn_status run(qn_stage *s, qn_error *err) {
  (void)err;
  const qn_facts *f = s->facts;
  const bool fraction = qn_stage_int(s, UNIT) == 1, clip = qn_stage_int(s, CLIP);
  const float edge[2] = {fraction ? 1 : (float)f->width, fraction ? 1 : (float)f->height};
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    const kind k = kind_of(s, i);
    if (t->rank) qn_stage_rows(s, i, t->dims[0]);
    const float *in = t->data;
    float *out = qn_stage_out(s, i)->data;
    if (k == OTHER) memcpy(out, in, qn_tensor_bytes(t));
    else if (k == POINT)
      for (int64_t e = 0; e < t->count; e += 2) point(f, fraction, in[e], in[e + 1], out + e);
    else
      for (int64_t e = 0; e < t->count; e += 4) { /* turned, the corners of a box change places */
        float corner[4][2];
        for (int c = 0; c < 4; c++) point(f, fraction, in[e + (c & 1 ? 2 : 0)], in[e + (c & 2 ? 3 : 1)], corner[c]);
        for (int a = 0; a < 2; a++) {
          float low = corner[0][a], high = corner[0][a];
          for (int c = 1; c < 4; c++) low = fminf(low, corner[c][a]), high = fmaxf(high, corner[c][a]);
          out[e + a] = clip ? fminf(fmaxf(low, 0), edge[a]) : low, out[e + 2 + a] = clip ? fminf(fmaxf(high, 0), edge[a]) : high;
        }
      }
  }
  return QN_OK;
}

const qn_step_type qn_step_to_source = {"to_source", params, PARAMS, .answer = QN_ANSWER_ROWS, .plan = plan, .run = run};
