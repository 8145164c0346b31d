/* Functions of one number, over arrays. */
#ifndef QN_KERNEL_UNARY_H
#define QN_KERNEL_UNARY_H

#include "kernel/cast.h"

typedef enum qn_unary {
  /* any number */
  QN_ABS, QN_NEG, QN_SIGN, QN_RELU, QN_BITNOT /* integers */, QN_NOT /* bool */, QN_COPY,
  /* float, fast in float32 */
  QN_CEIL, QN_FLOOR, QN_ROUND, QN_SQRT, QN_RECIPROCAL, QN_EXP, QN_LOG, QN_SIN, QN_COS, QN_ERF, QN_TANH, QN_SIGMOID,
  QN_HARDSIGMOID /* max(0, min(1, a x + b)) */, QN_HARDSWISH, QN_LEAKYRELU /* a */, QN_ELU /* a */,
  QN_SELU /* a, b = gamma */, QN_CELU /* a */, QN_SOFTPLUS, QN_SOFTSIGN, QN_THRESHOLDEDRELU /* a */, QN_MISH, QN_GELU,
  QN_GELU_TANH, QN_SWISH /* x sigmoid(a x) */, QN_CLIP /* a … b */,
  /* float, by way of double */
  QN_TAN, QN_ASIN, QN_ACOS, QN_ATAN, QN_SINH, QN_COSH, QN_ASINH, QN_ACOSH, QN_ATANH, QN_SHRINK /* a = lambd, b = bias */
} qn_unary;

/* y[n] = f(x[n]) for elements of one type; y may be x. */
void qn_unary_run(qn_unary f, qn_dtype dtype, const void *x, void *y, size_t n, float a, float b);
/* The float32 loops themselves, for fused operators. */
void qn_unary_f32(qn_unary f, const float *x, float *y, size_t n, float a, float b);

#endif
