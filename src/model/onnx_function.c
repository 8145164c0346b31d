/* Functions of the model's own (FunctionProto): read, and put in place of their calls before the graph is built. */
#include "model/onnx_node.h"

enum { MOST_NODES = 1 << 18 }; /* made by inlining: calls of calls can multiply without bound */

static qn_status no_memory(qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "no memory for the model's functions"); }

/* ---- reading ---- */

qn_status qn_onnx_read_opset(qn_onnx_model *m, const qn_field *field, qn_onnx_opset **list, qn_error *err) {
  qn_onnx_opset *o = qn_pool_alloc(&m->pool, sizeof *o);
  if (!o) return no_memory(err);
  o->domain = "";
  qn_wire w = {field->bytes, field->bytes + field->value};
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return qn_fail(err, QN_ERR_FORMAT, "a malformed opset import");
    if (f.number == 1 && f.type == 2) {
      o->domain = qn_pool_text(&m->pool, (const char *)f.bytes, (size_t)f.value);
      if (!o->domain) return no_memory(err);
    }
    if (f.number == 2) o->version = (int64_t)f.value;
  }
  if (!strcmp(o->domain, "ai.onnx")) o->domain = "";
  o->next = *list;
  *list = o;
  return QN_OK;
}

enum { F_NAME = 1, F_INPUT = 4, F_OUTPUT = 5, F_NODE = 7, F_OPSET_IMPORT = 9, F_DOMAIN = 10, F_ATTRIBUTE_PROTO = 11, F_OVERLOAD = 13 };

qn_status qn_onnx_read_function(qn_onnx_model *m, const qn_field *field, qn_error *err) {
  qn_onnx_function *fn = qn_pool_alloc(&m->pool, sizeof *fn);
  if (!fn) return no_memory(err);
  fn->name = fn->domain = fn->overload = "";
  qn_graph_init(&fn->body);
  for (int pass = 0; pass < 2; pass++) { /* count, then read */
    qn_wire w = {field->bytes, field->bytes + field->value};
    fn->n_inputs = fn->n_outputs = fn->n_defaults = 0;
    while (w.p < w.end) {
      qn_field f;
      if (!qn_wire_field(&w, &f)) return qn_fail(err, QN_ERR_FORMAT, "the model is malformed: a function");
      if (f.type != 2) continue;
      const char **text = f.number == F_NAME ? &fn->name : f.number == F_DOMAIN ? &fn->domain : f.number == F_OVERLOAD ? &fn->overload : NULL;
      if (pass == 0) {
        fn->n_inputs += f.number == F_INPUT;
        fn->n_outputs += f.number == F_OUTPUT;
        fn->n_defaults += f.number == F_ATTRIBUTE_PROTO;
        continue;
      }
      if (f.number == F_INPUT) text = &fn->inputs[fn->n_inputs++];
      if (f.number == F_OUTPUT) text = &fn->outputs[fn->n_outputs++];
      if (text) {
        *text = qn_pool_text(&m->pool, (const char *)f.bytes, (size_t)f.value);
        if (!*text) return no_memory(err);
      }
      if (f.number == F_ATTRIBUTE_PROTO) QN_TRY(qn_onnx_read_attr(m, &f, &fn->defaults[fn->n_defaults++], 0, err));
      if (f.number == F_OPSET_IMPORT) QN_TRY(qn_onnx_read_opset(m, &f, &fn->opsets, err));
      if (f.number == F_NODE) {
        f.number = QN_GRAPH_NODE;
        QN_TRY(qn_graph_field(m, &fn->body, &f, 0, err));
      }
    }
    if (pass) break;
    fn->inputs = qn_pool_alloc(&m->pool, (size_t)fn->n_inputs * sizeof(char *));
    fn->outputs = qn_pool_alloc(&m->pool, (size_t)fn->n_outputs * sizeof(char *));
    fn->defaults = qn_pool_alloc(&m->pool, (size_t)fn->n_defaults * sizeof(qn_attr));
    if (!fn->inputs || !fn->outputs || !fn->defaults) return no_memory(err);
  }
  if (!strcmp(fn->domain, "ai.onnx")) fn->domain = "";
  fn->next = m->functions;
  m->functions = fn;
  return QN_OK;
}

