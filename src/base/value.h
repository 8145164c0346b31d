/* Values: tensors, sequences, optionals, maps. */
#ifndef QN_BASE_VALUE_H
#define QN_BASE_VALUE_H

#include "base/dtype.h"
#include "base/memory.h"
#include "base/status.h"

#define QN_MAX_RANK 8

/* One element of a string tensor: bytes (UTF-8, not NUL-terminated) that live as long as the tensor. */
typedef struct qn_string {
  const char *data;
  size_t length;
} qn_string;

/* A dense tensor, row-major in the order of `dims`. `data` is not owned. */
typedef struct qn_tensor {
  qn_dtype dtype;
  int32_t rank;                /* 0 … QN_MAX_RANK */
  int64_t dims[QN_MAX_RANK];
  int64_t count;               /* product of dims; 1 for a scalar */
  void *data;
} qn_tensor;

typedef enum qn_kind { QN_KIND_TENSOR, QN_KIND_SEQUENCE, QN_KIND_OPTIONAL, QN_KIND_MAP } qn_kind;

/* A tensor, a sequence of values, an optional holding at most one value, or a map: items[0] its keys, items[1] its values, both
 * tensors of rank 1 and of one length. `tensor.dtype` is also the element type of a sequence and of a map's values. */
typedef struct qn_value {
  qn_tensor tensor;
  qn_kind kind;
  bool owned;                  /* tensor.data was allocated by qn_value_* and is freed with the value */
  struct qn_value *items;      /* [item_count], owned; all but tensors */
  int64_t item_count, item_capacity;
  size_t capacity;             /* bytes of an owned block, kept for reuse */
  size_t pitch;                /* 0: dense; else see graph/state.h: only who asks for it gets such a value */
  const void *pending;         /* of a plan: state of the step that leaves it to its only reader to compute it; data is that step's first input */
} qn_value;

/* Sets dtype and shape and computes `count`. Fails on a rank above QN_MAX_RANK, a negative dimension, or an element count or byte size that does not fit 2^32. */
qn_status qn_tensor_shape(qn_tensor *t, qn_dtype dtype, int rank, const int64_t *dims, qn_error *err);
size_t qn_tensor_bytes(const qn_tensor *t);
static inline bool qn_tensor_same_shape(const qn_tensor *a, const qn_tensor *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}

/* Gives the value its own block for this type and shape, reusing the old block when it is large enough. */
qn_status qn_value_reserve(qn_value *v, qn_dtype dtype, int rank, const int64_t *dims, qn_error *err);
/* The same for strings whose bytes take `bytes` in all, laid out by the caller: *text is where they go, behind the table. */
qn_status qn_value_reserve_strings(qn_value *v, int rank, const int64_t *dims, size_t bytes, char **text, qn_error *err);
/* Deep copy; `to` keeps and reuses its own block. String bytes are copied too. */
qn_status qn_value_copy(qn_value *to, const qn_value *from, qn_error *err);
/* Appends a deep copy of `item` at `position` (0 … item_count). */
qn_status qn_value_insert(qn_value *sequence, int64_t position, const qn_value *item, qn_error *err);
/* Whether a value is a map as described above, with such keys. */
bool qn_value_is_map(const qn_value *v, qn_dtype keys);
/* Frees what the value owns and leaves an empty tensor value. */
void qn_value_clear(qn_value *v);

/* "[2, 3, 4]" for messages. Returns `buffer`. */
#define QN_SHAPE_TEXT 128
char *qn_shape_text(char buffer[QN_SHAPE_TEXT], int rank, const int64_t *dims);

#endif
