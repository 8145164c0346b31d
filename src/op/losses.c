/* NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss. */
#include <math.h>
#include <string.h>

#include "op/wide.h"

typedef struct loss_rooms { double *x, *log_prob, *loss, *weight; } loss_rooms;

static bool softmax_first(const qn_step *s) { return s->op->name[0] == 'S'; }

static loss_rooms take_rooms(const qn_step *s, qn_room *r) {
  loss_rooms m;
  m.x = qn_room_doubles(r, qn_in(s, 0));
  m.weight = qn_room_doubles(r, qn_in(s, 2));
  m.log_prob = softmax_first(s) ? qn_room_take(r, (size_t)qn_in(s, 0)->count, sizeof(double)) : m.x;
  m.loss = qn_room_take(r, (size_t)qn_in(s, 1)->count, sizeof(double));
  return m;
}

static qn_status plan(qn_step *s) {
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  const qn_tensor *x = qn_in(s, 0), *target = qn_in(s, 1), *weight = qn_in(s, 2);
  bool fits = x->rank >= 2 && target->rank == x->rank - 1 && target->dims[0] == x->dims[0];
  for (int d = 1; fits && d < target->rank; d++) fits = target->dims[d] == x->dims[d + 1];
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "scores of shape %s and labels of %s; [batch, classes, points…] and [batch, points…] are expected", qn_shape_text(a, x->rank, x->dims),
                        qn_shape_text(b, target->rank, target->dims));
  if (weight) {
    QN_TRY(qn_check_type(s, 2, QN_FLOATS));
    if (weight->rank != 1 || weight->dims[0] != x->dims[1])
      return qn_step_fail(s, QN_ERR_SHAPE, "weights of shape %s for %lld classes", qn_shape_text(a, weight->rank, weight->dims), (long long)x->dims[1]);
  }
  const char *reduction = qn_attr_text(s, "reduction", "mean");
  bool none = !strcmp(reduction, "none");
  if (!none && strcmp(reduction, "mean") && strcmp(reduction, "sum"))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "reduction is '%s'; 'none', 'mean' or 'sum' is expected", reduction);
  qn_room r = {0};
  take_rooms(s, &r);
  QN_TRY(qn_room_done(s, &r));
  QN_TRY(qn_out_like(s, 1, x));
  return qn_out_shape(s, 0, x->dtype, none ? target->rank : 0, target->dims);
}

/* log(softmax) over the classes, the largest score subtracted first. */
static void log_softmax(const double *x, double *y, int64_t batch, int64_t classes, int64_t points) {
  for (int64_t i = 0; i < batch * points; i++) {
    int64_t at = i / points * classes * points + i % points;
    double most = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++) most = x[at + c * points] > most ? x[at + c * points] : most;
    for (int64_t c = 0; c < classes; c++) sum += exp(x[at + c * points] - most);
    for (int64_t c = 0; c < classes; c++) y[at + c * points] = x[at + c * points] - most - log(sum);
  }
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *target = qn_in(s, 1);
  qn_tensor *y = qn_out(s, 0);
  qn_room r = {.base = s->scratch};
  loss_rooms m = take_rooms(s, &r);
  int64_t classes = x->dims[1], points = qn_product(x->dims + 2, x->rank - 2);
  const qn_attr *ignore = qn_attr_find(s, "ignore_index", QN_ATTR_INT);
  double sum = 0, weights = 0;
  if (softmax_first(s)) log_softmax(m.x, m.log_prob, x->dims[0], classes, points);
  for (int64_t i = 0; i < target->count; i++) {
    int64_t label = qn_index_at(target, i);
    m.loss[i] = 0;
    if (ignore && label == ignore->i) continue;
    if (label < 0 || label >= classes) return qn_step_fail(s, QN_ERR_RANGE, "label %lld of %lld classes", (long long)label, (long long)classes);
    double weight = m.weight ? m.weight[label] : 1;
    m.loss[i] = -m.log_prob[(i / points * classes + label) * points + i % points] * weight;
    sum += m.loss[i];
    weights += weight;
  }
  char reduction = qn_attr_text(s, "reduction", "mean")[0];
  if (y && reduction == 'n') qn_store(QN_IN_F64, y->dtype, y->data, 0, (size_t)y->count, m.loss, (qn_cast_mode){0});
  else if (y) qn_put_double(y, 0, reduction == 'm' ? sum / weights : sum);
  const qn_tensor *log_prob = qn_out(s, 1);
  if (log_prob) qn_store(QN_IN_F64, log_prob->dtype, log_prob->data, 0, (size_t)log_prob->count, m.log_prob, (qn_cast_mode){0});
  return QN_OK;
}

const qn_op qn_op_nll_loss = {.domain = "", .name = "NegativeLogLikelihoodLoss", .since = 12, .min_in = 2, .max_in = 3, .min_out = 1,
                              .max_out = 1, .plan = plan, .run = run};
const qn_op qn_op_softmax_cross_entropy_loss = {.domain = "", .name = "SoftmaxCrossEntropyLoss", .since = 12, .min_in = 2, .max_in = 3,
                                                .min_out = 1, .max_out = 2, .plan = plan, .run = run};
