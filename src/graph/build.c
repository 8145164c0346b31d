/* From the file's graph of names to the IR of ids. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "graph/expand_contrib.h"
#include "graph/ir.h"
#include "op/op_table.h"

static qn_status no_memory(qn_context *c) { return qn_fail(c->err, QN_ERR_MEMORY, "no memory to build the graph"); }

/* ---- names ---- */

static uint32_t hash(const char *name) {
  uint32_t h = 2166136261u;
  for (; *name; name++) h = (h ^ (unsigned char)*name) * 16777619u;
  return h;
}

static int find(const qn_ir *g, const char *name) {
  if (!g->map_size) return -1;
  for (uint32_t i = hash(name);; i++) {
    int id = g->map[i & (uint32_t)(g->map_size - 1)];
    if (!id) return -1;
    if (!strcmp(g->values[id - 1].name, name)) return id - 1;
  }
}

static void enter(qn_ir *g, int id) {
  uint32_t i = hash(g->values[id].name);
  while (g->map[i & (uint32_t)(g->map_size - 1)]) i++;
  g->map[i & (uint32_t)(g->map_size - 1)] = id + 1;
}

/* Keeps the table at most half full. */
static bool grow_map(qn_ir *g) {
  if (2 * (g->n_values + 1) <= g->map_size) return true;
  int size = g->map_size ? 2 * g->map_size : 64;
  int *map = qn_pool_alloc(&g->context->pool, (size_t)size * sizeof(int));
  if (!map) return false;
  g->map = map;
  g->map_size = size;
  for (int v = 0; v < g->n_values; v++) enter(g, v);
  return true;
}

int qn_ir_add_value(qn_ir *g, const char *name) {
  if (g->n_values == g->value_capacity) {
    int capacity = g->value_capacity * 2 + 64;
    qn_ir_value *values = qn_pool_alloc(&g->context->pool, (size_t)capacity * sizeof *values);
    if (!values) return -1;
    if (g->n_values) memcpy(values, g->values, (size_t)g->n_values * sizeof *values);
    g->values = values;
    g->value_capacity = capacity;
  }
  g->values[g->n_values] = (qn_ir_value){.name = name, .producer = -1, .last_use = -1};
  return g->n_values++;
}

static qn_status define(qn_ir *g, const char *name, int *id) {
  if (find(g, name) >= 0) return qn_fail(g->context->err, QN_ERR_FORMAT, "two values of the graph are named '%s'", name);
  if (!grow_map(g)) return no_memory(g->context);
  *id = qn_ir_add_value(g, name);
  if (*id < 0) return no_memory(g->context);
  enter(g, *id);
  return QN_OK;
}

qn_status qn_ir_constant(qn_context *c, qn_value *value, qn_constant **out) {
  qn_constant *k = qn_pool_alloc(&c->pool, sizeof *k);
  if (!k) { qn_value_clear(value); return no_memory(c); }
  k->value = *value;
  k->next = c->constants;
  c->constants = k;
  *out = k;
  return QN_OK;
}

static qn_status constant_of_tensor(qn_context *c, qn_onnx_tensor *t, qn_constant **out) {
  qn_value v = {.kind = QN_KIND_TENSOR, .tensor = t->tensor};
  *out = t->constant;
  if (*out) return QN_OK;
  QN_TRY(qn_ir_constant(c, &v, out));
  (*out)->source = t;
  t->constant = *out;
  return QN_OK;
}

/* ---- captures ---- */

/* The id of `name` in g, made a captured value when an outer graph defines it; -1 when nobody does. */
static qn_status resolve(qn_ir *g, const char *name, int *id) {
  *id = find(g, name);
  if (*id >= 0 || !g->parent) return QN_OK;
  int outer;
  QN_TRY(resolve(g->parent, name, &outer));
  if (outer < 0) return QN_OK;
  QN_TRY(define(g, name, id));
  qn_constant *k = g->parent->values[outer].constant;
  if (k) { g->values[*id].constant = k; return QN_OK; }
  if (g->n_captures == g->capture_capacity) {
    int capacity = g->capture_capacity * 2 + 8;
    int *captures = qn_pool_alloc(&g->context->pool, (size_t)capacity * sizeof(int));
    int *slots = qn_pool_alloc(&g->context->pool, (size_t)capacity * sizeof(int));
    if (!captures || !slots) return no_memory(g->context);
    if (g->n_captures) {
      memcpy(captures, g->captures, (size_t)g->n_captures * sizeof(int));
      memcpy(slots, g->capture_slots, (size_t)g->n_captures * sizeof(int));
    }
    g->captures = captures;
    g->capture_slots = slots;
    g->capture_capacity = capacity;
  }
  g->captures[g->n_captures] = *id;
  g->capture_slots[g->n_captures++] = outer; /* the parent's id for now; a slot when the node is complete */
  return QN_OK;
}

