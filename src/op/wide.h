/* Operators where speed does not matter compute in double: inputs widened into scratch memory, results stored at the end. */
#ifndef QN_OP_WIDE_H
#define QN_OP_WIDE_H

#include "op/axes.h"
#include "op/scratch.h"

/* The tensor's elements as doubles: its own memory, or a converted copy. NULL stays NULL; plan() (base NULL) gets NULL too. */
static inline double *qn_room_doubles(qn_room *r, const qn_tensor *t) {
  if (!t || t->dtype == QN_DOUBLE) return t && r->base ? t->data : NULL;
  double *wide = qn_room_take(r, (size_t)t->count, sizeof(double));
  if (wide) qn_load(QN_IN_F64, t->dtype, t->data, 0, (size_t)t->count, wide);
  return wide;
}

/* Where output t is computed; qn_room_store() ends it. */
static inline double *qn_room_doubles_out(qn_room *r, const qn_tensor *t) {
  if (!t || t->dtype == QN_DOUBLE) return t && r->base ? t->data : NULL;
  return qn_room_take(r, (size_t)t->count, sizeof(double));
}
static inline void qn_room_store(const qn_tensor *t, const double *wide) {
  if (t && t->dtype != QN_DOUBLE) qn_store(QN_IN_F64, t->dtype, t->data, 0, (size_t)t->count, wide, (qn_cast_mode){0});
}

/* One element. */
static inline double qn_double_at(const qn_tensor *t, int64_t i) {
  double v;
  qn_load(QN_IN_F64, t->dtype, t->data, (size_t)i, 1, &v);
  return v;
}
static inline void qn_put_double(const qn_tensor *t, int64_t i, double v) {
  if (t->dtype == QN_FLOAT) ((float *)t->data)[i] = (float)v;
  else qn_store(QN_IN_F64, t->dtype, t->data, (size_t)i, 1, &v, (qn_cast_mode){0});
}

#endif