/* ---- inlining ---- */

/* One call that is being inlined. */
typedef struct call {
  const qn_onnx_function *function;
  const qn_onnx_node *node;    /* with names and attributes of the caller */
  const char *prefix;          /* of the body's own names, unlike that of any other call */
  const struct call *outer;
} call;

typedef struct inliner {
  qn_onnx_model *m;
  qn_error *err;
  int calls, nodes, depth;     /* depth of graphs in graphs */
} inliner;

static qn_status deeper(inliner *x) {
  if (++x->depth <= QN_MAX_DEPTH + 1) return QN_OK;
  return qn_fail(x->err, QN_ERR_UNSUPPORTED, "graphs nested more than %d deep", QN_MAX_DEPTH);
}

static qn_status emit(inliner *x, qn_graph *into, qn_onnx_node *n, const call *outer);

static const qn_onnx_function *function_of(const qn_onnx_model *m, const qn_onnx_node *n) {
  for (const qn_onnx_function *f = m->functions; f; f = f->next)
    if (!strcmp(f->name, n->op_type) && !strcmp(f->domain, n->domain) && !strcmp(f->overload, n->overload)) return f;
  return NULL;
}

/* NULL without memory, or when `a` is. */
static const char *joined(inliner *x, const char *a, const char *b) {
  if (!a) return NULL;
  size_t n = strlen(a), k = strlen(b);
  char *text = qn_pool_alloc(&x->m->pool, n + k + 1);
  if (!text) return NULL;
  memcpy(text, a, n);
  memcpy(text + n, b, k);
  return text;
}

/* The caller's name for a name of the body. */
static qn_status renamed(inliner *x, const call *c, const char *name, const char **out) {
  const qn_onnx_function *f = c->function;
  *out = "";
  if (!name[0]) return QN_OK;
  for (int i = 0; i < f->n_inputs; i++)
    if (!strcmp(f->inputs[i], name)) {
      *out = i < c->node->n_in ? c->node->in[i] : "";
      return QN_OK;
    }
  for (int i = 0; i < f->n_outputs; i++)
    if (!strcmp(f->outputs[i], name) && i < c->node->n_out && c->node->out[i][0]) {
      *out = c->node->out[i];
      return QN_OK;
    }
  *out = joined(x, c->prefix, name);
  return *out ? QN_OK : no_memory(x->err);
}

static qn_status renamed_list(inliner *x, const call *c, int n, const char *const *names, const char ***out) {
  *out = qn_pool_alloc(&x->m->pool, (size_t)n * sizeof(char *));
  if (!*out) return no_memory(x->err);
  for (int i = 0; i < n; i++) QN_TRY(renamed(x, c, names[i], &(*out)[i]));
  return QN_OK;
}

static const qn_attr *attr_named(const qn_attr *list, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(list[i].name, name)) return &list[i];
  return NULL;
}

static qn_status copy_node(inliner *x, const call *c, const qn_onnx_node *n, qn_onnx_node **out);

static qn_status copy_ports(inliner *x, const call *c, const qn_onnx_port_item *from, qn_onnx_port_item ***end, int *count) {
  for (; from; from = from->next) {
    qn_onnx_port_item *item = qn_pool_alloc(&x->m->pool, sizeof *item);
    if (!item) return no_memory(x->err);
    item->port = from->port;
    QN_TRY(renamed(x, c, from->port.name, &item->port.name));
    **end = item;
    *end = &item->next;
    (*count)++;
  }
  return QN_OK;
}