/* ---- unsupported operators, all in one sentence ---- */

typedef struct missing {
  char text[1024];
  size_t length;
  int count;
  bool rare; /* an operator is there, but rare */
} missing;

static void add_missing(missing *list, const qn_onnx_node *n, int64_t opset) {
  char item[160];
  qn_error e;
  if (opset > 0) qn_fail(&e, QN_OK, "%s%s%s (opset %lld)", n->domain, n->domain[0] ? "." : "", n->op_type, (long long)opset);
  else qn_fail(&e, QN_OK, "%s%s%s", n->domain, n->domain[0] ? "." : "", n->op_type);
  size_t length = strlen(e.text);
  if (length >= sizeof item) length = sizeof item - 1;
  memcpy(item, e.text, length);
  item[length] = 0;
  const char *seen = list->length ? strstr(list->text, item) : NULL;
  if (seen && (seen[length] == 0 || seen[length] == ',')) return;
  list->count++;
  if (list->length + length + 3 > sizeof list->text) return;
  if (list->length) { memcpy(list->text + list->length, ", ", 2); list->length += 2; }
  memcpy(list->text + list->length, item, length);
  list->length += length;
  list->text[list->length] = 0;
}

static void collect_missing(const qn_onnx_model *m, const qn_graph *g, missing *list) {
  for (const qn_onnx_node *n = g->nodes; n; n = n->next) {
    int64_t opset = n->opset ? n->opset : qn_onnx_opset_of(m, n->domain);
    const qn_op *op = qn_op_find(n->domain, n->op_type, opset);
    if (!op) add_missing(list, n, opset);
    else list->rare = list->rare || qn_op_is_rare(op);
    for (int a = 0; a < n->n_attrs; a++)
      if (n->attrs[a].graph) collect_missing(m, n->attrs[a].graph, list);
  }
}

/* ---- nodes ---- */

static bool defined_inside(const qn_graph *g, const char *name) {
  for (const qn_onnx_node *n = g->nodes; n; n = n->next)
    for (int i = 0; i < n->n_out; i++)
      if (!strcmp(n->out[i], name)) return true;
  for (const qn_onnx_port_item *p = g->inputs; p; p = p->next)
    if (!strcmp(p->port.name, name)) return true;
  for (const qn_onnx_initializer *t = g->initializers; t; t = t->next)
    if (!strcmp(t->name, name)) return true;
  return false;
}

static qn_status is_ready(qn_ir *g, const char *name, bool *ready) {
  int id = 0;
  if (name[0]) QN_TRY(resolve(g, name, &id));
  if (id < 0) *ready = false;
  return QN_OK;
}

typedef struct scope { /* the bodies around a node, innermost first */
  const qn_graph *body;
  const struct scope *outer;
} scope;

/* A subgraph's free names must be there as well: those that no body around them defines. The reader bounds the depth of nesting. */
static qn_status body_ready(qn_ir *g, const qn_graph *body, const scope *outer, const char **blocked, bool *ready) {
  const scope here = {body, outer};
  for (const qn_onnx_node *n = body->nodes; n && *ready; n = n->next) {
    for (int i = 0; i < n->n_in && *ready; i++) {
      const scope *by = &here;
      while (by && !defined_inside(by->body, n->in[i])) by = by->outer;
      if (by || !n->in[i][0]) continue;
      QN_TRY(is_ready(g, n->in[i], ready));
      if (!*ready) *blocked = n->in[i];
    }
    for (int a = 0; a < n->n_attrs && *ready; a++)
      if (n->attrs[a].graph) QN_TRY(body_ready(g, n->attrs[a].graph, &here, blocked, ready));
  }
  return QN_OK;
}

static qn_status node_ready(qn_ir *g, const qn_onnx_node *n, const char **blocked, bool *ready) {
  *ready = true;
  for (int i = 0; i < n->n_in && *ready; i++) {
    QN_TRY(is_ready(g, n->in[i], ready));
    if (!*ready) *blocked = n->in[i];
  }
  for (int a = 0; a < n->n_attrs && *ready; a++)
    if (n->attrs[a].graph) QN_TRY(body_ready(g, n->attrs[a].graph, NULL, blocked, ready));
  return QN_OK;
}

