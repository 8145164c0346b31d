/* What this machine can do at most in this build: the limits that profiles are measured against. Whoever calls holds the clock. */
#ifndef QN_KERNEL_PEAK_H
#define QN_KERNEL_PEAK_H
#include <stddef.h>
#include <stdint.h>

/* So many floating-point operations, rounded up to a whole round, as multiply-adds on registers alone: no kernel can be faster. The sum of
 * the registers, QN_PEAK_SUM once they have settled (after some 50,000 operations). */
#define QN_PEAK_SUM 80.0f
float qn_peak_multiply_add(size_t operations);

/* Reads memory once, in order: [size bytes], 8-byte aligned; what is over a multiple of 64 is left out. The exclusive or of its 64-bit
 * words. */
uint64_t qn_peak_read(const void *memory, size_t size);

#endif
