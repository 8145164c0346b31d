/* If and Loop: state machines around a body's frame; what Scan (scan.c) shares with Loop. */
#include <string.h>

#include "graph/control.h"

qn_status qn_control_frame(qn_frame *caller, const qn_plan_step *step, int index, qn_frame **out) {
  qn_ir_node *node = &caller->ir->nodes[step->node];
  qn_ir *body = node->bodies[index];
  *out = body->frame;
  return body->frame ? QN_OK : qn_frame_create(body, out);
}

void qn_control_bind(qn_plan_value *to, const qn_value *from) {
  to->value = *from;
  to->value.owned = false;
  to->known = false;
  to->channels_last = false;
}

qn_status qn_control_captures(qn_frame *body, const qn_step *s) {
  for (int k = 0; k < body->ir->n_captures; k++) qn_control_bind(&body->inputs[body->ir->n_inputs + k], s->in[body->ir->capture_slots[k]]);
  return QN_OK;
}

/* The step's output takes the body's result: by reference when it lies in the body's own memory, else as a copy. */
static qn_status take_output(qn_step *s, int i, qn_frame *body, int from) {
  if (!s->out[i]) return QN_OK;
  bool foreign;
  const qn_value *v = qn_frame_output(body, from, &foreign);
  if (!v) { /* a constant that no plan bound */
    const qn_constant *k = body->ir->values[body->ir->outputs[from]].constant;
    if (!k) return qn_step_fail(s, QN_ERR_STATE, "output %d of the body is missing", from);
    v = &k->value;
  }
  if (foreign || v->kind != QN_KIND_TENSOR || v->tensor.dtype == QN_STRING) return qn_value_copy(s->out[i], v, s->err);
  qn_value_clear(s->out[i]);
  s->out[i]->tensor = v->tensor;
  return QN_OK;
}

const qn_attr *qn_control_graph(const qn_step *s, const char *name, int *index) {
  *index = 0;
  for (int a = 0; a < s->n_attrs; a++) {
    if (!s->attrs[a].graph) continue;
    if (!strcmp(s->attrs[a].name, name)) return &s->attrs[a];
    (*index)++;
  }
  return NULL;
}

qn_status qn_control_body(qn_frame *caller, qn_plan_step *step, const char *name, int *index, qn_frame **body) {
  qn_step *s = &step->step;
  if (!qn_control_graph(s, name, index)) return qn_step_fail(s, QN_ERR_FORMAT, "the node has no %s", name);
  return qn_control_frame(caller, step, *index, body);
}

qn_status qn_control_plan(qn_step *s) {
  s->dynamic = true;
  if (s->op->name[0] == 'I') return QN_OK;
  return qn_state(s, sizeof(qn_loop));
}

/* ---- If ---- */

static qn_status if_run(qn_frame *caller, qn_plan_step *step, qn_frame **body) {
  qn_step *s = &step->step;
  if (s->phase) {
    QN_TRY(qn_control_frame(caller, step, s->phase - 1, body));
    for (int i = 0; i < s->n_out; i++) QN_TRY(take_output(s, i, *body, i));
    return QN_OK;
  }
  const qn_tensor *condition = qn_in(s, 0);
  if (condition->dtype != QN_BOOL || condition->count != 1) return qn_step_fail(s, QN_ERR_TYPE, "the condition must be one bool");
  bool yes = *(const uint8_t *)condition->data != 0;
  int index;
  const char *branch = yes ? "then_branch" : "else_branch";
  QN_TRY(qn_control_body(caller, step, branch, &index, body));
  if ((*body)->ir->n_outputs < s->n_out) return qn_step_fail(s, QN_ERR_FORMAT, "its %s gives %d outputs where %d are needed", branch, (*body)->ir->n_outputs, s->n_out);
  if ((*body)->ir->n_inputs) return qn_step_fail(s, QN_ERR_FORMAT, "a branch must have no inputs");
  QN_TRY(qn_control_captures(*body, s));
  s->phase = index + 1;
  return QN_CALL;
}

/* ---- Loop ---- */

static void free_values(qn_value *v, int n) {
  for (int i = 0; v && i < n; i++) qn_value_clear(&v[i]);
  qn_free(v);
}

void qn_loop_release(qn_step *s) {
  qn_loop *l = s->state;
  free_values(l->carried[0], l->n_carried);
  free_values(l->carried[1], l->n_carried);
  free_values(l->collected, l->n_scans);
  free_values(l->slices, l->n_slices);
  memset(l, 0, sizeof *l);
}

