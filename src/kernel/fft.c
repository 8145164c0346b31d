/* Powers of two by Cooley and Tukey's decimation in time; other lengths as a convolution by Bluestein, "A linear
 * filtering approach to the computation of discrete Fourier transform", 1970. */
#include "kernel/fft.h"

#include <math.h>
#include <string.h>

static bool is_power(size_t n) { return (n & (n - 1)) == 0; }

/* Length of the transform that is really made. */
static size_t inner(size_t n) {
  size_t m = 1;
  if (is_power(n)) return n;
  while (m < 2 * n - 1) m *= 2;
  return m;
}

/* [m / 2] twiddles; Bluestein: [n] chirp, [m] its spectrum, [m] work; in complex numbers. */
size_t qn_fft_scratch(size_t n) { return 2 * (inner(n) / 2 + (is_power(n) ? 0 : n + 2 * inner(n))) + 2; }

static void unit(double *out, size_t k, size_t n) { /* e^(-2 pi i k / n) */
  double angle = -2 * 3.14159265358979323846 * (double)k / (double)n;
  out[0] = cos(angle);
  out[1] = sin(angle);
}

/* twiddles: [m / 2]. The inverse conjugates them. */
static void power_fft(size_t m, double *x, bool inverse, const double *twiddles) {
  for (size_t i = 1, j = 0; i < m; i++) { /* bit reversal */
    size_t bit = m >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    for (int k = 0; k < 2; k++) {
      double swap = x[2 * i + (size_t)k];
      x[2 * i + (size_t)k] = x[2 * j + (size_t)k];
      x[2 * j + (size_t)k] = swap;
    }
  }
  for (size_t half = 1; half < m; half *= 2)
    for (size_t block = 0; block < m; block += 2 * half)
      for (size_t k = 0; k < half; k++) {
        const double *t = twiddles + 2 * k * (m / (2 * half));
        double *a = x + 2 * (block + k), *b = a + 2 * half, si = inverse ? -t[1] : t[1];
        double re = b[0] * t[0] - b[1] * si, im = b[0] * si + b[1] * t[0];
        b[0] = a[0] - re, b[1] = a[1] - im;
        a[0] += re, a[1] += im;
      }
}

void qn_fft_prepare(size_t n, double *scratch) {
  size_t m = inner(n);
  for (size_t k = 0; k < m / 2; k++) unit(scratch + 2 * k, k, m);
  if (is_power(n)) return;
  double *chirp = scratch + m, *spectrum = chirp + 2 * n;
  memset(spectrum, 0, 2 * m * sizeof(double));
  for (size_t k = 0; k < n; k++) {
    unit(chirp + 2 * k, (size_t)((unsigned long long)k * k % (2 * n)), 2 * n);
    for (int side = 0; side < (k ? 2 : 1); side++) { /* symmetric: at k and at m - k */
      double *at = spectrum + 2 * (side ? m - k : k);
      at[0] = chirp[2 * k];
      at[1] = -chirp[2 * k + 1];
    }
  }
  power_fft(m, spectrum, false, scratch);
}

/* x *= y */
static void multiply(double *x, const double *y, size_t n) {
  for (size_t k = 0; k < n; k++) {
    double im = y[2 * k + 1], re = x[2 * k] * y[2 * k] - x[2 * k + 1] * im;
    x[2 * k + 1] = x[2 * k] * im + x[2 * k + 1] * y[2 * k];
    x[2 * k] = re;
  }
}

void qn_fft(size_t n, double *data, bool inverse, double *scratch) {
  if (is_power(n)) {
    power_fft(n, data, inverse, scratch);
    return;
  }
  size_t m = inner(n);
  double *chirp = scratch + m, *spectrum = chirp + 2 * n, *work = spectrum + 2 * m;
  for (size_t k = 0; inverse && k < n; k++) data[2 * k + 1] = -data[2 * k + 1]; /* the inverse is the conjugate of the transform of the conjugate */
  multiply(data, chirp, n);
  memcpy(work, data, 2 * n * sizeof(double));
  memset(work + 2 * n, 0, 2 * (m - n) * sizeof(double));
  power_fft(m, work, false, scratch);
  multiply(work, spectrum, m);
  power_fft(m, work, true, scratch);
  for (size_t k = 0; k < 2 * n; k++) data[k] = work[k] / (double)m;
  multiply(data, chirp, n);
  for (size_t k = 0; inverse && k < n; k++) data[2 * k + 1] = -data[2 * k + 1];
}
