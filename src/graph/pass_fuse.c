/* Folds what follows a convolution or matrix product into its weights, its bias and its output clamp. */
#include <math.h>
#include <string.h>

#include "graph/fuse.h"
#include "op/op_table.h"

static bool is(const qn_ir_node *n, const char *name) { return qn_node_is(n, name); }
static const qn_tensor *float_constant(const qn_ir *g, const qn_ir_node *n, int i) { return qn_float_constant(g, n, i); }
/* The node that makes input i and whose result nobody else reads. */
static qn_ir_node *only_producer(qn_ir *g, const qn_ir_node *n, int i) { return i < n->n_in ? qn_producer(g, n->in[i], 1) : NULL; }

/* `n` gives up: its producer `p` makes its output. */
static void take_over(qn_ir *g, qn_ir_node *p, qn_ir_node *n) {
  p->out[0] = n->out[0];
  g->values[n->out[0]].producer = (int)(p - g->nodes);
  n->dead = true;
}

static qn_status new_constant(qn_ir *g, int rank, const int64_t *dims, int *id, float **data) {
  qn_value v = {0};
  qn_constant *k;
  QN_TRY(qn_value_reserve(&v, QN_FLOAT, rank, dims, g->context->err));
  QN_TRY(qn_ir_constant(g->context, &v, &k));
  *id = qn_ir_add_value(g, "");
  if (*id < 0) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fuse operators");
  g->values[*id].constant = k;
  *data = k->value.tensor.data;
  return QN_OK;
}

static float float_attr(const qn_ir_node *n, const char *name, float otherwise) {
  for (int a = 0; a < n->n_attrs; a++)
    if (!strcmp(n->attrs[a].name, name) && n->attrs[a].type == QN_ATTR_FLOAT) return n->attrs[a].f;
  return otherwise;
}
static int64_t int_attr(const qn_ir_node *n, const char *name, int64_t otherwise) {
  for (int a = 0; a < n->n_attrs; a++)
    if (!strcmp(n->attrs[a].name, name) && n->attrs[a].type == QN_ATTR_INT) return n->attrs[a].i;
  return otherwise;
}

static bool is_conv(const qn_ir_node *n) { return n && (is(n, "Conv") || is(n, "ConvTranspose")); }

/* Output channels of the convolution's weights; 0 when they are not constant. */
static int64_t channels_of(const qn_ir *g, const qn_ir_node *conv) {
  const qn_tensor *w = float_constant(g, conv, 1);
  bool plain_bias = conv->n_in < 3 || conv->in[2] < 0 || float_constant(g, conv, 2);
  if (!w || w->rank < 3 || w->count == 0 || !plain_bias || !qn_unclamped(conv)) return 0;
  return is(conv, "Conv") ? w->dims[0] : int_attr(conv, "group", 1) == 1 ? w->dims[1] : 0;
}

/* y = conv(x) * scale + shift, per output channel, into new weights and bias. Either pointer may be NULL. */
static qn_status scale_conv(qn_ir *g, qn_ir_node *conv, const float *scale, const float *shift) {
  const qn_tensor *w = float_constant(g, conv, 1), *b = float_constant(g, conv, 2);
  /* [M, C, taps] or, transposed, [C, M, taps] */
  const bool forward = is(conv, "Conv");
  int64_t m = w->dims[!forward], inner = forward ? w->count / m : w->count / m / w->dims[0];
  if (scale) {
    int id = conv->in[1];
    const float *from = w->data;
    float *data = w->data;
    if (g->values[id].constant->readers != 1) QN_TRY(new_constant(g, w->rank, w->dims, &id, &data)); /* shared: leave the others theirs */
    for (int64_t i = 0; i * inner < w->count; i++)
      for (int64_t k = i * inner; k < (i + 1) * inner; k++) data[k] = from[k] * scale[i % m];
    conv->in[1] = id;
  }
  int bias_id;
  float *bias;
  QN_TRY(new_constant(g, 1, &m, &bias_id, &bias));
  for (int64_t c = 0; c < m; c++) bias[c] = (b ? ((const float *)b->data)[c] : 0) * (scale ? scale[c] : 1) + (shift ? shift[c] : 0);
  if (conv->n_in < 3) { /* room for the bias */
    int *in = qn_pool_alloc(&g->context->pool, 3 * sizeof(int));
    if (!in) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fuse operators");
    in[0] = conv->in[0];
    in[1] = conv->in[1];
    conv->in = in;
    conv->n_in = conv->n_explicit = 3;
  }
  conv->in[2] = bias_id;
  return QN_OK;
}

