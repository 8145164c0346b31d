/* Activation functions from the nodes that exporters write for them: GELU by erf and by tanh (Hendrycks & Gimpel,
 * arXiv:1606.08415), Swish (also SiLU; quick GELU) and hard Swish (Howard et al., arXiv:1905.02244). */
#include "graph/match.h"

enum { FACTORS = 4 };

/* The factors of a product, through Muls that nobody else reads; more than FACTORS when they are too many. */
static int factors(qn_ir *g, int id, int depth, int list[FACTORS], int n) {
  const qn_ir_node *mul = depth == 0 || qn_only_use(g, id) ? qn_made_by(g, id, "Mul") : NULL;
  if (n >= FACTORS || depth >= FACTORS) return FACTORS + 1;
  if (!mul) {
    list[n] = id;
    return n + 1;
  }
  n = factors(g, mul->in[0], depth + 1, list, n);
  return factors(g, mul->in[1], depth + 1, list, n);
}

/* factor · x or x / (1 / factor): x, else -1. */
static int scaled_by(qn_ir *g, int id, double factor) {
  const qn_ir_node *n = qn_made_by(g, id, "Mul");
  float v;
  int side;
  if (n && qn_side_number(g, n, &side, &v)) return qn_near(v, factor) ? n->in[1 - side] : -1;
  n = qn_made_by(g, id, "Div");
  return n && qn_number_of(g, n->in[1], &v) && qn_near(v, 1 / factor) ? n->in[0] : -1;
}

/* 1 + f(u): u, else -1. */
static int one_plus(qn_ir *g, int id, const char *f) {
  const qn_ir_node *n = qn_made_by(g, id, "Add");
  float v;
  int side;
  if (!n || !qn_side_number(g, n, &side, &v) || v != 1) return -1;
  n = qn_made_by(g, n->in[1 - side], f);
  return n ? n->in[0] : -1;
}

static bool is_power(qn_ir *g, int id, int x, int exponent) {
  const qn_ir_node *n = qn_made_by(g, id, "Pow");
  float v;
  if (n) return n->in[0] == x && qn_number_of(g, n->in[1], &v) && v == (float)exponent;
  n = qn_made_by(g, id, "Mul");
  if (!n) return false;
  if (exponent == 2) return n->in[0] == x && n->in[1] == x;
  return (n->in[0] == x && is_power(g, n->in[1], x, 2)) || (n->in[1] == x && is_power(g, n->in[0], x, 2));
}

/* √(2/π) · (x + 0.044715 · x³) */
static bool is_tanh_argument(qn_ir *g, int id, int x) {
  const qn_ir_node *n = qn_made_by(g, scaled_by(g, id, 0.7978845608), "Add");
  for (int side = 0; n && side < 2; side++)
    if (n->in[side] == x && is_power(g, scaled_by(g, n->in[1 - side], 0.044715), x, 3)) return true;
  return false;
}

/* ½ · x · (1 + erf(x / √2)), the product in any order. */
static qn_status fuse_gelu(qn_ir *g, qn_ir_node *n, bool *done) {
  int list[FACTORS];
  float v;
  if (factors(g, n->out[0], 0, list, 0) != 3) return QN_OK;
  for (int h = 0; h < 3; h++)
    for (int x = 0; x < 3; x++) {
      const int e = 3 - h - x;
      if (h == x || !qn_number_of(g, list[h], &v) || v != 0.5f) continue;
      const int by_erf = one_plus(g, list[e], "Erf"), by_tanh = one_plus(g, list[e], "Tanh");
      const bool erf = by_erf >= 0 && scaled_by(g, by_erf, 0.70710678) == list[x], tanh = by_tanh >= 0 && is_tanh_argument(g, by_tanh, list[x]);
      if (!erf && !tanh) continue;
      const char *kind = erf ? "none" : "tanh";
      const qn_attr attr = {.name = "approximate", .type = QN_ATTR_STRING, .s = {.data = kind, .length = 4}};
      *done = true;
      return qn_become(g, n, "", "Gelu", 20, 1, &list[x], 1, &attr);
    }
  return QN_OK;
}

