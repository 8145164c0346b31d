#include "quern.h"

#include <string.h>

#include "graph/describe.h"
#include "graph/execute.h"
#include "graph/ir.h"
#include "graph/planner.h"
#include "model/onnx.h"

typedef enum stage { READING, RESOLVED, READY, RUNNING, DONE, BROKEN } stage;

typedef struct input {
  qn_port port;
  int slot;                  /* index among the graph's inputs */
  qn_value value;            /* owns its block */
  bool bound;
} input;

struct qn_model {
  qn_error error;
  stage stage;
  qn_onnx_model onnx;
  qn_context context;
  qn_ir *graph;
  qn_frame *frame;
  qn_executor executor;
  input *inputs;
  qn_port *outputs;
  int n_inputs, n_outputs, nodes_in_file;
  bool rare; /* has operators that are */
  uint32_t skipped_passes;
};

qn_model *qn_model_create(void) {
  qn_model *m = qn_alloc_zeroed(sizeof *m);
  if (!m) return NULL;
  m->context.onnx = &m->onnx;
  m->context.err = &m->error;
  if (qn_onnx_begin(&m->onnx, &m->error) != QN_OK) m->stage = BROKEN;
  return m;
}

static void free_frames(qn_ir *g) {
  if (!g) return;
  qn_frame_free(g->frame);
  for (int n = 0; n < g->n_nodes; n++)
    for (int b = 0; b < g->nodes[n].n_bodies; b++) free_frames(g->nodes[n].bodies[b]);
}

void qn_model_free(qn_model *m) {
  if (!m) return;
  for (int i = 0; m->frame && i < m->graph->n_inputs; i++) qn_state_clear(&m->frame->states[i]);
  free_frames(m->graph);
  for (int i = 0; i < m->n_inputs; i++) qn_value_clear(&m->inputs[i].value);
  qn_context_free(&m->context);
  qn_onnx_free(&m->onnx);
  qn_free(m);
}

const qn_error *qn_model_error(const qn_model *m) { return &m->error; }

static qn_status wrong_time(qn_model *m, const char *what) {
  static const char *const names[] = {"is still being read", "has been read", "is ready", "is running", "has finished a run", "failed to load"};
  return qn_fail(&m->error, QN_ERR_STATE, "%s while the model %s", what, names[m->stage]);
}

/* ---- reading ---- */

void qn_model_skip_passes(qn_model *m, uint32_t passes) { m->skipped_passes = passes; }

static qn_status broken(qn_model *m, qn_status status) {
  if (status != QN_OK) m->stage = BROKEN;
  return status;
}

qn_status qn_model_want(qn_model *m, void **ptr, size_t *size) {
  if (m->stage != READING) return wrong_time(m, "bytes were offered");
  return broken(m, qn_onnx_want(&m->onnx, ptr, size, &m->error));
}

qn_status qn_model_commit(qn_model *m, size_t size) {
  if (m->stage != READING) return wrong_time(m, "bytes were given");
  return broken(m, qn_onnx_commit(&m->onnx, size, &m->error));
}

bool qn_model_external(qn_model *m, const char **location, uint64_t *offset, uint64_t *length) {
  if (m->stage != READING) return false;
  const qn_onnx_tensor *t = qn_onnx_external(&m->onnx);
  if (!t) return false;
  *location = t->location;
  *offset = t->offset;
  *length = t->length;
  return true;
}

static void fill_port(qn_port *to, const qn_onnx_port *from) {
  *to = (qn_port){.name = from->name, .kind = from->kind, .dtype = from->dtype, .key = from->key, .rank = from->rank, .dims = from->dims, .symbols = from->symbols};
}

static qn_status make_ports(qn_model *m) {
  qn_ir *g = m->graph;
  m->inputs = qn_pool_alloc(&m->context.pool, (size_t)g->n_inputs * sizeof *m->inputs);
  m->outputs = qn_pool_alloc(&m->context.pool, (size_t)g->n_outputs * sizeof *m->outputs);
  if (!m->inputs || !m->outputs) return qn_fail(&m->error, QN_ERR_MEMORY, "no memory for the model's inputs and outputs");
  int slot = 0;
  for (const qn_onnx_port_item *p = m->onnx.graph.inputs; p; p = p->next, slot++) {
    if (g->values[g->inputs[slot]].constant) continue; /* an initializer of an old file, listed as an input */
    input *in = &m->inputs[m->n_inputs++];
    fill_port(&in->port, &p->port);
    in->slot = slot;
    in->port.optional = g->defaults[slot] != NULL;
  }
  for (const qn_onnx_port_item *p = m->onnx.graph.outputs; p; p = p->next) fill_port(&m->outputs[m->n_outputs++], &p->port);
  return QN_OK;
}

