/* FlexAttention: its arithmetic (op/flex_attention.c) in phases, between which its subgraphs run. */
#include "graph/control.h"
#include "op/flex_attention.h"

/* An even phase computes and then calls a subgraph when the node has it; the odd one after it takes the subgraph's result. */
qn_status qn_flex_attention_run(qn_frame *caller, qn_plan_step *step, qn_frame **body) {
  static const char *const NAMES[] = {"score_mod", "prob_mod"};
  qn_step *s = &step->step;
  for (;;) {
    int index, stage = s->phase / 2;
    if (s->phase % 2 == 0) QN_TRY(qn_flex_run(s, (qn_flex_stage)stage));
    if (stage == QN_FLEX_FINISH) return QN_OK;
    if (qn_control_graph(s, NAMES[stage], &index)) {
      QN_TRY(qn_control_frame(caller, step, index, body));
      if ((*body)->ir->n_inputs != 1 || (*body)->ir->n_outputs != 1) return qn_step_fail(s, QN_ERR_FORMAT, "its %s must have one input and one output", NAMES[stage]);
      if (s->phase % 2 == 0) {
        qn_control_bind(&(*body)->inputs[0], qn_flex_scores(s));
        QN_TRY(qn_control_captures(*body, s));
        s->phase++;
        return QN_CALL;
      }
      QN_TRY(qn_value_copy(qn_flex_scores(s), qn_loop_output(*body, 0), s->err));
    }
    s->phase = 2 * (stage + 1);
  }
}
