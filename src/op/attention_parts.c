#include "op/attention_parts.h"

qn_status qn_attention_bias_of(const qn_step *s, int i, const qn_attention *a, const char *what, qn_attention_bias *bias) {
  const qn_tensor *t = qn_in(s, i);
  *bias = (qn_attention_bias){0};
  if (!t) return QN_OK;
  const int64_t dims[4] = {a->batch, a->heads, a->rows, 0};
  int64_t *const strides[4] = {&bias->batch, &bias->head, &bias->row, &bias->column}, step = 1;
  bool fits = t->rank >= 1 && t->rank <= 4;
  for (int d = t->rank - 1, k = 3; fits && d >= 0; d--, k--) {
    fits = k == 3 || t->dims[d] == 1 || t->dims[d] == dims[k];
    *strides[k] = k < 3 && t->dims[d] == 1 ? 0 : step;
    step *= t->dims[d];
  }
  char text[QN_SHAPE_TEXT], want[QN_SHAPE_TEXT];
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "%s of shape %s does not broadcast to %s and the keys", what, qn_shape_text(text, t->rank, t->dims), qn_shape_text(want, 3, dims));
  bias->dtype = t->dtype;
  return QN_OK;
}

qn_status qn_check_heads(const qn_step *s, int64_t heads, int64_t rows, int64_t width) {
  if (heads >= 0 && rows >= 0 && width >= 0 && (double)(heads + 1) * (double)(rows + 1) * (double)(width + 1) < 0x1p48) return QN_OK;
  return qn_step_fail(s, QN_ERR_MEMORY, "%lld heads of %lld rows of %lld elements are too many", (long long)heads, (long long)rows, (long long)width);
}

qn_status qn_attention_take(const qn_step *s, const qn_attention *a, qn_room *r, void **work) {
  size_t size = qn_attention_room(a);
  if (size == 0) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  *work = qn_room_take(r, size, 1);
  return QN_OK;
}

qn_status qn_rotate_heads(const qn_step *s, const qn_rotation *n, int64_t batch, int64_t heads, int64_t rows, const qn_heads *t) {
  float *cosines = n->line, *sines = cosines + n->half, *x = sines + n->half;
  const int64_t known = n->half ? n->cosines->count / n->half : 0;
  if (n->half == 0) return QN_OK;
  for (int64_t b = 0; b < batch; b++)
    for (int64_t r = 0; r < rows; r++) {
      int64_t at = n->positions ? n->positions[b * rows + r] : b * rows + r;
      if (at < 0 || at >= known) return qn_step_fail(s, QN_ERR_RANGE, "position %lld has no angles among %lld", (long long)at, (long long)known);
      qn_load(QN_IN_F32, n->cosines->dtype, n->cosines->data, (size_t)(at * n->half), (size_t)n->half, cosines);
      qn_load(QN_IN_F32, n->sines->dtype, n->sines->data, (size_t)(at * n->half), (size_t)n->half, sines);
      for (int64_t h = 0; h < heads; h++) {
        size_t first = (size_t)(b * t->batch + h * t->head + r * t->row);
        float *row = t->dtype == QN_FLOAT ? (float *)t->data + first : x;
        if (row == x) qn_load(QN_IN_F32, t->dtype, t->data, first, (size_t)n->half * 2, x);
        qn_rotate_pairs(row, cosines, sines, n->half, n->interleaved, row);
        if (row == x) qn_store(QN_IN_F32, t->dtype, (void *)t->data, first, (size_t)n->half * 2, x, (qn_cast_mode){0});
      }
    }
  return QN_OK;
}

qn_status qn_expect_shape(const qn_step *s, int i, int rank, const int64_t *dims) {
  const qn_tensor *t = qn_in(s, i);
  bool same = t && t->rank == rank;
  for (int d = 0; same && d < rank; d++) same = t->dims[d] == dims[d];
  char text[QN_SHAPE_TEXT], want[QN_SHAPE_TEXT];
  if (same) return QN_OK;
  if (!t) return qn_step_fail(s, QN_ERR_ARGUMENT, "input %d is missing", i);
  return qn_step_fail(s, QN_ERR_SHAPE, "input %d has shape %s; %s is expected", i, qn_shape_text(text, t->rank, t->dims), qn_shape_text(want, rank, dims));
}

qn_status qn_positive(const qn_step *s, const char *name, int64_t otherwise, int64_t *value) {
  *value = qn_attr_int(s, name, otherwise);
  if (*value >= 1 && *value <= INT32_MAX) return QN_OK;
  return qn_step_fail(s, QN_ERR_ARGUMENT, "%s is %lld; a positive number is expected", name, (long long)*value);
}
