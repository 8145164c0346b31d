/* LayerNormalization and RMSNormalization from the nodes that exporters write for them:
 *   c = x - ReduceMean(x);  y = c / Sqrt(ReduceMean(c²) + ε) · gain + bias    (Ba et al., arXiv:1607.06450)
 *   y = x / Sqrt(ReduceMean(x²) + ε) · gain                                   (Zhang & Sennrich, arXiv:1910.07467) */
#include "graph/match.h"

/* ReduceMean over the last axis, which stays with size 1: its input, else -1. */
static int mean_of(qn_ir *g, int id) {
  const qn_ir_node *n = qn_made_by(g, id, "ReduceMean");
  if (!n || !qn_node_int(n, "keepdims", 1)) return -1;
  const qn_attr *axes = qn_node_attr(n, "axes");
  if (n->n_in == 1) return axes && axes->type == QN_ATTR_INTS && axes->count == 1 && axes->ints[0] == -1 ? n->in[0] : -1;
  const qn_tensor *t = qn_constant_of(g, n->in[1]);
  return !axes && t && t->dtype == QN_INT64 && t->count == 1 && *(const int64_t *)t->data == -1 ? n->in[0] : -1;
}

/* Pow(x, 2) or x · x: x, else -1. */
static int square_of(qn_ir *g, int id) {
  const qn_ir_node *n = qn_made_by(g, id, "Pow");
  float exponent;
  if (n) return qn_number_of(g, n->in[1], &exponent) && exponent == 2 ? n->in[0] : -1;
  n = qn_made_by(g, id, "Mul");
  return n && n->in[0] == n->in[1] ? n->in[0] : -1;
}

/* Sqrt(ReduceMean(x²) + ε): x, else -1. */
static int deviation_of(qn_ir *g, int id, float *epsilon) {
  const qn_ir_node *n = qn_made_by(g, id, "Sqrt");
  int side;
  n = n ? qn_made_by(g, n->in[0], "Add") : NULL;
  return n && qn_side_number(g, n, &side, epsilon) && *epsilon >= 0 ? square_of(g, mean_of(g, n->in[1 - side])) : -1;
}

/* The same below a stroke: 1 / Sqrt(…), Reciprocal(Sqrt(…)) or Pow(… + ε, -½). */
static int inverse_deviation_of(qn_ir *g, int id, float *epsilon) {
  const qn_ir_node *n = qn_made_by(g, id, "Reciprocal");
  float v;
  int side;
  if (n) return deviation_of(g, n->in[0], epsilon);
  n = qn_made_by(g, id, "Div");
  if (n) return qn_number_of(g, n->in[0], &v) && v == 1 ? deviation_of(g, n->in[1], epsilon) : -1;
  n = qn_made_by(g, id, "Pow");
  if (!n || !qn_number_of(g, n->in[1], &v) || v != -0.5f) return -1;
  n = qn_made_by(g, n->in[0], "Add");
  return n && qn_side_number(g, n, &side, epsilon) && *epsilon >= 0 ? square_of(g, mean_of(g, n->in[1 - side])) : -1;
}

/* x - ReduceMean(x): x, else -1. */
static int centred_of(qn_ir *g, int id) {
  const qn_ir_node *n = qn_made_by(g, id, "Sub");
  return n && mean_of(g, n->in[1]) == n->in[0] ? n->in[0] : -1;
}

typedef struct normalized {
  int x;
  bool centred;
  float epsilon;
} normalized;

static bool match(qn_ir *g, int id, normalized *m) {
  const qn_ir_node *n = qn_made_by(g, id, "Div");
  int top = -1, squared = -1;
  if (n) {
    top = n->in[0];
    squared = deviation_of(g, n->in[1], &m->epsilon);
  }
  if (squared < 0 && (n = qn_made_by(g, id, "Mul")) != NULL)
    for (int side = 0; side < 2 && squared < 0; side++) {
      top = n->in[1 - side];
      squared = inverse_deviation_of(g, n->in[side], &m->epsilon);
    }
  if (squared < 0 || top < 0) return false;
  const int a = centred_of(g, top), b = top == squared ? a : centred_of(g, squared); /* some exporters subtract twice */
  m->centred = a >= 0 && a == b;
  m->x = m->centred ? a : top;
  return m->centred || top == squared;
}

/* A row of factors: [N]. */
static bool is_row(const qn_ir *g, int id) {
  const qn_tensor *t = qn_floats_of(g, id);
  return t && t->rank == 1 && t->count > 1;
}

/* gain · normalized x: the place of the gain among Mul's inputs, else -1. */
static int scaled(qn_ir *g, const qn_ir_node *mul, normalized *m) {
  for (int side = 0; qn_node_is(mul, "Mul") && side < 2; side++)
    if (is_row(g, mul->in[side]) && match(g, mul->in[1 - side], m)) return side;
  return -1;
}

static qn_status fuse(qn_ir *g, qn_ir_node *n) {
  normalized m;
  const qn_attr attrs[2] = {{.name = "axis", .type = QN_ATTR_INT, .i = -1}, {.name = "epsilon", .type = QN_ATTR_FLOAT}};
  qn_attr own[2] = {attrs[0], attrs[1]};
  for (int side = 0; qn_node_is(n, "Add") && side < 2; side++) {
    const qn_ir_node *mul = is_row(g, n->in[side]) && qn_only_use(g, n->in[1 - side]) ? qn_made_by(g, n->in[1 - side], "Mul") : NULL;
    int gain = mul ? scaled(g, mul, &m) : -1;
    if (gain < 0 || !m.centred || qn_floats_of(g, mul->in[gain])->count != qn_floats_of(g, n->in[side])->count) continue;
    own[1].f = m.epsilon;
    return qn_become(g, n, "", "LayerNormalization", 17, 3, (int[]){m.x, mul->in[gain], n->in[side]}, 2, own);
  }
  int gain = scaled(g, n, &m);
  if (gain < 0) return QN_OK;
  own[1].f = m.epsilon;
  return qn_become(g, n, "", m.centred ? "LayerNormalization" : "RMSNormalization", m.centred ? 17 : 23, 2, (int[]){m.x, n->in[gain]}, 2, own);
}

qn_status qn_pass_norm(qn_ir *g) {
  for (int i = g->n_nodes - 1; i >= 0; i--) { /* backwards: the addition of the bias comes before the product that it contains */
    for (int b = 0; b < g->nodes[i].n_bodies; b++) QN_TRY(qn_pass_norm(g->nodes[i].bodies[b]));
    QN_TRY(fuse(g, &g->nodes[i]));
  }
  qn_ir_refresh(g);
  return QN_OK;
}
