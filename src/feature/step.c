#include "feature/step.h"

qn_status qn_stage_fail(const qn_stage *s, qn_error *err, qn_status code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  code = qn_fail_step(err, code, s->where, s->type ? s->type->name : "", format, args);
  va_end(args);
  return code;
}

qn_status qn_stage_result(qn_stage *s, const char *name, qn_dtype dtype, int rank, const int64_t *dims, qn_error *err) {
  if (s->result_count == QN_MOST_RESULTS) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "more than %d results", QN_MOST_RESULTS);
  qn_slot *slot = &s->results[s->result_count++];
  *slot = (qn_slot){.name = name};
  const qn_status status = qn_tensor_shape(&slot->tensor, dtype, rank, dims, err);
  slot->most_rows = rank ? dims[0] : 1;
  return status;
}

void qn_stage_rows(qn_stage *s, int result, int64_t rows) {
  qn_slot *slot = &s->results[result];
  qn_tensor *t = &slot->tensor;
  if (!t->rank) return;
  t->dims[0] = rows < 0 ? 0 : rows < slot->most_rows ? rows : slot->most_rows;
  t->count = 1;
  for (int i = 0; i < t->rank; i++) t->count *= t->dims[i];
}

qn_status qn_stage_takes(const qn_stage *s, int count, qn_dtype dtype, int rank, qn_error *err) {
  char shape[QN_SHAPE_TEXT];
  if (count >= 0 ? s->input_count != count : s->input_count < 1)
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes %s%d input%s, got %d", count < 0 ? "at least " : "", count < 0 ? 1 : count, count == 1 || count < 0 ? "" : "s", s->input_count);
  for (int i = 0; i < s->input_count; i++) {
    const qn_tensor *t = qn_stage_in(s, i);
    if (dtype != QN_UNDEFINED && t->dtype != dtype)
      return qn_stage_fail(s, err, QN_ERR_TYPE, "'%s' is %s; it takes %s", s->inputs[i]->name, qn_dtype_name(t->dtype), qn_dtype_name(dtype));
    if (rank >= 0 && t->rank != rank)
      return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has the shape %s; it takes %d dimensions", s->inputs[i]->name, qn_shape_text(shape, t->rank, t->dims), rank);
  }
  return QN_OK;
}
