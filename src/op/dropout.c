/* Dropout: at inference the input, and a mask of trues; in training mode (opset 12 and up) elements are dropped at random
 * and the others scaled, Srivastava et al., 2014. */
#include <math.h>
#include <string.h>

#include "op/random_state.h"
#include "op/wide.h"

/* The share that is dropped, 0 at inference. */
static double ratio_of(const qn_step *s) {
  const qn_tensor *training = qn_in(s, 2), *ratio = qn_in(s, 1);
  if (s->opset < 12 || !training || !*(const uint8_t *)training->data) return 0;
  return ratio ? qn_double_at(ratio, 0) : 0.5;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS | QN_TYPE_BIT(QN_FLOAT8E4M3FN) | QN_TYPE_BIT(QN_FLOAT8E4M3FNUZ) | QN_TYPE_BIT(QN_FLOAT8E5M2) | QN_TYPE_BIT(QN_FLOAT8E5M2FNUZ)));
  const qn_tensor *x = qn_in(s, 0), *known;
  bool drops = false;
  if (s->opset >= 12 && qn_in(s, 2)) {
    QN_TRY(qn_check_type(s, 2, QN_TYPE_BIT(QN_BOOL)));
    QN_TRY(qn_need(s, 2, &known));
    if (known->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "training_mode is not a scalar");
    if (*(const uint8_t *)known->data && qn_in(s, 1)) {
      QN_TRY(qn_check_type(s, 1, QN_FLOATS));
      QN_TRY(qn_need(s, 1, &known));
      if (known->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "ratio is not a scalar");
    }
    double ratio = ratio_of(s);
    if (!(ratio >= 0 && ratio < 1)) return qn_step_fail(s, QN_ERR_RANGE, "ratio is %g; 0 to below 1 is expected", ratio);
    drops = ratio != 0;
  }
  QN_TRY(drops ? qn_random_plan(s) : QN_OK);
  QN_TRY(drops ? qn_out_like(s, 0, x) : qn_out_view(s, 0, 0, x->rank, x->dims));
  return qn_out_shape(s, 1, s->opset < 10 ? x->dtype : QN_BOOL, x->rank, x->dims);
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0), *mask = qn_out(s, 1);
  double ratio = ratio_of(s);
  qn_random *r = ratio != 0 ? qn_random_begin(s) : NULL;
  bool last = s->channels_last && x->rank >= 3;
  int64_t channels = last ? x->dims[x->rank - 1] : 1, points = last ? qn_product(x->dims + 1, x->rank - 2) : 1;
  for (int64_t i = 0; i < x->count; i++) { /* in logical order, whatever the storage */
    int64_t plane = i / points, at = last ? (plane / channels * points + i % points) * channels + plane % channels : i;
    bool kept = !r || qn_random_uniform(r) >= ratio;
    if (mask) qn_put_double(mask, at, kept);
    if (r && y) qn_put_double(y, at, kept ? qn_double_at(x, at) / (1 - ratio) : 0);
  }
  return QN_OK;
}

const qn_op qn_op_dropout = {.domain = "", .name = "Dropout", .since = 1, .min_in = 1, .max_in = 3, .min_out = 1, .max_out = 2,
                             .flags = QN_LAYOUT_FOLLOW | QN_NONDETERMINISTIC, .plan = plan, .run = run};