static qn_status resolve(qn_model *m) {
  QN_TRY(qn_onnx_end(&m->onnx, &m->error));
  m->nodes_in_file = m->onnx.graph.n_nodes;
  QN_TRY(qn_onnx_inline_functions(&m->onnx, &m->error));
  QN_TRY(qn_ir_resolve(&m->context, &m->onnx.graph, &m->rare));
  m->stage = RESOLVED;
  return QN_OK;
}

qn_status qn_model_resolve(qn_model *m, bool *rare) {
  if (m->stage != READING) return wrong_time(m, "its operators were looked up");
  QN_TRY(broken(m, resolve(m)));
  *rare = m->rare;
  return QN_OK;
}

/* No layout but ONNX's. */
static void set_plain(qn_ir *g) {
  g->frame->plain = true;
  for (int n = 0; n < g->n_nodes; n++)
    for (int b = 0; b < g->nodes[n].n_bodies; b++) set_plain(g->nodes[n].bodies[b]);
}

static qn_status finish(qn_model *m) {
  qn_context *c = &m->context;
  if (m->stage == READING) QN_TRY(resolve(m));
  QN_TRY(qn_ir_build(c, &m->onnx.graph, &m->graph));
  QN_TRY(make_ports(m));
  if (!(m->skipped_passes & QN_PASS_QUANTIZE)) {
    QN_TRY(qn_pass_fold(m->graph, true));
    QN_TRY(qn_pass_quantize(m->graph));
  }
  QN_TRY(qn_pass_fold(m->graph, false));
  qn_ir_count_readers(c, m->graph);
  if (!(m->skipped_passes & QN_PASS_NORM)) QN_TRY(qn_pass_norm(m->graph));
  if (!(m->skipped_passes & QN_PASS_ACTIVATION)) QN_TRY(qn_pass_activation(m->graph));
  if (!(m->skipped_passes & QN_PASS_ATTENTION)) QN_TRY(qn_pass_attention(m->graph));
  if (!(m->skipped_passes & QN_PASS_FUSE)) QN_TRY(qn_pass_fuse(m->graph));
  QN_TRY(qn_pass_fold(m->graph, false));
  qn_ir_count_readers(c, m->graph);
  const bool neutral = m->skipped_passes & QN_PASS_TARGET;
  if (!neutral) {
    QN_TRY(qn_pass_target(m->graph));
    qn_ir_count_readers(c, m->graph);
    QN_TRY(qn_pass_prepare(m->graph));
  }
  QN_TRY(qn_frame_create(m->graph, &m->frame));
  if (neutral) set_plain(m->graph);
  m->frame->states = qn_pool_alloc(&c->pool, (size_t)m->graph->n_inputs * sizeof *m->frame->states);
  if (!m->frame->states) return qn_fail(&m->error, QN_ERR_MEMORY, "no memory for the model's inputs");
  for (int i = 0; i < m->graph->n_inputs; i++) m->frame->states[i] = (qn_kept_state){.output = -1, .joined = -1, .rows = -1};
  return QN_OK;
}

qn_status qn_model_finish(qn_model *m) {
  if (m->stage != READING && m->stage != RESOLVED) return wrong_time(m, "the model was finished");
  QN_TRY(broken(m, finish(m)));
  m->stage = READY;
  return QN_OK;
}

/* ---- ports ---- */

int qn_input_count(const qn_model *m) { return m->n_inputs; }
int qn_output_count(const qn_model *m) { return m->n_outputs; }
const qn_port *qn_input_port(const qn_model *m, int i) { return i >= 0 && i < m->n_inputs ? &m->inputs[i].port : NULL; }
const qn_port *qn_output_port(const qn_model *m, int i) { return i >= 0 && i < m->n_outputs ? &m->outputs[i] : NULL; }

static qn_status idle(qn_model *m, const char *what) {
  return m->stage == READY || m->stage == DONE ? QN_OK : wrong_time(m, what);
}

