#include "graph/affine.h"

#include "op/op_table.h"


const qn_tensor *qn_one_float(const qn_ir *g, const qn_ir_node *n, int i) {
  const qn_tensor *t = qn_node_constant(g, n, i);
  return t && t->dtype == QN_FLOAT && t->count == 1 && t->rank <= 1 ? t : NULL;
}

bool qn_affine_of(qn_ir *g, const qn_ir_node *n, bool quantizes, qn_affine *a) {
  if (!qn_node_is(n, quantizes ? "QuantizeLinear" : "DequantizeLinear") || !qn_node_has(n, 0) || !qn_node_has(n, 1)) return false;
  const qn_tensor *scale = qn_one_float(g, n, 1), *zero = qn_node_constant(g, n, 2), *x = qn_node_constant(g, n, 0);
  const int64_t wanted = qn_node_int(n, "output_dtype", 0);
  *a = (qn_affine){.x = n->in[0], .scale = n->in[1], .zero = qn_node_has(n, 2) ? n->in[2] : -1};
  if (!scale || qn_node_int(n, "block_size", 0) || qn_node_attr(n, "precision")) return false;
  a->step = *(const float *)scale->data;
  if (!(a->step > 1e-30f && a->step < 1e30f)) return false; /* what is quantized and dequantized again stays itself */
  if (a->zero >= 0) {
    if (!zero || zero->count != 1) return false;
    a->dtype = zero->dtype;
    if (qn_is_byte(a->dtype)) a->shift = a->dtype == QN_INT8 ? *(const int8_t *)zero->data : *(const uint8_t *)zero->data;
  } else if (quantizes) {
    a->dtype = wanted ? (qn_dtype)wanted : QN_UINT8;
  } else if (x) {
    a->dtype = x->dtype;
  } else { /* of unknown type, unless it was quantized here */
    qn_affine made;
    if (!qn_affine_of(g, qn_node_producer(g, n, 0), true, &made)) return false;
    a->dtype = made.dtype;
  }
  return qn_is_byte(a->dtype) && (wanted == 0 || wanted == (quantizes ? (int64_t)a->dtype : QN_FLOAT));
}

bool qn_same_affine(const qn_affine *a, const qn_affine *b) { return a->step == b->step && a->shift == b->shift && a->dtype == b->dtype; }

qn_status qn_rewrite_no_memory(qn_ir *g) { return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to rewrite quantized operators"); }

qn_status qn_add_constant(qn_ir *g, qn_value *v, int *id) {
  qn_constant *k;
  QN_TRY(qn_ir_constant(g->context, v, &k));
  *id = qn_ir_add_value(g, "");
  if (*id < 0) return qn_rewrite_no_memory(g);
  g->values[*id].constant = k;
  return QN_OK;
}

qn_status qn_add_scalar(qn_ir *g, qn_dtype dtype, int *id) {
  qn_value v = {0};
  QN_TRY(qn_value_reserve(&v, dtype, 0, NULL, g->context->err));
  if (dtype == QN_FLOAT) *(float *)v.tensor.data = 1.0f;
  else *(uint8_t *)v.tensor.data = 0;
  return qn_add_constant(g, &v, id);
}

qn_status qn_node_become(qn_ir *g, qn_ir_node *n, const char *domain, const char *name, const int *in, int count) {
  const qn_op *op = qn_op_find(domain, name, domain[0] ? 1 : n->opset);
  int *copy = qn_pool_alloc(&g->context->pool, (size_t)count * sizeof *copy);
  if (!op)
    return qn_fail(g->context->err, QN_ERR_UNSUPPORTED, "this custom build of Quern, made for other models, lacks the operator that a pass turns '%s' into: %s%s%s",
                   n->name, domain, domain[0] ? "." : "", name);
  if (!copy) return qn_rewrite_no_memory(g);
  memcpy(copy, in, (size_t)count * sizeof *copy);
  n->op = op;
  n->opset = domain[0] ? 1 : n->opset;
  n->in = copy;
  n->n_in = n->n_explicit = count;
  return QN_OK;
}
