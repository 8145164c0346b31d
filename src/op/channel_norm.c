/* InstanceNormalization, GroupNormalization, MeanVarianceNormalization, LpNormalization, LRN. */
#include <math.h>
#include <string.h>

#include "kernel/cast.h"
#include "kernel/norm.h"
#include "kernel/reduce.h"
#include "op/axes.h"

/* Narrow floats and doubles are worked on as floats of their own: x, gain and bias first lie in scratch. */
static bool direct(const qn_tensor *t) { return !t || t->dtype == QN_FLOAT; }

static bool grouped(const qn_step *s) { return s->op->name[0] == 'G'; }

static qn_status groups_of(const qn_step *s, int64_t channels, int64_t *groups) {
  *groups = grouped(s) ? qn_attr_int(s, "num_groups", 0) : channels;
  if (channels && (*groups < 1 || channels % *groups))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "%lld channels do not divide into %lld groups", (long long)channels, (long long)*groups);
  return QN_OK;
}

static qn_status plan_group(qn_step *s) {
  int64_t groups;
  for (int i = 0; i < 3; i++) QN_TRY(qn_check_type(s, i, QN_FLOAT_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  if (x->rank < 2) return qn_step_fail(s, QN_ERR_SHAPE, "the input has rank %d, expected 2 or more", x->rank);
  char text[QN_SHAPE_TEXT];
  int64_t channels = x->dims[s->channels_last && x->rank >= 3 ? x->rank - 1 : 1];
  QN_TRY(groups_of(s, channels, &groups));
  /* Up to opset 20 a group, not a channel, has a gain. */
  int64_t gains = grouped(s) && s->opset < 21 ? groups : channels;
  for (int i = 1; i < 3; i++)
    if (qn_in(s, i)->rank != 1 || qn_in(s, i)->dims[0] != gains)
      return qn_step_fail(s, QN_ERR_SHAPE, "input %d has shape %s; [%lld] is expected, for %lld channels in %lld groups", i, qn_shape_text(text, qn_in(s, i)->rank, qn_in(s, i)->dims),
                          (long long)gains, (long long)channels, (long long)groups);
  QN_TRY(qn_out_like(s, 0, x));
  if (x->count == 0) return QN_OK;
  uint64_t bytes = (uint64_t)channels * (4 * sizeof(double) + 2 * sizeof(float)) + (direct(x) ? 0 : (uint64_t)x->count * sizeof(float));
  if (bytes > SIZE_MAX / 2) return qn_step_fail(s, QN_ERR_MEMORY, "the input is too large");
  s->scratch_size = (size_t)bytes;
  return QN_OK;
}

static qn_status run_group(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  if (x->count == 0) return QN_OK;
  bool last = s->channels_last && x->rank >= 3;
  int64_t channels = x->dims[last ? x->rank - 1 : 1], samples = x->dims[0], groups;
  QN_TRY(groups_of(s, channels, &groups));
  double *scratch = s->scratch;
  float *rows[2] = {(float *)(scratch + 4 * channels), NULL}, *wide;
  rows[1] = rows[0] + channels;
  wide = rows[1] + channels;
  for (int i = 0; i < 2; i++) {
    const qn_tensor *t = qn_in(s, i + 1);
    int64_t per = channels / t->count;
    for (int64_t c = 0; c < channels; c++) qn_load(QN_IN_F32, t->dtype, t->data, (size_t)(c / per), 1, rows[i] + c);
  }
  const float *from = x->data;
  float *to = y->data;
  if (!direct(x)) {
    qn_load(QN_IN_F32, x->dtype, x->data, 0, (size_t)x->count, wide);
    from = to = wide;
  }
  qn_group_norm(from, samples, channels, x->count / samples / channels, groups, last, qn_attr_float(s, "epsilon", 1e-5f), rows[0],
                rows[1], to, scratch);
  if (!direct(x)) qn_store(QN_IN_F32, y->dtype, y->data, 0, (size_t)y->count, to, (qn_cast_mode){0});
  return QN_OK;
}

/* ---- statistics over any axes, through the reduction kernel ---- */

typedef struct stats {
  qn_reduce_plan plan;
  int64_t strides[QN_MAX_RANK]; /* of the statistic, 0 along reduced axes */
  int64_t count;                /* of statistics */
} stats;

static qn_status plan_stats(qn_step *s, qn_reduction kind, unsigned mask) {
  const qn_tensor *x = qn_in(s, 0);
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_state(s, sizeof(stats)));
  stats *st = s->state;
  for (int i = 0; i < x->rank; i++) dims[i] = mask >> i & 1 ? 1 : x->dims[i];
  qn_strides(x->rank, dims, st->strides);
  st->count = qn_product(dims, x->rank);
  qn_reduce_prepare(&st->plan, kind, QN_FLOAT, x->rank, x->dims, mask, st->strides);
  for (int i = 0; i < x->rank; i++)
    if (mask >> i & 1) st->strides[i] = 0;
  QN_TRY(qn_out_like(s, 0, x));
  if (x->count == 0) return QN_OK;
  uint64_t bytes = ((uint64_t)st->count + 2 * (uint64_t)x->count) * sizeof(float);
  if (bytes > SIZE_MAX / 2) return qn_step_fail(s, QN_ERR_MEMORY, "the input is too large");
  s->scratch_size = (size_t)bytes;
  return QN_OK;
}

static qn_status plan_mvn(qn_step *s) {
  int64_t axes[QN_MAX_RANK] = {0, 2, 3};
  unsigned mask;
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES));
  int count;
  if (s->opset < 9 && (qn_attr_int(s, "across_channels", 0) != 0 || qn_attr_int(s, "normalize_variance", 1) != 1))
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "across_channels and normalize_variance, which only the experiment of opset 8 had");
  QN_TRY(qn_axes(s, "axes", -1, axes, &count));
  QN_TRY(qn_axes_mask(s, axes, count < 0 ? 3 : count, qn_in(s, 0)->rank, &mask));
  return plan_stats(s, QN_REDUCE_MEAN, mask);
}