static qn_status check_input(qn_model *m, const qn_port *p, qn_dtype dtype, int rank, const int64_t *dims) {
  char got[QN_SHAPE_TEXT], expected[QN_SHAPE_TEXT];
  if (p->kind != QN_KIND_TENSOR) return QN_OK;
  if (p->dtype && p->dtype != dtype)
    return qn_fail(&m->error, QN_ERR_TYPE, "input '%s' is %s; the model expects %s", p->name, qn_dtype_name(dtype), qn_dtype_name(p->dtype));
  if (p->rank < 0) return QN_OK;
  bool fits = p->rank == rank || p->rank == 0;
  /* One element of any rank does for a scalar: onnxruntime takes it, and its clients give [1]. Exporters write 0 for "any". */
  for (int d = 0; fits && d < rank; d++) fits = p->rank == 0 ? dims[d] == 1 : p->dims[d] <= 0 || p->dims[d] == dims[d];
  if (fits) return QN_OK;
  qn_shape_text(got, rank, dims);
  qn_shape_text(expected, p->rank, p->dims);
  return qn_fail(&m->error, QN_ERR_SHAPE, "input '%s' has shape %s; the model expects %s (-1: any)", p->name, got, expected);
}

qn_status qn_input_bind(qn_model *m, int i, qn_dtype dtype, int rank, const int64_t *dims) {
  QN_TRY(idle(m, "an input was bound"));
  if (i < 0 || i >= m->n_inputs) return qn_fail(&m->error, QN_ERR_ARGUMENT, "input %d does not exist; the model has %d", i, m->n_inputs);
  input *in = &m->inputs[i];
  qn_error inner;
  QN_TRY(check_input(m, &in->port, dtype, rank, dims));
  qn_status status = qn_value_reserve(&in->value, dtype, rank, dims, &inner);
  if (status != QN_OK) return qn_fail(&m->error, status, "input '%s': %s", in->port.name, inner.text);
  in->bound = true;
  return QN_OK;
}

qn_status qn_input_unbind(qn_model *m, int i) {
  QN_TRY(idle(m, "an input was unbound"));
  if (i < 0 || i >= m->n_inputs) return qn_fail(&m->error, QN_ERR_ARGUMENT, "input %d does not exist; the model has %d", i, m->n_inputs);
  m->inputs[i].bound = false;
  return QN_OK;
}

static qn_status bind_state(qn_model *m, int i, int output) {
  const qn_port *to = &m->inputs[i].port, *from = qn_output_port(m, output);
  if (!from) return qn_fail(&m->error, QN_ERR_ARGUMENT, "output %d does not exist; the model has %d", output, m->n_outputs);
  if (to->kind != QN_KIND_TENSOR || from->kind != QN_KIND_TENSOR)
    return qn_fail(&m->error, QN_ERR_TYPE, "output '%s' cannot be kept for input '%s': both must be tensors", from->name, to->name);
  if (to->dtype && from->dtype && to->dtype != from->dtype)
    return qn_fail(&m->error, QN_ERR_TYPE, "output '%s' is %s; input '%s' takes %s", from->name, qn_dtype_name(from->dtype), to->name, qn_dtype_name(to->dtype));
  if (to->rank >= 0 && from->rank >= 0 && to->rank != from->rank)
    return qn_fail(&m->error, QN_ERR_SHAPE, "output '%s' has %d dimensions; input '%s' takes %d", from->name, from->rank, to->name, to->rank);
  for (int k = 0; k < m->n_inputs; k++)
    if (k != i && m->frame->states[m->inputs[k].slot].output == output)
      return qn_fail(&m->error, QN_ERR_ARGUMENT, "output '%s' is kept for input '%s' already", from->name, m->inputs[k].port.name);
  return QN_OK;
}

qn_status qn_state_bind(qn_model *m, int i, int output) {
  QN_TRY(idle(m, "a state was bound"));
  if (i < 0 || i >= m->n_inputs) return qn_fail(&m->error, QN_ERR_ARGUMENT, "input %d does not exist; the model has %d", i, m->n_inputs);
  if (output >= 0) QN_TRY(bind_state(m, i, output));
  input *in = &m->inputs[i];
  in->bound = false;
  qn_value_clear(&in->value);
  qn_state_clear(&m->frame->states[in->slot]);
  m->frame->states[in->slot] = qn_state_of(m->graph, in->slot, output, &in->value);
  qn_frame_forget(m->frame); /* plans depend on it */
  m->stage = READY;
  return QN_OK;
}

qn_value *qn_input_value(qn_model *m, int i) {
  if (i < 0 || i >= m->n_inputs) return NULL;
  if (m->frame) qn_state_compact(&m->frame->states[m->inputs[i].slot]);
  m->inputs[i].bound = true;
  return &m->inputs[i].value;
}

/* ---- running ---- */

