#include "base/dtype.h"

#include "base/value.h"

static const qn_dtype_info TABLE[QN_DTYPE_COUNT] = {
    [QN_UNDEFINED] = {"undefined", 0, false, false, false},
    [QN_FLOAT] = {"float32", 32, true, true, false},
    [QN_UINT8] = {"uint8", 8, false, false, true},
    [QN_INT8] = {"int8", 8, false, true, true},
    [QN_UINT16] = {"uint16", 16, false, false, true},
    [QN_INT16] = {"int16", 16, false, true, true},
    [QN_INT32] = {"int32", 32, false, true, true},
    [QN_INT64] = {"int64", 64, false, true, true},
    [QN_STRING] = {"string", (uint8_t)(8 * sizeof(qn_string)), false, false, false},
    [QN_BOOL] = {"bool", 8, false, false, false},
    [QN_FLOAT16] = {"float16", 16, true, true, false},
    [QN_DOUBLE] = {"float64", 64, true, true, false},
    [QN_UINT32] = {"uint32", 32, false, false, true},
    [QN_UINT64] = {"uint64", 64, false, false, true},
    [QN_COMPLEX64] = {"complex64", 64, false, true, false},
    [QN_COMPLEX128] = {"complex128", 128, false, true, false},
    [QN_BFLOAT16] = {"bfloat16", 16, true, true, false},
    [QN_FLOAT8E4M3FN] = {"float8e4m3fn", 8, true, true, false},
    [QN_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 8, true, true, false},
    [QN_FLOAT8E5M2] = {"float8e5m2", 8, true, true, false},
    [QN_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 8, true, true, false},
    [QN_UINT4] = {"uint4", 4, false, false, true},
    [QN_INT4] = {"int4", 4, false, true, true},
    [QN_FLOAT4E2M1] = {"float4e2m1", 4, true, true, false},
    [QN_FLOAT8E8M0] = {"float8e8m0", 8, true, false, false},
    [QN_UINT2] = {"uint2", 2, false, false, true},
    [QN_INT2] = {"int2", 2, false, true, true},
};

const qn_dtype_info *qn_dtype_of(qn_dtype dtype) {
  return &TABLE[(unsigned)dtype < QN_DTYPE_COUNT ? dtype : QN_UNDEFINED];
}

size_t qn_dtype_size(qn_dtype dtype) { return qn_dtype_of(dtype)->bits / 8; }

bool qn_dtype_bytes(qn_dtype dtype, int64_t count, size_t *bytes) {
  unsigned bits = qn_dtype_of(dtype)->bits;
  if (bits == 0 || count < 0 || (uint64_t)count > UINT64_MAX / 256) return false;
  uint64_t n = ((uint64_t)count * bits + 7) / 8;
  if (n > SIZE_MAX - 4096 || n > (uint64_t)1 << 40) return false;
  *bytes = (size_t)n;
  return true;
}
