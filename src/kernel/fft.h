/* Discrete Fourier transform of any length, in double precision. */
#ifndef QN_KERNEL_FFT_H
#define QN_KERNEL_FFT_H

#include <stdbool.h>
#include <stddef.h>

/* Doubles of working memory for length n ≥ 1 (at most QN_FFT_MOST). */
#define QN_FFT_MOST ((size_t)1 << 26)
size_t qn_fft_scratch(size_t n);
/* Fills the tables in `scratch` [qn_fft_scratch(n)]; once per length. */
void qn_fft_prepare(size_t n, double *scratch);
/* data: [n] pairs of real and imaginary part, transformed in place; the inverse is not divided by n. */
void qn_fft(size_t n, double *data, bool inverse, double *scratch);

#endif
