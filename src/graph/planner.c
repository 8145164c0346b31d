#include "graph/planner.h"

#include "graph/match.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { KNOWN_LIMIT = 1 << 16 }; /* bytes of a result that is computed while planning */

typedef struct work {
  qn_frame *frame;
  qn_plan *plan;
  int step_capacity, live_capacity;
  int node;
} work;

static qn_status no_memory(const work *w) { return qn_fail(w->frame->ir->context->err, QN_ERR_MEMORY, "no memory to plan the run"); }

/* ---- arena by lifetimes: best fit among the gaps between what is alive ---- */

static qn_status live_insert(work *w, qn_storage *s) {
  qn_plan *p = w->plan;
  if (p->n_live == w->live_capacity) {
    int capacity = w->live_capacity * 2 + 32;
    qn_storage **live = qn_pool_alloc(&p->pool, (size_t)capacity * sizeof *live);
    if (!live) return no_memory(w);
    if (p->n_live) memcpy(live, p->live, (size_t)p->n_live * sizeof *live);
    p->live = live;
    w->live_capacity = capacity;
  }
  int i = p->n_live++;
  for (; i > 0 && p->live[i - 1]->offset > s->offset; i--) p->live[i] = p->live[i - 1];
  p->live[i] = s;
  return QN_OK;
}

static qn_status arena_place(work *w, qn_storage *s, size_t size) {
  qn_plan *p = w->plan;
  size_t need = qn_align_up(size + QN_SLACK), best = SIZE_MAX, at = 0, end = 0;
  for (int i = 0; i < p->n_live; i++) {
    const qn_storage *l = p->live[i];
    if (l->offset > end && l->offset - end >= need && l->offset - end < best) { best = l->offset - end; at = end; }
    if (l->offset + l->size > end) end = l->offset + l->size;
  }
  if (best == SIZE_MAX) at = end;
  size_t top;
  if (!qn_size_add(at, need, &top) || (uint64_t)top > UINT32_MAX - (1u << 20))
    return qn_fail(w->frame->ir->context->err, QN_ERR_MEMORY, "the activations of this run need more than the 4 GB that a WebAssembly memory can have");
  s->offset = at;
  s->size = need;
  s->in_arena = true;
  if (top > p->arena_size) p->arena_size = top;
  return live_insert(w, s);
}

static void live_expire(work *w, int node) {
  qn_plan *p = w->plan;
  int kept = 0;
  for (int i = 0; i < p->n_live; i++)
    if (p->live[i]->last_use > node) p->live[kept++] = p->live[i];
  p->n_live = kept;
}

/* ---- bindings ---- */

static qn_status record(work *w, int id) {
  qn_plan *p = w->plan;
  int *recorded = &w->frame->recorded[id], i = *recorded ? *recorded - 1 : p->n_bindings;
  if (i == p->n_bindings && p->n_bindings == p->binding_capacity) {
    int capacity = p->binding_capacity * 2 + 32;
    qn_binding *b = qn_pool_alloc(&p->pool, (size_t)capacity * sizeof *b);
    if (!b) return no_memory(w);
    if (p->n_bindings) memcpy(b, p->bindings, (size_t)p->n_bindings * sizeof *b);
    p->bindings = b;
    p->binding_capacity = capacity;
  }
  if (i == p->n_bindings) *recorded = ++p->n_bindings;
  p->bindings[i] = w->frame->now[id];
  p->bindings[i].id = id;
  return QN_OK;
}

static qn_plan_value *new_value(work *w) {
  qn_plan_value *v = qn_pool_alloc(&w->plan->pool, sizeof *v);
  if (v) {
    v->next = w->plan->values;
    w->plan->values = v;
  }
  return v;
}

const qn_plan_value *qn_planner_lookup(qn_frame *f, const qn_plan *p, int id) {
  for (; p; p = p->parent)
    for (int i = 0; i < p->n_bindings; i++)
      if (p->bindings[i].id == id && p->bindings[i].plain) return p->bindings[i].plain;
  for (int i = 0; i < f->ir->n_inputs; i++)
    if (f->ir->inputs[i] == id && !f->ir->values[id].constant) return &f->inputs[i];
  for (int i = 0; i < f->ir->n_captures; i++)
    if (f->ir->captures[i] == id) return &f->inputs[f->ir->n_inputs + i];
  return NULL;
}

