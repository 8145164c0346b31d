/* Functions of doubles without tables: those of the C library are 20 KB that no compressor shrinks.
 * Errors stay below one unit in the last place, two to four where it is said (tests/c/test_math64.c). Infinities, NaN, zeros and subnormals as C's Annex F
 * has them. The wasm build links these in place of the C library's (wasm/libm.c). */
#ifndef QN_MATH64_H
#define QN_MATH64_H

double qn_exp64(double x);
double qn_expm1_64(double x); /* two units */
double qn_log64(double x);
double qn_log1p_64(double x); /* two units */
double qn_log10_64(double x);
double qn_pow64(double x, double y);
double qn_erf64(double x); /* four units */

double qn_tan64(double x);  /* three units */
double qn_asin64(double x); /* two units */
double qn_acos64(double x); /* two units */

/* x, finite, minus the multiple of π/2 nearest to it, as the sum y[0] + y[1]; returns that multiple modulo 8.
 * Method: Payne and Hanek, "Radian reduction for trigonometric functions", 1983. */
int qn_reduce_angle64(double x, double y[2]);

#endif
