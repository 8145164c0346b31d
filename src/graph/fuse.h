/* What the passes that fold nodes into others share. */
#ifndef QN_GRAPH_FUSE_H
#define QN_GRAPH_FUSE_H

#include <math.h>
#include <string.h>

#include "graph/ir.h"

static inline bool qn_node_is(const qn_ir_node *n, const char *name) { return !n->dead && !strcmp(n->op->name, name) && !n->op->domain[0]; }
static inline bool qn_unclamped(const qn_ir_node *n) { return n->clamp_min == -INFINITY && n->clamp_max == INFINITY; }

static inline const qn_attr *qn_node_attr(const qn_ir_node *n, const char *name) {
  for (int a = 0; a < n->n_attrs; a++)
    if (!strcmp(n->attrs[a].name, name)) return &n->attrs[a];
  return NULL;
}

/* Input i of n if it is a constant with contents, else NULL. */
static inline const qn_tensor *qn_node_constant(const qn_ir *g, const qn_ir_node *n, int i) {
  const qn_constant *k = i < n->n_in && n->in[i] >= 0 ? g->values[n->in[i]].constant : NULL;
  return k && k->value.kind == QN_KIND_TENSOR && k->value.tensor.data ? &k->value.tensor : NULL;
}
static inline const qn_tensor *qn_float_constant(const qn_ir *g, const qn_ir_node *n, int i) {
  const qn_tensor *t = qn_node_constant(g, n, i);
  return t && t->dtype == QN_FLOAT ? t : NULL;
}

/* The node that makes value `id`, which has `uses` readers, or NULL. */
static inline qn_ir_node *qn_producer(qn_ir *g, int id, int uses) {
  const qn_ir_value *v = id >= 0 ? &g->values[id] : NULL;
  return v && v->producer >= 0 && v->uses == uses && !v->constant && !g->nodes[v->producer].dead ? &g->nodes[v->producer] : NULL;
}

/* Relu and Clip with constant bounds into the operator before it, where that one clamps its output. */
qn_status qn_fuse_clamp(qn_ir *g, qn_ir_node *n);
/* Convolutions that qn_pass_target has put in place take over sums, gates and clamps behind them. */
qn_status qn_pass_conv_tail(qn_ir *g);

#endif