static void apply_bindings(qn_frame *f, const qn_plan *p) {
  if (!p) return;
  apply_bindings(f, p->parent);
  for (int i = 0; i < p->n_bindings; i++) f->now[p->bindings[i].id] = p->bindings[i];
}

/* ---- steps ---- */

static qn_status add_step(work *w, const qn_step *s, int node, size_t scratch_offset) {
  qn_plan *p = w->plan;
  if (p->n_steps == w->step_capacity) {
    int capacity = w->step_capacity * 2 + 16;
    qn_plan_step *steps = qn_pool_alloc(&p->pool, (size_t)capacity * sizeof *steps);
    if (!steps) return no_memory(w);
    if (p->n_steps) memcpy(steps, p->steps, (size_t)p->n_steps * sizeof *steps);
    p->steps = steps;
    w->step_capacity = capacity;
  }
  p->steps[p->n_steps++] = (qn_plan_step){.step = *s, .node = node, .scratch_offset = scratch_offset};
  return QN_OK;
}

static void stretch(qn_storage *s, int last_use) {
  if (s && s->in_arena && s->last_use < last_use) s->last_use = last_use;
}

/* out is in with other dimensions. Where the data may move between runs, a step follows it. */
static qn_status run_view(qn_step *s) {
  const qn_value *in = s->in[0];
  qn_value *out = s->out[0];
  out->tensor.data = in->tensor.data;
  if (in->kind != QN_KIND_TENSOR) {
    out->items = in->items;
    out->item_count = in->item_count;
  }
  return QN_OK;
}
static const qn_op view_op = {.domain = "quern", .name = "View", .run = run_view};

static qn_status add_simple_step(work *w, const qn_op *op, qn_plan_value *from, qn_plan_value *to, void *state) {
  qn_value **ports = qn_pool_alloc(&w->plan->pool, 2 * sizeof *ports);
  if (!ports) return no_memory(w);
  ports[0] = &from->value;
  ports[1] = &to->value;
  qn_step s = {.op = op, .name = "", .n_in = 1, .n_out = 1, .in = ports, .out = ports + 1, .state = state, .err = w->frame->ir->context->err};
  return add_step(w, &s, -1, 0);
}

/* Makes `v` a view of `of`, whose dims are set already. */
static qn_status make_view(work *w, qn_plan_value *v, qn_plan_value *of, int last_use) {
  v->storage = of->storage;
  v->known = of->known;
  v->constant = of->constant;
  v->value.kind = of->value.kind;
  v->value.tensor.data = of->value.tensor.data;
  stretch(v->storage, last_use);
  if (v->storage && !v->storage->in_arena) return add_simple_step(w, &view_op, of, v, NULL);
  return QN_OK;
}

/* Gives `v`, whose shape is set, memory of its own from the current node on. */
static qn_status place_value(work *w, qn_plan_value *v, int last_use) {
  v->storage = qn_pool_alloc(&w->plan->pool, sizeof *v->storage);
  if (!v->storage) return no_memory(w);
  v->storage->last_use = last_use > w->node ? last_use : w->node;
  return arena_place(w, v->storage, qn_tensor_bytes(&v->value.tensor));
}

/* ---- the forms of a value ---- */

static qn_status convert(work *w, int id, qn_plan_value *from, bool to_last, int rank, const int64_t *logical, qn_plan_value **out) {
  qn_plan_value *v = new_value(w);
  if (!v) return no_memory(w);
  int64_t dims[QN_MAX_RANK];
  memcpy(dims, logical, sizeof dims);
  if (to_last) qn_dims_to_last(rank, logical, dims);
  v->value.tensor = from->value.tensor;
  QN_TRY(qn_tensor_shape(&v->value.tensor, from->value.tensor.dtype, rank, dims, w->frame->ir->context->err));
  v->channels_last = to_last;
  *out = v;
  int last_use = w->frame->ir->values[id].last_use;
  if (qn_layout_is_trivial(rank, logical)) return make_view(w, v, from, last_use);
  const qn_op *op = to_last ? &qn_op_to_channels_last : &qn_op_to_plain;
  size_t bytes = qn_tensor_bytes(&v->value.tensor);
  if (from->known && bytes <= KNOWN_LIMIT * 4) { /* constants are turned round once */
    v->value.tensor.data = qn_pool_alloc(&w->plan->pool, bytes + QN_SLACK);
    if (!v->value.tensor.data) return no_memory(w);
    v->known = true;
    qn_value *in = &from->value, *result = &v->value;
    qn_step s = {.op = op, .name = "", .n_in = 1, .n_out = 1, .in = &in, .out = &result, .err = w->frame->ir->context->err};
    return op->run(&s);
  }
  QN_TRY(place_value(w, v, last_use));
  return add_simple_step(w, op, from, v, NULL);
}

