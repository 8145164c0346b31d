/* What passes need to recognise and rewrite patterns of nodes. */
#ifndef QN_GRAPH_MATCH_H
#define QN_GRAPH_MATCH_H

#include <math.h>
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

/* ---- by value: ids may be -1, absent ---- */

static inline int qn_input_id(const qn_ir_node *n, int i) { return i < n->n_in ? n->in[i] : -1; }

static inline const qn_tensor *qn_constant_of(const qn_ir *g, int id) {
  const qn_constant *k = id >= 0 ? g->values[id].constant : NULL;
  return k && k->value.kind == QN_KIND_TENSOR && k->value.tensor.data ? &k->value.tensor : NULL;
}
/* Float32 contents of a constant, or NULL. */
static inline const qn_tensor *qn_floats_of(const qn_ir *g, int id) {
  const qn_tensor *t = qn_constant_of(g, id);
  return t && t->dtype == QN_FLOAT ? t : NULL;
}
/* A single float32 number that does not raise the rank of what it is combined with. */
static inline bool qn_number_of(const qn_ir *g, int id, float *value) {
  const qn_tensor *t = qn_floats_of(g, id);
  if (!t || t->count != 1 || t->rank > 1) return false;
  *value = *(const float *)t->data;
  return true;
}

/* The node `name` that makes value `id` as its first output and is not clamped, or NULL. */
static inline qn_ir_node *qn_made_by(qn_ir *g, int id, const char *name) {
  if (id < 0 || g->values[id].constant || g->values[id].producer < 0) return NULL;
  qn_ir_node *n = &g->nodes[g->values[id].producer];
  return qn_node_is(n, name) && n->out[0] == id && n->clamp_min == -INFINITY && n->clamp_max == INFINITY ? n : NULL;
}
static inline bool qn_only_use(const qn_ir *g, int id) { return id >= 0 && g->values[id].uses == 1; }

/* The permutation of a Transpose is exactly `perm`. */
bool qn_turns_by(const qn_ir_node *transpose, int rank, const int64_t *perm);

/* Of a node with two inputs: the side whose value fits, as `side`; the other one is 1 - side. */
static inline bool qn_side_number(const qn_ir *g, const qn_ir_node *n, int *side, float *value) {
  for (*side = 0; *side < 2; ++*side)
    if (n->n_in == 2 && qn_number_of(g, n->in[*side], value)) return true;
  return false;
}
static inline qn_ir_node *qn_side_made_by(qn_ir *g, const qn_ir_node *n, const char *name, int *side) {
  for (*side = 0; *side < 2; ++*side) {
    qn_ir_node *p = n->n_in == 2 ? qn_made_by(g, n->in[*side], name) : NULL;
    if (p) return p;
  }
  return NULL;
}
static inline bool qn_near(float x, double y) { return fabs((double)x - y) <= 2e-6 * fabs(y); }

/* Makes `n` an operator of `domain` with these inputs and attributes (copied); its outputs stay. `opset` as if imported. */
qn_status qn_become(qn_ir *g, qn_ir_node *n, const char *domain, const char *name, int opset, int n_in, const int *in, int n_attrs, const qn_attr *attrs);

#endif
