/* Discrete Fourier transform of four rows of real numbers at once, in single precision: each row has a lane of the vectors. A row's result
 * does not depend on its lane or on the other rows. */
#ifndef QN_KERNEL_RFFT_H
#define QN_KERNEL_RFFT_H

#include <stdbool.h>
#include <stddef.h>

#define QN_RFFT_MOST 65536
#define QN_RFFT_PRIME 61 /* the largest prime factor */

typedef struct qn_rfft {
  size_t n;     /* length of a row */
  size_t inner; /* of the complex transform that is made: n / 2 of an even n */
  size_t table_count, work_count; /* floats that the caller provides; the work at an address divisible by 16 */
} qn_rfft;

static inline size_t qn_rfft_bins(size_t n) { return n / 2 + 1; }
/* Fails unless n is from 1 to QN_RFFT_MOST and has no prime factor above QN_RFFT_PRIME. */
bool qn_rfft_plan(size_t n, qn_rfft *f);
/* Fills tables: [table_count]. */
void qn_rfft_prepare(const qn_rfft *f, float *tables);
/* rows: `count` (1 to 4) rows of `length` ≤ n numbers, `stride` apart, taken as followed by zeros.
 * Returns [n / 2 + 1] bins, each four real and four imaginary parts, within work. */
const float *qn_rfft4(const qn_rfft *f, const float *tables, const float *rows, int count, size_t length, size_t stride, float *work);

#endif
