/* Normalisation of float rows and of groups of channels. */
#ifndef QN_KERNEL_NORM_H
#define QN_KERNEL_NORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

double qn_sum(const float *x, int64_t n);
/* Sum of (x - centre)². */
double qn_sum_squares(const float *x, int64_t n, float centre);

/* y = (x - mean) · scale · gain[i] + bias[i]; gain, bias: [n] or NULL. y may be x. */
void qn_scale_row(const float *x, int64_t n, float mean, float scale, const float *gain, const float *bias, float *y);

/* x, y: [samples, channels, space], or [samples, space, channels] when channels_last. Each of `groups` groups of channels
 * gets mean 0 and variance 1, then its channels gain[c] and bias[c] ([channels], NULL: 1 and 0).
 * scratch: [4 · channels] doubles. */
void qn_group_norm(const float *x, int64_t samples, int64_t channels, int64_t space, int64_t groups, bool channels_last,
                   float epsilon, const float *gain, const float *bias, float *y, double *scratch);

#endif
