/* Constant folding: a node whose inputs are all constant is run once, here. */
#include <string.h>

#include "graph/ir.h"

enum { GROWTH_LIMIT = 1 << 16 }; /* a result larger than this and four times its inputs stays computed (Expand, ConstantOfShape) */

static bool foldable(const qn_ir *g, const qn_ir_node *n, bool keep_quantized) {
  if (keep_quantized && !strcmp(n->op->name, "DequantizeLinear")) return false;
  if (n->op->flags & (QN_NONDETERMINISTIC | QN_CONTROL)) return false;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] >= 0 && (!g->values[n->in[i]].constant || !g->values[n->in[i]].constant->value.tensor.data || g->values[n->in[i]].constant->value.kind != QN_KIND_TENSOR)) return false;
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] >= 0 && g->values[n->out[i]].constant) return false;
  return true;
}

static bool worth_keeping(const qn_ir *g, const qn_ir_node *n, const qn_value *out) {
  size_t in_bytes = 0, out_bytes = 0;
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] >= 0) in_bytes += qn_tensor_bytes(&g->values[n->in[i]].constant->value.tensor);
  for (int i = 0; i < n->n_out; i++) {
    if (n->out[i] >= 0 && out[i].kind != QN_KIND_TENSOR) return false;
    if (n->out[i] >= 0) out_bytes += qn_tensor_bytes(&out[i].tensor);
  }
  return out_bytes <= GROWTH_LIMIT || out_bytes <= 4 * in_bytes || !strcmp(n->op->name, "Constant");
}

static qn_status fold_node(qn_ir *g, qn_ir_node *n) {
  qn_value *out = qn_alloc_zeroed((size_t)n->n_out * sizeof *out);
  if (!out) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fold constants");
  qn_status status = qn_ir_evaluate(g, n, out);
  if (status == QN_OK && worth_keeping(g, n, out)) {
    for (int i = 0; i < n->n_out && status == QN_OK; i++) {
      if (n->out[i] < 0) continue;
      qn_constant *k = NULL;
      qn_value v = out[i];
      memset(&out[i], 0, sizeof out[i]);
      if (v.tensor.dtype == QN_STRING) { /* the bytes may be those of an input, which is freed when nothing reads it any more */
        qn_value own = {0};
        status = qn_value_copy(&own, &v, g->context->err);
        qn_value_clear(&v);
        v = own;
        if (status != QN_OK) break;
      }
      status = qn_ir_constant(g->context, &v, &k);
      g->values[n->out[i]].constant = k;
    }
    n->dead = true;
  } else if (status != QN_ERR_MEMORY) {
    status = QN_OK; /* it fails, if at all, when it is really reached */
  }
  for (int i = 0; i < n->n_out; i++) qn_value_clear(&out[i]);
  qn_free(out);
  return status;
}

/* A body sees constants that were folded around it. */
static void lower_constants(qn_ir *g, qn_ir_node *n) {
  for (int b = 0; b < n->n_bodies; b++) {
    qn_ir *body = n->bodies[b];
    for (int k = 0; k < body->n_captures; k++) {
      int outer = n->in[body->capture_slots[k]];
      if (outer >= 0 && g->values[outer].constant) body->values[body->captures[k]].constant = g->values[outer].constant;
    }
  }
}

static qn_status fold(qn_ir *g, bool keep_quantized) {
  for (int i = 0; i < g->n_nodes; i++) {
    qn_ir_node *n = &g->nodes[i];
    if (n->n_bodies) {
      lower_constants(g, n);
      for (int b = 0; b < n->n_bodies; b++) QN_TRY(fold(n->bodies[b], keep_quantized));
    } else if (foldable(g, n, keep_quantized)) {
      QN_TRY(fold_node(g, n));
    }
  }
  qn_ir_refresh(g);
  return QN_OK;
}

qn_status qn_pass_fold(qn_ir *g, bool keep_quantized) { return fold(g, keep_quantized); }