/* x · Sigmoid(α · x) */
static qn_status fuse_swish(qn_ir *g, qn_ir_node *n, bool *done) {
  for (int side = 0; side < 2; side++) {
    const int x = n->in[side];
    const qn_ir_node *s = qn_made_by(g, n->in[1 - side], "Sigmoid");
    if (!s) continue;
    qn_attr alpha = {.name = "alpha", .type = QN_ATTR_FLOAT, .f = 1};
    const qn_ir_node *mul = s->in[0] == x ? NULL : qn_made_by(g, s->in[0], "Mul");
    int at;
    if (s->in[0] != x && !(mul && qn_side_number(g, mul, &at, &alpha.f) && mul->in[1 - at] == x)) continue;
    *done = true;
    return qn_become(g, n, "", "Swish", 24, 1, &x, 1, &alpha);
  }
  return QN_OK;
}

/* Clip(x + 3, 0, 6) */
static bool is_ramp(qn_ir *g, int id, int x) {
  const qn_ir_node *n = qn_made_by(g, id, "Clip");
  float low, high, v;
  int side;
  if (!n) return false;
  if (n->opset < 11) {
    low = qn_node_float(n, "min", -INFINITY);
    high = qn_node_float(n, "max", INFINITY);
  } else if (!qn_number_of(g, qn_input_id(n, 1), &low) || !qn_number_of(g, qn_input_id(n, 2), &high)) {
    return false;
  }
  n = qn_made_by(g, n->in[0], "Add");
  return low == 0 && high == 6 && n && qn_side_number(g, n, &side, &v) && v == 3 && n->in[1 - side] == x;
}

static bool is_hard_sigmoid(qn_ir *g, int id, int x) {
  const qn_ir_node *n = qn_made_by(g, id, "HardSigmoid");
  if (n) return n->in[0] == x && qn_near(qn_node_float(n, "alpha", 0.2f), 1.0 / 6) && qn_near(qn_node_float(n, "beta", 0.5f), 0.5);
  return is_ramp(g, scaled_by(g, id, 1.0 / 6), x);
}

/* x · HardSigmoid(x), x · (Clip(x + 3, 0, 6) / 6), x · Clip(x + 3, 0, 6) / 6 */
static qn_status fuse_hard_swish(qn_ir *g, qn_ir_node *n, bool *done) {
  const int product = scaled_by(g, n->out[0], 1.0 / 6);
  const qn_ir_node *mul = product >= 0 ? qn_made_by(g, product, "Mul") : qn_node_is(n, "Mul") ? n : NULL;
  for (int side = 0; mul && side < 2; side++) {
    const int x = mul->in[side], other = mul->in[1 - side];
    if (x < 0 || !(product >= 0 ? is_ramp(g, other, x) : is_hard_sigmoid(g, other, x))) continue;
    *done = true;
    return qn_become(g, n, "", "HardSwish", 14, 1, &x, 0, NULL);
  }
  return QN_OK;
}

qn_status qn_pass_activation(qn_ir *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    qn_ir_node *n = &g->nodes[i];
    bool done = false;
    for (int b = 0; b < n->n_bodies; b++) QN_TRY(qn_pass_activation(n->bodies[b]));
    if (n->dead || n->n_in != 2 || (!qn_node_is(n, "Mul") && !qn_node_is(n, "Div"))) continue;
    if (qn_node_is(n, "Mul")) QN_TRY(fuse_gelu(g, n, &done));
    if (qn_node_is(n, "Mul") && !done) QN_TRY(fuse_swish(g, n, &done));
    if (!done) QN_TRY(fuse_hard_swish(g, n, &done));
  }
  qn_ir_refresh(g);
  return QN_OK;
}
