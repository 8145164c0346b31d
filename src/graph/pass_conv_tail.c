/* What follows a packed convolution is done while its result is stored: the sum with another branch, also where that branch was
 * given more channels of zeros first (BlazeFace), HardSwish in one node or in pieces (PaddleOCR), clamps. */
#include "graph/fuse.h"

static bool is_packed(const qn_ir_node *n) { return n && !n->dead && !strcmp(n->op->name, "PackedConv"); }
static qn_status no_memory(const qn_ir *g) { return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fuse operators"); }

/* The convolution takes the place of `n`, since what it reads now may be computed after its own. */
static void move_to(qn_ir *g, qn_ir_node *conv, qn_ir_node *n) {
  int *out = n->out;
  *n = *conv;
  n->out = out;
  conv->dead = true;
  g->values[out[0]].producer = (int)(n - g->nodes);
}

/* n gets the attribute, in place of the one of that name. */
static qn_status set_attr(qn_ir *g, qn_ir_node *n, qn_attr attr) {
  qn_attr *attrs = qn_pool_alloc(&g->context->pool, ((size_t)n->n_attrs + 1) * sizeof *attrs);
  const qn_attr *old = qn_node_attr(n, attr.name);
  if (!attrs) return no_memory(g);
  if (n->n_attrs > 0) memcpy(attrs, n->attrs, (size_t)n->n_attrs * sizeof *attrs);
  attrs[old ? old - n->attrs : n->n_attrs++] = attr;
  n->attrs = attrs;
  return QN_OK;
}

/* What n, a Pad, adds of zeros: [2 * rank] numbers that are not negative, or NULL where it does something else. */
static const int64_t *zero_pads(const qn_ir *g, const qn_ir_node *n, int rank) {
  const qn_attr *mode = qn_node_attr(n, "mode");
  if (!qn_node_is(n, "Pad") || n->opset < 11 || (n->n_in > 3 && n->in[3] >= 0)) return NULL;
  if (mode && !(mode->s.length == 8 && !memcmp(mode->s.data, "constant", 8))) return NULL;
  const qn_tensor *pads = qn_node_constant(g, n, 1), *value = qn_float_constant(g, n, 2);
  if (n->n_in > 2 && n->in[2] >= 0 && (!value || value->count != 1 || *(const float *)value->data != 0)) return NULL;
  if (!pads || pads->dtype != QN_INT64 || pads->count != 2 * rank) return NULL;
  const int64_t *p = pads->data;
  for (int i = 0; i < 2 * rank; i++)
    if (p[i] < 0 || p[i] > INT32_MAX) return NULL;
  return p;
}

/* ---- padding before a convolution, as Keras has it before strides ---- */

static qn_status fuse_pad(qn_ir *g, qn_ir_node *conv) {
  static const char not_set[] = "NOTSET";
  qn_ir_node *padding = is_packed(conv) ? qn_producer(g, conv->in[0], 1) : NULL;
  if (!padding) return QN_OK;
  int rank = qn_node_constant(g, conv, 1)->rank, spatial = rank - 2;
  const int64_t *p = zero_pads(g, padding, rank);
  const qn_attr *mode = qn_node_attr(conv, "auto_pad"), *pads = qn_node_attr(conv, "pads");
  bool valid = mode && mode->s.length == 5 && !memcmp(mode->s.data, "VALID", 5), given = !mode || (mode->s.length == 6 && !memcmp(mode->s.data, not_set, 6));
  if (!p || p[0] || p[1] || p[rank] || p[rank + 1] || (!valid && !given) || (pads && pads->count != 2 * (size_t)spatial)) return QN_OK;
  int64_t *all = qn_pool_alloc(&g->context->pool, 2 * (size_t)spatial * sizeof *all);
  if (!all) return no_memory(g);
  for (int i = 0; i < 2 * spatial; i++) {
    int64_t own = given && pads ? pads->ints[i] : 0;
    if (own < 0 || own > INT32_MAX) return QN_OK;
    all[i] = own + p[i < spatial ? i + 2 : i + 4];
  }
  QN_TRY(set_attr(g, conv, (qn_attr){.name = "pads", .type = QN_ATTR_INTS, .count = 2 * (size_t)spatial, .ints = all}));
  if (valid) QN_TRY(set_attr(g, conv, (qn_attr){.name = "auto_pad", .type = QN_ATTR_STRING, .s = {not_set, 6}}));
  conv->in[0] = padding->in[0];
  padding->dead = true;
  return QN_OK;
}

/* ---- sums ---- */

/* The value surely has this rank: convolutions know theirs, and these operators keep it. */
static bool has_rank(const qn_ir *g, int id, int rank, int depth) {
  static const char *const keeps[] = {"MaxPool", "AveragePool", "GlobalAveragePool", "Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Resize", "Upsample",
                                      "BatchNormalization", "Concat"};
  static const char *const joins[] = {"Add", "Sub", "Mul", "Div"};
  const qn_ir_value *v = &g->values[id];
  if (v->constant || v->producer < 0 || depth == 0) return false;
  const qn_ir_node *n = &g->nodes[v->producer];
  if (is_packed(n)) return qn_node_constant(g, n, 1)->rank == rank;
  for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++)
    if (qn_node_is(n, keeps[i])) return v->uses && n->in[0] >= 0 && n->out[0] == id && has_rank(g, n->in[0], rank, depth - 1);
  for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
    if (!qn_node_is(n, joins[i]) || n->opset < 7) continue;
    bool all = true, any = false;
    for (int k = 0; k < 2; k++) {
      const qn_constant *c = g->values[n->in[k]].constant;
      bool known = !c && has_rank(g, n->in[k], rank, depth - 1);
      any = any || known;
      all = all && (known || (c && c->value.kind == QN_KIND_TENSOR && c->value.tensor.rank <= rank));
    }
    return all && any;
  }
  return false;
}

