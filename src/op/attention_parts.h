/* What the attention operators share: views of heads, key and value caches, broadcast biases. */
#ifndef QN_OP_ATTENTION_PARTS_H
#define QN_OP_ATTENTION_PARTS_H

#include "kernel/attention.h"
#include "op/scratch.h"

#define QN_FAR ((int64_t)1 << 40) /* positions and windows are kept within it */
static inline int64_t qn_near(int64_t x) { return x < -QN_FAR ? -QN_FAR : x > QN_FAR ? QN_FAR : x; }

/* A tensor [batch, heads, rows, width], or [batch, rows, heads · width] (`data` is left to run()). */
static inline qn_heads qn_heads_first(qn_dtype dtype, int64_t heads, int64_t rows, int64_t width) {
  return (qn_heads){.dtype = dtype, .batch = heads * rows * width, .head = rows * width, .row = width};
}
static inline qn_heads qn_rows_first(qn_dtype dtype, int64_t heads, int64_t rows, int64_t width) {
  return (qn_heads){.dtype = dtype, .batch = heads * rows * width, .head = width, .row = heads * width};
}
static inline qn_heads qn_heads_at(qn_heads t, const void *data) {
  t.data = data;
  return t;
}
/* The same heads from row `row` on, or from element `skip` on. */
static inline qn_heads qn_heads_skip(qn_heads t, int64_t elements) {
  if (t.data) t.data = (const uint8_t *)t.data + (size_t)elements * qn_dtype_size(t.dtype);
  return t;
}

/* present = past ++ added, each [batch, heads, rows, width]. past_rows may be 0. */
static inline void qn_append_heads(int64_t batch, int64_t heads, int64_t width, const qn_heads *past, int64_t past_rows, const qn_heads *added,
                                   int64_t added_rows, const void *bias, const qn_heads *present) {
  qn_heads rest = qn_heads_skip(*present, past_rows * present->row);
  if (past_rows) qn_heads_copy(batch, heads, past_rows, width, past, NULL, present);
  qn_heads_copy(batch, heads, added_rows, width, added, bias, &rest);
}

/* A bias that broadcasts to [batch, heads, rows, …]; its last dimension may have any length. Fails with the name `what`. */
qn_status qn_attention_bias_of(const qn_step *s, int i, const qn_attention *a, const char *what, qn_attention_bias *bias);
/* Fails on sizes whose products would not be representable: an empty tensor may name any. */
qn_status qn_check_heads(const qn_step *s, int64_t heads, int64_t rows, int64_t width);
/* Room for the kernel, checked. */
qn_status qn_attention_take(const qn_step *s, const qn_attention *a, qn_room *r, void **work);
/* Rotates the first 2·half elements of each row of each head in place. Row `positions[b · rows + r]` of cosines and sines
 * [max, half] applies, row b · rows + r without positions. line: [4 · half] floats. */
typedef struct qn_rotation {
  const qn_tensor *cosines, *sines;
  const int64_t *positions;
  int64_t half;
  bool interleaved;
  float *line;
} qn_rotation;
qn_status qn_rotate_heads(const qn_step *s, const qn_rotation *rotation, int64_t batch, int64_t heads, int64_t rows, const qn_heads *t);
/* Dimensions that must agree. */
qn_status qn_expect_shape(const qn_step *s, int i, int rank, const int64_t *dims);
/* A positive attribute, at most INT32_MAX. */
qn_status qn_positive(const qn_step *s, const char *name, int64_t otherwise, int64_t *value);

#endif
