/* Puts the fast forms of operators in place where they are legal for every input the node can get. */
#include "graph/fuse.h"
#include "op/op_table.h"

static bool all_between(const qn_attr *a, int64_t low, int64_t high) {
  for (size_t i = 0; a && i < a->count; i++)
    if (a->ints[i] < low || a->ints[i] > high) return false;
  return true;
}

/* Float32 weights of one or two spatial dimensions and a constant bias or none. */
static bool packs_conv(const qn_ir *g, const qn_ir_node *n) {
  const qn_tensor *w = qn_float_constant(g, n, 1), *b = qn_float_constant(g, n, 2);
  const qn_attr *group = qn_node_attr(n, "group"), *kernel = qn_node_attr(n, "kernel_shape"), *pads = qn_node_attr(n, "pads");
  int64_t groups = group ? group->i : 1;
  if (!w || w->rank < 3 || w->rank > 4 || w->count == 0) return false;
  if (n->n_in > 2 && n->in[2] >= 0 && (!b || b->rank != 1 || b->count != w->dims[0])) return false;
  if (groups < 1 || groups > w->dims[0] || w->dims[0] % groups) return false;
  for (size_t d = 0; kernel && d < kernel->count; d++)
    if (kernel->count != (size_t)w->rank - 2 || kernel->ints[d] != w->dims[d + 2]) return false;
  if (pads && pads->count != 2 * ((size_t)w->rank - 2)) return false;
  return all_between(pads, 0, 1 << 20) && all_between(qn_node_attr(n, "strides"), 1, 1 << 20) && all_between(qn_node_attr(n, "dilations"), 1, 1 << 20);
}

qn_status qn_pass_target(qn_ir *g) {
  const qn_op *packed_conv = qn_op_find("quern", "PackedConv", 1);
  for (int i = 0; i < g->n_nodes; i++) {
    qn_ir_node *n = &g->nodes[i];
    for (int b = 0; b < n->n_bodies; b++) QN_TRY(qn_pass_target(n->bodies[b]));
    if (packed_conv && qn_node_is(n, "Conv") && packs_conv(g, n)) n->op = packed_conv;
  }
  return qn_pass_conv_tail(g);
}