static qn_status build_graph(qn_context *c, const qn_graph *source, qn_ir *parent, qn_ir **out);

/* The tensor of a Constant node is a constant like any initializer: no node is made, no copy. */
static qn_status constant_node(qn_ir *g, const qn_onnx_node *n, bool *done) {
  *done = false;
  if (strcmp(n->op_type, "Constant") || n->domain[0] || n->n_out != 1 || n->n_attrs != 1 || strcmp(n->attrs[0].name, "value") || n->attrs[0].type != QN_ATTR_TENSOR)
    return QN_OK;
  int id;
  qn_constant *k;
  QN_TRY(define(g, n->out[0], &id));
  QN_TRY(constant_of_tensor(g->context, (qn_onnx_tensor *)(uintptr_t)n->attrs[0].tensor, &k));
  g->values[id].constant = k;
  *done = true;
  return QN_OK;
}

/* A sentence about a node. */
static QN_PRINTF(3, 4) qn_status refuse(const qn_context *c, const qn_ir_node *node, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const qn_status status = qn_fail_step(c->err, QN_ERR_FORMAT, node->op->name, node->name, format, args);
  va_end(args);
  return status;
}

static qn_status add_node(qn_ir *g, const qn_onnx_node *n) {
  qn_context *c = g->context;
  bool done;
  QN_TRY(constant_node(g, n, &done));
  if (done) return QN_OK;
  int64_t opset = n->opset ? n->opset : qn_onnx_opset_of(c->onnx, n->domain);
  qn_ir_node *node = &g->nodes[g->n_nodes];
  *node = (qn_ir_node){.op = qn_op_find(n->domain, n->op_type, opset), .name = n->name[0] || !n->n_out ? n->name : n->out[0], .opset = (int)opset, .n_attrs = n->n_attrs,
                       .attrs = n->attrs, .n_out = n->n_out, .clamp_min = -INFINITY, .clamp_max = INFINITY};
  const qn_op *op = node->op;
  int n_in = n->n_in, n_out = n->n_out;
  while (n_in > 0 && !n->in[n_in - 1][0]) n_in--; /* trailing absent inputs */
  if (n_in < op->min_in || (op->max_in >= 0 && n_in > op->max_in))
    return op->max_in < 0 ? refuse(c, node, "it has %d inputs; %d or more are expected", n_in, op->min_in)
                          : refuse(c, node, op->min_in == op->max_in ? "it has %d inputs; %d are expected" : "it has %d inputs; %d to %d are expected", n_in, op->min_in, op->max_in);
  if (op->min_in > 0 && !n->in[0][0] && !(op->flags & QN_CONTROL)) return refuse(c, node, "it has no first input, which the operator needs");
  while (n_out > 0 && !n->out[n_out - 1][0]) n_out--;
  if ((n_out < op->min_out && n->n_out < op->min_out) || (op->max_out >= 0 && n_out > op->max_out))
    return refuse(c, node, "it has %d outputs; the operator gives %d to %d", n_out, op->min_out, op->max_out);
  for (int a = 0; a < n->n_attrs; a++) node->n_bodies += n->attrs[a].graph != NULL;
  if (node->n_bodies && !(op->flags & QN_CONTROL)) return refuse(c, node, "it has a subgraph, which the operator cannot use");
  node->bodies = qn_pool_alloc(&c->pool, (size_t)node->n_bodies * sizeof(qn_ir *));
  if (!node->bodies) return no_memory(c);
  int captured = 0;
  node->n_bodies = 0;
  for (int a = 0; a < n->n_attrs; a++) {
    if (!n->attrs[a].graph) continue;
    qn_ir *body;
    QN_TRY(build_graph(c, n->attrs[a].graph, g, &body));
    node->bodies[node->n_bodies++] = body;
    captured += body->n_captures;
  }
  node->n_explicit = n_in;
  node->in = qn_pool_alloc(&c->pool, ((size_t)n_in + (size_t)captured) * sizeof(int));
  node->out = qn_pool_alloc(&c->pool, (size_t)n->n_out * sizeof(int));
  if (!node->in || !node->out) return no_memory(c);
  for (int i = 0; i < n_in; i++) {
    node->in[i] = -1;
    if (n->in[i][0]) QN_TRY(resolve(g, n->in[i], &node->in[i]));
  }
  node->n_in = n_in;
  for (int b = 0; b < node->n_bodies; b++) {
    qn_ir *body = node->bodies[b];
    for (int k = 0; k < body->n_captures; k++) {
      node->in[node->n_in] = body->capture_slots[k];
      body->capture_slots[k] = node->n_in++;
    }
  }
  for (int i = 0; i < n->n_out; i++) {
    node->out[i] = -1;
    if (n->out[i][0]) QN_TRY(define(g, n->out[i], &node->out[i]));
  }
  g->n_nodes++;
  return QN_OK;
}