static qn_status plan_lp(qn_step *s) {
  int axis;
  int64_t p = qn_attr_int(s, "p", 2);
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES));
  QN_TRY(qn_axis(s, qn_attr_int(s, "axis", -1), qn_in(s, 0)->rank, &axis));
  if (p != 1 && p != 2) return qn_step_fail(s, QN_ERR_ARGUMENT, "p is %lld, expected 1 or 2", (long long)p);
  return plan_stats(s, p == 1 ? QN_REDUCE_L1 : QN_REDUCE_L2, 1u << axis);
}

/* y[i] = x[i] ∘ statistic of i */
static void apply(const stats *st, const qn_tensor *t, const float *x, const float *stat, bool divide, float *y) {
  int64_t at[QN_MAX_RANK] = {0}, k = 0, n = t->rank ? t->dims[t->rank - 1] : 1, step = t->rank ? st->strides[t->rank - 1] : 0;
  for (int64_t i = 0; i < t->count; i += n) {
    if (divide)
      for (int64_t j = 0; j < n; j++) y[i + j] = stat[k + j * step] != 0 ? x[i + j] / stat[k + j * step] : 0;
    else
      for (int64_t j = 0; j < n; j++) y[i + j] = x[i + j] - stat[k + j * step];
    for (int d = t->rank - 2; d >= 0; d--) {
      k += st->strides[d];
      if (++at[d] < t->dims[d]) break;
      k -= st->strides[d] * t->dims[d];
      at[d] = 0;
    }
  }
}

static qn_status run_stats(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  const stats *st = s->state;
  if (x->count == 0) return QN_OK;
  float *stat = s->scratch, *a = stat + st->count, *b = a + x->count;
  bool mvn = s->op->name[0] == 'M';
  const float *from = x->data;
  if (!direct(x)) {
    qn_load(QN_IN_F32, x->dtype, x->data, 0, (size_t)x->count, b);
    from = b;
  }
  qn_reduce(&st->plan, from, stat);
  apply(st, x, from, stat, !mvn, a);
  if (mvn) { /* divide by the root of the mean square of what is left */
    qn_reduce_plan squares = st->plan;
    squares.kind = QN_REDUCE_SUM_SQUARE;
    qn_reduce(&squares, a, stat);
    for (int64_t i = 0; i < st->count; i++) stat[i] = sqrtf(stat[i] / (float)squares.total) + 1e-9f;
    apply(st, x, a, stat, true, a);
  }
  qn_store(QN_IN_F32, y->dtype, y->data, 0, (size_t)y->count, a, (qn_cast_mode){0});
  return QN_OK;
}

