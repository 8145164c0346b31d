/* Quantised models: what stands between DequantizeLinear and QuantizeLinear, or follows DynamicQuantizeLinear, becomes one operator
 * on integers. Sums are exact; how results may differ from the separate operators is in DECISIONS.md. */
#include "graph/affine.h"

/* Constant 8-bit weights with one scale, or one for each of dims[axis]. */
static bool weights_of(qn_ir *g, const qn_ir_node *n, int i, int axis, int *in) {
  const qn_ir_node *dq = qn_node_producer(g, n, i);
  if (!qn_node_is(dq, "DequantizeLinear") || qn_node_int(dq, "block_size", 0)) return false;
  const qn_tensor *w = qn_node_constant(g, dq, 0), *scale = qn_node_constant(g, dq, 1), *zero = qn_node_constant(g, dq, 2);
  if (!w || !qn_is_byte(w->dtype) || !scale || scale->dtype != QN_FLOAT || scale->rank > 1 || w->count == 0) return false;
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
  return qn_node_become(g, n, "quern", conv ? "QuantizedConv" : "QuantizedMatMul", in, 9);
}

bool qn_clamp_of(const qn_ir *g, const qn_ir_node *n, float *low, float *high) {
  *low = 0;
  *high = INFINITY;
  if (qn_node_is(n, "Relu")) return true;
  if (!qn_node_is(n, "Clip")) return false;
  const qn_tensor *a = qn_one_float(g, n, 1), *b = qn_one_float(g, n, 2);
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
  return qn_node_become(g, n, "quern", add ? "QuantizedAdd" : "QuantizedMul", (const int[8]){a.x, a.scale, a.zero, b.x, b.scale, b.zero, y[0], y[1]}, 8);
}

/* Everything that ends in a QuantizeLinear. */
static qn_status fuse_quantize(qn_ir *g, qn_ir_node *q) {
  qn_affine a;
  if (!qn_affine_of(g, q, true, &a)) return QN_OK;
  QN_TRY(qn_fuse_table(g, q, &a));
  qn_ir_node *p = qn_node_only_producer(g, q, 0), *before;
  if (!qn_node_is(q, "QuantizeLinear") || !p) return QN_OK;
  if (qn_node_is(p, "Concat")) return qn_fuse_concat(g, q, p, &a);
  float low, high;
  const bool clamped = qn_clamp_of(g, p, &low, &high);
  before = clamped ? qn_node_only_producer(g, p, 0) : p;
  if (!before) return QN_OK;
  int y[2] = {a.scale, a.zero};
  bool done;
  if (y[1] < 0) QN_TRY(qn_add_scalar(g, a.dtype, &y[1]));
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
    if (!g->nodes[i].dead) QN_TRY(qn_sink_dequantize(g, i));
  }
  qn_ir_refresh(g);
  return QN_OK;
}

static qn_status fuse_all(qn_ir *g) {
  for (int i = 0; i < g->n_nodes; i++)
    for (int b = 0; b < g->nodes[i].n_bodies; b++) QN_TRY(fuse_all(g->nodes[i].bodies[b]));
  QN_TRY(qn_merge_dynamic(g));
  QN_TRY(each(g, fuse_quantize));
  QN_TRY(each(g, fuse_float_product));
  QN_TRY(each(g, qn_fuse_integer_product));
  return each(g, qn_fuse_behind);
}

qn_status qn_pass_quantize(qn_ir *g) {
  qn_ir_refresh(g);
  QN_TRY(sink_all(g));
  QN_TRY(qn_pass_fold(g, true)); /* weights that were turned round */
  return fuse_all(g);
}
