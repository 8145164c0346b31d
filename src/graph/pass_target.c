/* Puts the fast forms of operators in place where they are legal for every input the node can get. */
#include <string.h>

#include "graph/ir.h"
#include "op/op_table.h"

static const qn_attr *attr(const qn_ir_node *n, const char *name) {
  for (int a = 0; a < n->n_attrs; a++)
    if (!strcmp(n->attrs[a].name, name)) return &n->attrs[a];
  return NULL;
}

static bool all_between(const qn_attr *a, int64_t low, int64_t high) {
  for (size_t i = 0; a && i < a->count; i++)
    if (a->ints[i] < low || a->ints[i] > high) return false;
  return true;
}

static const qn_tensor *constant(const qn_ir *g, const qn_ir_node *n, int i) {
  const qn_constant *k = i < n->n_in && n->in[i] >= 0 ? g->values[n->in[i]].constant : NULL;
  return k && k->value.kind == QN_KIND_TENSOR && k->value.tensor.data ? &k->value.tensor : NULL;
}

/* Depthwise of 3 or 5 taps by our own kernel (kernel/depthwise.c): twice XNNPACK's speed. */
static bool is_own_depthwise(const qn_ir_node *n, const qn_tensor *w, int64_t groups) {
  const qn_attr *strides = attr(n, "strides"), *dilations = attr(n, "dilations");
  return w->rank == 4 && w->dims[1] == 1 && groups == w->dims[0] && groups > 1 && groups % 4 == 0 && (w->dims[3] == 3 || w->dims[3] == 5) &&
         all_between(strides, 1, 2) && all_between(dilations, 1, 1);
}

/* Float32 weights of one or two spatial dimensions, a constant bias or none, and attributes in XNNPACK's range. */
static bool xnn_takes_conv(const qn_ir *g, const qn_ir_node *n) {
  const qn_tensor *w = constant(g, n, 1), *b = constant(g, n, 2);
  const qn_attr *group = attr(n, "group"), *kernel = attr(n, "kernel_shape"), *pads = attr(n, "pads");
  int64_t groups = group ? group->i : 1;
  if (!w || w->dtype != QN_FLOAT || w->rank < 3 || w->rank > 4 || w->count == 0) return false;
  if (n->n_in > 2 && n->in[2] >= 0 && (!b || b->dtype != QN_FLOAT || b->rank != 1 || b->count != w->dims[0])) return false;
  if (groups < 1 || groups > w->dims[0] || w->dims[0] % groups) return false;
  if (is_own_depthwise(n, w, groups)) return false;
  for (size_t d = 0; kernel && d < kernel->count; d++)
    if (kernel->count != (size_t)w->rank - 2 || kernel->ints[d] != w->dims[d + 2]) return false;
  if (pads && pads->count != 2 * ((size_t)w->rank - 2)) return false;
  return all_between(pads, 0, 1 << 20) && all_between(attr(n, "strides"), 1, 1 << 20) && all_between(attr(n, "dilations"), 1, 1 << 20);
}

qn_status qn_pass_target(qn_ir *g) {
  const qn_op *xnn_conv = qn_op_find("quern", "XnnConv", 1);
  for (int i = 0; i < g->n_nodes; i++) {
    qn_ir_node *n = &g->nodes[i];
    for (int b = 0; b < n->n_bodies; b++) QN_TRY(qn_pass_target(n->bodies[b]));
    if (xnn_conv && !n->op->domain[0] && !strcmp(n->op->name, "Conv") && xnn_takes_conv(g, n)) n->op = xnn_conv;
  }
  return QN_OK;
}
