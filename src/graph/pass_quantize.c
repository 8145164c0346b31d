/* Quantised models: what stands between DequantizeLinear and QuantizeLinear, or follows DynamicQuantizeLinear, becomes one operator
 * on integers. Sums are exact; how results may differ from the separate operators is in DECISIONS.md. */
#include "graph/pass_quantize.h"

#include <math.h>

#include "op/op_table.h"

/* ---- scales and zero points ---- */

static bool is_byte(qn_dtype t) { return t == QN_INT8 || t == QN_UINT8; }
static bool is_any(const qn_ir_node *n, const char *const *names) {
  for (; *names; names++)
    if (qn_node_is(n, *names)) return true;
  return false;
}

static const qn_tensor *one_float(const qn_ir *g, const qn_ir_node *n, int i) {
  const qn_tensor *t = qn_node_constant(g, n, i);
  return t && t->dtype == QN_FLOAT && t->count == 1 && t->rank <= 1 ? t : NULL;
}

bool qn_affine_of(qn_ir *g, const qn_ir_node *n, bool quantizes, qn_affine *a) {
  if (!qn_node_is(n, quantizes ? "QuantizeLinear" : "DequantizeLinear") || !qn_node_has(n, 0) || !qn_node_has(n, 1)) return false;
  const qn_tensor *scale = one_float(g, n, 1), *zero = qn_node_constant(g, n, 2), *x = qn_node_constant(g, n, 0);
  const int64_t wanted = qn_node_int(n, "output_dtype", 0);
  *a = (qn_affine){.x = n->in[0], .scale = n->in[1], .zero = qn_node_has(n, 2) ? n->in[2] : -1};
  if (!scale || qn_node_int(n, "block_size", 0) || qn_node_attr(n, "precision")) return false;
  a->step = *(const float *)scale->data;
  if (!(a->step > 1e-30f && a->step < 1e30f)) return false; /* what is quantized and dequantized again stays itself */
  if (a->zero >= 0) {
    if (!zero || zero->count != 1) return false;
    a->dtype = zero->dtype;
    if (is_byte(a->dtype)) a->shift = a->dtype == QN_INT8 ? *(const int8_t *)zero->data : *(const uint8_t *)zero->data;
  } else if (quantizes) {
    a->dtype = wanted ? (qn_dtype)wanted : QN_UINT8;
  } else if (x) {
    a->dtype = x->dtype;
  } else { /* of unknown type, unless it was quantized here */
    qn_affine made;
    if (!qn_affine_of(g, qn_node_producer(g, n, 0), true, &made)) return false;
    a->dtype = made.dtype;
  }
  return is_byte(a->dtype) && (wanted == 0 || wanted == (quantizes ? (int64_t)a->dtype : QN_FLOAT));
}

static bool same_affine(const qn_affine *a, const qn_affine *b) { return a->step == b->step && a->shift == b->shift && a->dtype == b->dtype; }