qn_status qn_loop_values(qn_step *s, qn_loop *l, int carried, int scans, int slices) {
  if (l->carried[0]) return QN_OK;
  l->n_carried = carried;
  l->n_scans = scans;
  l->n_slices = slices;
  l->carried[0] = qn_alloc_zeroed((size_t)carried * sizeof(qn_value));
  l->carried[1] = qn_alloc_zeroed((size_t)carried * sizeof(qn_value));
  l->collected = qn_alloc_zeroed((size_t)scans * sizeof(qn_value));
  l->slices = qn_alloc_zeroed((size_t)slices * sizeof(qn_value));
  if (!l->carried[0] || !l->carried[1] || !l->collected || !l->slices) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the loop");
  return QN_OK;
}

qn_status qn_loop_collect(qn_step *s, qn_loop *l, int k, const qn_value *v) {
  qn_value *all = &l->collected[k];
  const qn_tensor *t = &v->tensor;
  if (v->kind != QN_KIND_TENSOR || t->rank + 1 > QN_MAX_RANK || qn_dtype_size(t->dtype) == 0)
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a scan output that is not a plain tensor");
  int64_t dims[QN_MAX_RANK];
  dims[0] = l->iteration + 1;
  for (int d = 0; d < t->rank; d++) dims[d + 1] = t->dims[d];
  if (l->iteration && (all->tensor.rank != t->rank + 1 || memcmp(all->tensor.dims + 1, t->dims, (size_t)t->rank * sizeof(int64_t)) || all->tensor.dtype != t->dtype))
    return qn_step_fail(s, QN_ERR_SHAPE, "scan output %d changes its shape from one iteration to the next", k);
  size_t bytes = qn_tensor_bytes(t), used = bytes * (size_t)l->iteration;
  if (t->dtype == QN_STRING) { /* the body's bytes change with the next iteration */
    qn_value joined = {0};
    QN_TRY(qn_value_reserve(&joined, QN_STRING, t->rank + 1, dims, s->err));
    if (used) memcpy(joined.tensor.data, all->tensor.data, used);
    if (bytes) memcpy((uint8_t *)joined.tensor.data + used, t->data, bytes);
    const qn_status status = qn_value_copy(all, &joined, s->err);
    qn_value_clear(&joined);
    return status;
  }
  if (l->iteration && used + bytes > all->capacity) { /* doubles, so that copying stays linear */
    qn_value bigger = {0};
    int64_t room[QN_MAX_RANK];
    memcpy(room, dims, sizeof room);
    room[0] = 2 * dims[0];
    QN_TRY(qn_value_reserve(&bigger, t->dtype, t->rank + 1, room, s->err));
    memcpy(bigger.tensor.data, all->tensor.data, used);
    qn_value_clear(all);
    *all = bigger;
  }
  QN_TRY(qn_value_reserve(all, t->dtype, t->rank + 1, dims, s->err));
  if (bytes) memcpy((uint8_t *)all->tensor.data + used, t->data, bytes);
  return QN_OK;
}

qn_status qn_loop_empty(qn_step *s, qn_frame *body, int output, qn_value *out) {
  const qn_onnx_port_item *p = body->ir->source->outputs;
  for (int i = 0; i < output && p; i++) p = p->next;
  int64_t dims[QN_MAX_RANK] = {0};
  int rank = p && p->port.rank >= 0 && p->port.rank < QN_MAX_RANK ? p->port.rank : 0;
  for (int d = 0; d < rank; d++) dims[d + 1] = p->port.dims[d] < 0 ? 0 : p->port.dims[d];
  return qn_value_reserve(out, p && p->port.dtype ? p->port.dtype : QN_FLOAT, rank + 1, dims, s->err);
}

const qn_value *qn_loop_output(qn_frame *body, int i) {
  const qn_value *v = qn_frame_output(body, i, NULL);
  const qn_constant *k = body->ir->values[body->ir->outputs[i]].constant;
  return v ? v : k ? &k->value : NULL;
}

qn_status qn_loop_advance(qn_step *s, qn_loop *l, qn_frame *body, int first) {
  for (int k = 0; k < l->n_carried; k++) QN_TRY(qn_value_copy(&l->carried[1][k], qn_loop_output(body, first + k), s->err));
  for (int k = 0; k < l->n_scans; k++) QN_TRY(qn_loop_collect(s, l, k, qn_loop_output(body, first + l->n_carried + k)));
  qn_value *next = l->carried[1];
  l->carried[1] = l->carried[0];
  l->carried[0] = next;
  l->iteration++;
  return QN_OK;
}

