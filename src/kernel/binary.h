/* Functions of two numbers, over broadcast arrays. */
#ifndef QN_KERNEL_BINARY_H
#define QN_KERNEL_BINARY_H

#include "kernel/broadcast.h"

typedef enum qn_binary {
  QN_ADD, QN_SUB, QN_MUL, QN_DIV, QN_MAX, QN_MIN, QN_PRELU, QN_POW, QN_FMOD,
  QN_MOD /* sign of the divisor */, QN_BITAND, QN_BITOR, QN_BITXOR, QN_SHIFT_LEFT, QN_SHIFT_RIGHT,
  QN_EQUAL, QN_LESS, QN_LESS_EQUAL, QN_GREATER, QN_GREATER_EQUAL /* from here on the result is bool */
} qn_binary;

/* y = f(a, b), y in the broadcast shape, its type that of the operands or bool. Computes in `c`. y may be an operand of the
 * same type and shape. The result is kept within [low, high] when it is a float. False: an integer was divided by zero. */
bool qn_binary_run(qn_binary f, qn_compute c, const qn_tensor *a, const qn_tensor *b, qn_tensor *y, float low, float high);

#endif