static qn_status fuse_batch_norm(qn_ir *g, qn_ir_node *n) {
  qn_ir_node *conv = only_producer(g, n, 0);
  if (!is(n, "BatchNormalization") || !is_conv(conv) || int_attr(n, "training_mode", 0) || (n->opset < 7 && !int_attr(n, "is_test", 0))) return QN_OK;
  for (int i = 1; i < n->n_out; i++)
    if (n->out[i] >= 0) return QN_OK;
  int64_t m = channels_of(g, conv);
  const float *p[4];
  for (int i = 0; i < 4; i++) {
    const qn_tensor *t = float_constant(g, n, i + 1);
    if (!t || t->count != m || m == 0) return QN_OK;
    p[i] = t->data;
  }
  float *scale = qn_alloc((size_t)m * 2 * sizeof(float));
  if (!scale) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fuse operators");
  float *shift = scale + m, epsilon = float_attr(n, "epsilon", 1e-5f);
  for (int64_t c = 0; c < m; c++) {
    double s = (double)p[0][c] / sqrt((double)p[3][c] + epsilon);
    scale[c] = (float)s;
    shift[c] = (float)(p[1][c] - p[2][c] * s);
  }
  qn_status status = scale_conv(g, conv, scale, shift);
  qn_free(scale);
  if (status == QN_OK) take_over(g, conv, n);
  return status;
}

/* Mul or Add of a constant that is one number or one number per channel. */
static qn_status fuse_scale(qn_ir *g, qn_ir_node *n) {
  bool mul = is(n, "Mul"), add = is(n, "Add");
  if ((!mul && !add) || n->opset < 7) return QN_OK;
  int side = float_constant(g, n, 1) ? 1 : 0;
  const qn_tensor *k = float_constant(g, n, side);
  qn_ir_node *conv = only_producer(g, n, 1 - side);
  if (!k || !is_conv(conv)) return QN_OK;
  int64_t m = channels_of(g, conv);
  int rank = m ? float_constant(g, conv, 1)->rank : 0, at = k->rank - (rank - 1); /* the channel's place in k */
  bool per_channel = k->count == m && at >= 0 && k->rank <= rank && k->dims[at] == m;
  if (m == 0 || k->rank > rank || (!per_channel && k->count != 1)) return QN_OK;
  float *v = qn_alloc((size_t)m * sizeof(float));
  if (!v) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fuse operators");
  for (int64_t c = 0; c < m; c++) v[c] = ((const float *)k->data)[k->count == 1 ? 0 : c];
  qn_status status = scale_conv(g, conv, mul ? v : NULL, mul ? NULL : v);
  qn_free(v);
  if (status == QN_OK) take_over(g, conv, n);
  return status;
}