qn_status qn_run_start(qn_model *m) {
  QN_TRY(idle(m, "a run was started"));
  for (int i = 0; i < m->n_inputs; i++) {
    input *in = &m->inputs[i];
    const qn_constant *otherwise = m->graph->defaults[in->slot];
    if (!in->bound && !otherwise) return qn_fail(&m->error, QN_ERR_ARGUMENT, "input '%s' is missing", in->port.name);
    qn_plan_value *to = &m->frame->inputs[in->slot];
    m->frame->states[in->slot].rows = -1;
    to->value = in->bound ? in->value : otherwise->value;
    to->value.owned = false;
  }
  m->stage = READY;
  QN_TRY(qn_execute_begin(&m->executor, m->frame));
  m->stage = RUNNING;
  return QN_OK;
}

/* What the run left for the next one. */
static qn_status advance_states(qn_model *m) {
  qn_kept_state *states = m->frame->states;
  bool foreign;
  for (int i = 0; i < m->graph->n_inputs; i++) {
    const qn_value *from = states[i].output < 0 || states[i].rows >= 0 ? NULL : qn_frame_output(m->frame, states[i].output, &foreign);
    if (from) QN_TRY(qn_value_copy(foreign ? &states[i].next : states[i].value, from, &m->error));
    if (from && !foreign) qn_value_clear(&states[i].next);
  }
  for (int i = 0; i < m->n_inputs; i++) {
    input *in = &m->inputs[i];
    qn_kept_state *s = &states[in->slot];
    if (s->output < 0) continue;
    in->bound = true;
    if (s->rows >= 0) {
      int64_t dims[QN_MAX_RANK];
      memcpy(dims, in->value.tensor.dims, sizeof dims);
      dims[s->axis] = s->rows;
      QN_TRY(qn_tensor_shape(&in->value.tensor, in->value.tensor.dtype, in->value.tensor.rank, dims, &m->error));
    } else if (s->next.owned) {
      const qn_value now = in->value;
      in->value = s->next;
      s->next = now;
    }
  }
  return QN_OK;
}

qn_status qn_run_step(qn_model *m, uint32_t budget_us, bool *done) {
  if (m->stage != RUNNING) return wrong_time(m, "a run was continued");
  qn_status status = qn_execute(&m->executor, budget_us, done);
  if (status == QN_OK && *done) status = advance_states(m);
  if (status != QN_OK) m->stage = READY;
  else if (*done) m->stage = DONE;
  return status;
}

qn_status qn_run_next(qn_model *m, const qn_plan_step **step) {
  *step = NULL;
  if (m->stage != RUNNING) return wrong_time(m, "a run was looked at");
  qn_status status = qn_execute_next(&m->executor, step);
  if (status != QN_OK) m->stage = READY;
  return status;
}

qn_status qn_run_skip(qn_model *m) {
  if (m->stage != RUNNING) return wrong_time(m, "a step was passed over");
  const qn_plan_step *step;
  QN_TRY(qn_run_next(m, &step));
  if (!step || (step->step.op->flags & QN_CONTROL) || step->step.dynamic)
    return qn_fail(&m->error, QN_ERR_STATE, "%s cannot be passed over", step ? step->step.op->name : "the end of a run");
  m->executor.stack[m->executor.depth - 1]->next_step++;
  return QN_OK;
}

qn_status qn_run_whole(qn_model *m) {
  const int depth = m->executor.depth;
  const qn_plan_step *step;
  QN_TRY(qn_run_next(m, &step));
  if (!step) return QN_OK;
  const qn_frame *f = m->executor.stack[depth - 1];
  const int at = f->next_step;
  const qn_plan *plan = f->current;
  for (bool done = false; !done && (m->executor.depth > depth || (f->current == plan && f->next_step == at));) {
    qn_status status = qn_execute(&m->executor, QN_ONE_NODE, &done);
    if (status != QN_OK) {
      m->stage = READY;
      return status;
    }
  }
  return QN_OK;
}

uint32_t qn_plan_serial(const qn_model *m) { return m->frame && m->frame->current ? m->frame->current->serial : 0; }

const void *qn_plan_arena(const qn_model *m, size_t *size) {
  *size = m->frame ? m->frame->arena_size : 0;
  return m->frame ? m->frame->arena : NULL;
}

const qn_value *qn_plan_need(const qn_model *m, int i) {
  const qn_plan *p = m->frame ? m->frame->current : NULL;
  if (!p || i < 0 || i >= p->n_needs) return NULL;
  const qn_plan_value *v = qn_planner_lookup(m->frame, p, p->needs[i]);
  return v ? &v->value : NULL;
}

void qn_run_cancel(qn_model *m) {
  if (m->stage != RUNNING) return;
  for (int i = 0; i < m->executor.depth; i++) {
    qn_frame *f = m->executor.stack[i];
    if (f->current && f->next_step < f->current->n_steps) f->current->steps[f->next_step].step.phase = 0;
  }
  m->executor.depth = 0;
  m->stage = READY;
}

