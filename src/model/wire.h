/* Protocol Buffers' wire format over bytes in memory. */
#ifndef QN_MODEL_WIRE_H
#define QN_MODEL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct qn_wire {
  const uint8_t *p, *end;
} qn_wire;

typedef struct qn_field {
  uint32_t number;
  uint32_t type;         /* 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
  uint64_t value;        /* varint and fixed; the length for bytes */
  const uint8_t *bytes;  /* [value] for type 2 */
} qn_field;

/* Reads a varint; false when it is cut off or longer than ten bytes. */
static inline bool qn_wire_varint(qn_wire *w, uint64_t *out) {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (w->p == w->end) return false;
    uint8_t byte = *w->p++;
    if (shift < 64) value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) { *out = value; return true; }
  }
  return false;
}

/* Reads one field; false when it is malformed or runs past the end. */
static inline bool qn_wire_field(qn_wire *w, qn_field *f) {
  uint64_t key;
  if (!qn_wire_varint(w, &key) || key >> 3 == 0 || key >> 3 > 536870911) return false;
  f->number = (uint32_t)(key >> 3);
  f->type = (uint32_t)(key & 7);
  f->bytes = NULL;
  size_t left = (size_t)(w->end - w->p), fixed = f->type == 1 ? 8 : 4;
  switch (f->type) {
    case 0: return qn_wire_varint(w, &f->value);
    case 1:
    case 5:
      if (left < fixed) return false;
      f->value = 0;
      memcpy(&f->value, w->p, fixed);
      w->p += fixed;
      return true;
    case 2:
      if (!qn_wire_varint(w, &f->value) || f->value > (uint64_t)(w->end - w->p)) return false;
      f->bytes = w->p;
      w->p += f->value;
      return true;
    default: return false; /* groups were never used by ONNX */
  }
}

static inline float qn_field_float(const qn_field *f) {
  uint32_t bits = (uint32_t)f->value;
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

#endif
