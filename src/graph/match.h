/* What passes need to recognise and rewrite patterns of nodes. */
#ifndef QN_GRAPH_MATCH_H
#define QN_GRAPH_MATCH_H

#include <string.h>

#include "graph/ir.h"

/* A live node of ai.onnx with this name. */
static inline bool qn_node_is(const qn_ir_node *n, const char *name) { return n && !n->dead && !strcmp(n->op->name, name) && !n->op->domain[0]; }

static inline bool qn_node_has(const qn_ir_node *n, int i) { return i < n->n_in && n->in[i] >= 0; }

/* The constant tensor at input i, with its data; NULL when there is none. */
static inline const qn_tensor *qn_node_constant(const qn_ir *g, const qn_ir_node *n, int i) {
  if (!qn_node_has(n, i)) return NULL;
  const qn_constant *k = g->values[n->in[i]].constant;
  return k && k->value.kind == QN_KIND_TENSOR && k->value.tensor.data ? &k->value.tensor : NULL;
}

/* The node that makes input i. */
static inline qn_ir_node *qn_node_producer(qn_ir *g, const qn_ir_node *n, int i) {
  if (!n || !qn_node_has(n, i)) return NULL;
  const qn_ir_value *v = &g->values[n->in[i]];
  return v->producer >= 0 && !v->constant && !g->nodes[v->producer].dead ? &g->nodes[v->producer] : NULL;
}

/* The same if nobody else reads what it makes. */
static inline qn_ir_node *qn_node_only_producer(qn_ir *g, const qn_ir_node *n, int i) {
  qn_ir_node *p = qn_node_producer(g, n, i);
  return p && g->values[n->in[i]].uses == 1 ? p : NULL;
}

/* `n` gives up: `p`, which comes before it, makes its output. */
static inline void qn_node_take_over(qn_ir *g, qn_ir_node *p, qn_ir_node *n) {
  p->out[0] = n->out[0];
  g->values[n->out[0]].producer = (int)(p - g->nodes);
  n->dead = true;
}

static inline const qn_attr *qn_node_attr(const qn_ir_node *n, const char *name) {
  for (int a = 0; a < n->n_attrs; a++)
    if (!strcmp(n->attrs[a].name, name)) return &n->attrs[a];
  return NULL;
}
static inline int64_t qn_node_int(const qn_ir_node *n, const char *name, int64_t otherwise) {
  const qn_attr *a = qn_node_attr(n, name);
  return a && a->type == QN_ATTR_INT ? a->i : otherwise;
}
static inline float qn_node_float(const qn_ir_node *n, const char *name, float otherwise) {
  const qn_attr *a = qn_node_attr(n, name);
  return a && a->type == QN_ATTR_FLOAT ? a->f : otherwise;
}

#endif
