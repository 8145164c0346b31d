/* Attention from the nodes that exporters write for it: MatMul(Softmax(MatMul(Q, Kᵀ) · scale + mask), V), with the transposes
 * that bring heads before rows and back, which the kernel reads and writes through instead. */
#include "graph/match.h"

static const int64_t SWAP_ROWS_HEADS[] = {0, 2, 1, 3}, SWAP_LAST[] = {0, 1, 3, 2}, HEADS_THEN_SWAP[] = {0, 2, 3, 1};

typedef struct heads {
  int id;
  bool rows_first;
} heads;

/* Value `id` holds heads first; what it is a transpose of may hold rows first. */
static heads untransposed(qn_ir *g, int id) {
  const qn_ir_node *n = qn_made_by(g, id, "Transpose");
  return qn_turns_by(n, 4, SWAP_ROWS_HEADS) ? (heads){n->in[0], true} : (heads){id, false};
}

/* The keys whose transpose is `id`. */
static bool keys_of(qn_ir *g, int id, heads *k) {
  const qn_ir_node *n = qn_made_by(g, id, "Transpose");
  if (qn_turns_by(n, 4, HEADS_THEN_SWAP)) {
    *k = (heads){n->in[0], true};
    return true;
  }
  if (!qn_turns_by(n, 4, SWAP_LAST)) return false;
  *k = untransposed(g, n->in[0]);
  return true;
}

/* x · scale or x / (1 / scale): x. The value itself when it is neither. */
static int unscaled(qn_ir *g, int id, float *scale) {
  const qn_ir_node *n = qn_made_by(g, id, "Mul");
  float v;
  int side;
  if (n && qn_side_number(g, n, &side, &v) && isfinite(*scale * v)) {
    *scale *= v;
    return n->in[1 - side];
  }
  n = qn_made_by(g, id, "Div");
  if (n && qn_number_of(g, n->in[1], &v) && v != 0 && isfinite(*scale / v)) {
    *scale /= v;
    return n->in[0];
  }
  return id;
}

/* The scores before the softmax: scale · Q·Kᵀ. */
static bool scores(qn_ir *g, int id, heads *q, heads *k, float *scale) {
  *scale = 1;
  const qn_ir_node *n = qn_made_by(g, unscaled(g, id, scale), "MatMul");
  if (!n) return false;
  const int key = unscaled(g, n->in[1], scale); /* some exporters scale both by the square root */
  *q = untransposed(g, unscaled(g, n->in[0], scale));
  return keys_of(g, key, k);
}

static qn_status fuse(qn_ir *g, qn_ir_node *n) {
  const qn_ir_node *softmax = qn_node_is(n, "MatMul") && n->n_in == 2 ? qn_made_by(g, n->in[0], "Softmax") : NULL;
  const int64_t axis = softmax ? qn_node_int(softmax, "axis", softmax->opset < 13 ? 1 : -1) : 0;
  heads q, k;
  float scale;
  int mask = -1;
  if (!softmax || (axis != -1 && axis != 3)) return QN_OK;
  if (!scores(g, softmax->in[0], &q, &k, &scale)) {
    const qn_ir_node *add = qn_made_by(g, softmax->in[0], "Add");
    int side = 0;
    while (add && side < 2 && !scores(g, add->in[side], &q, &k, &scale)) side++;
    if (!add || side == 2) return QN_OK;
    mask = add->in[1 - side];
  }
  const heads v = untransposed(g, n->in[1]);
  qn_ir_node *turn = NULL; /* the one reader that brings rows before heads */
  for (int i = (int)(n - g->nodes) + 1; qn_only_use(g, n->out[0]) && i < g->n_nodes && !turn; i++)
    if (qn_node_is(&g->nodes[i], "Transpose") && g->nodes[i].in[0] == n->out[0] && qn_turns_by(&g->nodes[i], 4, SWAP_ROWS_HEADS)) turn = &g->nodes[i];
  const qn_attr attrs[] = {{.name = "scale", .type = QN_ATTR_FLOAT, .f = scale}, {.name = "q", .type = QN_ATTR_INT, .i = q.rows_first},
                           {.name = "k", .type = QN_ATTR_INT, .i = k.rows_first}, {.name = "v", .type = QN_ATTR_INT, .i = v.rows_first},
                           {.name = "y", .type = QN_ATTR_INT, .i = turn != NULL}};
  QN_TRY(qn_become(g, n, "quern", "HeadAttention", 1, mask < 0 ? 3 : 4, (int[]){q.id, k.id, v.id, mask}, 5, attrs));
  if (turn) qn_node_take_over(g, n, turn);
  return QN_OK;
}

qn_status qn_pass_attention(qn_ir *g) {
  for (int i = 0; i < g->n_nodes; i++) {
    for (int b = 0; b < g->nodes[i].n_bodies; b++) QN_TRY(qn_pass_attention(g->nodes[i].bodies[b]));
    QN_TRY(fuse(g, &g->nodes[i]));
  }
  qn_ir_refresh(g);
  return QN_OK;
}
