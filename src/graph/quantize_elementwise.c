/* Quantised values that only move, and elementwise operators as tables. */
#include "graph/affine.h"

/* Largest distance, so that a model cannot make this quadratic. */
enum { FAR = 64 };

static bool moves(const qn_ir_node *n) {
  static const char *const names[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "Concat", "DepthToSpace", "SpaceToDepth", "MaxPool", NULL};
  if (!qn_node_is_any(n, names) || n->out[0] < 0 || n->n_bodies) return false;
  for (int i = 1; i < n->n_out; i++)
    if (n->out[i] >= 0) return false;
  return true;
}

/* Node j reads what its DequantizeLinears read; the last of them stands behind it afterwards. */
qn_status qn_sink_dequantize(qn_ir *g, int j) {
  qn_ir_node *n = &g->nodes[j];
  if (!moves(n)) return QN_OK;
  const int count = qn_node_is(n, "Concat") ? n->n_in : 1;
  qn_affine first, a;
  int last = -1;
  for (int k = 0; k < count; k++) {
    qn_ir_node *dq = qn_node_only_producer(g, n, k);
    if (!qn_affine_of(g, dq, false, k ? &a : &first) || (k && !qn_same_affine(&first, &a))) return QN_OK;
    if ((int)(dq - g->nodes) > last) last = (int)(dq - g->nodes);
  }
  if (last < 0 || j - last > FAR) return QN_OK;
  const int moved = qn_ir_add_value(g, "");
  int *in = qn_pool_alloc(&g->context->pool, 3 * sizeof *in);
  if (moved < 0 || !in) return qn_rewrite_no_memory(g);
  for (int k = 0; k < count; k++) {
    qn_ir_node *dq = qn_node_producer(g, n, k);
    n->in[k] = dq->in[0];
    if (dq != &g->nodes[last]) dq->dead = true;
  }
  qn_ir_node mover = *n, dq = g->nodes[last];
  in[0] = moved;
  in[1] = first.scale;
  in[2] = first.zero;
  dq.in = in;
  dq.n_in = dq.n_explicit = first.zero >= 0 ? 3 : 2;
  const int result = mover.out[0];
  mover.out[0] = moved;
  dq.out[0] = result;
  g->values[moved].uses = 1;
  memmove(&g->nodes[last], &g->nodes[last + 1], (size_t)(j - 1 - last) * sizeof *n);
  g->nodes[j - 1] = mover;
  g->nodes[j] = dq;
  for (int k = last; k <= j; k++)
    for (int i = 0; i < g->nodes[k].n_out; i++)
      if (g->nodes[k].out[i] >= 0) g->values[g->nodes[k].out[i]].producer = k;
  return QN_OK;
}

/* The one input that is not constant of an operator that works element by element; -1 for other operators. */
static int table_input(qn_ir *g, const qn_ir_node *n) {
  static const char *const unary[] = {"Relu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Erf", "Exp", "Log", "Sqrt",
                                      "Abs", "Neg", "Reciprocal", "Softplus", "Softsign", "Mish", "Swish", "ThresholdedRelu", "Floor", "Ceil", "Round", "Identity", NULL};
  static const char *const binary[] = {"Add", "Sub", "Mul", "Div", "Pow", NULL};
  int at = -1;
  const bool two = qn_node_is_any(n, binary) && n->opset >= 7;
  if (!two && !qn_node_is_any(n, unary)) return -1;
  for (int i = 0; i < n->n_in; i++) {
    const qn_tensor *k = qn_node_constant(g, n, i);
    if (k && (k->count != 1 || k->rank > 1)) return -1;
    if (k || n->in[i] < 0) continue;
    if (at >= 0) return -1;
    at = i;
  }
  return two || at == 0 ? at : -1;
}

enum { CHAIN = 8 };

