#include "graph/state.h"

#include <string.h>

#include "graph/match.h"

/* What `id` is but for its name. */
static int renamed(const qn_ir *g, int id) {
  for (const qn_ir_node *n; g->values[id].producer >= 0 && qn_node_is(n = &g->nodes[g->values[id].producer], "Identity") && n->in[0] >= 0;) id = n->in[0];
  return id;
}

qn_kept_state qn_state_of(const qn_ir *g, int slot, int output, qn_value *value) {
  qn_kept_state s = {.output = output, .joined = -1, .rows = -1, .value = value};
  if (output < 0) return s;
  const int id = renamed(g, g->outputs[output]), from = g->values[id].producer;
  const qn_ir_node *n = from < 0 ? NULL : &g->nodes[from];
  if (n && qn_node_is(n, "Concat") && n->n_in == 2 && n->in[0] == g->inputs[slot] && n->in[1] != n->in[0] && g->values[n->in[0]].uses == 1) s.joined = id;
  return s;
}

bool qn_state_holds(const qn_ir *g, const qn_kept_state *states, int output) {
  for (int i = 0; states && i < g->n_inputs; i++)
    if (states[i].output == output && states[i].joined >= 0) return true;
  return false;
}

void qn_state_clear(qn_kept_state *s) {
  if (s->value) qn_value_clear(s->value);
  qn_value_clear(&s->next);
}

/* ---- steps ---- */

typedef struct parts { size_t count, unit; } parts; /* before the axis; bytes of one index along it */

static parts parts_of(const qn_tensor *t, int axis) {
  parts p = {1, qn_dtype_size(t->dtype)};
  for (int d = 0; d < t->rank; d++)
    if (d < axis) p.count *= (size_t)t->dims[d];
    else if (d > axis) p.unit *= (size_t)t->dims[d];
  return p;
}

/* Of the state's block; grows by half, so that copying stays linear. */
static qn_status run_append(qn_step *s) {
  const qn_append *a = s->state;
  const qn_value *past = s->in[0];
  const qn_tensor *added = &s->in[1]->tensor;
  qn_value *out = s->out[0], *state = a->state->value;
  const parts p = parts_of(&out->tensor, a->axis);
  const size_t used = (size_t)past->tensor.dims[a->axis] * p.unit, more = (size_t)added->dims[a->axis] * p.unit;
  size_t pitch = past->pitch ? past->pitch : used, room = p.count == 1 && state->owned ? state->capacity : pitch;
  if (!state->owned || state->tensor.data != past->tensor.data || used + more > room) {
    size_t all;
    room = (size_t)out->tensor.dims[a->axis];
    if (!qn_size_mul(room + room / 2 + 16, p.unit, &room) || !qn_size_mul(room, p.count, &all)) all = SIZE_MAX;
    uint8_t *block = qn_alloc(all);
    if (!block) return qn_fail(s->err, QN_ERR_MEMORY, "no memory for a state of %zu bytes", all);
    for (size_t i = 0; used && i < p.count; i++) memcpy(block + i * room, (const uint8_t *)past->tensor.data + i * pitch, used);
    if (state->owned) qn_free(state->tensor.data);
    state->tensor = past->tensor;
    state->tensor.data = block;
    state->owned = true;
    state->capacity = all;
    pitch = room;
  }
  state->pitch = out->pitch = p.count == 1 ? 0 : pitch;
  for (size_t i = 0; more && i < p.count; i++) memcpy((uint8_t *)state->tensor.data + i * pitch + used, (const uint8_t *)added->data + i * more, more);
  out->tensor.data = state->tensor.data;
  a->state->axis = a->axis;
  a->state->rows = out->tensor.dims[a->axis];
  return QN_OK;
}
void qn_state_compact(qn_kept_state *s) {
  qn_value *v = s->value;
  if (!v || !v->pitch) return;
  const parts p = parts_of(&v->tensor, s->axis);
  const size_t bytes = (size_t)v->tensor.dims[s->axis] * p.unit;
  uint8_t *block = v->tensor.data;
  for (size_t i = 1; bytes && i < p.count; i++) memmove(block + i * bytes, block + i * v->pitch, bytes);
  v->pitch = 0;
}

const qn_op qn_op_append = {.domain = "quern", .name = "Append", .run = run_append};

static qn_status run_compact(qn_step *s) {
  const qn_value *in = s->in[0];
  const qn_append *a = s->state;
  const parts p = parts_of(&in->tensor, a->axis);
  const size_t bytes = (size_t)in->tensor.dims[a->axis] * p.unit;
  for (size_t i = 0; bytes && i < p.count; i++) memcpy((uint8_t *)s->out[0]->tensor.data + i * bytes, (const uint8_t *)in->tensor.data + i * in->pitch, bytes);
  return QN_OK;
}
const qn_op qn_op_compact = {.domain = "quern", .name = "Compact", .run = run_compact};
