/* What a custom build leaves out: parts of the graph layer that none of its operators needs. Compiled with the macros that
 * tools/custom-build.mjs chooses; the objects of the real ones are then left out of the link. */
#include "graph/execute.h"

#ifdef QN_WITHOUT_CONTROL
qn_status qn_control_run(qn_frame *caller, qn_plan_step *step, qn_frame **body) {
  (void)body;
  return qn_fail(caller->ir->context->err, QN_ERR_UNSUPPORTED, "%s runs a graph of its own, which this custom build leaves out", step->step.op->name);
}
#endif

/* What these would make faster runs as it is. */
#ifdef QN_WITHOUT_QUANTIZED
qn_status qn_pass_quantize(qn_ir *g) {
  (void)g;
  return QN_OK;
}
#endif
#ifdef QN_WITHOUT_ATTENTION
qn_status qn_pass_attention(qn_ir *g) {
  (void)g;
  return QN_OK;
}
#endif
#ifdef QN_WITHOUT_NORM
qn_status qn_pass_norm(qn_ir *g) {
  (void)g;
  return QN_OK;
}
#endif