static qn_status get_plain(work *w, int id, qn_plan_value **out) {
  qn_frame *f = w->frame;
  qn_binding *b = &f->now[id];
  if (!b->plain && b->last) {
    int64_t dims[QN_MAX_RANK];
    qn_dims_to_plain(b->last->value.tensor.rank, b->last->value.tensor.dims, dims);
    QN_TRY(convert(w, id, b->last, false, b->last->value.tensor.rank, dims, &b->plain));
    QN_TRY(record(w, id));
  }
  if (!b->plain && b->pitched) {
    qn_plan_value *v = new_value(w);
    qn_append *of = qn_pool_alloc(&w->plan->pool, sizeof *of);
    if (!v || !of) return no_memory(w);
    *of = (qn_append){.axis = b->axis};
    v->value.tensor = b->pitched->value.tensor;
    QN_TRY(place_value(w, v, f->ir->values[id].last_use));
    QN_TRY(add_simple_step(w, &qn_op_compact, b->pitched, v, of));
    b->plain = v;
    QN_TRY(record(w, id));
  }
  if (!b->plain && f->ir->values[id].constant) {
    qn_plan_value *v = new_value(w);
    if (!v) return no_memory(w);
    v->value = f->ir->values[id].constant->value;
    v->value.owned = false;
    v->known = v->constant = v->value.tensor.data != NULL;
    b->plain = v;
    QN_TRY(record(w, id));
  }
  if (!b->plain) return qn_fail(f->ir->context->err, QN_ERR_FORMAT, "the value '%s' is used before it is computed", f->ir->values[id].name);
  *out = b->plain;
  return QN_OK;
}

/* The channels-last form, padded to `rank` by leading ones. *out = NULL when that would move data of an unknown value of lower rank. */
static qn_status get_last(work *w, int id, int rank, qn_plan_value **out) {
  qn_binding *b = &w->frame->now[id];
  if (b->last && b->last->value.tensor.rank == rank) { *out = b->last; return QN_OK; }
  qn_plan_value *p;
  QN_TRY(get_plain(w, id, &p));
  const qn_tensor *t = &p->value.tensor;
  if (t->rank == rank) {
    QN_TRY(convert(w, id, p, true, rank, t->dims, &b->last));
    *out = b->last;
    return record(w, id);
  }
  if (t->count == 1 && t->rank <= rank) { *out = p; return QN_OK; }
  int64_t dims[QN_MAX_RANK];
  for (int d = 0; d < rank; d++) dims[d] = d < rank - t->rank ? 1 : t->dims[d - (rank - t->rank)];
  if (!qn_layout_is_trivial(rank, dims) && !p->known) { *out = NULL; return QN_OK; }
  return convert(w, id, p, true, rank, dims, out);
}

/* ---- one node ---- */

typedef struct ports {
  qn_plan_value **in, **out;
  bool *known;
  int *view_of;
} ports;

static qn_status logical_shape(work *w, int id, qn_plan_value **out) {
  qn_binding *b = &w->frame->now[id];
  if ((*out = b->pitched)) return QN_OK;
  if (b->plain || !b->last) return get_plain(w, id, out);
  qn_plan_value *v = new_value(w);
  if (!v) return no_memory(w);
  v->value.tensor = b->last->value.tensor;
  v->value.tensor.data = NULL;
  qn_dims_to_plain(v->value.tensor.rank, b->last->value.tensor.dims, v->value.tensor.dims);
  *out = v;
  return QN_OK;
}

static int rank_of(work *w, int id) {
  const qn_binding *b = &w->frame->now[id];
  if (b->pitched) return b->pitched->value.tensor.rank;
  if (b->last) return b->last->value.tensor.rank;
  if (b->plain) return b->plain->value.kind == QN_KIND_TENSOR ? b->plain->value.tensor.rank : 0;
  const qn_constant *k = w->frame->ir->values[id].constant;
  return k ? k->value.tensor.rank : 0;
}

static bool only_last(work *w, int id) { return w->frame->now[id].last && !w->frame->now[id].plain; }