const qn_value *qn_output_value(qn_model *m, int i) {
  if (m->stage != DONE || i < 0 || i >= m->n_outputs) return NULL;
  for (int k = 0; k < m->n_inputs; k++)
    if (m->frame->states[m->inputs[k].slot].output == i) return qn_input_value(m, k);
  return qn_frame_output(m->frame, i, NULL);
}

/* ---- looking inside ---- */

char *qn_model_describe(const qn_model *m) { return qn_describe(&m->onnx, m->stage == BROKEN ? NULL : m->graph); }

const qn_plan_step *qn_plan_step_at(const qn_model *m, int i) {
  const qn_plan *p = m->frame ? m->frame->current : NULL;
  return p && i >= 0 && i < p->n_steps ? &p->steps[i] : NULL;
}

bool qn_plan_is_whole(const qn_model *m) { return m->frame && m->frame->current && m->frame->current->complete; }

void qn_step_describe(const qn_plan_step *s, qn_step_info *info) {
  *info = (qn_step_info){.domain = s->step.op->domain, .op = s->step.op->name, .name = s->step.name, .n_in = s->step.n_in, .n_out = s->step.n_out,
                         .opset = s->step.opset, .node = s->node, .clamp_min = s->step.clamp_min, .clamp_max = s->step.clamp_max,
                         .control = s->step.op->flags & QN_CONTROL, .dynamic = s->step.dynamic};
}

const qn_value *qn_step_input(const qn_plan_step *s, int i) { return i >= 0 && i < s->step.n_in ? s->step.in[i] : NULL; }
const qn_value *qn_step_output(const qn_plan_step *s, int i) { return i >= 0 && i < s->step.n_out ? s->step.out[i] : NULL; }

const qn_attr *qn_step_attr(const qn_plan_step *s, const char *name) {
  for (int i = 0; i < s->step.n_attrs; i++)
    if (!strcmp(s->step.attrs[i].name, name)) return &s->step.attrs[i];
  return NULL;
}

qn_place qn_step_place(const qn_value *port) {
  const qn_plan_value *v = (const qn_plan_value *)(const void *)port; /* a step's ports are the first members of plan values */
  return v->constant ? QN_PLACE_CONSTANT : v->known ? QN_PLACE_PLAN : QN_PLACE_RUN;
}

int32_t qn_step_last_use(const qn_value *port) {
  const qn_storage *s = ((const qn_plan_value *)(const void *)port)->storage;
  return s && s->in_arena ? s->last_use : INT32_MAX;
}

const char *qn_step_output_name(const qn_model *m, const qn_plan_step *s, int i) {
  const qn_frame *f = m->executor.depth ? m->executor.stack[m->executor.depth - 1] : m->frame;
  if (!f || s->node < 0 || s->node >= f->ir->n_nodes || i < 0 || i >= f->ir->nodes[s->node].n_out) return "";
  int id = f->ir->nodes[s->node].out[i];
  return id >= 0 ? f->ir->values[id].name : "";
}

bool qn_step_output_channels_last(const qn_plan_step *s, int i) {
  const qn_value *v = qn_step_output(s, i);
  return v && ((const qn_plan_value *)(const void *)v)->channels_last; /* a step's ports are the first members of plan values */
}

/* ---- statistics ---- */

static void count_frames(const qn_ir *g, qn_stats *stats) {
  stats->nodes += (uint32_t)g->n_nodes;
  if (g->frame) {
    stats->arena_bytes += g->frame->arena_size;
    stats->plans += (uint32_t)qn_plan_count(g->frame);
  }
  for (int n = 0; n < g->n_nodes; n++)
    for (int b = 0; b < g->nodes[n].n_bodies; b++) count_frames(g->nodes[n].bodies[b], stats);
}

void qn_model_stats(const qn_model *m, qn_stats *stats) {
  memset(stats, 0, sizeof *stats);
  stats->parameters = m->onnx.parameters;
  stats->heap_bytes = qn_alloc_bytes();
  stats->alloc_calls = (uint32_t)qn_alloc_count();
  stats->nodes_in_file = (uint32_t)m->nodes_in_file;
  stats->opset = (int)qn_onnx_opset_of(&m->onnx, "");
  for (const qn_constant *k = m->context.constants; k; k = k->next)
    if (k->value.tensor.data) stats->weight_bytes += qn_tensor_bytes(&k->value.tensor);
  if (m->graph) count_frames(m->graph, stats);
}
