/* The C library's exp, log, pow and its reduction of large angles, replaced by those of base/math64.h: 11 KB less on the wire. */
#include "base/math64.h"

#include <math.h>

double exp(double x) { return qn_exp64(x); }
double log(double x) { return qn_log64(x); }
double pow(double x, double y) { return qn_pow64(x, y); }

/* What sin, cos and tan of the C library (musl) call for an angle given in `count` digits of 24 bits, the first weighing 2^exponent. */
int __rem_pio2_large(double *digits, double *y, int exponent, int count, int precision) {
  double angle = 0, both[2];
  for (int i = count - 1; i >= 0; i--) angle += scalbn(digits[i], exponent - 24 * i);
  int quarters = qn_reduce_angle64(angle, both);
  y[0] = both[0];
  if (precision) y[1] = both[1];
  return quarters;
}