/* Node `n` reads its input i where the state lies. */
static bool takes_pitched(const work *w, const qn_ir_node *n, int i) {
  const qn_binding *b = &w->frame->now[n->in[i]];
  return (n->op->flags & QN_PITCHED) && (i == 1 || i == 2) && b->pitched && b->pitched->value.tensor.rank == 4 &&
         b->axis == (qn_node_int(n, i == 1 ? "k" : "v", 0) ? 1 : 2);
}

/* Chooses the inputs' forms. */
static qn_status choose_forms(work *w, const qn_ir_node *node, qn_step *s, bool allow_last, ports *io) {
  uint32_t mode = node->op->flags & QN_LAYOUT_MASK;
  int rank = 0;
  bool last = false;
  for (int i = 0; i < node->n_in; i++)
    if (node->in[i] >= 0 && rank_of(w, node->in[i]) > rank) rank = rank_of(w, node->in[i]);
  if (allow_last && rank >= 3 && node->n_in > 0) {
    if (mode == QN_LAYOUT_ELEMENTWISE) {
      for (int i = 0; i < node->n_in; i++) last = last || (node->in[i] >= 0 && only_last(w, node->in[i]) && rank_of(w, node->in[i]) == rank);
    } else if (mode == QN_LAYOUT_FOLLOW && node->in[0] >= 0) {
      rank = rank_of(w, node->in[0]);
      for (int i = 0; i < node->n_in; i++) last = last || (node->in[i] >= 0 && rank >= 3 && only_last(w, node->in[i]) && rank_of(w, node->in[i]) == rank);
    } else if (mode == QN_LAYOUT_CHANNELS_LAST && node->in[0] >= 0) {
      rank = rank_of(w, node->in[0]);
      last = rank >= 3;
    }
  }
  s->channels_last = last && mode != QN_LAYOUT_ELEMENTWISE;
  for (int i = 0; i < node->n_in; i++) {
    int id = node->in[i];
    io->in[i] = NULL;
    if (id < 0) continue;
    bool want = last && (mode == QN_LAYOUT_ELEMENTWISE || (mode == QN_LAYOUT_FOLLOW && rank_of(w, id) == rank) || i == 0 || (i == 3 && (node->op->flags & QN_RESIDUAL)));
    if (want) {
      QN_TRY(get_last(w, id, rank, &io->in[i]));
      if (!io->in[i]) return choose_forms(w, node, s, false, io);
    } else if (takes_pitched(w, node, i)) {
      io->in[i] = w->frame->now[id].pitched;
    } else if (mode == QN_LAYOUT_SHAPE_ONLY) {
      QN_TRY(logical_shape(w, id, &io->in[i]));
    } else {
      QN_TRY(get_plain(w, id, &io->in[i]));
    }
  }
  if (mode == QN_LAYOUT_ELEMENTWISE) s->channels_last = false;
  io->known[node->n_in] = last; /* outputs are channels-last */
  return QN_OK;
}

/* Transpose between the two orders costs nothing: the other form is there. */
static qn_status try_free_transpose(work *w, const qn_ir_node *node, bool *done) {
  *done = false;
  if (strcmp(node->op->name, "Transpose") || node->op->domain[0] || node->n_in != 1 || node->in[0] < 0 || node->out[0] < 0) return QN_OK;
  const qn_attr *perm = NULL;
  for (int a = 0; a < node->n_attrs; a++)
    if (!strcmp(node->attrs[a].name, "perm") && node->attrs[a].type == QN_ATTR_INTS) perm = &node->attrs[a];
  int rank = rank_of(w, node->in[0]);
  if (!perm || (int)perm->count != rank || rank < 3) return QN_OK;
  bool to_last = perm->ints[0] == 0 && perm->ints[rank - 1] == 1, to_plain = perm->ints[0] == 0 && perm->ints[1] == rank - 1;
  for (int d = 1; d < rank - 1; d++) to_last = to_last && perm->ints[d] == d + 1;
  for (int d = 2; d < rank; d++) to_plain = to_plain && perm->ints[d] == d - 1;
  qn_binding *in = &w->frame->now[node->in[0]], *out = &w->frame->now[node->out[0]];
  qn_plan_value *of = NULL;
  if (to_last && in->last) of = in->last;
  else if (to_plain && !only_last(w, node->in[0])) QN_TRY(get_plain(w, node->in[0], &of));
  if (!of || of->value.kind != QN_KIND_TENSOR || qn_dtype_size(of->value.tensor.dtype) == 0) return QN_OK; /* packed types have no other order */
  qn_plan_value *v = new_value(w);
  if (!v) return no_memory(w);
  v->value.tensor = of->value.tensor;
  v->channels_last = !(to_last && in->last);
  QN_TRY(make_view(w, v, of, w->frame->ir->values[node->out[0]].last_use));
  *out = (qn_binding){.id = node->out[0], .plain = v->channels_last ? NULL : v, .last = v->channels_last ? v : NULL};
  *done = true;
  return record(w, node->out[0]);
}