/* Whether node n only adds channels of zeros behind those of its input 0, and how many. */
static bool adds_zeros(const qn_ir *g, const qn_ir_node *n, int rank, int64_t *zeros) {
  const qn_attr *axis = qn_node_attr(n, "axis");
  if (qn_node_is(n, "Concat") && n->n_in == 2 && axis && axis->i == 1) {
    const qn_tensor *t = qn_float_constant(g, n, 1);
    if (!t || t->rank != rank) return false;
    for (int64_t i = 0; i < t->count; i++)
      if (((const float *)t->data)[i] != 0) return false;
    *zeros = t->dims[1];
    return true;
  }
  const int64_t *p = zero_pads(g, n, rank);
  for (int i = 0; p && i < 2 * rank; i++)
    if (i != rank + 1 && p[i]) return false;
  if (p) *zeros = p[rank + 1];
  return p;
}

static qn_status fuse_sum(qn_ir *g, qn_ir_node *n) {
  if (!qn_node_is(n, "Add") || n->opset < 7 || !qn_unclamped(n)) return QN_OK;
  qn_ir_node *conv = NULL;
  int side = 0;
  for (int i = 0; i < 2; i++) {
    qn_ir_node *p = qn_producer(g, n->in[i], 1);
    int other = n->in[1 - i];
    if (!is_packed(p) || p->n_in > 3 || !qn_unclamped(p) || qn_node_attr(p, "gate") || other < 0 || (conv && p < conv)) continue;
    if (!has_rank(g, other, qn_node_constant(g, p, 1)->rank, 12)) continue;
    conv = p;
    side = i;
  }
  if (!conv) return QN_OK;
  int residual = n->in[1 - side];
  int64_t zeros = 0;
  qn_ir_node *padding = qn_producer(g, residual, 1);
  if (padding && adds_zeros(g, padding, qn_node_constant(g, conv, 1)->rank, &zeros)) {
    residual = padding->in[0];
    padding->dead = true;
    QN_TRY(set_attr(g, conv, (qn_attr){.name = "residual_zeros", .type = QN_ATTR_INT, .i = zeros}));
  }
  int *in = qn_pool_alloc(&g->context->pool, 4 * sizeof(int));
  if (!in) return no_memory(g);
  for (int i = 0; i < 3; i++) in[i] = i < conv->n_in ? conv->in[i] : -1;
  in[3] = residual;
  conv->in = in;
  conv->n_in = conv->n_explicit = 4;
  move_to(g, conv, n);
  return QN_OK;
}

/* ---- gates ---- */

enum { ALPHA, BETA, LOW, HIGH, SCALE, SHIFT, GATE };

/* The one number that n's other operand is; *side: the operand that is no constant. */
static bool scalar_of(const qn_ir *g, const qn_ir_node *n, float *value, int *side) {
  *side = qn_float_constant(g, n, 1) ? 0 : 1;
  const qn_tensor *t = qn_float_constant(g, n, 1 - *side);
  if (!t || t->count != 1 || t->rank > 1 || n->opset < 7) return false;
  *value = *(const float *)t->data;
  return true;
}

/* n scales or shifts by a constant: v → v·factor + term. */
static bool is_affine(const qn_ir *g, const qn_ir_node *n, float *factor, float *term, int *side) {
  float k;
  *factor = 1;
  *term = 0;
  if (n->dead || n->op->domain[0] || n->n_in != 2 || !scalar_of(g, n, &k, side)) return false;
  if (qn_node_is(n, "Mul")) *factor = k;
  else if (qn_node_is(n, "Div") && *side == 0 && k != 0) *factor = 1 / k;
  else if (qn_node_is(n, "Add")) *term = k;
  else if (qn_node_is(n, "Sub") && *side == 0) *term = -k;
  else return false;
  return true;
}

/* The bounds of a Clip with constant bounds. */
static bool clip_of(const qn_ir *g, const qn_ir_node *n, float *low, float *high) {
  const qn_attr *min = qn_node_attr(n, "min"), *max = qn_node_attr(n, "max");
  *low = -INFINITY;
  *high = INFINITY;
  if (!qn_node_is(n, "Clip")) return false;
  for (int i = 1; n->opset >= 11 && i < n->n_in; i++) {
    const qn_tensor *t = qn_float_constant(g, n, i);
    if (n->in[i] < 0) continue;
    if (!t || t->count != 1) return false;
    *(i == 1 ? low : high) = *(const float *)t->data;
  }
  if (n->opset < 11 && min) *low = min->f;
  if (n->opset < 11 && max) *high = max->f;
  return true;
}

