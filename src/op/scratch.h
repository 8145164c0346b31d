/* Laying out a step's scratch memory, and narrow floats computed in float32. plan() and run() take the same rooms in the
 * same order: in plan() `base` is NULL and only sizes are added up. */
#ifndef QN_OP_SCRATCH_H
#define QN_OP_SCRATCH_H

#include "kernel/cast.h"
#include "op/op.h"

#define QN_HALVES (QN_TYPE_BIT(QN_FLOAT16) | QN_TYPE_BIT(QN_BFLOAT16))
#define QN_FLOATS (QN_HALVES | QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE))

typedef struct qn_room {
  uint8_t *base;
  size_t size;
  bool overflow;
} qn_room;

static inline void *qn_room_take(qn_room *r, size_t count, size_t width) {
  size_t bytes, end, at = r->size;
  if (!qn_size_mul(count, width, &bytes) || !qn_size_add(at, bytes, &end) || end > SIZE_MAX - QN_ALIGN) {
    r->overflow = true;
    return NULL;
  }
  r->size = qn_align_up(end);
  return r->base ? r->base + at : NULL;
}
/* plan(): sets scratch_size. */
static inline qn_status qn_room_done(qn_step *s, const qn_room *r) {
  if (r->overflow) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  s->scratch_size = r->size;
  return QN_OK;
}

static inline bool qn_is_half(qn_dtype t) { return t == QN_FLOAT16 || t == QN_BFLOAT16; }
/* Input tensor as the type that is computed in: itself, or widened to float32. NULL stays NULL. */
static inline const void *qn_room_widen(qn_room *r, const qn_tensor *t) {
  if (!t || !qn_is_half(t->dtype)) return t ? t->data : NULL;
  void *wide = qn_room_take(r, (size_t)t->count, sizeof(float));
  if (wide) qn_cast(t->dtype, t->data, QN_FLOAT, wide, (size_t)t->count, (qn_cast_mode){0});
  return wide;
}
/* Where to compute output t; qn_room_narrow() then stores it. */
static inline void *qn_room_output(qn_room *r, const qn_tensor *t) {
  if (!t || !qn_is_half(t->dtype)) return t ? t->data : NULL;
  return qn_room_take(r, (size_t)t->count, sizeof(float));
}
static inline void qn_room_narrow(const qn_tensor *t, const void *wide) {
  if (t && qn_is_half(t->dtype)) qn_cast(QN_FLOAT, wide, t->dtype, t->data, (size_t)t->count, (qn_cast_mode){0});
}

#endif