/* Concat(past, new) of a state writes the new rows behind the past ones; what renames the result stays the same. */
static qn_status try_append(work *w, const qn_ir_node *node, bool *done) {
  qn_frame *f = w->frame;
  qn_ir *g = f->ir;
  qn_kept_state *state = NULL;
  *done = false;
  if (!f->states || node->n_in < 1 || node->in[0] < 0 || node->out[0] < 0) return QN_OK;
  if (qn_node_is(node, "Identity") && f->now[node->in[0]].pitched) {
    f->now[node->out[0]] = f->now[node->in[0]];
    *done = true;
    return record(w, node->out[0]);
  }
  for (int i = 0; i < g->n_inputs; i++)
    if (f->states[i].joined == node->out[0]) state = &f->states[i];
  if (!state) return QN_OK;
  qn_plan_value *in[2], *out = new_value(w);
  qn_append *a = qn_pool_alloc(&w->plan->pool, sizeof *a);
  qn_value **io = qn_pool_alloc(&w->plan->pool, 3 * sizeof *io);
  if (!out || !a || !io) return no_memory(w);
  for (int i = 0; i < 2; i++) {
    QN_TRY(get_plain(w, node->in[i], &in[i]));
    io[i] = &in[i]->value;
    if (in[i]->value.kind != QN_KIND_TENSOR || in[i]->value.tensor.dtype == QN_STRING || qn_dtype_size(in[i]->value.tensor.dtype) == 0) return QN_OK;
  }
  io[2] = &out->value;
  qn_step s = {.op = node->op, .name = node->name, .opset = node->opset, .n_attrs = node->n_attrs, .attrs = node->attrs, .n_in = 2, .n_out = 1,
               .in = io, .out = io + 2, .err = g->context->err};
  QN_TRY(node->op->plan(&s));
  *a = (qn_append){.state = state};
  QN_TRY(qn_axis_plain(&s, qn_node_int(node, "axis", 1), out->value.tensor.rank, &a->axis));
  s.op = &qn_op_append;
  s.state = a;
  out->storage = &f->dynamic_storage;
  bool one = true; /* part: it is dense */
  for (int d = 0; d < a->axis; d++) one = one && out->value.tensor.dims[d] == 1;
  f->now[node->out[0]] = (qn_binding){.id = node->out[0], .axis = a->axis, .plain = one ? out : NULL, .pitched = one ? NULL : out};
  *done = true;
  QN_TRY(record(w, node->out[0]));
  return add_step(w, &s, w->node, 0);
}

/* All inputs known, small results: compute now. */
static qn_status evaluate_now(work *w, qn_step *s, ports *io, bool *done) {
  *done = false;
  const qn_op *op = s->op;
  if (s->dynamic || (op->flags & (QN_NONDETERMINISTIC | QN_CONTROL)) || !op->run) return QN_OK;
  for (int i = 0; i < s->n_in && (op->flags & QN_LAYOUT_MASK) != QN_LAYOUT_SHAPE_ONLY; i++)
    if (io->in[i] && !io->in[i]->known) return QN_OK;
  for (int i = 0; i < s->n_out; i++) {
    if (!s->out[i]) continue;
    if (s->out[i]->kind != QN_KIND_TENSOR || s->out[i]->tensor.dtype == QN_STRING || qn_tensor_bytes(&s->out[i]->tensor) > KNOWN_LIMIT) return QN_OK;
  }
  for (int i = 0; i < s->n_out; i++) {
    if (!s->out[i]) continue;
    if (io->view_of[i] >= 0) { s->out[i]->tensor.data = s->in[io->view_of[i]]->tensor.data; continue; }
    s->out[i]->tensor.data = qn_pool_alloc(&w->plan->pool, qn_tensor_bytes(&s->out[i]->tensor) + QN_SLACK);
    if (!s->out[i]->tensor.data) return no_memory(w);
    io->out[i]->known = true;
  }
  s->scratch = qn_alloc(s->scratch_size);
  if (!s->scratch) return no_memory(w);
  qn_status status = op->run(s);
  qn_free(s->scratch);
  if (op->release && s->state) op->release(s);
  *done = true;
  return status;
}