static qn_status no_memory(qn_ir *g) { return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to rewrite quantized operators"); }

static qn_status add_constant(qn_ir *g, qn_value *v, int *id) {
  qn_constant *k;
  QN_TRY(qn_ir_constant(g->context, v, &k));
  *id = qn_ir_add_value(g, "");
  if (*id < 0) return no_memory(g);
  g->values[*id].constant = k;
  return QN_OK;
}

/* A scalar: 1 as float32, 0 as 8-bit. */
static qn_status add_scalar(qn_ir *g, qn_dtype dtype, int *id) {
  qn_value v = {0};
  QN_TRY(qn_value_reserve(&v, dtype, 0, NULL, g->context->err));
  if (dtype == QN_FLOAT) *(float *)v.tensor.data = 1.0f;
  else *(uint8_t *)v.tensor.data = 0;
  return add_constant(g, &v, id);
}

static qn_status become(qn_ir *g, qn_ir_node *n, const char *domain, const char *name, const int *in, int count) {
  const qn_op *op = qn_op_find(domain, name, domain[0] ? 1 : n->opset);
  int *copy = qn_pool_alloc(&g->context->pool, (size_t)count * sizeof *copy);
  if (!op || !copy) return no_memory(g);
  memcpy(copy, in, (size_t)count * sizeof *copy);
  n->op = op;
  n->opset = domain[0] ? 1 : n->opset;
  n->in = copy;
  n->n_in = n->n_explicit = count;
  return QN_OK;
}

/* ---- DequantizeLinear goes behind what only moves elements ---- */

/* Largest distance, so that a model cannot make this quadratic. */
enum { FAR = 64 };

static bool moves(const qn_ir_node *n) {
  static const char *const names[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "Concat", "DepthToSpace", "SpaceToDepth", "MaxPool", NULL};
  if (!is_any(n, names) || n->out[0] < 0 || n->n_bodies) return false;
  for (int i = 1; i < n->n_out; i++)
    if (n->out[i] >= 0) return false;
  return true;
}

/* Node j reads what its DequantizeLinears read; the last of them stands behind it afterwards. */
static qn_status sink(qn_ir *g, int j) {
  qn_ir_node *n = &g->nodes[j];
  if (!moves(n)) return QN_OK;
  const int count = qn_node_is(n, "Concat") ? n->n_in : 1;
  qn_affine first, a;
  int last = -1;
  for (int k = 0; k < count; k++) {
    qn_ir_node *dq = qn_node_only_producer(g, n, k);
    if (!qn_affine_of(g, dq, false, k ? &a : &first) || (k && !same_affine(&first, &a))) return QN_OK;
    if ((int)(dq - g->nodes) > last) last = (int)(dq - g->nodes);
  }
  if (last < 0 || j - last > FAR) return QN_OK;
  const int moved = qn_ir_add_value(g, "");
  int *in = qn_pool_alloc(&g->context->pool, 3 * sizeof *in);
  if (moved < 0 || !in) return no_memory(g);
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

/* ---- one quantized value to another by a table ---- */

/* The one input that is not constant of an operator that works element by element; -1 for other operators. */
static int table_input(qn_ir *g, const qn_ir_node *n) {
  static const char *const unary[] = {"Relu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Erf", "Exp", "Log", "Sqrt",
                                      "Abs", "Neg", "Reciprocal", "Softplus", "Softsign", "Mish", "Swish", "ThresholdedRelu", "Floor", "Ceil", "Round", "Identity", NULL};
  static const char *const binary[] = {"Add", "Sub", "Mul", "Div", "Pow", NULL};
  int at = -1;
  const bool two = is_any(n, binary) && n->opset >= 7;
  if (!two && !is_any(n, unary)) return -1;
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
  QN_TRY(add_constant(g, &v, id));
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
    QN_TRY(add_constant(g, &out, id));
  }
  return QN_OK;
}

/* `q` quantizes what elementwise operators make of a dequantized value, or that value itself. */
static qn_status fuse_table(qn_ir *g, qn_ir_node *q, const qn_affine *y) {
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
  if (n == 1 && same_affine(&x, y)) return become(g, q, "", "Identity", &x.x, 1);
  chain[0] = p;
  ports[0] = 0;
  for (int i = 0; i < n; i++) {
    chain[i + 1] = back[n - 1 - i];
    ports[i + 1] = back_ports[n - 1 - i];
  }
  QN_TRY(make_table(g, x.dtype, chain, ports, n + 1, &table));
  return table < 0 ? QN_OK : become(g, q, "quern", "ByteTable", (const int[2]){x.x, table}, 2);
}

/* Concat of values with other scales than the result: each goes through a table of its own. */
static qn_status fuse_concat(qn_ir *g, qn_ir_node *q, qn_ir_node *concat, const qn_affine *y) {
  qn_affine x;
  int *tables = qn_pool_alloc(&g->context->pool, (size_t)concat->n_in * sizeof *tables);
  if (!tables) return no_memory(g);
  for (int i = 0; i < concat->n_in; i++) {
    const qn_ir_node *dq = qn_node_only_producer(g, concat, i);
    if (!qn_affine_of(g, dq, false, &x)) return QN_OK;
    if (same_affine(&x, y)) continue;
    QN_TRY(make_table(g, x.dtype, (const qn_ir_node *const[2]){dq, q}, (const int[2]){0, 0}, 2, &tables[i]));
    if (tables[i] < 0) return QN_OK;
  }
  for (int i = 0; i < concat->n_in; i++) {
    qn_ir_node *dq = qn_node_producer(g, concat, i);
    if (!qn_affine_of(g, dq, false, &x)) return QN_OK;
    if (same_affine(&x, y)) QN_TRY(become(g, dq, "", "Identity", &x.x, 1));
    else QN_TRY(become(g, dq, "quern", "ByteTable", (const int[2]){x.x, tables[i]}, 2));
  }
  qn_node_take_over(g, concat, q);
  return QN_OK;
}

/* ---- products ---- */

/* Constant 8-bit weights with one scale, or one for each of dims[axis]. */
static bool weights_of(qn_ir *g, const qn_ir_node *n, int i, int axis, int *in) {
  const qn_ir_node *dq = qn_node_producer(g, n, i);
  if (!qn_node_is(dq, "DequantizeLinear") || qn_node_int(dq, "block_size", 0)) return false;
  const qn_tensor *w = qn_node_constant(g, dq, 0), *scale = qn_node_constant(g, dq, 1), *zero = qn_node_constant(g, dq, 2);
  if (!w || !is_byte(w->dtype) || !scale || scale->dtype != QN_FLOAT || scale->rank > 1 || w->count == 0) return false;
  const int64_t wanted = qn_node_int(dq, "output_dtype", 0);
  int64_t given = qn_node_int(dq, "axis", 1);
  if (given < 0) given += w->rank;
  if (axis < 0) axis += w->rank;
  if (axis < 0 || axis >= w->rank || (scale->count != 1 && (given != axis || scale->count != w->dims[axis])) || (wanted && wanted != QN_FLOAT)) return false;
  if (qn_node_has(dq, 2) && (!zero || zero->dtype != w->dtype || zero->count != scale->count)) return false;
  in[0] = dq->in[0];
  in[1] = dq->in[1];
  in[2] = qn_node_has(dq, 2) ? dq->in[2] : -1;
  return true;
}

/* *id: the bias of m elements as int32 in units of the sums where its scale says so, as float32 otherwise; -1 without one. */
static bool bias_of(qn_ir *g, const qn_ir_node *n, int i, int64_t m, const qn_affine *x, const qn_tensor *w_scale, int *id) {
  *id = -1;
  if (!qn_node_has(n, i)) return true;
  *id = n->in[i];
  const qn_tensor *k = qn_node_constant(g, n, i);
  if (k) return k->dtype == QN_FLOAT && k->count == m && k->rank >= 1 && k->dims[k->rank - 1] == m;
  const qn_ir_node *dq = qn_node_producer(g, n, i);
  const qn_tensor *b = dq ? qn_node_constant(g, dq, 0) : NULL, *scale = dq ? qn_node_constant(g, dq, 1) : NULL, *zero = dq ? qn_node_constant(g, dq, 2) : NULL;
  if (!qn_node_is(dq, "DequantizeLinear") || !b || b->dtype != QN_INT32 || b->rank != 1 || b->count != m || !scale || scale->dtype != QN_FLOAT) return false;
  if (qn_node_int(dq, "block_size", 0) || (scale->count != 1 && scale->count != m) || (qn_node_has(dq, 2) && (!zero || zero->dtype != QN_INT32))) return false;
  for (int64_t c = 0; zero && c < zero->count; c++)
    if (((const int32_t *)zero->data)[c]) return true;
  for (int64_t c = 0; c < m; c++) {
    const float want = x->step * ((const float *)w_scale->data)[w_scale->count > 1 ? c : 0], got = ((const float *)scale->data)[scale->count > 1 ? c : 0];
    if (!(fabsf(want - got) <= 3e-7f * fabsf(want))) return true;
  }
  *id = dq->in[0];
  return true;
}

/* Conv, MatMul and Gemm of dequantized values. y: the inputs y_scale and y_zero, or NULL for float32. */
static qn_status fuse_product(qn_ir *g, qn_ir_node *n, const int *y, bool *done) {
  *done = false;
  const bool conv = qn_node_is(n, "Conv"), matmul = qn_node_is(n, "MatMul"), gemm = qn_node_is(n, "Gemm");
  qn_affine x, b;
  if ((!conv && !matmul && !gemm) || !qn_affine_of(g, qn_node_producer(g, n, 0), false, &x)) return QN_OK;
  if (gemm && (qn_node_int(n, "transA", 0) || qn_node_float(n, "alpha", 1) != 1 || qn_node_float(n, "beta", 1) != 1)) return QN_OK;
  const bool turned = gemm && qn_node_int(n, "transB", 0);
  int in[9] = {x.x, x.scale, x.zero, -1, -1, -1, y ? y[0] : -1, y ? y[1] : -1, -1};
  if (weights_of(g, n, 1, conv || turned ? 0 : -1, in + 3)) {
    const qn_tensor *w = &g->values[in[3]].constant->value.tensor, *scale = &g->values[in[4]].constant->value.tensor;
    if (w->rank < 2 || ((gemm || scale->count != 1) && !conv && w->rank != 2)) return QN_OK;
    const int64_t m = w->dims[conv || turned ? 0 : w->rank - 1];
    if (!matmul && !bias_of(g, n, 2, m, &x, scale, &in[8])) return QN_OK;
  } else if (matmul && qn_affine_of(g, qn_node_producer(g, n, 1), false, &b)) {
    in[3] = b.x;
    in[4] = b.scale;
    in[5] = b.zero;
  } else {
    return QN_OK;
  }
  *done = true;
  return become(g, n, "quern", conv ? "QuantizedConv" : "QuantizedMatMul", in, 9);
}

/* Relu, or Clip with constant bounds. */
static bool clamp_of(const qn_ir *g, const qn_ir_node *n, float *low, float *high) {
  *low = 0;
  *high = INFINITY;
  if (qn_node_is(n, "Relu")) return true;
  if (!qn_node_is(n, "Clip")) return false;
  const qn_tensor *a = one_float(g, n, 1), *b = one_float(g, n, 2);
  if ((qn_node_has(n, 1) && !a) || (qn_node_has(n, 2) && !b)) return false;
  *low = n->opset < 11 ? qn_node_float(n, "min", -INFINITY) : a ? *(const float *)a->data : -INFINITY;
  *high = n->opset < 11 ? qn_node_float(n, "max", INFINITY) : b ? *(const float *)b->data : INFINITY;
  return *low < *high;
}

static qn_status fuse_binary(qn_ir *g, qn_ir_node *n, const int *y, bool *done) {
  const bool add = qn_node_is(n, "Add");
  qn_affine a, b;
  if ((!add && !qn_node_is(n, "Mul")) || n->opset < 7) return QN_OK;
  if (!qn_affine_of(g, qn_node_producer(g, n, 0), false, &a) || !qn_affine_of(g, qn_node_producer(g, n, 1), false, &b)) return QN_OK;
  *done = true;
  return become(g, n, "quern", add ? "QuantizedAdd" : "QuantizedMul", (const int[8]){a.x, a.scale, a.zero, b.x, b.scale, b.zero, y[0], y[1]}, 8);
}

/* Everything that ends in a QuantizeLinear. */
static qn_status fuse_quantize(qn_ir *g, qn_ir_node *q) {
  qn_affine a;
  if (!qn_affine_of(g, q, true, &a)) return QN_OK;
  QN_TRY(fuse_table(g, q, &a));
  qn_ir_node *p = qn_node_only_producer(g, q, 0), *before;
  if (!qn_node_is(q, "QuantizeLinear") || !p) return QN_OK;
  if (qn_node_is(p, "Concat")) return fuse_concat(g, q, p, &a);
  float low, high;
  const bool clamped = clamp_of(g, p, &low, &high);
  before = clamped ? qn_node_only_producer(g, p, 0) : p;
  if (!before) return QN_OK;
  int y[2] = {a.scale, a.zero};
  bool done;
  if (y[1] < 0) QN_TRY(add_scalar(g, a.dtype, &y[1]));
  QN_TRY(fuse_product(g, before, y, &done));
  if (!done) QN_TRY(fuse_binary(g, before, y, &done));
  if (!done) return QN_OK;
  if (clamped) {
    before->clamp_min = low;
    before->clamp_max = high;
    p->dead = true;
  }
  qn_node_take_over(g, before, q);
  return QN_OK;
}

/* Products of dequantized values that stay float32. */
static qn_status fuse_float_product(qn_ir *g, qn_ir_node *n) {
  bool done;
  return fuse_product(g, n, NULL, &done);
}

/* ---- dynamic quantization ---- */

static bool is_dynamic(const qn_ir_node *n) { return qn_node_is(n, "DynamicQuantizeLinear"); }

/* One for all readers of a value. first: [values before this pass] its node + 1 */
static qn_status merge_dynamic(qn_ir *g) {
  const int n_values = g->n_values;
  int *first = qn_alloc_zeroed((size_t)n_values * 2 * sizeof *first);
  if (!first) return no_memory(g);
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
  return one_float(g, n, i) || (is_dynamic(p) && p->n_out > 1 && n->in[i] == p->out[1]);
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
static qn_status fuse_integer_product(qn_ir *g, qn_ir_node *n) {
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
    if (a_scale < 0) QN_TRY(add_scalar(g, QN_FLOAT, &a_scale));
    if (b_scale < 0) QN_TRY(add_scalar(g, QN_FLOAT, &b_scale));
    const int in[9] = {p->in[0], a_scale, qn_node_has(p, 2) ? p->in[2] : -1, p->in[1], b_scale, qn_node_has(p, 3) ? p->in[3] : -1, -1, -1, -1};
    n->attrs = p->attrs;
    n->n_attrs = p->n_attrs;
    return become(g, n, "quern", conv ? "QuantizedConv" : "QuantizedMatMul", in, 9);
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
static qn_status fuse_behind(qn_ir *g, qn_ir_node *n) {
  float low, high;
  if (clamp_of(g, n, &low, &high)) {
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

typedef qn_status (*rule)(qn_ir *, qn_ir_node *);

static qn_status each(qn_ir *g, rule r) {
  for (int i = 0; i < g->n_nodes; i++)
    if (!g->nodes[i].dead) QN_TRY(r(g, &g->nodes[i]));
  qn_ir_refresh(g);
  return QN_OK;
}

static qn_status sink_all(qn_ir *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    for (int b = 0; b < g->nodes[i].n_bodies; b++) QN_TRY(sink_all(g->nodes[i].bodies[b]));
    if (!g->nodes[i].dead) QN_TRY(sink(g, i));
  }
  qn_ir_refresh(g);
  return QN_OK;
}

static qn_status fuse_all(qn_ir *g) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int b = 0; b < g->nodes[i].n_bodies; b++) QN_TRY(fuse_all(g->nodes[i].bodies[b]));
  QN_TRY(merge_dynamic(g));
  QN_TRY(each(g, fuse_quantize));
  QN_TRY(each(g, fuse_float_product));
  QN_TRY(each(g, fuse_integer_product));
  return each(g, fuse_behind);
}

qn_status qn_pass_quantize(qn_ir *g) {
  qn_ir_refresh(g);
  QN_TRY(sink_all(g));
  QN_TRY(qn_pass_fold(g, true)); /* weights that were turned round */
  return fuse_all(g);
}
