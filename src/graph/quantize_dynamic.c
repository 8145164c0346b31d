/* DynamicQuantizeLinear, and the integer products behind it with what turns their sums into float32. */
#include "graph/affine.h"

static bool is_dynamic(const qn_ir_node *n) { return qn_node_is(n, "DynamicQuantizeLinear"); }

/* One for all readers of a value. first: [values before this pass] its node + 1 */
qn_status qn_merge_dynamic(qn_ir *g) {
  const int n_values = g->n_values;
  int *first = qn_alloc_zeroed((size_t)n_values * 2 * sizeof *first);
  if (!first) return qn_rewrite_no_memory(g);
  int *other = first + n_values; /* the value to read instead, + 1 */
  for (int i = 0; i < g->n_outputs; i++) other[g->outputs[i]] = -1;
  for (int k = 0; k < g->n_nodes; k++) {
    qn_ir_node *n = &g->nodes[k];
    for (int i = 0; i < n->n_in; i++)
      if (n->in[i] >= 0 && other[n->in[i]] > 0) n->in[i] = other[n->in[i]] - 1;
    if (!is_dynamic(n) || n->n_out != 3) continue;
    bool free = true;
    for (int i = 0; i < 3; i++) free = free && n->out[i] >= 0 && other[n->out[i]] == 0;
    if (!free) continue;
    if (!first[n->in[0]]) {
      first[n->in[0]] = k + 1;
      continue;
    }
    for (int i = 0; i < 3; i++) other[n->out[i]] = g->nodes[first[n->in[0]] - 1].out[i] + 1;
  }
  qn_free(first);
  qn_ir_refresh(g);
  return QN_OK;
}

/* A number made by DynamicQuantizeLinear, or a constant one. */
static bool is_number(qn_ir *g, const qn_ir_node *n, int i) {
  const qn_ir_node *p = qn_node_producer(g, n, i);
  return qn_one_float(g, n, i) || (is_dynamic(p) && p->n_out > 1 && n->in[i] == p->out[1]);
}

/* One number, or one for each of m columns: [m] for products, [1, m, 1…] or [m, 1…] for a convolution of this rank. */
static bool per_column(const qn_tensor *k, int64_t m, int conv_rank) {
  if (!k || k->dtype != QN_FLOAT) return false;
  if (k->count == 1 && k->rank <= 1) return true;
  if (conv_rank == 0) return k->rank == 1 && k->count == m;
  const int at = k->rank - (conv_rank - 1);
  return k->count == m && k->rank <= conv_rank && at >= 0 && k->dims[at] == m;
}

/* Cast of an integer product, times a scale: Mul(Cast(MatMulInteger), Mul(scale of A, scale of B)). */
qn_status qn_fuse_integer_product(qn_ir *g, qn_ir_node *n) {
  if (!qn_node_is(n, "Mul") || n->opset < 7) return QN_OK;
  for (int side = 0; side < 2; side++) {
    const qn_ir_node *cast = qn_node_only_producer(g, n, side), *p = qn_node_is(cast, "Cast") ? qn_node_only_producer(g, cast, 0) : NULL;
    const bool conv = qn_node_is(p, "ConvInteger");
    if ((!conv && !qn_node_is(p, "MatMulInteger")) || qn_node_int(cast, "to", 0) != QN_FLOAT) continue;
    const qn_tensor *w = qn_node_constant(g, p, 1), *w_zero = qn_node_constant(g, p, 3);
    if (!w || w->rank < 2 || w->count == 0 || (!conv && w->rank != 2)) return QN_OK;
    const int64_t m = w->dims[conv ? 0 : 1];
    if (qn_node_has(p, 3) && (!w_zero || (w_zero->count != 1 && w_zero->count != m))) return QN_OK;
    if (qn_node_has(p, 2)) { /* one zero point for all of A */
      const qn_tensor *a_zero = qn_node_constant(g, p, 2);
      const qn_ir_node *dynamic = qn_node_producer(g, p, 2);
      if (!(a_zero && a_zero->count == 1) && !(is_dynamic(dynamic) && dynamic->n_out > 2 && p->in[2] == dynamic->out[2])) return QN_OK;
    }
    int a_scale = -1, b_scale = -1;
    const qn_ir_node *scales = qn_node_producer(g, n, 1 - side);
    for (int i = 0; i < 2 && qn_node_is(scales, "Mul") && scales->opset >= 7; i++)
      if (a_scale < 0 && is_number(g, scales, i) && per_column(qn_node_constant(g, scales, 1 - i), m, conv ? w->rank : 0)) {
        a_scale = scales->in[i];
        b_scale = scales->in[1 - i];
      }
    if (a_scale < 0 && (per_column(qn_node_constant(g, n, 1 - side), m, conv ? w->rank : 0))) b_scale = n->in[1 - side];
    if (a_scale < 0 && b_scale < 0 && is_number(g, n, 1 - side)) a_scale = n->in[1 - side];
    if (a_scale < 0 && b_scale < 0) return QN_OK;
    if (a_scale < 0) QN_TRY(qn_add_scalar(g, QN_FLOAT, &a_scale));
    if (b_scale < 0) QN_TRY(qn_add_scalar(g, QN_FLOAT, &b_scale));
    const int in[9] = {p->in[0], a_scale, qn_node_has(p, 2) ? p->in[2] : -1, p->in[1], b_scale, qn_node_has(p, 3) ? p->in[3] : -1, -1, -1, -1};
    n->attrs = p->attrs;
    n->n_attrs = p->n_attrs;
    return qn_node_become(g, n, "quern", conv ? "QuantizedConv" : "QuantizedMatMul", in, 9);
  }
  return QN_OK;
}

/* A product that stays float32, of which nobody else reads the result. */
static qn_ir_node *float_product(qn_ir *g, const qn_ir_node *n, int i) {
  qn_ir_node *p = qn_node_only_producer(g, n, i);
  const bool ours = p && !strcmp(p->op->domain, "quern") && (!strcmp(p->op->name, "QuantizedMatMul") || !strcmp(p->op->name, "QuantizedConv"));
  return ours && p->in[6] < 0 && p->clamp_min == -INFINITY && p->clamp_max == INFINITY ? p : NULL;
}

/* Add of a constant with an element per column, Relu or Clip behind it. */
qn_status qn_fuse_behind(qn_ir *g, qn_ir_node *n) {
  float low, high;
  if (qn_clamp_of(g, n, &low, &high)) {
    qn_ir_node *p = float_product(g, n, 0);
    if (!p) return QN_OK;
    p->clamp_min = low;
    p->clamp_max = high;
    qn_node_take_over(g, p, n);
    return QN_OK;
  }
  if (!qn_node_is(n, "Add") || n->opset < 7) return QN_OK;
  const int side = qn_node_constant(g, n, 1) ? 1 : 0;
  qn_ir_node *p = float_product(g, n, 1 - side);
  const qn_tensor *k = qn_node_constant(g, n, side), *w = p ? qn_node_constant(g, p, 3) : NULL;
  if (!k || !w || w->rank < 2 || p->in[8] >= 0) return QN_OK;
  const bool conv = !strcmp(p->op->name, "QuantizedConv"), turned = !conv && qn_node_int(p, "transB", 0);
  const int64_t m = w->dims[conv || turned ? 0 : w->rank - 1];
  if (k->count != m || !per_column(k, m, conv ? w->rank : 0)) return QN_OK;
  p->in[8] = n->in[side];
  qn_node_take_over(g, p, n);
  return QN_OK;
}