/* Runs the DequantizeLinear, the chain and the QuantizeLinear over all 256 bytes. *id: the table, or -1 where they fail. */
static qn_status make_table(qn_ir *g, qn_dtype dtype, const qn_ir_node *const *chain, const int *ports, int count, int *id) {
  const int64_t size = 256;
  qn_value v = {0};
  QN_TRY(qn_value_reserve(&v, dtype, 1, &size, g->context->err));
  for (int i = 0; i < 256; i++) ((uint8_t *)v.tensor.data)[i] = (uint8_t)i;
  QN_TRY(qn_add_constant(g, &v, id));
  for (int k = 0; k < count; k++) {
    int in[CHAIN];
    qn_ir_node n = *chain[k];
    qn_value out = {0};
    if (n.n_in > CHAIN || n.n_out != 1) { *id = -1; return QN_OK; }
    memcpy(in, n.in, (size_t)n.n_in * sizeof *in);
    in[ports[k]] = *id;
    n.in = in;
    *id = -1;
    qn_status status = qn_ir_evaluate(g, &n, &out);
    if (status == QN_ERR_MEMORY) return status;
    if (status != QN_OK || out.tensor.count != 256 || out.tensor.rank != 1) { qn_value_clear(&out); return QN_OK; }
    QN_TRY(qn_add_constant(g, &out, id));
  }
  return QN_OK;
}

/* `q` quantizes what elementwise operators make of a dequantized value, or that value itself. */
qn_status qn_fuse_table(qn_ir *g, qn_ir_node *q, const qn_affine *y) {
  const qn_ir_node *back[CHAIN], *chain[CHAIN];
  int back_ports[CHAIN], ports[CHAIN], n = 0, table;
  qn_affine x;
  const qn_ir_node *p = q;
  for (int port = 0; p && n < CHAIN - 1 && port >= 0; port = table_input(g, p)) {
    if (n && g->values[back[n - 1]->in[back_ports[n - 1]]].uses != 1) break;
    back[n] = p;
    back_ports[n++] = port;
    p = qn_node_producer(g, p, port);
    if (!p) return QN_OK;
  }
  if (!qn_affine_of(g, p, false, &x)) return QN_OK;
  if (n == 1 && qn_same_affine(&x, y)) return qn_node_become(g, q, "", "Identity", &x.x, 1);
  chain[0] = p;
  ports[0] = 0;
  for (int i = 0; i < n; i++) {
    chain[i + 1] = back[n - 1 - i];
    ports[i + 1] = back_ports[n - 1 - i];
  }
  QN_TRY(make_table(g, x.dtype, chain, ports, n + 1, &table));
  return table < 0 ? QN_OK : qn_node_become(g, q, "quern", "ByteTable", (const int[2]){x.x, table}, 2);
}

/* Concat of values with other scales than the result: each goes through a table of its own. */
qn_status qn_fuse_concat(qn_ir *g, qn_ir_node *q, qn_ir_node *concat, const qn_affine *y) {
  qn_affine x;
  int *tables = qn_pool_alloc(&g->context->pool, (size_t)concat->n_in * sizeof *tables);
  if (!tables) return qn_rewrite_no_memory(g);
  for (int i = 0; i < concat->n_in; i++) {
    const qn_ir_node *dq = qn_node_only_producer(g, concat, i);
    if (!qn_affine_of(g, dq, false, &x)) return QN_OK;
    if (qn_same_affine(&x, y)) continue;
    QN_TRY(make_table(g, x.dtype, (const qn_ir_node *const[2]){dq, q}, (const int[2]){0, 0}, 2, &tables[i]));
    if (tables[i] < 0) return QN_OK;
  }
  for (int i = 0; i < concat->n_in; i++) {
    qn_ir_node *dq = qn_node_producer(g, concat, i);
    if (!qn_affine_of(g, dq, false, &x)) return QN_OK;
    if (qn_same_affine(&x, y)) QN_TRY(qn_node_become(g, dq, "", "Identity", &x.x, 1));
    else QN_TRY(qn_node_become(g, dq, "quern", "ByteTable", (const int[2]){x.x, tables[i]}, 2));
  }
  qn_node_take_over(g, concat, q);
  return QN_OK;
}
