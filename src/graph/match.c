#include <math.h>

#include "graph/match.h"
#include "op/op_table.h"

bool qn_turns_by(const qn_ir_node *transpose, int rank, const int64_t *perm) {
  const qn_attr *a = transpose ? qn_node_attr(transpose, "perm") : NULL;
  return a && a->type == QN_ATTR_INTS && a->count == (size_t)rank && !memcmp(a->ints, perm, (size_t)rank * sizeof *perm);
}

qn_status qn_become(qn_ir *g, qn_ir_node *n, const char *domain, const char *name, int opset, int n_in, const int *in, int n_attrs, const qn_attr *attrs) {
  const qn_op *op = qn_op_find(domain, name, opset);
  int *ids = qn_pool_alloc(&g->context->pool, (size_t)(n_in + 1) * sizeof *ids);
  qn_attr *own = qn_pool_alloc(&g->context->pool, (size_t)(n_attrs + 1) * sizeof *own);
  if (!op)
    return qn_fail(g->context->err, QN_ERR_UNSUPPORTED, "this custom build of Quern, made for other models, lacks the operator that a pass turns '%s' into: %s%s%s",
                   n->name, domain, domain[0] ? "." : "", name);
  if (!ids || !own) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fuse operators");
  memcpy(ids, in, (size_t)n_in * sizeof *ids);
  if (n_attrs) memcpy(own, attrs, (size_t)n_attrs * sizeof *own);
  n->op = op;
  n->opset = opset;
  n->in = ids;
  n->n_in = n->n_explicit = n_in;
  n->attrs = own;
  n->n_attrs = n_attrs;
  return QN_OK;
}
