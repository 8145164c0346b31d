/* Sums that are then normalized, row by row: SkipLayerNormalization, SkipSimplifiedLayerNormalization, EmbedLayerNormalization of
 * com.microsoft. */
#include <math.h>
#include <string.h>

#include "kernel/norm.h"
#include "op/attention_parts.h"

#define TYPES (QN_HALVES | QN_TYPE_BIT(QN_FLOAT))
enum { MOST = 4 /* summands */ };

/* A row: the summands added up (written to `sum` where that is wanted), then mean 0 and variance 1, or only a mean square of 1. */
typedef struct norm {
  const qn_tensor *parts[MOST], *gain, *bias, *y, *sum, *mean, *deviation;
  int64_t n;
  bool square;
  float epsilon, *room; /* [5 · n]: the sum, a summand, gain, bias, result */
} norm;

static const float *row_of(const norm *f, const qn_tensor *t, int64_t row, float *room) {
  if (t->dtype == QN_FLOAT) return (const float *)t->data + row * f->n;
  qn_load(QN_IN_F32, t->dtype, t->data, (size_t)(row * f->n), (size_t)f->n, room);
  return room;
}

/* at: [MOST] rows of the summands. */
static void run_row(const norm *f, int64_t row, const int64_t *at, const float *gain, const float *bias) {
  const size_t n = (size_t)f->n, first = (size_t)row * n;
  float *sum = f->room, *part = sum + n, *out = f->y && f->y->dtype == QN_FLOAT ? (float *)f->y->data + first : f->room + 4 * n;
  if (f->sum && f->sum->dtype == QN_FLOAT) sum = (float *)f->sum->data + first;
  bool any = false;
  for (int i = 0; i < MOST; i++) {
    if (!f->parts[i]) continue;
    const float *x = row_of(f, f->parts[i], at[i], part);
    for (size_t k = 0; k < n; k++) sum[k] = any ? sum[k] + x[k] : x[k];
    any = true;
  }
  if (f->sum && f->sum->dtype != QN_FLOAT) qn_store(QN_IN_F32, f->sum->dtype, f->sum->data, first, n, sum, (qn_cast_mode){0});
  const float mean = f->square ? 0 : (float)(qn_sum(sum, f->n) / (double)f->n);
  const float scale = (float)(1 / sqrt(qn_sum_squares(sum, f->n, mean) / (double)f->n + (double)f->epsilon));
  qn_scale_row(sum, f->n, mean, scale, gain, bias, out);
  if (f->y && f->y->dtype != QN_FLOAT) qn_store(QN_IN_F32, f->y->dtype, f->y->data, first, n, out, (qn_cast_mode){0});
  if (f->mean) ((float *)f->mean->data)[row] = mean;
  if (f->deviation) ((float *)f->deviation->data)[row] = scale;
}

static qn_status take_room(qn_step *s, int64_t n) {
  qn_room r = {0};
  qn_room_take(&r, (size_t)n, 5 * sizeof(float));
  return qn_room_done(s, &r);
}

/* ---- with a skip connection ---- input, skip, gamma, beta, bias; the simplified one has no beta */

static bool is_simplified(const qn_step *s) { return s->op->name[4] == 'S'; }

static qn_status plan_skip(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, TYPES));
  const qn_tensor *x = qn_in(s, 0), *skip = qn_in(s, 1);
  for (int i = 1; i < 5; i++)
    if (i < 3 || qn_in(s, i)) QN_TRY(qn_check_type(s, i, QN_TYPE_BIT(x->dtype)));
  if (x->rank < 1) return qn_step_fail(s, QN_ERR_SHAPE, "the input has no rows");
  int64_t n = x->dims[x->rank - 1], dims[QN_MAX_RANK];
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  bool fits = skip->rank >= 1 && skip->rank <= x->rank && (skip->count == 0 ? x->count == 0 : x->count % skip->count == 0);
  for (int d = 1; fits && d <= skip->rank; d++) fits = skip->dims[skip->rank - d] == x->dims[x->rank - d] || (d == skip->rank && skip->dims[0] == 1 && d > 1);
  if (!fits) return qn_step_fail(s, QN_ERR_SHAPE, "a skip of shape %s does not fit %s", qn_shape_text(a, skip->rank, skip->dims), qn_shape_text(b, x->rank, x->dims));
  for (int i = 2; i < 5; i++)
    if (qn_in(s, i)) QN_TRY(qn_expect_shape(s, i, 1, &n));
  memcpy(dims, x->dims, sizeof dims);
  dims[x->rank - 1] = 1;
  QN_TRY(qn_out_like(s, 0, x));
  QN_TRY(qn_out_shape(s, 1, QN_FLOAT, x->rank, dims));
  QN_TRY(qn_out_shape(s, 2, QN_FLOAT, x->rank, dims));
  QN_TRY(qn_out_like(s, 3, x));
  return take_room(s, n);
}

static qn_status run_skip(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *skip = qn_in(s, 1), *beta = is_simplified(s) ? NULL : qn_in(s, 3);
  if (x->count == 0) return QN_OK;
  const int64_t n = x->dims[x->rank - 1], rows = x->count / n, skips = skip->count / n;
  norm f = {.parts = {x, skip, qn_in(s, is_simplified(s) ? 3 : 4)}, .y = qn_out(s, 0), .mean = qn_out(s, 1), .deviation = qn_out(s, 2), .sum = qn_out(s, 3), .n = n,
            .square = is_simplified(s), .epsilon = qn_attr_float(s, "epsilon", is_simplified(s) ? 1e-6f : 1e-12f), .room = s->scratch};
  const float *gain = row_of(&f, qn_in(s, 2), 0, f.room + 2 * n), *bias = beta ? row_of(&f, beta, 0, f.room + 3 * n) : NULL;
  for (int64_t row = 0; row < rows; row++) {
    const int64_t at[MOST] = {row, row % skips, 0};
    run_row(&f, row, at, gain, bias);
  }
  return QN_OK;
}

