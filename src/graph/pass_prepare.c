/* Packs constant weights once, one node at a time, each raw form freed when its last reader has packed it. */
#include "graph/ir.h"

qn_status qn_pass_prepare(qn_ir *g) {
  for (int i = g->n_nodes - 1; i >= 0; i--) { /* backwards: what large last layers leave behind is room for the others */
    for (int b = 0; b < g->nodes[i].n_bodies; b++) QN_TRY(qn_pass_prepare(g->nodes[i].bodies[b]));
    QN_TRY(qn_ir_prepare_node(g, &g->nodes[i]));
  }
  return QN_OK;
}
