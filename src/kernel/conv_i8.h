/* Exact 8-bit convolution: im2col blocks of int16 for the packed product, and a kernel of its own for depthwise ones. */
#ifndef QN_KERNEL_CONV_I8_H
#define QN_KERNEL_CONV_I8_H

#include "kernel/conv.h"
#include "kernel/gemm_i8.h"

/* One channel in and one map out per group: their weights are packed in another way. */
static inline bool qn_conv_i8_is_depthwise(int64_t groups, int64_t maps, int64_t group_channels) {
  return group_channels == 1 && groups == maps && groups > 1;
}
/* Bytes of the packed weights; 0 on overflow. */
size_t qn_conv_i8_packed_size(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps);
/* w: [maps, group_channels, taps], int8 or uint8. zero: [maps] zero points, less 128 for uint8, or NULL. */
void qn_conv_i8_pack(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, const void *w, bool is_signed, const int32_t *zero, void *packed);
/* Bytes of scratch; 0 on overflow. */
size_t qn_conv_i8_room(const qn_conv *c);
/* x: uint8 or int8 with the zero point x_zero, which padding stands for. zero: as packed. y: elements of out->dtype; N is c->maps. */
void qn_conv_i8(const qn_conv *c, const void *x, bool x_signed, int32_t x_zero, const void *packed, const int32_t *zero, const qn_i8_out *out,
                void *y, void *scratch);

/* The depthwise part; x and y channels-last. Weights: [channels/8][pairs of taps][8][2] int16 with the zero point subtracted. */
size_t qn_depthwise_i8_packed_size(int64_t channels, int64_t taps);
void qn_depthwise_i8_pack(int64_t channels, int64_t taps, const void *w, bool is_signed, const int32_t *zero, int16_t *packed);
/* start [channels rounded up to 8] = offset - x_zero · Σ w: what a sum starts from when its taps keep their zero point. */
void qn_depthwise_i8_start(int64_t channels, int64_t pairs, int32_t x_zero, const int16_t *packed, const int32_t *offset, int32_t *start);
/* Output points of one row whose windows lie `step` bytes apart. taps: [2 · pairs] where each tap's channels lie for the first of them, maybe in a row of
 * zero points where there is no other. start: [channels rounded up to 8]; sums: [count, pitch], pitch the same or more. */
void qn_depthwise_i8_points(int64_t count, int64_t step, int64_t channels, int64_t pairs, const uint8_t *const *taps, bool x_signed, const int16_t *packed,
                            const int32_t *start, int32_t *sums, int64_t pitch);

#endif
