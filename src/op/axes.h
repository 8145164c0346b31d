/* What the operators that move or reduce data share: axes, index inputs, [outer, axis, inner] views. */
#ifndef QN_OP_AXES_H
#define QN_OP_AXES_H

#include "kernel/copy.h"
#include "op/op.h"

#define QN_ANY_TYPE UINT32_MAX
/* Types that have an order: all but strings and complex numbers. */
#define QN_REAL_TYPES (UINT32_MAX & ~(QN_TYPE_BIT(QN_STRING) | QN_TYPE_BIT(QN_COMPLEX64) | QN_TYPE_BIT(QN_COMPLEX128)))
#define QN_FLOAT_TYPES (QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_FLOAT16) | QN_TYPE_BIT(QN_BFLOAT16))
#define QN_INDEX_TYPES (QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_INT64))

/* Axes from the attribute `name`, or from input `input` where that is given: count is -1 when there are neither.
 * They are logical, not normalised. */
qn_status qn_axes(const qn_step *s, const char *name, int input, int64_t axes[QN_MAX_RANK], int *count);
/* Storage axes as a bit mask; a repeated axis is an error. */
qn_status qn_axes_mask(const qn_step *s, const int64_t *axes, int count, int rank, unsigned *mask);

/* Element i of an int32 or int64 tensor. */
static inline int64_t qn_index_at(const qn_tensor *t, int64_t i) {
  return t->dtype == QN_INT32 ? ((const int32_t *)t->data)[i] : ((const int64_t *)t->data)[i];
}
/* Adds `bound` to a negative index; QN_ERR_RANGE with both named when it is still out of range. */
qn_status qn_index_check(const qn_step *s, int64_t *index, int64_t bound);

/* A scalar attribute-like input that may have any real type. */
qn_status qn_need_int(const qn_step *s, int i, int64_t otherwise, int64_t *value);
/* The tensors have one element type. */
qn_status qn_same_type(const qn_step *s, int i, int j);
static inline unsigned qn_bits(const qn_tensor *t) { return qn_dtype_of(t->dtype)->bits; }

#endif
