/* Sets of element types that elementwise operators take. */
#ifndef QN_OP_ELEMENTWISE_H
#define QN_OP_ELEMENTWISE_H

#include "op/op.h"

#define QN_FLOAT_TYPES (QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_FLOAT16) | QN_TYPE_BIT(QN_BFLOAT16))
#define QN_FLOAT8_TYPES                                                                                     \
  (QN_TYPE_BIT(QN_FLOAT8E4M3FN) | QN_TYPE_BIT(QN_FLOAT8E4M3FNUZ) | QN_TYPE_BIT(QN_FLOAT8E5M2) |             \
   QN_TYPE_BIT(QN_FLOAT8E5M2FNUZ))
#define QN_UNSIGNED_TYPES (QN_TYPE_BIT(QN_UINT8) | QN_TYPE_BIT(QN_UINT16) | QN_TYPE_BIT(QN_UINT32) | QN_TYPE_BIT(QN_UINT64))
#define QN_INTEGER_TYPES                                                                                    \
  (QN_UNSIGNED_TYPES | QN_TYPE_BIT(QN_INT8) | QN_TYPE_BIT(QN_INT16) | QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_INT64))
#define QN_PACKED_TYPES (QN_TYPE_BIT(QN_INT4) | QN_TYPE_BIT(QN_UINT4) | QN_TYPE_BIT(QN_INT2) | QN_TYPE_BIT(QN_UINT2))
#define QN_NUMERIC_TYPES (QN_FLOAT_TYPES | QN_INTEGER_TYPES)
/* All that qn_cast() converts. */
#define QN_CAST_TYPES                                                                                       \
  (QN_NUMERIC_TYPES | QN_FLOAT8_TYPES | QN_PACKED_TYPES | QN_TYPE_BIT(QN_BOOL) | QN_TYPE_BIT(QN_FLOAT4E2M1) | \
   QN_TYPE_BIT(QN_FLOAT8E8M0))

#endif
