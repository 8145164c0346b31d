/* Stockham's self-sorting transform of mixed radix (Cochran et al., "What is the fast Fourier transform?", 1967), decimation in frequency;
 * real rows of even length as half as many complex numbers (Cooley, Lewis and Welch 1970). Sines are computed in double. */
#include "kernel/rfft.h"

#include <math.h>
#include <string.h>

#include "kernel/vmath4.h"

typedef struct complex4 {
  qn_f32x4 re, im;
} complex4;

static QN_INLINE complex4 get(const float *x, size_t i) { return (complex4){qn_load4(x + 8 * i), qn_load4(x + 8 * i + 4)}; }
static QN_INLINE void put(float *y, size_t i, complex4 a) {
  qn_store4(y + 8 * i, a.re);
  qn_store4(y + 8 * i + 4, a.im);
}
static QN_INLINE complex4 add(complex4 a, complex4 b) { return (complex4){qn_add(a.re, b.re), qn_add(a.im, b.im)}; }
static QN_INLINE complex4 sub(complex4 a, complex4 b) { return (complex4){qn_sub4(a.re, b.re), qn_sub4(a.im, b.im)}; }
static QN_INLINE complex4 scale(complex4 a, float by) { return (complex4){qn_mul4(a.re, qn_splat4(by)), qn_mul4(a.im, qn_splat4(by))}; }
/* a − i b */
static QN_INLINE complex4 sub_i(complex4 a, complex4 b) { return (complex4){qn_add(a.re, b.im), qn_sub4(a.im, b.re)}; }
/* a + i b */
static QN_INLINE complex4 add_i(complex4 a, complex4 b) { return (complex4){qn_sub4(a.re, b.im), qn_add(a.im, b.re)}; }
/* a · w, w: real and imaginary part */
static QN_INLINE complex4 turn(complex4 a, const float *w) {
  const qn_f32x4 re = qn_load_splat4(w), im = qn_load_splat4(w + 1);
  return (complex4){qn_sub4(qn_mul4(a.re, re), qn_mul4(a.im, im)), qn_add(qn_mul4(a.re, im), qn_mul4(a.im, re))};
}

/* The next factor: 4 before 2, then 5 and others. 0: none that is small enough. */
static size_t factor_of(size_t n) {
  if (n % 4 == 0) return 4;
  if (n % 2 == 0) return 2;
  if (n % 5 == 0) return 5;
  for (size_t f = 3; f <= QN_RFFT_PRIME; f += 2)
    if (n % f == 0) return f;
  return 0;
}

bool qn_rfft_plan(size_t n, qn_rfft *f) {
  if (n < 1 || n > QN_RFFT_MOST) return false;
  const size_t inner = n % 2 ? n : n / 2;
  for (size_t rest = inner; rest > 1;) {
    const size_t factor = factor_of(rest);
    if (!factor) return false;
    rest /= factor;
  }
  /* inner roots of unity, and for an even n those of n up to the middle */
  *f = (qn_rfft){n, inner, 2 * inner + (n % 2 ? 0 : 2 * (inner + 1)), 2 * 8 * (inner + 1)};
  return true;
}

static void roots_of(size_t n, size_t count, float *out) {
  for (size_t k = 0; k < count; k++) {
    const double angle = -2 * 3.14159265358979323846 * (double)k / (double)n;
    out[2 * k] = (float)cos(angle);
    out[2 * k + 1] = (float)sin(angle);
  }
}

void qn_rfft_prepare(const qn_rfft *f, float *tables) {
  roots_of(f->inner, f->inner, tables);
  if (f->n % 2 == 0) roots_of(f->n, f->inner + 1, tables + 2 * f->inner);
}

/* A pass takes x as [radix, m, s] and gives y as [m, radix, s]; roots: of radix · m · s. */

static void pass2(const float *x, float *y, const float *roots, size_t m, size_t s) {
  for (size_t p = 0; p < m; p++)
    for (size_t q = 0; q < s; q++) {
      const complex4 a = get(x, q + s * p), b = get(x, q + s * (p + m));
      put(y, q + s * 2 * p, add(a, b));
      put(y, q + s * (2 * p + 1), turn(sub(a, b), roots + 2 * s * p));
    }
}

static void pass4(const float *x, float *y, const float *roots, size_t m, size_t s) {
  for (size_t p = 0; p < m; p++)
    for (size_t q = 0; q < s; q++) {
      const complex4 a = get(x, q + s * p), b = get(x, q + s * (p + m)), c = get(x, q + s * (p + 2 * m)), d = get(x, q + s * (p + 3 * m));
      const complex4 even = add(a, c), odd = sub(a, c), sum = add(b, d), difference = sub(b, d);
      put(y, q + s * 4 * p, add(even, sum));
      put(y, q + s * (4 * p + 1), turn(sub_i(odd, difference), roots + 2 * s * p));
      put(y, q + s * (4 * p + 2), turn(sub(even, sum), roots + 4 * s * p));
      put(y, q + s * (4 * p + 3), turn(add_i(odd, difference), roots + 6 * s * p));
    }
}