/* Follows value `id` back to `source`: gate = clamp(alpha · source + beta, low, high) · scale. Marks nothing. */
static bool gate_of(qn_ir *g, int id, int source, float gate[GATE], qn_ir_node **chain, int *length) {
  float after = 1, factor = 1, term = 0, f, t;
  bool clipped = false;
  gate[LOW] = -INFINITY;
  gate[HIGH] = INFINITY;
  for (*length = 0; id != source; (*length)++) {
    qn_ir_node *n = qn_producer(g, id, 1);
    int side = 0;
    if (!n || *length == 4) return false;
    chain[*length] = n;
    bool affine = is_affine(g, n, &f, &t, &side);
    if (!qn_unclamped(n)) { /* its own clamp comes after what it computes */
      if (clipped || !affine) return false;
      clipped = true;
      gate[LOW] = n->clamp_min;
      gate[HIGH] = n->clamp_max;
    }
    if (affine && !clipped) {
      if (t != 0) return false;
      after *= f;
    } else if (affine) { /* v → f·v + t, then what follows it */
      term += factor * t;
      factor *= f;
    } else if (qn_node_is(n, "HardSigmoid") && !clipped) {
      side = 0;
      const qn_attr *a = qn_node_attr(n, "alpha"), *b = qn_node_attr(n, "beta");
      clipped = true;
      gate[LOW] = 0;
      gate[HIGH] = 1;
      factor = a ? a->f : 0.2f;
      term = b ? b->f : 0.5f;
    } else if (!clipped && clip_of(g, n, &gate[LOW], &gate[HIGH])) {
      side = 0;
      clipped = true;
    } else {
      return false;
    }
    id = n->in[side];
  }
  gate[ALPHA] = factor;
  gate[BETA] = term;
  gate[SCALE] = after;
  gate[SHIFT] = 0;
  return clipped && gate[LOW] < gate[HIGH];
}

/* x · gate(x), or HardSwish(x), behind a convolution. */
static qn_status fuse_gate(qn_ir *g, qn_ir_node *n) {
  float gate[GATE] = {1.0f / 6, 0.5f, 0, 1, 1, 0};
  qn_ir_node *conv = NULL, *chain[4];
  int length = 0;
  if (qn_node_is(n, "HardSwish")) {
    conv = qn_producer(g, n->in[0], 1);
  } else if (qn_node_is(n, "Mul") && n->opset >= 7 && qn_unclamped(n)) {
    for (int i = 0; i < 2 && !conv; i++) {
      conv = qn_producer(g, n->in[i], 2);
      if (!is_packed(conv) || n->in[0] == n->in[1] || !gate_of(g, n->in[1 - i], n->in[i], gate, chain, &length)) conv = NULL;
    }
  }
  if (!is_packed(conv) || !qn_unclamped(conv) || qn_node_attr(conv, "gate")) return QN_OK;
  float *floats = qn_pool_alloc(&g->context->pool, sizeof gate);
  if (!floats) return no_memory(g);
  memcpy(floats, gate, sizeof gate);
  QN_TRY(set_attr(g, conv, (qn_attr){.name = "gate", .type = QN_ATTR_FLOATS, .count = GATE, .floats = floats}));
  for (int i = 0; i < length; i++) chain[i]->dead = true;
  move_to(g, conv, n);
  return QN_OK;
}

/* Scaled or shifted once more. */
static qn_status fuse_affine(qn_ir *g, qn_ir_node *n) {
  float factor, term;
  int side;
  if (!is_affine(g, n, &factor, &term, &side) || !qn_unclamped(n)) return QN_OK;
  qn_ir_node *conv = qn_producer(g, n->in[side], 1);
  const qn_attr *gate = is_packed(conv) ? qn_node_attr(conv, "gate") : NULL;
  if (!gate) return QN_OK;
  float *floats = qn_pool_alloc(&g->context->pool, GATE * sizeof(float));
  if (!floats) return no_memory(g);
  memcpy(floats, gate->floats, GATE * sizeof(float));
  floats[SCALE] *= factor;
  floats[SHIFT] = floats[SHIFT] * factor + term;
  QN_TRY(set_attr(g, conv, (qn_attr){.name = "gate", .type = QN_ATTR_FLOATS, .count = GATE, .floats = floats}));
  move_to(g, conv, n);
  return QN_OK;
}

qn_status qn_pass_conv_tail(qn_ir *g) {
  static qn_status (*const rules[])(qn_ir *, qn_ir_node *) = {fuse_pad, fuse_sum, fuse_gate, fuse_affine, qn_fuse_clamp};
  qn_ir_refresh(g);
  for (int i = 0; i < g->n_nodes; i++)
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++)
      if (!g->nodes[i].dead) QN_TRY(rules[r](g, &g->nodes[i]));
  qn_ir_refresh(g);
  return QN_OK;
}