const qn_op qn_op_skip_layer_norm = {.domain = "com.microsoft", .name = "SkipLayerNormalization", .since = 1, .min_in = 3, .max_in = 5, .min_out = 1, .max_out = 4,
                                     .plan = plan_skip, .run = run_skip};
const qn_op qn_op_skip_simplified_layer_norm = {.domain = "com.microsoft", .name = "SkipSimplifiedLayerNormalization", .since = 1, .min_in = 3, .max_in = 4, .min_out = 1,
                                                .max_out = 4, .plan = plan_skip, .run = run_skip};

/* ---- of embeddings ---- ids, segments, words, positions, segment table, gamma, beta, mask, position ids */

enum { IDS, SEGMENTS, WORDS, POSITIONS, SEGMENT_TABLE, GAMMA, BETA, MASK, POSITION_IDS };

static qn_status plan_embed(qn_step *s) {
  QN_TRY(qn_check_type(s, WORDS, TYPES));
  const qn_tensor *ids = qn_in(s, IDS), *words = qn_in(s, WORDS);
  for (int i = IDS; i <= POSITION_IDS; i++) {
    const bool list = i == IDS || i == SEGMENTS || i >= MASK;
    if (qn_in(s, i) || (i != SEGMENTS && i != SEGMENT_TABLE && i < MASK)) QN_TRY(qn_check_type(s, i, list ? QN_TYPE_BIT(QN_INT32) : QN_TYPE_BIT(words->dtype)));
    if (!qn_in(s, i)) continue;
    if (list && i != IDS && !(i == POSITION_IDS && qn_in(s, i)->count == ids->dims[1])) QN_TRY(qn_expect_shape(s, i, 2, ids->dims));
    if (ids->rank != 2) return qn_step_fail(s, QN_ERR_SHAPE, "input_ids has rank %d; 2 is expected", ids->rank);
    if (!list && (i == GAMMA || i == BETA)) QN_TRY(qn_expect_shape(s, i, 1, &words->dims[1]));
    if (!list && i < GAMMA && (words->rank != 2 || qn_in(s, i)->rank != 2 || qn_in(s, i)->dims[1] != words->dims[1]))
      return qn_step_fail(s, QN_ERR_SHAPE, "the embeddings must be tables of rows of one length");
  }
  if (qn_in(s, SEGMENTS) && !qn_in(s, SEGMENT_TABLE)) return qn_step_fail(s, QN_ERR_ARGUMENT, "segment_ids wants segment_embedding");
  const int64_t dims[3] = {ids->dims[0], ids->dims[1], words->dims[1]};
  QN_TRY(qn_out_shape(s, 0, words->dtype, 3, dims));
  QN_TRY(qn_out_shape(s, 1, QN_INT32, 1, dims));
  QN_TRY(qn_out_shape(s, 2, words->dtype, 3, dims));
  return take_room(s, words->dims[1]);
}

static qn_status run_embed(qn_step *s) {
  const qn_tensor *ids = qn_in(s, IDS), *segments = qn_in(s, SEGMENTS), *mask = qn_in(s, MASK), *places = qn_in(s, POSITION_IDS), *lengths = qn_out(s, 1);
  const int64_t length = ids->dims[1], n = qn_in(s, WORDS)->dims[1];
  norm f = {.parts = {qn_in(s, WORDS), qn_in(s, POSITIONS), segments ? qn_in(s, SEGMENT_TABLE) : NULL}, .y = qn_out(s, 0), .sum = qn_out(s, 2), .n = n,
            .epsilon = qn_attr_float(s, "epsilon", 1e-12f), .room = s->scratch};
  if (lengths) memset(lengths->data, 0, qn_tensor_bytes(lengths));
  for (int64_t i = 0; lengths && mask && i < mask->count; i++) ((int32_t *)lengths->data)[i / length] += ((const int32_t *)mask->data)[i] == 1;
  if (n == 0) return QN_OK;
  const float *gain = row_of(&f, qn_in(s, GAMMA), 0, f.room + 2 * n), *bias = row_of(&f, qn_in(s, BETA), 0, f.room + 3 * n);
  for (int64_t i = 0; i < ids->count; i++) {
    const int64_t at[MOST] = {((const int32_t *)ids->data)[i], places ? ((const int32_t *)places->data)[places->count == length ? i % length : i] : i % length,
                              segments ? ((const int32_t *)segments->data)[i] : 0};
    for (int k = 0; k < MOST; k++)
      if (f.parts[k] && (at[k] < 0 || at[k] >= f.parts[k]->dims[0]))
        return qn_step_fail(s, QN_ERR_RANGE, "row %lld of a table of %lld", (long long)at[k], (long long)f.parts[k]->dims[0]);
    run_row(&f, i, at, gain, bias);
  }
  return QN_OK;
}

const qn_op qn_op_embed_layer_norm = {.domain = "com.microsoft", .name = "EmbedLayerNormalization", .since = 1, .min_in = 7, .max_in = 9, .min_out = 1, .max_out = 3,
                                      .plan = plan_embed, .run = run_embed};
