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

/* Room for `count` things of `width` bytes: NULL in plan(). Too much is remembered for qn_room_done(). */
void *qn_room_take(qn_room *r, size_t count, size_t width);
/* plan(): sets scratch_size. */
qn_status qn_room_done(qn_step *s, const qn_room *r);

static inline bool qn_is_half(qn_dtype t) { return t == QN_FLOAT16 || t == QN_BFLOAT16; }
/* Input tensor as the type that is computed in: itself, or widened to float32. NULL stays NULL. */
const void *qn_room_widen(qn_room *r, const qn_tensor *t);
/* Where to compute output t; qn_room_narrow() then stores it. */
void *qn_room_output(qn_room *r, const qn_tensor *t);
void qn_room_narrow(const qn_tensor *t, const void *wide);

#endif