static void pass5(const float *x, float *y, const float *roots, size_t m, size_t s) {
  const float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f, s1 = 0.951056516295153572f, s2 = 0.587785252292473129f;
  for (size_t p = 0; p < m; p++)
    for (size_t q = 0; q < s; q++) {
      const complex4 a = get(x, q + s * p), b = get(x, q + s * (p + m)), c = get(x, q + s * (p + 2 * m)), d = get(x, q + s * (p + 3 * m)), e = get(x, q + s * (p + 4 * m));
      const complex4 u1 = add(b, e), v1 = sub(b, e), u2 = add(c, d), v2 = sub(c, d);
      const complex4 p1 = add(a, add(scale(u1, c1), scale(u2, c2))), p2 = add(a, add(scale(u1, c2), scale(u2, c1)));
      const complex4 q1 = add(scale(v1, s1), scale(v2, s2)), q2 = sub(scale(v1, s2), scale(v2, s1));
      put(y, q + s * 5 * p, add(a, add(u1, u2)));
      put(y, q + s * (5 * p + 1), turn(sub_i(p1, q1), roots + 2 * s * p));
      put(y, q + s * (5 * p + 2), turn(sub_i(p2, q2), roots + 4 * s * p));
      put(y, q + s * (5 * p + 3), turn(add_i(p2, q2), roots + 6 * s * p));
      put(y, q + s * (5 * p + 4), turn(add_i(p1, q1), roots + 8 * s * p));
    }
}

static QN_NOINLINE void pass_of(size_t radix, const float *x, float *y, const float *roots, size_t m, size_t s) {
  complex4 a[QN_RFFT_PRIME];
  for (size_t p = 0; p < m; p++)
    for (size_t q = 0; q < s; q++) {
      for (size_t j = 0; j < radix; j++) a[j] = get(x, q + s * (p + m * j));
      for (size_t k = 0; k < radix; k++) {
        complex4 sum = a[0];
        for (size_t j = 1; j < radix; j++) sum = add(sum, turn(a[j], roots + 2 * (j * k % radix) * m * s));
        put(y, q + s * (radix * p + k), turn(sum, roots + 2 * p * k * s));
      }
    }
}

/* Transposes the rows into lanes: numbers [length, 4], of an odd transform followed by zeros as imaginary parts. */
static void load(const qn_rfft *f, const float *rows, int count, size_t length, size_t stride, float *x) {
  const size_t step = f->n % 2 ? 8 : 4;
  memset(x, 0, 8 * f->inner * sizeof *x);
  size_t i = 0;
  if (count == 4 && step == 4)
    for (; i + 4 <= length; i += 4) {
      qn_f32x4 v[4];
      for (int k = 0; k < 4; k++) v[k] = qn_load4(rows + (size_t)k * stride + i);
      qn_turn4(v);
      for (size_t k = 0; k < 4; k++) qn_store4(x + 4 * (i + k), v[k]);
    }
  for (; i < length; i++)
    for (int k = 0; k < count; k++) x[step * i + (size_t)k] = rows[(size_t)k * stride + i];
}

/* The spectrum of real numbers from that of their pairs: bins k and inner − k together. x: [inner], y: [inner + 1] */
static void unravel(const qn_rfft *f, const float *roots, const float *x, float *y) {
  const size_t m = f->inner;
  for (size_t k = 0; k <= m; k++) {
    const complex4 a = get(x, k < m ? k : 0), other = get(x, k && k < m ? m - k : 0);
    const complex4 b = {other.re, qn_sub4(qn_splat4(0), other.im)};
    const complex4 even = scale(add(a, b), 0.5f), odd = scale(sub(a, b), 0.5f);
    put(y, k, sub_i(even, turn(odd, roots + 2 * k)));
  }
}

const float *qn_rfft4(const qn_rfft *f, const float *tables, const float *rows, int count, size_t length, size_t stride, float *work) {
  float *x = work, *y = work + 8 * (f->inner + 1);
  load(f, rows, count, length, stride, x);
  for (size_t rest = f->inner, s = 1; rest > 1;) {
    const size_t radix = factor_of(rest), m = rest / radix;
    if (radix == 4) pass4(x, y, tables, m, s);
    else if (radix == 2) pass2(x, y, tables, m, s);
    else if (radix == 5) pass5(x, y, tables, m, s);
    else pass_of(radix, x, y, tables, m, s);
    rest = m, s *= radix;
    float *swap = x;
    x = y, y = swap;
  }
  if (f->n % 2) return x;
  unravel(f, tables + 2 * f->inner, x, y);
  return y;
}