/* A subgraph of the body, its names renamed as the body's: what is only known inside gets the same prefix. */
static qn_status copy_graph(inliner *x, const call *c, const qn_graph *from, qn_graph **out) {
  qn_graph *g = qn_pool_alloc(&x->m->pool, sizeof *g);
  if (!g) return no_memory(x->err);
  QN_TRY(deeper(x));
  qn_graph_init(g);
  g->name = from->name;
  QN_TRY(copy_ports(x, c, from->inputs, &g->inputs_end, &g->n_inputs));
  QN_TRY(copy_ports(x, c, from->outputs, &g->outputs_end, &g->n_outputs));
  for (const qn_onnx_initializer *t = from->initializers; t; t = t->next) {
    qn_onnx_initializer *item = qn_pool_alloc(&x->m->pool, sizeof *item);
    if (!item) return no_memory(x->err);
    item->tensor = t->tensor;
    QN_TRY(renamed(x, c, t->name, &item->name));
    *g->initializers_end = item;
    g->initializers_end = &item->next;
    g->n_initializers++;
  }
  for (const qn_onnx_node *n = from->nodes; n; n = n->next) {
    qn_onnx_node *copy;
    QN_TRY(copy_node(x, c, n, &copy));
    QN_TRY(emit(x, g, copy, c));
  }
  *out = g;
  x->depth--;
  return QN_OK;
}

static qn_status copy_node(inliner *x, const call *c, const qn_onnx_node *n, qn_onnx_node **out) {
  qn_onnx_node *copy = qn_pool_alloc(&x->m->pool, sizeof *copy);
  qn_attr *attrs = qn_pool_alloc(&x->m->pool, (size_t)n->n_attrs * sizeof *attrs);
  if (!copy || !attrs) return no_memory(x->err);
  if (++x->nodes > MOST_NODES) return qn_fail(x->err, QN_ERR_UNSUPPORTED, "the model's functions make more than %d nodes", MOST_NODES);
  *copy = *n;
  copy->next = NULL;
  copy->attrs = attrs;
  copy->n_attrs = 0;
  copy->name = c->node->name[0] && n->name[0] ? joined(x, joined(x, c->node->name, "/"), n->name) : n->name[0] ? n->name : c->node->name;
  QN_TRY(renamed_list(x, c, n->n_in, n->in, &copy->in));
  QN_TRY(renamed_list(x, c, n->n_out, n->out, &copy->out));
  for (const qn_onnx_opset *o = c->function->opsets; o; o = o->next)
    if (!strcmp(o->domain, n->domain)) copy->opset = o->version;
  for (int i = 0; i < n->n_attrs; i++) {
    const qn_attr *a = &n->attrs[i];
    if (a->ref && a->ref[0]) { /* an attribute of the function; one that neither the call nor a default gives is absent */
      const qn_attr *given = attr_named(c->node->attrs, c->node->n_attrs, a->ref);
      if (!given) given = attr_named(c->function->defaults, c->function->n_defaults, a->ref);
      if (!given) continue;
      if (a->type && given->type != a->type)
        return qn_fail(x->err, QN_ERR_FORMAT, "attribute '%s' of a call of function '%s' has another type than its body expects", a->ref, c->function->name);
      attrs[copy->n_attrs] = *given;
      attrs[copy->n_attrs++].name = a->name;
      continue;
    }
    attrs[copy->n_attrs] = *a;
    if (a->graph) QN_TRY(copy_graph(x, c, a->graph, &attrs[copy->n_attrs].graph));
    copy->n_attrs++;
  }
  *out = copy;
  return copy->name ? QN_OK : no_memory(x->err);
}

static void append(qn_graph *g, qn_onnx_node *n) {
  n->next = NULL;
  *g->nodes_end = n;
  g->nodes_end = &n->next;
  g->n_nodes++;
}

