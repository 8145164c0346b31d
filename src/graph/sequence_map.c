/* SequenceMap: inputs a sequence, then sequences and tensors; body (elements and tensors…) → (elements…). */
#include <string.h>

#include "graph/control.h"

static void begin_sequence(qn_step *s, int i, const qn_frame *body) {
  const qn_onnx_port_item *p = body->ir->source->outputs;
  for (int k = 0; k < i && p; k++) p = p->next;
  if (!s->out[i]) return;
  qn_value_clear(s->out[i]);
  s->out[i]->kind = QN_KIND_SEQUENCE;
  s->out[i]->tensor.dtype = p && p->port.dtype ? p->port.dtype : QN_FLOAT; /* of an empty one */
}

qn_status qn_sequence_map_run(qn_frame *caller, qn_plan_step *step, qn_frame **body) {
  qn_step *s = &step->step;
  qn_loop *l = s->state;
  int index, n = caller->ir->nodes[step->node].n_explicit;
  QN_TRY(qn_control_body(caller, step, "body", &index, body));
  const qn_ir *g = (*body)->ir;
  if (g->n_inputs != n || g->n_outputs < s->n_out)
    return qn_step_fail(s, QN_ERR_FORMAT, "its body has %d inputs and %d outputs where the node has %d and %d", g->n_inputs, g->n_outputs, n, s->n_out);
  if (s->phase == 0) {
    if (!s->in[0] || s->in[0]->kind != QN_KIND_SEQUENCE) return qn_step_fail(s, QN_ERR_TYPE, "input 0 is not a sequence");
    l->iteration = 0;
    for (int i = 0; i < s->n_out; i++) begin_sequence(s, i, *body);
    s->phase = 1;
  } else {
    for (int i = 0; i < s->n_out; i++) {
      const qn_value *made = qn_loop_output(*body, i);
      if (!s->out[i]) continue;
      if (!made || made->kind != QN_KIND_TENSOR) return qn_step_fail(s, QN_ERR_TYPE, "output %d of the body is not a tensor", i);
      s->out[i]->tensor.dtype = made->tensor.dtype;
      QN_TRY(qn_value_insert(s->out[i], s->out[i]->item_count, made, s->err));
    }
    l->iteration++;
  }
  if (l->iteration >= s->in[0]->item_count) return QN_OK;
  for (int i = 0; i < n; i++) {
    const qn_value *v = s->in[i];
    if (!v) return qn_step_fail(s, QN_ERR_FORMAT, "input %d is missing", i);
    if (v->kind == QN_KIND_SEQUENCE && v->item_count != s->in[0]->item_count)
      return qn_step_fail(s, QN_ERR_SHAPE, "the sequences have %lld and %lld elements", (long long)s->in[0]->item_count, (long long)v->item_count);
    qn_control_bind(&(*body)->inputs[i], v->kind == QN_KIND_SEQUENCE ? &v->items[l->iteration] : v);
  }
  QN_TRY(qn_control_captures(*body, s));
  return QN_CALL;
}

const qn_op qn_op_sequence_map = {.domain = "", .name = "SequenceMap", .since = 17, .min_in = 1, .max_in = -1, .min_out = 1, .max_out = -1,
                                  .flags = QN_CONTROL, .plan = qn_control_plan};
