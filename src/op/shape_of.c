/* Shape, Size. */
#include "op/axes.h"

static int64_t clamp(int64_t at, int rank) {
  if (at < 0) at += at < -rank ? -at : rank;
  return at > rank ? rank : at;
}

static void range(const qn_step *s, int64_t *start, int64_t *end) {
  int rank = qn_in(s, 0)->rank;
  *start = clamp(qn_attr_int(s, "start", 0), rank);
  *end = clamp(qn_attr_int(s, "end", rank), rank);
  if (*end < *start) *end = *start;
}

static qn_status plan_shape(qn_step *s) {
  int64_t start, end;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  range(s, &start, &end);
  int64_t n = end - start;
  return qn_out_shape(s, 0, QN_INT64, 1, &n);
}

static qn_status run_shape(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  int64_t start, end, *y = qn_out(s, 0)->data;
  range(s, &start, &end);
  for (int64_t i = start; i < end; i++) y[i - start] = x->dims[i];
  return QN_OK;
}

static qn_status plan_size(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  return qn_out_shape(s, 0, QN_INT64, 0, NULL);
}

static qn_status run_size(qn_step *s) {
  *(int64_t *)qn_out(s, 0)->data = qn_in(s, 0)->count;
  return QN_OK;
}

const qn_op qn_op_shape = {.domain = "", .name = "Shape", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                           .flags = QN_LAYOUT_SHAPE_ONLY, .plan = plan_shape, .run = run_shape};
const qn_op qn_op_size = {.domain = "", .name = "Size", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                          .flags = QN_LAYOUT_SHAPE_ONLY, .plan = plan_size, .run = run_size};
