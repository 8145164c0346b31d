/* RotaryEmbedding, of ai.onnx and of com.microsoft: the same but for the order of the inputs and for positions given as one
 * number, which counts on from there. */
#include <string.h>

#include "op/attention_parts.h"
#include "op/elementwise.h"

typedef struct rotary_plan {
  int64_t batch, heads, rows, half;
  qn_heads x;
  int cosines, positions; /* input numbers; sines follow the cosines */
} rotary_plan;

typedef struct rooms {
  float *line;
  int64_t *positions;
} rooms;

static rooms lay_out(const rotary_plan *p, qn_room *r) {
  rooms m = {qn_room_take(r, (size_t)p->half * 4, sizeof(float)), NULL};
  m.positions = qn_room_take(r, (size_t)p->batch * (size_t)p->rows, sizeof(int64_t));
  return m;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES));
  QN_TRY(qn_state(s, sizeof(rotary_plan)));
  rotary_plan *p = s->state;
  bool contrib = s->op->domain[0] != 0;
  p->cosines = contrib ? 2 : 1;
  p->positions = contrib ? 1 : 3;
  const qn_tensor *x = qn_in(s, 0), *cosines, *positions = qn_in(s, p->positions);
  for (int i = p->cosines; i < p->cosines + 2; i++) QN_TRY(qn_check_type(s, i, QN_FLOAT_TYPES));
  cosines = qn_in(s, p->cosines);
  int64_t turned = qn_attr_int(s, "rotary_embedding_dim", 0), width, listed = cosines->rank ? cosines->dims[cosines->rank - 1] : -1;
  if (x->rank != 3 && x->rank != 4) return qn_step_fail(s, QN_ERR_SHAPE, "the input has rank %d; 3 or 4 is expected", x->rank);
  p->batch = x->dims[0];
  p->rows = x->dims[x->rank == 4 ? 2 : 1];
  if (x->rank == 4) {
    p->heads = x->dims[1];
    width = x->dims[3];
  } else {
    int64_t columns = x->dims[2], heads = qn_attr_int(s, "num_heads", 0);
    if (heads == 0 && contrib && turned == 0 && listed > 0) heads = columns / 2 / listed; /* the table tells the width of a head */
    if (heads < 1 || heads > INT32_MAX || columns % heads)
      return qn_step_fail(s, QN_ERR_ARGUMENT, "num_heads is %lld for %lld columns", (long long)heads, (long long)columns);
    p->heads = heads;
    width = columns / heads;
  }
  QN_TRY(qn_check_heads(s, p->heads, p->rows, width));
  p->x = x->rank == 4 ? qn_heads_first(x->dtype, p->heads, p->rows, width) : qn_rows_first(x->dtype, p->heads, p->rows, width);
  if (turned == 0) turned = width;
  p->half = turned / 2;
  if (turned < 0 || turned > width || turned % 2 || listed != p->half)
    return qn_step_fail(s, QN_ERR_SHAPE, "tables of %lld angles do not fit %lld of the %lld elements of a head", (long long)listed, (long long)turned, (long long)width);
  if (positions) {
    QN_TRY(qn_check_type(s, p->positions, QN_TYPE_BIT(QN_INT64)));
    bool one = contrib && positions->count == 1;
    if (!one) QN_TRY(qn_expect_shape(s, p->positions, 2, (int64_t[]){p->batch, p->rows}));
    for (int i = p->cosines; i < p->cosines + 2; i++) QN_TRY(qn_expect_shape(s, i, 2, (int64_t[]){cosines->dims[0], p->half}));
  } else {
    if (contrib) return qn_step_fail(s, QN_ERR_ARGUMENT, "position_ids is missing");
    for (int i = p->cosines; i < p->cosines + 2; i++) QN_TRY(qn_expect_shape(s, i, 3, (int64_t[]){p->batch, p->rows, p->half}));
  }
  qn_room r = {0};
  lay_out(p, &r);
  QN_TRY(qn_room_done(s, &r));
  return qn_out_like(s, 0, x);
}

static qn_status run(qn_step *s) {
  const rotary_plan *p = s->state;
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0), *positions = qn_in(s, p->positions);
  if (!y || y->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = lay_out(p, &r);
  for (int64_t i = 0; positions && i < p->batch * p->rows; i++) {
    const int64_t *given = positions->data;
    m.positions[i] = positions->count == 1 ? qn_near(given[0]) + i % p->rows : given[i];
  }
  if (y->data != x->data) memcpy(y->data, x->data, qn_tensor_bytes(x));
  qn_rotation rotation = {qn_in(s, p->cosines), qn_in(s, p->cosines + 1), positions ? m.positions : NULL, p->half, qn_attr_int(s, "interleaved", 0) != 0, m.line};
  qn_heads out = qn_heads_at(p->x, y->data);
  return qn_rotate_heads(s, &rotation, p->batch, p->heads, p->rows, &out);
}

const qn_op qn_op_rotary_embedding = {.domain = "", .name = "RotaryEmbedding", .since = 23, .min_in = 3, .max_in = 4, .min_out = 1, .max_out = 1,
                                      .plan = plan, .run = run};
const qn_op qn_op_ms_rotary_embedding = {.domain = "com.microsoft", .name = "RotaryEmbedding", .since = 1, .min_in = 4, .max_in = 4, .min_out = 1, .max_out = 1,
                                         .plan = plan, .run = run};
