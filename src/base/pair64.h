/* Sums and products of two doubles without rounding error: Dekker, "A floating-point technique for extending the available precision", 1971. */
#ifndef QN_PAIR64_H
#define QN_PAIR64_H

typedef struct { double high, low; } pair;

static inline pair sum(double a, double b) {
  double s = a + b, t = s - a;
  return (pair){s, (a - (s - t)) + (b - t)};
}

static inline double upper_half(double a) {
  double c = 0x1.0000002p27 * a;
  return c - (c - a);
}

static inline pair product(double a, double b) {
  double p = a * b, ah = upper_half(a), bh = upper_half(b), al = a - ah, bl = b - bh;
  return (pair){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static inline pair times(pair a, pair b) {
  pair p = product(a.high, b.high);
  p.low += a.high * b.low + a.low * b.high;
  return p;
}

#endif
