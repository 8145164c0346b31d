/* Numbers of a tensor, whatever their type: what models give is int64 here and float32 there. */
#ifndef QN_FEATURE_NUMBERS_H
#define QN_FEATURE_NUMBERS_H

#include "base/value.h"

static inline bool qn_is_numbers(qn_dtype dtype) {
  return dtype == QN_FLOAT || dtype == QN_DOUBLE || dtype == QN_INT64 || dtype == QN_INT32 || dtype == QN_UINT8 || dtype == QN_BOOL;
}

/* t: of a type that qn_is_numbers takes; i: 0 … count − 1. */
static inline double qn_number_at(const qn_tensor *t, int64_t i) {
  switch (t->dtype) {
    case QN_FLOAT: return ((const float *)t->data)[i];
    case QN_DOUBLE: return ((const double *)t->data)[i];
    case QN_INT64: return (double)((const int64_t *)t->data)[i];
    case QN_INT32: return ((const int32_t *)t->data)[i];
    default: return ((const uint8_t *)t->data)[i];
  }
}

#endif
