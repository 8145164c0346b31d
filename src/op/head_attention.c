/* quern.HeadAttention, made by graph/pass_attention.c: Softmax(scale · Q·Kᵀ + mask) · V of tensors that hold heads before rows,
 * [batch, heads, rows, width], or after them, [batch, rows, heads, width], as the attributes q, k, v and y say (0 or 1).
 * Dimensions of size 1 broadcast, as they do in the MatMuls that this stands for. */
#include <math.h>
#include <string.h>

#include "op/attention_parts.h"
#include "op/elementwise.h"

enum { Q, K, V, MASK };

typedef struct shape { /* of an input: missing leading dimensions are 1 */
  int64_t batch, heads, rows, width;
} shape;

static qn_status read(const qn_step *s, int i, bool rows_first, shape *out, qn_heads *view) {
  const qn_tensor *t = qn_in(s, i);
  int64_t dims[4] = {1, 1, 1, 1};
  char text[QN_SHAPE_TEXT];
  if (t->rank < 2 || t->rank > 4 || (rows_first && t->rank != 4))
    return qn_step_fail(s, QN_ERR_SHAPE, "input %d has shape %s; 2 to 4 dimensions are expected", i, qn_shape_text(text, t->rank, t->dims));
  memcpy(dims + 4 - t->rank, t->dims, (size_t)t->rank * sizeof *dims);
  *out = (shape){dims[0], dims[rows_first ? 2 : 1], dims[rows_first ? 1 : 2], dims[3]};
  QN_TRY(qn_check_heads(s, out->heads, out->rows, out->width));
  *view = rows_first ? qn_rows_first(t->dtype, out->heads, out->rows, out->width) : qn_heads_first(t->dtype, out->heads, out->rows, out->width);
  if (out->batch == 1) view->batch = 0;
  if (out->heads == 1) view->head = 0;
  return QN_OK;
}

/* The size to which a, b and c broadcast, or -1. */
static int64_t common(int64_t a, int64_t b, int64_t c) {
  const int64_t n = a != 1 ? a : b != 1 ? b : c;
  return (a == 1 || a == n) && (b == 1 || b == n) && (c == 1 || c == n) ? n : -1;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(qn_attention)));
  qn_attention *a = s->state;
  shape q, k, v;
  for (int i = Q; i <= MASK; i++)
    if (qn_in(s, i)) QN_TRY(qn_check_type(s, i, i == Q ? QN_FLOAT_TYPES : QN_TYPE_BIT(qn_in(s, Q)->dtype)));
  QN_TRY(read(s, Q, qn_attr_int(s, "q", 0) != 0, &q, &a->q));
  QN_TRY(read(s, K, qn_attr_int(s, "k", 0) != 0, &k, &a->k));
  QN_TRY(read(s, V, qn_attr_int(s, "v", 0) != 0, &v, &a->v));
  a->batch = common(q.batch, k.batch, v.batch);
  a->heads = a->kv_heads = common(q.heads, k.heads, v.heads);
  if (q.width != k.width || k.rows != v.rows || a->batch < 0 || a->heads < 0)
    return qn_step_fail(s, QN_ERR_SHAPE, "%lld heads of %lld queries of width %lld do not fit %lld heads of %lld keys of width %lld and %lld heads of %lld values",
                        (long long)q.heads, (long long)q.rows, (long long)q.width, (long long)k.heads, (long long)k.rows, (long long)k.width, (long long)v.heads, (long long)v.rows);
  a->rows = q.rows;
  a->keys = a->bias_keys = k.rows;
  a->width = q.width;
  a->v_width = v.width;
  a->scale = qn_attr_float(s, "scale", 1.0f);
  a->left = a->right = -1;
  if (!isfinite(a->scale)) return qn_step_fail(s, QN_ERR_ARGUMENT, "scale is %g; a finite number is expected", (double)a->scale);
  QN_TRY(qn_check_heads(s, a->heads, a->rows, a->v_width));
  if (qn_in(s, MASK)) {
    QN_TRY(qn_attention_bias_of(s, MASK, a, "the mask", &a->bias[0]));
    const int64_t columns = qn_in(s, MASK)->dims[qn_in(s, MASK)->rank - 1];
    if (columns != a->keys && columns != 1) return qn_step_fail(s, QN_ERR_SHAPE, "the mask covers %lld keys of %lld", (long long)columns, (long long)a->keys);
    if (columns == 1) a->bias[0].column = 0;
  }
  const bool rows_first = qn_attr_int(s, "y", 0) != 0;
  int rank = qn_in(s, Q)->rank;
  for (int i = K; i <= V; i++) rank = qn_in(s, i)->rank > rank ? qn_in(s, i)->rank : rank;
  const int64_t dims[4] = {a->batch, rows_first ? a->rows : a->heads, rows_first ? a->heads : a->rows, a->v_width};
  const qn_dtype type = a->q.dtype;
  a->y = rows_first ? qn_rows_first(type, a->heads, a->rows, a->v_width) : qn_heads_first(type, a->heads, a->rows, a->v_width);
  if (rows_first && rank != 4) return qn_step_fail(s, QN_ERR_SHAPE, "the result has %d dimensions where 4 are transposed", rank);
  QN_TRY(qn_out_shape(s, 0, type, rank, dims + 4 - rank));
  qn_room r = {0};
  void *work;
  QN_TRY(qn_attention_take(s, a, &r, &work));
  return qn_room_done(s, &r);
}

/* Keys or values in the block of a state. */
static void spread(const qn_step *s, int i, const char *rows_first, qn_heads *t) {
  const int64_t pitch = (int64_t)(s->in[i]->pitch / qn_dtype_size(t->dtype));
  if (!pitch) return;
  const bool rows = qn_attr_int(s, rows_first, 0) != 0;
  if (t->batch) t->batch = rows ? pitch : pitch * qn_in(s, i)->dims[1];
  if (t->head && !rows) t->head = pitch;
}

static qn_status run(qn_step *s) {
  qn_attention a = *(const qn_attention *)s->state;
  qn_room r = {.base = s->scratch};
  void *work = NULL;
  if (qn_out(s, 0)->count == 0) return QN_OK;
  QN_TRY(qn_attention_take(s, &a, &r, &work));
  a.q.data = qn_in(s, Q)->data;
  a.k.data = qn_in(s, K)->data;
  a.v.data = qn_in(s, V)->data;
  a.y.data = qn_out(s, 0)->data;
  spread(s, K, "k", &a.k);
  spread(s, V, "v", &a.v);
  if (qn_in(s, MASK)) a.bias[0].data = qn_in(s, MASK)->data;
  qn_attention_run(&a, work);
  return QN_OK;
}

const qn_op qn_op_head_attention = {.domain = "quern", .name = "HeadAttention", .since = 1, .min_in = 3, .max_in = 4, .min_out = 1, .max_out = 1,
                                    .flags = QN_PITCHED, .plan = plan, .run = run};
