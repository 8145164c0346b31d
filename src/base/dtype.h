/* Element types: ONNX's TensorProto.DataType numbers, and one table of their properties. */
#ifndef QN_BASE_DTYPE_H
#define QN_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum qn_dtype {
  QN_UNDEFINED = 0,
  QN_FLOAT = 1,
  QN_UINT8 = 2,
  QN_INT8 = 3,
  QN_UINT16 = 4,
  QN_INT16 = 5,
  QN_INT32 = 6,
  QN_INT64 = 7,
  QN_STRING = 8,
  QN_BOOL = 9,
  QN_FLOAT16 = 10,
  QN_DOUBLE = 11,
  QN_UINT32 = 12,
  QN_UINT64 = 13,
  QN_COMPLEX64 = 14,
  QN_COMPLEX128 = 15,
  QN_BFLOAT16 = 16,
  QN_FLOAT8E4M3FN = 17,
  QN_FLOAT8E4M3FNUZ = 18,
  QN_FLOAT8E5M2 = 19,
  QN_FLOAT8E5M2FNUZ = 20,
  QN_UINT4 = 21,
  QN_INT4 = 22,
  QN_FLOAT4E2M1 = 23,
  QN_FLOAT8E8M0 = 24,
  QN_UINT2 = 25,
  QN_INT2 = 26,
  QN_DTYPE_COUNT = 27
} qn_dtype;

typedef struct qn_dtype_info {
  const char *name;  /* onnxruntime's spelling: "float32", "int64", … */
  uint8_t bits;      /* per element; 2 and 4 are packed, low bits first. A string is a qn_string */
  bool is_float;     /* real floating point of any width */
  bool is_signed;
  bool is_integer;   /* integers of any width; bool is not one */
} qn_dtype_info;

/* Never NULL: an unknown number gives the entry of QN_UNDEFINED, whose `bits` is 0. */
const qn_dtype_info *qn_dtype_of(qn_dtype dtype);
static inline const char *qn_dtype_name(qn_dtype dtype) { return qn_dtype_of(dtype)->name; }

/* Bytes of one element; 0 for packed and unknown types. */
size_t qn_dtype_size(qn_dtype dtype);

/* Bytes that `count` elements take, packed types rounded up to a byte. False on overflow or an unknown type. */
bool qn_dtype_bytes(qn_dtype dtype, int64_t count, size_t *bytes);

#endif