/* An output that is also an input, or another output, has no node that makes it: a copy does. */
static qn_status join_output(inliner *x, qn_graph *into, const call *c, int i) {
  const qn_onnx_function *f = c->function;
  const char *made;
  if (!c->node->out[i][0]) return QN_OK;
  QN_TRY(renamed(x, c, f->outputs[i], &made));
  if (!strcmp(made, c->node->out[i])) return QN_OK;
  qn_onnx_node *n = qn_pool_alloc(&x->m->pool, sizeof *n);
  const char **names = qn_pool_alloc(&x->m->pool, 2 * sizeof *names);
  if (!n || !names) return no_memory(x->err);
  if (!made[0]) return qn_fail(x->err, QN_ERR_FORMAT, "a call of function '%s' lacks the input that is its output %d", f->name, i);
  names[0] = made;
  names[1] = c->node->out[i];
  *n = (qn_onnx_node){.op_type = "Identity", .domain = "", .overload = "", .name = c->node->name, .n_in = 1, .n_out = 1, .in = names, .out = names + 1};
  append(into, n);
  return QN_OK;
}

/* Adds the node, or the body of the function that it calls. */
static qn_status emit(inliner *x, qn_graph *into, qn_onnx_node *n, const call *outer) {
  for (int a = 0; a < n->n_attrs; a++)
    if (n->attrs[a].ref && n->attrs[a].ref[0])
      return qn_fail(x->err, QN_ERR_FORMAT, "attribute '%s' of %s '%s' stands for a function's attribute, but the node is in no function", n->attrs[a].name, n->op_type, n->name);
  const qn_onnx_function *f = function_of(x->m, n);
  if (!f) {
    append(into, n);
    return QN_OK;
  }
  int depth = 0;
  for (const call *c = outer; c; c = c->outer, depth++)
    if (c->function == f) return qn_fail(x->err, QN_ERR_FORMAT, "function '%s' calls itself", f->name);
  if (depth >= QN_MAX_DEPTH || x->calls >= MOST_NODES) return qn_fail(x->err, QN_ERR_UNSUPPORTED, "functions call each other more than %d deep, or %d times", QN_MAX_DEPTH, MOST_NODES);
  if (n->n_in > f->n_inputs || n->n_out > f->n_outputs)
    return qn_fail(x->err, QN_ERR_FORMAT, "a call of function '%s' has %d inputs and %d outputs; the function has %d and %d", f->name, n->n_in, n->n_out, f->n_inputs, f->n_outputs);
  char number[16] = "(0000000)"; /* MOST_NODES has seven digits at most */
  x->calls++;
  for (int i = 7, rest = x->calls; i > 0; i--, rest /= 10) number[i] = (char)('0' + rest % 10);
  call c = {.function = f, .node = n, .prefix = joined(x, number, ""), .outer = outer};
  if (!c.prefix) return no_memory(x->err);
  for (const qn_onnx_node *b = f->body.nodes; b; b = b->next) {
    qn_onnx_node *copy;
    QN_TRY(copy_node(x, &c, b, &copy));
    QN_TRY(emit(x, into, copy, &c));
  }
  for (int i = 0; i < n->n_out; i++) QN_TRY(join_output(x, into, &c, i));
  return QN_OK;
}

static qn_status expand(inliner *x, qn_graph *g) {
  QN_TRY(deeper(x));
  qn_onnx_node *n = g->nodes;
  g->nodes = NULL;
  g->nodes_end = &g->nodes;
  g->n_nodes = 0;
  while (n) {
    qn_onnx_node *next = n->next;
    for (int a = 0; a < n->n_attrs; a++)
      if (n->attrs[a].graph) QN_TRY(expand(x, n->attrs[a].graph));
    QN_TRY(emit(x, g, n, NULL));
    n = next;
  }
  x->depth--;
  return QN_OK;
}

qn_status qn_onnx_inline_functions(qn_onnx_model *m, qn_error *err) {
  inliner x = {.m = m, .err = err};
  return expand(&x, &m->graph);
}