/* ---- LRN ---- */

static qn_status plan_lrn(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOAT_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  int64_t size = qn_attr_int(s, "size", 0);
  if (x->rank < 2) return qn_step_fail(s, QN_ERR_SHAPE, "the input has rank %d, expected 2 or more", x->rank);
  if (size < 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "size is %lld", (long long)size);
  return qn_out_like(s, 0, x);
}

static qn_status run_lrn(qn_step *s) {
  enum { TILE = 64 };
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  if (x->count == 0) return QN_OK;
  int axis;
  QN_TRY(qn_axis(s, 1, x->rank, &axis));
  int64_t size = qn_attr_int(s, "size", 1), channels = x->dims[axis], inner = qn_product(x->dims + axis + 1, x->rank - axis - 1);
  float alpha = qn_attr_float(s, "alpha", 1e-4f) / (float)size, beta = qn_attr_float(s, "beta", 0.75f), bias = qn_attr_float(s, "bias", 1);
  int64_t below = (size - 1) / 2, above = size - 1 - below;
  if (below > channels) below = channels;
  if (above > channels) above = channels;
  for (int64_t o = 0; o < x->count / (channels * inner); o++)
    for (int64_t j = 0; j < inner; j += TILE)
      for (int64_t c = 0; c < channels; c++) {
        int64_t width = inner - j < TILE ? inner - j : TILE, first = c < below ? 0 : c - below;
        int64_t last = c + above < channels ? c + above : channels - 1;
        float part[TILE], sum[TILE] = {0};
        for (int64_t k = first; k <= last; k++) {
          qn_load(QN_IN_F32, x->dtype, x->data, (size_t)((o * channels + k) * inner + j), (size_t)width, part);
          for (int64_t i = 0; i < width; i++) sum[i] += part[i] * part[i];
        }
        size_t at = (size_t)((o * channels + c) * inner + j);
        qn_load(QN_IN_F32, x->dtype, x->data, at, (size_t)width, part);
        for (int64_t i = 0; i < width; i++) {
          float base = bias + alpha * sum[i];
          part[i] /= beta == 0.75f ? sqrtf(base) * sqrtf(sqrtf(base)) : (float)pow((double)base, (double)beta);
        }
        qn_store(QN_IN_F32, y->dtype, y->data, at, (size_t)width, part, (qn_cast_mode){0});
      }
  return QN_OK;
}

const qn_op qn_op_instance_normalization = {.domain = "", .name = "InstanceNormalization", .since = 1, .min_in = 3, .max_in = 3,
                                            .min_out = 1, .max_out = 1, .flags = QN_LAYOUT_FOLLOW, .plan = plan_group,
                                            .run = run_group};
const qn_op qn_op_group_normalization = {.domain = "", .name = "GroupNormalization", .since = 18, .min_in = 3, .max_in = 3, .min_out = 1,
                                         .max_out = 1, .flags = QN_LAYOUT_FOLLOW, .plan = plan_group, .run = run_group};
const qn_op qn_op_mean_variance_normalization = {.domain = "", .name = "MeanVarianceNormalization", .since = 1, .min_in = 1,
                                                 .max_in = 1, .min_out = 1, .max_out = 1, .flags = QN_LAYOUT_FOLLOW,
                                                 .plan = plan_mvn, .run = run_stats};
const qn_op qn_op_lp_normalization = {.domain = "", .name = "LpNormalization", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,
                                      .max_out = 1, .flags = QN_LAYOUT_FOLLOW, .plan = plan_lp, .run = run_stats};
const qn_op qn_op_lrn = {.domain = "", .name = "LRN", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                         .flags = QN_LAYOUT_FOLLOW, .plan = plan_lrn, .run = run_lrn};
