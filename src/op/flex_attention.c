/* FlexAttention of ai.onnx.preview: attention with subgraphs that change the scores and the probabilities. */
#include "op/flex_attention.h"

#include <math.h>

#include "kernel/softmax.h"
#include "op/attention_parts.h"

typedef struct flex_plan {
  qn_attention a;
  qn_value scores, work; /* owned */
} flex_plan;

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(flex_plan)));
  flex_plan *p = s->state;
  qn_attention *a = &p->a;
  for (int i = 0; i < 3; i++) {
    QN_TRY(qn_check_type(s, i, i ? QN_TYPE_BIT(qn_in(s, 0)->dtype) : QN_FLOATS));
    if (qn_in(s, i)->rank != 4) return qn_step_fail(s, QN_ERR_SHAPE, "input %d has rank %d; 4 is expected", i, qn_in(s, i)->rank);
  }
  const qn_tensor *q = qn_in(s, 0), *k = qn_in(s, 1), *v = qn_in(s, 2);
  *a = (qn_attention){.batch = q->dims[0], .heads = q->dims[1], .kv_heads = k->dims[1], .rows = q->dims[2], .keys = k->dims[2], .width = q->dims[3],
                      .v_width = v->dims[3], .bias_keys = k->dims[2], .left = -1, .right = -1};
  QN_TRY(qn_check_heads(s, a->heads, a->rows, a->width));
  QN_TRY(qn_check_heads(s, a->heads, a->rows, a->keys));
  QN_TRY(qn_check_heads(s, a->heads, a->rows, a->v_width));
  QN_TRY(qn_check_heads(s, a->kv_heads, a->keys, a->width));
  QN_TRY(qn_check_heads(s, a->kv_heads, a->keys, a->v_width));
  QN_TRY(qn_expect_shape(s, 1, 4, (int64_t[]){a->batch, a->kv_heads, a->keys, a->width}));
  QN_TRY(qn_expect_shape(s, 2, 4, (int64_t[]){a->batch, a->kv_heads, a->keys, a->v_width}));
  if (a->kv_heads < 1 || a->heads % a->kv_heads)
    return qn_step_fail(s, QN_ERR_SHAPE, "%lld query heads cannot share %lld key heads", (long long)a->heads, (long long)a->kv_heads);
  a->scale = qn_attr_float(s, "scale", a->width ? (float)(1 / sqrt((double)a->width)) : 1.0f);
  if (!isfinite(a->scale)) return qn_step_fail(s, QN_ERR_ARGUMENT, "scale is %g", (double)a->scale);
  int64_t precision = qn_attr_int(s, "softmax_precision", q->dtype == QN_DOUBLE ? QN_DOUBLE : QN_FLOAT);
  if (precision < 0 || precision >= QN_DTYPE_COUNT || !(QN_FLOATS & QN_TYPE_BIT(precision)))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "softmax_precision is %lld; a floating-point type is expected", (long long)precision);
  a->scores_dtype = (qn_dtype)precision;
  a->q = qn_heads_first(q->dtype, a->heads, a->rows, a->width);
  a->k = qn_heads_first(q->dtype, a->kv_heads, a->keys, a->width);
  a->v = qn_heads_first(q->dtype, a->kv_heads, a->keys, a->v_width);
  a->y = qn_heads_first(q->dtype, a->heads, a->rows, a->v_width);
  s->dynamic = true;
  return qn_out_shape(s, 0, q->dtype, 4, (int64_t[]){a->batch, a->heads, a->rows, a->v_width});
}

static void release(qn_step *s) {
  flex_plan *p = s->state;
  if (!p) return;
  qn_value_clear(&p->scores);
  qn_value_clear(&p->work);
}

qn_value *qn_flex_scores(qn_step *s) { return &((flex_plan *)s->state)->scores; }

qn_status qn_flex_run(qn_step *s, qn_flex_stage stage) {
  flex_plan *p = s->state;
  qn_attention a = p->a;
  const int64_t dims[4] = {a.batch, a.heads, a.rows, a.keys};
  size_t room = qn_attention_room(&a), softmax = qn_softmax_scratch(a.scores_dtype, a.keys, 1);
  if (stage == QN_FLEX_SCORES) {
    int64_t most = (int64_t)(room > softmax ? room : softmax);
    if (room == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
    QN_TRY(qn_value_reserve(&p->scores, a.scores_dtype, 4, dims, s->err));
    QN_TRY(qn_value_reserve(&p->work, QN_UINT8, 1, &most, s->err));
  } else {
    const qn_tensor *t = &p->scores.tensor;
    bool same = t->dtype == a.scores_dtype && t->rank == 4;
    for (int d = 0; same && d < 4; d++) same = t->dims[d] == dims[d];
    char got[QN_SHAPE_TEXT], want[QN_SHAPE_TEXT];
    if (!same)
      return qn_step_fail(s, QN_ERR_SHAPE, "a subgraph gives %s %s; %s %s is expected", qn_dtype_name(t->dtype), qn_shape_text(got, t->rank, t->dims), qn_dtype_name(a.scores_dtype),
                          qn_shape_text(want, 4, dims));
  }
  a.q.data = qn_in(s, 0)->data;
  a.k.data = qn_in(s, 1)->data;
  a.v.data = qn_in(s, 2)->data;
  a.scores = p->scores.tensor.data;
  if (stage == QN_FLEX_SOFTMAX) {
    qn_softmax(QN_SOFTMAX, a.scores_dtype, a.batch * a.heads * a.rows, a.keys, 1, a.scores, a.scores, p->work.tensor.data);
    return QN_OK;
  }
  if (stage == QN_FLEX_SCORES) {
    a.scores_only = true;
  } else {
    QN_TRY(qn_out_dynamic(s, 0, a.y.dtype, 4, (int64_t[]){a.batch, a.heads, a.rows, a.v_width}));
    a.y.data = qn_out(s, 0)->data;
    a.past_softmax = true;
  }
  qn_attention_run(&a, p->work.tensor.data);
  return QN_OK;
}

const qn_op qn_op_flex_attention = {.domain = "ai.onnx.preview", .name = "FlexAttention", .since = 1, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                                    .flags = QN_CONTROL, .plan = plan, .release = release};
