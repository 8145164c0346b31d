#include "op/scratch.h"

void *qn_room_take(qn_room *r, size_t count, size_t width) {
  size_t bytes, end, at = r->size;
  if (!qn_size_mul(count, width, &bytes) || !qn_size_add(at, bytes, &end) || end > SIZE_MAX - QN_ALIGN) {
    r->overflow = true;
    return NULL;
  }
  r->size = qn_align_up(end);
  return r->base ? r->base + at : NULL;
}

qn_status qn_room_done(qn_step *s, const qn_room *r) {
  if (r->overflow) return qn_step_fail(s, QN_ERR_MEMORY, "the working memory would not fit the address space");
  s->scratch_size = r->size;
  return QN_OK;
}

const void *qn_room_widen(qn_room *r, const qn_tensor *t) {
  if (!t || !qn_is_half(t->dtype)) return t ? t->data : NULL;
  void *wide = qn_room_take(r, (size_t)t->count, sizeof(float));
  if (wide) qn_cast(t->dtype, t->data, QN_FLOAT, wide, (size_t)t->count, (qn_cast_mode){0});
  return wide;
}

void *qn_room_output(qn_room *r, const qn_tensor *t) {
  if (!t || !qn_is_half(t->dtype)) return t ? t->data : NULL;
  return qn_room_take(r, (size_t)t->count, sizeof(float));
}

void qn_room_narrow(const qn_tensor *t, const void *wide) {
  if (t && qn_is_half(t->dtype)) qn_cast(QN_FLOAT, wide, t->dtype, t->data, (size_t)t->count, (qn_cast_mode){0});
}