/* Loop: inputs M, condition, carried…; body (iteration, condition, carried…) → (condition, carried…, scans…). */
static qn_status loop_run(qn_frame *caller, qn_plan_step *step, qn_frame **body) {
  qn_step *s = &step->step;
  qn_loop *l = s->state;
  int index;
  QN_TRY(qn_control_body(caller, step, "body", &index, body));
  qn_ir *g = (*body)->ir;
  qn_ir_node *node = &caller->ir->nodes[step->node];
  int carried = node->n_explicit > 2 ? node->n_explicit - 2 : 0, scans = g->n_outputs - 1 - carried;
  if (scans < 0 || g->n_inputs != carried + 2 || node->n_out > carried + scans)
    return qn_step_fail(s, QN_ERR_FORMAT, "its body has %d inputs and %d outputs, which does not fit %d carried values", g->n_inputs, g->n_outputs, carried);
  QN_TRY(qn_loop_values(s, l, carried, scans, 0));
  if (s->phase == 0) {
    const qn_tensor *trips = qn_in(s, 0), *condition = qn_in(s, 1);
    if (trips && (trips->dtype != QN_INT64 || trips->count != 1)) return qn_step_fail(s, QN_ERR_TYPE, "the trip count must be one int64");
    if (condition && (condition->dtype != QN_BOOL || condition->count != 1)) return qn_step_fail(s, QN_ERR_TYPE, "the condition must be one bool");
    l->iteration = 0;
    l->trips = trips ? *(const int64_t *)trips->data : -1;
    if (trips && l->trips < 0) l->trips = 0;
    l->condition = condition ? *(const uint8_t *)condition->data != 0 : 1;
    for (int k = 0; k < carried; k++) {
      if (!s->in[k + 2]) return qn_step_fail(s, QN_ERR_FORMAT, "carried value %d has no initial value", k);
      QN_TRY(qn_value_copy(&l->carried[0][k], s->in[k + 2], s->err));
    }
    s->phase = 1;
  } else {
    const qn_value *condition = qn_loop_output(*body, 0);
    if (!condition || condition->tensor.dtype != QN_BOOL || condition->tensor.count != 1) return qn_step_fail(s, QN_ERR_TYPE, "the body's condition must be one bool");
    l->condition = *(const uint8_t *)condition->tensor.data != 0;
    QN_TRY(qn_loop_advance(s, l, *body, 1));
  }
  if (l->condition && (l->trips < 0 || l->iteration < l->trips)) {
    qn_value iteration = {.tensor = {.dtype = QN_INT64, .count = 1, .data = &l->iteration}};
    qn_value condition = {.tensor = {.dtype = QN_BOOL, .count = 1, .data = &l->condition}};
    /* body declarations say whether these are scalars or one-element lists; both are in use */
    const qn_onnx_port_item *p = g->source->inputs;
    if (p && p->port.rank == 1) { iteration.tensor.rank = 1; iteration.tensor.dims[0] = 1; }
    if (p && p->next && p->next->port.rank == 1) { condition.tensor.rank = 1; condition.tensor.dims[0] = 1; }
    qn_control_bind(&(*body)->inputs[0], &iteration);
    qn_control_bind(&(*body)->inputs[1], &condition);
    for (int k = 0; k < carried; k++) qn_control_bind(&(*body)->inputs[k + 2], &l->carried[0][k]);
    QN_TRY(qn_control_captures(*body, s));
    return QN_CALL;
  }
  for (int i = 0; i < s->n_out; i++) {
    if (!s->out[i]) continue;
    if (i < carried) QN_TRY(qn_value_copy(s->out[i], &l->carried[0][i], s->err));
    else if (l->iteration) QN_TRY(qn_value_copy(s->out[i], &l->collected[i - carried], s->err));
    else QN_TRY(qn_loop_empty(s, *body, i + 1, s->out[i]));
  }
  return QN_OK;
}

const qn_op qn_op_if = {.domain = "", .name = "If", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = -1, .flags = QN_CONTROL, .plan = qn_control_plan};
const qn_op qn_op_loop = {.domain = "", .name = "Loop", .since = 1, .min_in = 1, .max_in = -1, .min_out = 1, .max_out = -1, .flags = QN_CONTROL,
                          .plan = qn_control_plan, .release = qn_loop_release};
qn_status qn_control_run(qn_frame *caller, qn_plan_step *step, qn_frame **body) {
  switch (step->step.op->name[0]) {
    case 'I': return if_run(caller, step, body);
    case 'L': return loop_run(caller, step, body);
    case 'F': return qn_flex_attention_run(caller, step, body);
    default: break;
  }
  return step->step.op->name[1] == 'e' ? qn_sequence_map_run(caller, step, body) : qn_scan_run(caller, step, body);
}