static qn_status add_nodes(qn_ir *g) {
  qn_context *c = g->context;
  const qn_graph *source = g->source;
  g->nodes = qn_pool_alloc(&c->pool, (size_t)source->n_nodes * sizeof(qn_ir_node));
  const qn_onnx_node **waiting = qn_pool_alloc(&c->pool, (size_t)source->n_nodes * sizeof *waiting);
  if (!g->nodes || !waiting) return no_memory(c);
  int n_waiting = 0;
  for (const qn_onnx_node *n = source->nodes; n; n = n->next) waiting[n_waiting++] = n;
  while (n_waiting) { /* one round when the file is sorted, as it should be */
    int left = 0;
    const char *blocked = "";
    for (int i = 0; i < n_waiting; i++) {
      bool ready;
      QN_TRY(node_ready(g, waiting[i], &blocked, &ready));
      if (ready) QN_TRY(add_node(g, waiting[i]));
      else waiting[left++] = waiting[i];
    }
    if (left == n_waiting)
      return qn_fail(c->err, QN_ERR_FORMAT, "%s '%s' reads '%s', which nothing produces (or the graph has a cycle)", waiting[0]->op_type, waiting[0]->name, blocked);
    n_waiting = left;
  }
  return QN_OK;
}

static qn_status build_graph(qn_context *c, const qn_graph *source, qn_ir *parent, qn_ir **out) {
  qn_ir *g = qn_pool_alloc(&c->pool, sizeof *g);
  if (!g) return no_memory(c);
  g->parent = parent;
  g->context = c;
  g->source = source;
  if (!grow_map(g)) return no_memory(c);
  g->inputs = qn_pool_alloc(&c->pool, (size_t)source->n_inputs * sizeof(int));
  g->outputs = qn_pool_alloc(&c->pool, (size_t)source->n_outputs * sizeof(int));
  g->defaults = qn_pool_alloc(&c->pool, (size_t)source->n_inputs * sizeof *g->defaults);
  if (!g->inputs || !g->outputs || !g->defaults) return no_memory(c);
  for (const qn_onnx_port_item *p = source->inputs; p; p = p->next) {
    int id;
    QN_TRY(define(g, p->port.name, &id));
    g->inputs[g->n_inputs++] = id;
  }
  for (const qn_onnx_initializer *t = source->initializers; t; t = t->next) {
    int id = find(g, t->name);
    if (id >= 0 && g->values[id].constant) return qn_fail(c->err, QN_ERR_FORMAT, "two initializers are named '%s'", t->name);
    bool is_input = id >= 0;
    if (!is_input) QN_TRY(define(g, t->name, &id));
    qn_constant *k;
    QN_TRY(constant_of_tensor(c, t->tensor, &k));
    int slot = 0;
    while (is_input && g->inputs[slot] != id) slot++;
    /* Since IR 4 an initializer that is also an input is a default that a caller may override; before, every initializer was listed. */
    if (is_input && c->onnx->ir_version >= 4 && !parent) g->defaults[slot] = k;
    else g->values[id].constant = k;
  }
  QN_TRY(add_nodes(g));
  for (const qn_onnx_port_item *p = source->outputs; p; p = p->next) {
    int id;
    QN_TRY(resolve(g, p->port.name, &id));
    if (id < 0) return qn_fail(c->err, QN_ERR_FORMAT, "nothing produces the graph's output '%s'", p->port.name);
    g->outputs[g->n_outputs++] = id;
  }
  qn_ir_refresh(g);
  *out = g;
  return QN_OK;
}

qn_status qn_ir_resolve(qn_context *c, const qn_graph *g, bool *rare) {
  missing list = {0};
  QN_TRY(qn_expand_contrib(c->onnx, c->err));
  collect_missing(c->onnx, g, &list);
  *rare = list.rare;
  if (list.count)
    return qn_fail(c->err, QN_ERR_UNSUPPORTED, "the model uses %d operator%s that %s: %s", list.count, list.count > 1 ? "s" : "",
                   qn_op_table_is_custom ? "this custom build of Quern, made for other models, lacks" : "Quern does not have", list.text);
  return QN_OK;
}