static bool can_replace(const work *w, const qn_step *s, const ports *io, int i) {
  if (!(s->op->flags & (i == 3 ? QN_RESIDUAL : QN_INPLACE)) || i >= s->n_in || !io->in[i] || !s->out[0]) return false;
  const qn_plan_value *in = io->in[i];
  if (i == 3 && io->in[0]->storage == in->storage) return false;
  const qn_tensor *a = &in->value.tensor, *b = &s->out[0]->tensor;
  return in->storage && in->storage->in_arena && in->storage->last_use == w->node && in->value.kind == QN_KIND_TENSOR &&
         qn_dtype_of(a->dtype)->bits == qn_dtype_of(b->dtype)->bits && qn_tensor_same_shape(a, b);
}

static qn_status place_outputs(work *w, qn_step *s, ports *io, const qn_ir_node *node, size_t *scratch_offset) {
  qn_ir *g = w->frame->ir;
  for (int i = 0; i < s->n_out; i++) {
    qn_plan_value *out = io->out[i];
    if (!out || io->view_of[i] >= 0) continue;
    int last_use = node->out[i] >= 0 ? g->values[node->out[i]].last_use : w->node;
    if (last_use < w->node) last_use = w->node;
    int from = -1;
    for (int k = 3; i == 0 && k >= 0; k--)
      if (k != 2 && can_replace(w, s, io, k)) from = k;
    if (from >= 0) {
      out->storage = io->in[from]->storage;
      out->storage->last_use = last_use;
      continue;
    }
    out->storage = qn_pool_alloc(&w->plan->pool, sizeof *out->storage);
    if (!out->storage) return no_memory(w);
    out->storage->last_use = last_use;
    QN_TRY(arena_place(w, out->storage, qn_tensor_bytes(&out->value.tensor)));
  }
  *scratch_offset = 0;
  if (s->scratch_size) {
    qn_storage *scratch = qn_pool_alloc(&w->plan->pool, sizeof *scratch);
    if (!scratch) return no_memory(w);
    scratch->last_use = w->node;
    QN_TRY(arena_place(w, scratch, s->scratch_size));
    *scratch_offset = scratch->offset;
  }
  return QN_OK;
}

static qn_status dynamic_outputs(work *w, const qn_ir_node *node, qn_step *s) {
  qn_frame *f = w->frame;
  qn_plan *p = w->plan;
  p->dynamic = qn_pool_alloc(&p->pool, (size_t)node->n_out * sizeof(int));
  if (!p->dynamic) return no_memory(w);
  for (int i = 0; i < node->n_out; i++) {
    int id = node->out[i];
    if (id < 0) continue;
    if (!f->dynamic[id]) {
      f->dynamic[id] = qn_alloc_zeroed(sizeof(qn_plan_value));
      if (!f->dynamic[id]) return no_memory(w);
      f->dynamic[id]->storage = &f->dynamic_storage;
    }
    s->out[i] = &f->dynamic[id]->value;
    f->now[id] = (qn_binding){.id = id, .plain = f->dynamic[id]};
    QN_TRY(record(w, id));
    p->dynamic[p->n_dynamic++] = id;
  }
  return QN_OK;
}

