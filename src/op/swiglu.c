/* SwiGLU: Swish(a) · b (Shazeer, arXiv:2002.05202). */
#include "kernel/unary.h"
#include "op/elementwise.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES));
  const qn_tensor *a = qn_in(s, 0), *b = qn_in(s, 1);
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(a->dtype)));
  char ta[QN_SHAPE_TEXT], tb[QN_SHAPE_TEXT];
  if (!qn_tensor_same_shape(a, b))
    return qn_step_fail(s, QN_ERR_SHAPE, "the inputs differ in shape: %s and %s", qn_shape_text(ta, a->rank, a->dims), qn_shape_text(tb, b->rank, b->dims));
  return qn_out_like(s, 0, a);
}

static qn_status run(qn_step *s) {
  enum { CHUNK = 256 };
  const qn_tensor *a = qn_in(s, 0), *b = qn_in(s, 1), *y = qn_out(s, 0);
  const qn_compute c = qn_compute_of(a->dtype);
  const float alpha = qn_attr_float(s, "alpha", 1.0f);
  double gate[CHUNK], value[CHUNK];
  for (size_t done = 0, n, count = (size_t)a->count; done < count; done += n) {
    n = count - done < CHUNK ? count - done : CHUNK;
    qn_load(c, a->dtype, a->data, done, n, gate);
    qn_load(c, b->dtype, b->data, done, n, value);
    qn_unary_run(QN_SWISH, qn_compute_dtype(c), gate, gate, n, alpha, 0);
    for (size_t i = 0; i < n; i++) {
      if (c == QN_IN_F64) gate[i] *= value[i];
      else ((float *)gate)[i] *= ((const float *)value)[i];
    }
    qn_store(c, y->dtype, y->data, done, n, gate, (qn_cast_mode){0});
  }
  return QN_OK;
}

const qn_op qn_op_swiglu = {.domain = "", .name = "SwiGLU", .since = 28, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                            .flags = QN_LAYOUT_ELEMENTWISE | QN_INPLACE, .plan = plan, .run = run};
