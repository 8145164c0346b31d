/* The ten Reduce operators. */
#include <string.h>

#include "kernel/reduce.h"
#include "op/axes.h"

static qn_reduction kind_of(const qn_step *s) {
  static const char *const NAMES[] = {"Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"};
  int i = 0;
  while (i < QN_REDUCE_SUM_SQUARE && strcmp(s->op->name + 6, NAMES[i])) i++;
  return (qn_reduction)i;
}

typedef struct reduction {
  qn_reduce_plan plan;
  bool identity;
} reduction;

static qn_status plan(qn_step *s) {
  int64_t axes[QN_MAX_RANK], dims[QN_MAX_RANK], strides[QN_MAX_RANK], in_x[QN_MAX_RANK] = {0};
  int count, rank = 0, order[QN_MAX_RANK];
  unsigned mask;
  QN_TRY(qn_check_type(s, 0, QN_REAL_TYPES));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axes(s, "axes", 1, axes, &count));
  QN_TRY(qn_axes_mask(s, axes, count, x->rank, &mask));
  QN_TRY(qn_state(s, sizeof(reduction)));
  reduction *r = s->state;
  if (count <= 0) {
    if (count <= 0 && qn_attr_int(s, "noop_with_empty_axes", 0)) r->identity = true;
    else mask = (1u << x->rank) - 1;
  }
  bool keep = qn_attr_int(s, "keepdims", 1) != 0;
  /* A result of lower rank is no image any more: its dimensions go back to logical order. */
  bool logical = s->channels_last && !keep && !r->identity && x->rank >= 3;
  int kept = 0;
  for (int i = 0; i < x->rank; i++) {
    int storage = !logical || i == 0 ? i : i == 1 ? x->rank - 1 : i - 1;
    bool gone = mask >> storage & 1;
    if (gone && !keep) continue;
    order[kept++] = storage;
    dims[rank++] = gone ? 1 : x->dims[storage];
  }
  if (mask == 0) { /* nothing goes: dimensions stay as they are stored */
    for (int i = 0; i < x->rank; i++) {
      order[i] = i;
      dims[i] = x->dims[i];
    }
  }
  QN_TRY(qn_out_shape(s, 0, x->dtype, rank, dims));
  qn_strides(rank, dims, strides);
  for (int i = 0; i < rank; i++) in_x[order[i]] = strides[i];
  qn_reduce_prepare(&r->plan, kind_of(s), x->dtype, x->rank, x->dims, mask, in_x);
  return QN_OK;
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const reduction *r = s->state;
  qn_tensor *y = qn_out(s, 0);
  if (!r->identity) qn_reduce(&r->plan, x->data, y->data);
  else if (y->count) memcpy(y->data, x->data, qn_tensor_bytes(x));
  return QN_OK;
}

#define REDUCE(id, text)                                                                                            \
  const qn_op qn_op_reduce_##id = {.domain = "", .name = "Reduce" text, .since = 1, .min_in = 1, .max_in = 2, .min_out = 1, \
                                   .max_out = 1, .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
REDUCE(sum, "Sum")
REDUCE(mean, "Mean")
REDUCE(max, "Max")
REDUCE(min, "Min")
REDUCE(prod, "Prod")
REDUCE(l1, "L1")
REDUCE(l2, "L2")
REDUCE(log_sum, "LogSum")
REDUCE(log_sum_exp, "LogSumExp")
REDUCE(sum_square, "SumSquare")