static qn_status call_plan(work *w, const qn_ir_node *node, qn_step *s, ports *io, bool allow_last, int *need) {
  qn_plan *p = w->plan;
  qn_context *c = w->frame->ir->context;
  *s = (qn_step){.op = node->op, .name = node->name, .opset = node->opset, .n_attrs = node->n_attrs, .attrs = node->attrs,
                 .n_in = node->n_in, .n_out = node->n_out, .clamp_min = node->clamp_min, .clamp_max = node->clamp_max,
                 .kept = node->kept, .err = c->err};
  QN_TRY(choose_forms(w, node, s, allow_last, io));
  s->in = qn_pool_alloc(&p->pool, (size_t)(node->n_in + node->n_out) * sizeof(qn_value *));
  if (!s->in) return no_memory(w);
  s->out = s->in + node->n_in;
  for (int i = 0; i < node->n_in; i++) {
    s->in[i] = io->in[i] ? &io->in[i]->value : NULL;
    io->known[i] = io->in[i] && io->in[i]->known;
  }
  bool last = io->known[node->n_in];
  for (int i = 0; i < node->n_out; i++) {
    io->out[i] = NULL;
    io->view_of[i] = -1;
    if (node->out[i] < 0) continue;
    io->out[i] = new_value(w);
    if (!io->out[i]) return no_memory(w);
    s->out[i] = &io->out[i]->value;
  }
  qn_planner planner = {.frame = w->frame, .plan = p, .pool = &p->pool, .context = c, .known = io->known, .need = -1,
                        .view_of = io->view_of, .node = node, .ir = w->frame->ir};
  s->planner = &planner;
  qn_status status = node->op->plan(s);
  s->planner = NULL;
  *need = planner.need;
  if (status == QN_NEED_DATA && (planner.need < 0 || node->in[planner.need] < 0)) status = QN_ERR_STATE;
  QN_TRY(status);
  if (!last) return QN_OK;
  bool rank_changed = s->dynamic; /* outputs of another rank, or views, have no channels-last form: plan again in plain order */
  int rank = 0;
  for (int i = 0; i < node->n_in; i++)
    if (io->in[i] && io->in[i]->channels_last) rank = io->in[i]->value.tensor.rank;
  for (int i = 0; i < node->n_out; i++)
    if (s->out[i] && (s->out[i]->tensor.rank != rank)) rank_changed = true;
  if (rank_changed) {
    if (node->op->release && s->state) node->op->release(s);
    return call_plan(w, node, s, io, false, need);
  }
  for (int i = 0; i < node->n_out; i++)
    if (io->out[i]) io->out[i]->channels_last = true;
  return QN_OK;
}

static qn_status plan_node(work *w, bool *ends, int *need_id) {
  qn_frame *f = w->frame;
  qn_ir_node *node = &f->ir->nodes[w->node];
  bool done;
  *ends = false;
  *need_id = -1;
  QN_TRY(try_append(w, node, &done));
  if (!done && !f->plain) QN_TRY(try_free_transpose(w, node, &done));
  if (done) return QN_OK;
  ports io;
  size_t n = (size_t)(node->n_in + node->n_out + 1);
  io.in = qn_pool_alloc(&w->plan->pool, n * sizeof *io.in);
  io.known = qn_pool_alloc(&w->plan->pool, n * sizeof *io.known);
  io.view_of = qn_pool_alloc(&w->plan->pool, n * sizeof *io.view_of);
  if (!io.in || !io.known || !io.view_of) return no_memory(w);
  io.out = io.in + node->n_in;
  qn_step s;
  int need;
  qn_status status = call_plan(w, node, &s, &io, !f->plain, &need);
  if (status == QN_NEED_DATA) {
    *need_id = node->in[need];
    return status;
  }
  QN_TRY(status);
  if (s.dynamic) {
    QN_TRY(dynamic_outputs(w, node, &s));
    size_t scratch_offset = 0;
    s.n_out = 0; /* only scratch is placed */
    QN_TRY(place_outputs(w, &s, &io, node, &scratch_offset));
    s.n_out = node->n_out;
    *ends = true;
    return add_step(w, &s, w->node, scratch_offset);
  }
  for (int i = 0; i < node->n_out; i++)
    if (s.out[i] && s.out[i]->kind == QN_KIND_TENSOR && s.out[i]->tensor.dtype == QN_UNDEFINED)
      return qn_step_fail(&s, QN_ERR_STATE, "output %d was given no type", i);
  QN_TRY(evaluate_now(w, &s, &io, &done));
  bool all_views = true;
  for (int i = 0; i < node->n_out; i++) {
    if (!io.out[i]) continue;
    if (io.view_of[i] >= 0) {
      QN_TRY(make_view(w, io.out[i], io.in[io.view_of[i]], f->ir->values[node->out[i]].last_use));
      io.out[i]->channels_last = io.in[io.view_of[i]]->channels_last && io.out[i]->channels_last;
    } else {
      all_views = false;
    }
  }
  if (!done && !all_views) {
    size_t scratch_offset;
    if (!node->op->run) return qn_step_fail(&s, QN_ERR_STATE, "the operator has nothing to run");
    QN_TRY(place_outputs(w, &s, &io, node, &scratch_offset));
    QN_TRY(add_step(w, &s, w->node, scratch_offset));
  }
  for (int i = 0; i < node->n_out; i++) {
    if (!io.out[i]) continue;
    bool last = io.out[i]->channels_last;
    f->now[node->out[i]] = (qn_binding){.id = node->out[i], .plain = last ? NULL : io.out[i], .last = last ? io.out[i] : NULL};
    QN_TRY(record(w, node->out[i]));
  }
  return QN_OK;
}

