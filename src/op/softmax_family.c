/* Softmax, LogSoftmax, Hardmax. Up to opset 12 they see a matrix, [before axis, from axis on]. */
#include "kernel/softmax.h"
#include "op/axes.h"

typedef struct view { int64_t outer, n, inner; } view;

static qn_status shape(const qn_step *s, view *v) {
  const qn_tensor *x = qn_in(s, 0);
  bool flat = s->opset < 13;
  int axis;
  if (x->rank == 0) { /* allowed by implementations, one element */
    *v = (view){1, 1, 1};
    return QN_OK;
  }
  int64_t given = qn_attr_int(s, "axis", flat ? 1 : -1);
  if (flat && given == x->rank) {
    *v = (view){qn_product(x->dims, x->rank), 1, 1};
    return QN_OK;
  }
  QN_TRY(flat ? qn_axis_plain(s, given, x->rank, &axis) : qn_axis(s, given, x->rank, &axis));
  v->outer = qn_product(x->dims, axis);
  v->n = flat ? qn_product(x->dims + axis, x->rank - axis) : x->dims[axis];
  v->inner = flat ? 1 : qn_product(x->dims + axis + 1, x->rank - axis - 1);
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  view v;
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(shape(s, &v));
  if (x->count) s->scratch_size = qn_softmax_scratch(x->dtype, v.n, v.inner);
  return qn_out_like(s, 0, x);
}

static qn_status run(qn_step *s) {
  static const uint8_t KINDS[] = {QN_SOFTMAX, QN_LOG_SOFTMAX, QN_HARDMAX};
  view v;
  const qn_tensor *x = qn_in(s, 0);
  if (x->count == 0) return QN_OK;
  QN_TRY(shape(s, &v));
  char first = s->op->name[0];
  qn_softmax((qn_softmax_kind)KINDS[first == 'S' ? 0 : first == 'L' ? 1 : 2], x->dtype, v.outer, v.n, v.inner, x->data,
             qn_out(s, 0)->data, s->scratch);
  return QN_OK;
}

#define SOFTMAX(id, text)                                                                                                   \
  const qn_op qn_op_##id##_1 = {.domain = "", .name = text, .since = 1, .until = 12, .min_in = 1, .max_in = 1, .min_out = 1, \
                                .max_out = 1, .plan = plan, .run = run};                                                    \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = 13, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,  \
                            .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
SOFTMAX(softmax, "Softmax")
SOFTMAX(log_softmax, "LogSoftmax")
SOFTMAX(hardmax, "Hardmax")
