/* Name: what it computes, in one sentence. Copy this file, rename `template`, add QN_OP(name) to op_list.h.
 * plan() checks everything that can be wrong and says the output's type and shape; run() only computes. */
#include <math.h>

#include "op/op.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_FLOAT)));
  float alpha = qn_attr_float(s, "alpha", 1.0f);
  if (!isfinite(alpha)) return qn_step_fail(s, QN_ERR_ARGUMENT, "alpha is %g; a finite number is expected", (double)alpha);
  return qn_out_like(s, 0, qn_in(s, 0));
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const float *in = x->data;
  float *out = qn_out(s, 0)->data, alpha = qn_attr_float(s, "alpha", 1.0f);
  for (int64_t i = 0; i < x->count; i++) out[i] = alpha * in[i]; /* longer numerics go to kernel/ */
  return QN_OK;
}

/* Not in op_list.h: the domain keeps it out of the way should somebody list it by mistake. */
const qn_op qn_op_template = {.domain = "template", .name = "Template", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                              .flags = QN_LAYOUT_ELEMENTWISE | QN_INPLACE, .plan = plan, .run = run};