/* The contents that key this segment are known in it. */
static qn_status bind_needs(work *w, const qn_plan *parent) {
  qn_frame *f = w->frame;
  for (int i = 0; i < parent->n_needs; i++) {
    int id = parent->needs[i];
    qn_plan_value *from, *v = new_value(w);
    if (!v) return no_memory(w);
    QN_TRY(get_plain(w, id, &from));
    v->value.tensor = from->value.tensor;
    size_t bytes = qn_tensor_bytes(&v->value.tensor);
    v->value.tensor.data = qn_pool_alloc(&w->plan->pool, bytes + QN_SLACK);
    if (!v->value.tensor.data) return no_memory(w);
    if (bytes) memcpy(v->value.tensor.data, from->value.tensor.data, bytes);
    v->known = true;
    f->now[id] = (qn_binding){.id = id, .plain = v};
    QN_TRY(record(w, id));
  }
  return QN_OK;
}

static qn_status make_segment(work *w, qn_plan *parent) {
  qn_frame *f = w->frame;
  qn_ir *g = f->ir;
  qn_plan *p = w->plan;
  const qn_plan *like = parent ? parent->children : f->plans;
  if (like) { /* other shapes take about as many steps: nothing is moved while it grows */
    p->steps = qn_pool_alloc(&p->pool, (size_t)like->n_steps * sizeof *p->steps);
    p->bindings = qn_pool_alloc(&p->pool, (size_t)like->n_bindings * sizeof *p->bindings);
    if (!p->steps || !p->bindings) return no_memory(w);
    w->step_capacity = like->n_steps;
    p->binding_capacity = like->n_bindings;
  }
  memset(f->now, 0, (size_t)g->n_values * sizeof *f->now);
  memset(f->recorded, 0, (size_t)g->n_values * sizeof *f->recorded);
  for (int i = 0; i < g->n_inputs + g->n_captures; i++) {
    int id = i < g->n_inputs ? g->inputs[i] : g->captures[i - g->n_inputs];
    if (!g->values[id].constant) f->now[id] = (qn_binding){.id = id, .plain = &f->inputs[i]};
  }
  apply_bindings(f, parent);
  if (parent) {
    for (int i = 0; i < parent->n_live; i++)
      if (parent->live[i]->last_use >= p->first_node) QN_TRY(live_insert(w, parent->live[i]));
    p->arena_size = parent->arena_size;
    w->node = p->first_node;
    QN_TRY(bind_needs(w, parent));
  }
  for (w->node = p->first_node; w->node < g->n_nodes; w->node++) {
    bool ends;
    int need_id;
    qn_status status = plan_node(w, &ends, &need_id);
    if (status == QN_NEED_DATA) {
      p->needs = qn_pool_alloc(&p->pool, sizeof(int));
      if (!p->needs) return no_memory(w);
      qn_plan_value *v;
      QN_TRY(get_plain(w, need_id, &v));
      p->needs[p->n_needs++] = need_id;
      p->next_node = w->node;
      return QN_OK;
    }
    QN_TRY(status);
    live_expire(w, w->node);
    if (ends) {
      p->next_node = w->node + 1;
      return QN_OK;
    }
  }
  p->next_node = g->n_nodes;
  p->complete = true;
  for (int i = 0; i < g->n_outputs; i++) {
    qn_plan_value *v;
    if (!f->now[g->outputs[i]].pitched || !qn_state_holds(g, f->states, i)) QN_TRY(get_plain(w, g->outputs[i], &v));
  }
  return QN_OK;
}

qn_status qn_planner_make(qn_frame *f, qn_plan *parent, const uint8_t *key, size_t key_size, qn_plan **out) {
  qn_pool pool = {0};
  qn_plan *p = qn_pool_alloc(&pool, sizeof *p);
  uint8_t *own_key = qn_pool_alloc(&pool, key_size);
  work w = {.frame = f, .plan = p};
  if (!p || !own_key) {
    qn_pool_free(&pool);
    return no_memory(&w);
  }
  if (key_size) memcpy(own_key, key, key_size);
  p->pool = pool;
  p->serial = ++f->plans_made;
  p->parent = parent;
  p->key = own_key;
  p->key_size = key_size;
  p->first_node = parent ? parent->next_node : 0;
  qn_status status = make_segment(&w, parent);
  if (status != QN_OK) {
    qn_plan_free_tree(p);
    return status;
  }
  *out = p;
  return QN_OK;
}
