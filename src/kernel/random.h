/* Random numbers: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded and read as NumPy's RandomState
 * (numpy.random, legacy) does it. So a node with a seed gives what ONNX's reference implementation gives. */
#ifndef QN_KERNEL_RANDOM_H
#define QN_KERNEL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct qn_random {
  uint32_t words[624];
  int at;
  bool has_spare;
  double spare;             /* the second of a pair of normal numbers */
} qn_random;

void qn_random_seed(qn_random *r, uint32_t seed);
/* 53 bits, 0 ≤ x < 1. */
double qn_random_uniform(qn_random *r);
/* Mean 0, deviation 1. */
double qn_random_normal(qn_random *r);

#endif
