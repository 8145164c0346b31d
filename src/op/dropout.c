/* Dropout at inference: the input, and a mask of trues. */
#include <math.h>
#include <string.h>

#include "op/scratch.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0), *ratio, *training;
  if (s->opset >= 12) {
    QN_TRY(qn_need(s, 2, &training));
    if (training && training->count == 1 && training->dtype == QN_BOOL && *(const uint8_t *)training->data) {
      QN_TRY(qn_need(s, 1, &ratio));
      double r = 0.5;
      if (ratio && ratio->count == 1) {
        QN_TRY(qn_check_type(s, 1, QN_FLOATS));
        qn_cast(ratio->dtype, ratio->data, QN_DOUBLE, &r, 1, (qn_cast_mode){0});
      }
      if (r != 0) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "training_mode drops at random; Quern only infers");
    }
  }
  QN_TRY(qn_out_view(s, 0, 0, x->rank, x->dims));
  return qn_out_shape(s, 1, s->opset < 10 ? x->dtype : QN_BOOL, x->rank, x->dims);
}

static qn_status run(qn_step *s) {
  const qn_tensor *mask = qn_out(s, 1);
  if (!mask || mask->count == 0) return QN_OK;
  if (mask->dtype == QN_BOOL) {
    memset(mask->data, 1, (size_t)mask->count);
    return QN_OK;
  }
  size_t width = qn_dtype_size(mask->dtype);
  const float one = 1.0f;
  for (int64_t i = 0; i < mask->count; i++) qn_cast(QN_FLOAT, &one, mask->dtype, (uint8_t *)mask->data + (size_t)i * width, 1, (qn_cast_mode){0});
  return QN_OK;
}

const qn_op qn_op_dropout = {.domain = "", .name = "Dropout", .since = 1, .min_in = 1, .max_in = 3, .min_out = 1, .max_out = 2,
                             .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