/* Relu and Clip with constant bounds into an operator that clamps its output. */
qn_status qn_fuse_clamp(qn_ir *g, qn_ir_node *n) {
  bool relu = is(n, "Relu"), clip = is(n, "Clip");
  qn_ir_node *p = relu || clip ? only_producer(g, n, 0) : NULL;
  if (!p || !(p->op->flags & QN_CLAMPS) || p->n_out != 1 || qn_node_attr(p, "gate")) return QN_OK;
  float lo = 0, hi = INFINITY;
  if (clip && n->opset < 11) {
    lo = float_attr(n, "min", -INFINITY);
    hi = float_attr(n, "max", INFINITY);
  } else if (clip) {
    const qn_tensor *a = float_constant(g, n, 1), *b = float_constant(g, n, 2);
    if ((n->n_in > 1 && n->in[1] >= 0 && (!a || a->count != 1)) || (n->n_in > 2 && n->in[2] >= 0 && (!b || b->count != 1))) return QN_OK;
    lo = a ? *(const float *)a->data : -INFINITY;
    hi = b ? *(const float *)b->data : INFINITY;
  }
  const qn_tensor *w = float_constant(g, p, 1); /* only where the product is in float32 */
  if (!w || !(lo < hi) || p->clamp_min >= hi || p->clamp_max <= lo) return QN_OK;
  p->clamp_min = p->clamp_min > lo ? p->clamp_min : lo;
  p->clamp_max = p->clamp_max < hi ? p->clamp_max : hi;
  take_over(g, p, n);
  return QN_OK;
}

/* MatMul by a constant matrix, then Add of a constant row: one operator with a bias. */
static qn_status fuse_bias(qn_ir *g, qn_ir_node *n) {
  if (!is(n, "Add") || n->opset < 7) return QN_OK;
  int side = float_constant(g, n, 1) ? 1 : 0;
  const qn_tensor *k = float_constant(g, n, side);
  qn_ir_node *p = only_producer(g, n, 1 - side);
  if (!k || !p || !is(p, "MatMul") || !qn_unclamped(p)) return QN_OK;
  const qn_tensor *w = float_constant(g, p, 1);
  if (!w || w->rank != 2 || k->count != w->dims[1] || k->rank < 1 || k->rank > 2 || k->dims[k->rank - 1] != k->count) return QN_OK;
  const qn_op *fused = qn_op_find("quern", "MatMulBias", 1);
  int *in = qn_pool_alloc(&g->context->pool, 3 * sizeof(int));
  if (!fused || !in) return QN_OK;
  if (k->rank == 2) { /* the operator takes a list */
    int id;
    float *data;
    const float *from = k->data;
    int64_t count = k->count;
    QN_TRY(new_constant(g, 1, &count, &id, &data));
    memcpy(data, from, (size_t)count * sizeof(float));
    in[2] = id;
  } else {
    in[2] = n->in[side];
  }
  in[0] = p->in[0];
  in[1] = p->in[1];
  p->in = in;
  p->n_in = p->n_explicit = 3;
  p->op = fused;
  p->opset = 1;
  take_over(g, p, n);
  return QN_OK;
}

/* Identity and inference-time Dropout: readers read the input. Graph outputs keep theirs. */
static void skip_identity(qn_ir *g, qn_ir_node *n) {
  bool dropout = is(n, "Dropout") && (n->opset < 12 || n->n_in < 3) && (n->n_out < 2 || n->out[1] < 0);
  if ((!is(n, "Identity") && !dropout) || n->in[0] < 0 || n->out[0] < 0) return;
  for (int i = 0; i < g->n_outputs; i++)
    if (g->outputs[i] == n->out[0]) return;
  for (int k = 0; k < g->n_nodes; k++)
    for (int i = 0; i < g->nodes[k].n_in; i++)
      if (g->nodes[k].in[i] == n->out[0]) g->nodes[k].in[i] = n->in[0];
  n->dead = true;
}

typedef qn_status (*rule)(qn_ir *, qn_ir_node *);

qn_status qn_pass_fuse(qn_ir *g) {
  static const rule rules[] = {fuse_batch_norm, fuse_scale, fuse_bias, qn_fuse_clamp};
  for (int i = 0; i < g->n_nodes; i++) {
    skip_identity(g, &g->nodes[i]);
    for (int b = 0; b < g->nodes[i].n_bodies; b++) QN_TRY(qn_pass_fuse(g->nodes[i].bodies[b]));
  }
  qn_ir_refresh(g);
  for (int i = 0; i < g->n_nodes; i++) /* in order, so that a chain behind one convolution folds link by link */
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++)
      if (!g->nodes[i].dead) QN_TRY(rules[r](g, &g->nodes[i]));
  qn_ir_refresh(g);
  return QN_OK;
}