qn_status qn_ir_build(qn_context *c, const qn_graph *g, qn_ir **out) { return build_graph(c, g, NULL, out); }

/* ---- upkeep ---- */

void qn_ir_refresh(qn_ir *g) {
  for (int v = 0; v < g->n_values; v++) g->values[v].uses = 0;
  for (int i = 0; i < g->n_outputs; i++) g->values[g->outputs[i]].uses++;
  for (int n = g->n_nodes - 1; n >= 0; n--) { /* backwards, so that chains of dead nodes go in one sweep */
    qn_ir_node *node = &g->nodes[n];
    bool used = false;
    for (int i = 0; i < node->n_out; i++) used = used || (node->out[i] >= 0 && g->values[node->out[i]].uses);
    node->dead = node->dead || !used;
    if (node->dead) continue;
    for (int i = 0; i < node->n_in; i++)
      if (node->in[i] >= 0) g->values[node->in[i]].uses++;
  }
  int kept = 0;
  for (int n = 0; n < g->n_nodes; n++)
    if (!g->nodes[n].dead) g->nodes[kept++] = g->nodes[n];
  g->n_nodes = kept;
  for (int v = 0; v < g->n_values; v++) {
    g->values[v].last_use = -1;
    g->values[v].producer = -1;
  }
  for (int n = 0; n < g->n_nodes; n++) {
    qn_ir_node *node = &g->nodes[n];
    for (int i = 0; i < node->n_in; i++)
      if (node->in[i] >= 0) g->values[node->in[i]].last_use = n;
    for (int i = 0; i < node->n_out; i++)
      if (node->out[i] >= 0) g->values[node->out[i]].producer = n;
  }
  for (int i = 0; i < g->n_outputs; i++) g->values[g->outputs[i]].last_use = INT_MAX;
}

void qn_constant_free_data(qn_constant *k) {
  if (k->source) {
    qn_free(k->source->block);
    k->source->block = NULL;
    k->source->tensor.data = NULL;
    k->value.tensor.data = NULL;
  } else {
    qn_tensor shape = k->value.tensor;
    qn_value_clear(&k->value);
    k->value.tensor = shape;
    k->value.tensor.data = NULL;
  }
}

static void count_readers(qn_ir *g) {
  for (int n = 0; n < g->n_nodes; n++) {
    qn_ir_node *node = &g->nodes[n];
    for (int i = 0; i < node->n_in; i++)
      if (node->in[i] >= 0 && g->values[node->in[i]].constant) g->values[node->in[i]].constant->readers++;
    for (int b = 0; b < node->n_bodies; b++) count_readers(node->bodies[b]);
  }
  for (int i = 0; i < g->n_outputs; i++)
    if (g->values[g->outputs[i]].constant) g->values[g->outputs[i]].constant->readers++;
}

void qn_ir_count_readers(qn_context *c, qn_ir *g) {
  for (qn_constant *k = c->constants; k; k = k->next) k->readers = 0;
  count_readers(g);
  for (int i = 0; i < g->n_inputs; i++) /* defaults stay for the next run */
    if (g->defaults[i]) g->defaults[i]->readers++;
  for (qn_constant *k = c->constants; k; k = k->next)
    if (k->readers == 0) qn_constant_free_data(k);
}

bool qn_context_adopt(qn_context *c, void *block) {
  if (c->n_kept == c->kept_capacity) {
    int capacity = c->kept_capacity * 2 + 64;
    void **blocks = qn_pool_alloc(&c->pool, (size_t)capacity * sizeof(void *));
    if (!blocks) { qn_free(block); return false; }
    if (c->n_kept) memcpy(blocks, c->kept_blocks, (size_t)c->n_kept * sizeof(void *));
    c->kept_blocks = blocks;
    c->kept_capacity = capacity;
  }
  c->kept_blocks[c->n_kept++] = block;
  return true;
}

void *qn_context_keep(qn_context *c, size_t size) {
  void *block = qn_alloc_zeroed(size);
  return block && qn_context_adopt(c, block) ? block : NULL;
}

void qn_context_free(qn_context *c) {
  for (qn_constant *k = c->constants; k; k = k->next)
    if (!k->source) qn_value_clear(&k->value);
  for (int i = 0; i < c->n_kept; i++) qn_free(c->kept_blocks[i]);
  qn_pool_free(&c->pool);
  memset(c, 0, sizeof *c);
}
