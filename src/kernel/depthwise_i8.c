/* Depthwise 8-bit convolution: the channels of two taps interleaved are what dot_i16x8 multiplies and adds. */
#include "base/memory.h"
#include "kernel/conv_i8.h"
#include "kernel/simd.h"

size_t qn_depthwise_i8_packed_size(int64_t channels, int64_t taps) {
  size_t blocks = ((size_t)channels + 7) / 8, pairs = ((size_t)taps + 1) / 2, size;
  return qn_size_mul(blocks, pairs, &size) && qn_size_mul(size, 16 * sizeof(int16_t), &size) ? size : 0;
}

void qn_depthwise_i8_pack(int64_t channels, int64_t taps, const void *w, bool is_signed, const int32_t *zero, int16_t *packed) {
  const uint8_t *from = w;
  const int flip = is_signed ? 0 : 0x80;
  for (int64_t c = 0; c < channels; c += 8)
    for (int64_t t = 0; t < taps; t += 2)
      for (int64_t k = c; k < c + 8; k++)
        for (int64_t h = t; h < t + 2; h++)
          *packed++ = k < channels && h < taps ? (int16_t)((int8_t)(from[k * taps + h] ^ flip) - (zero ? zero[k] : 0)) : 0;
}

void qn_depthwise_i8_start(int64_t channels, int64_t pairs, int32_t x_zero, const int16_t *packed, const int32_t *offset, int32_t *start) {
  for (int64_t c = 0; c < (channels + 7) / 8 * 8; c++) {
    const int16_t *w = packed + (c / 8 * pairs * 8 + c % 8) * 2;
    uint32_t sum = 0;
    for (int64_t t = 0; t < pairs; t++) sum += (uint32_t)(w[t * 16] + w[t * 16 + 1]);
    start[c] = (int32_t)((uint32_t)(offset && c < channels ? offset[c] : 0) - (uint32_t)x_zero * sum);
  }
}

#ifdef __wasm_simd128__
#define DOT(sum, pairs_of_taps, weights) sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(pairs_of_taps, wasm_v128_load(weights)))

/* Sixteen channels at a time, then eight, which may read 7 bytes past the last channel. shift: from where the taps point. */
static inline void point(size_t channels, size_t pairs, const uint8_t *const *taps, size_t shift, bool x_signed, const int16_t *w, const int32_t *start, int32_t *sums) {
#define LOW(v) (x_signed ? wasm_i16x8_extend_low_i8x16(v) : wasm_u16x8_extend_low_u8x16(v))
#define HIGH(v) (x_signed ? wasm_i16x8_extend_high_i8x16(v) : wasm_u16x8_extend_high_u8x16(v))
  size_t c = 0;
  for (; c + 16 <= channels; c += 16, shift += 16, w += 16 * pairs) { /* and over the weights of the second eight */
    const int16_t *second = w + 16 * pairs;
    v128_t s0 = wasm_v128_load(start + c), s1 = wasm_v128_load(start + c + 4), s2 = wasm_v128_load(start + c + 8), s3 = wasm_v128_load(start + c + 12);
    for (size_t p = 0; p < pairs; p++, w += 16, second += 16) {
      const v128_t a = wasm_v128_load(taps[2 * p] + shift), b = wasm_v128_load(taps[2 * p + 1] + shift);
      const v128_t low = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const v128_t high = wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      DOT(s0, LOW(low), w);
      DOT(s1, HIGH(low), w + 8);
      DOT(s2, LOW(high), second);
      DOT(s3, HIGH(high), second + 8);
    }
    wasm_v128_store(sums + c, s0);
    wasm_v128_store(sums + c + 4, s1);
    wasm_v128_store(sums + c + 8, s2);
    wasm_v128_store(sums + c + 12, s3);
  }
  for (; c < channels; c += 8, shift += 8) {
    v128_t s0 = wasm_v128_load(start + c), s1 = wasm_v128_load(start + c + 4);
    for (size_t p = 0; p < pairs; p++, w += 16) {
      const v128_t a = wasm_v128_load64_zero(taps[2 * p] + shift), b = wasm_v128_load64_zero(taps[2 * p + 1] + shift);
      const v128_t low = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      DOT(s0, LOW(low), w);
      DOT(s1, HIGH(low), w + 8);
    }
    wasm_v128_store(sums + c, s0);
    wasm_v128_store(sums + c + 4, s1);
  }
}

void qn_depthwise_i8_points(int64_t count, int64_t step, int64_t channels, int64_t pairs, const uint8_t *const *taps, bool x_signed, const int16_t *packed,
                            const int32_t *start, int32_t *sums, int64_t pitch) {
  for (size_t k = 0; k < (size_t)count; k++, sums += pitch) {
    if (x_signed) point((size_t)channels, (size_t)pairs, taps, k * (size_t)step, true, packed, start, sums);
    else point((size_t)channels, (size_t)pairs, taps, k * (size_t)step, false, packed, start, sums);
  }
}
#else
void qn_depthwise_i8_points(int64_t count, int64_t step, int64_t channels, int64_t pairs, const uint8_t *const *taps, bool x_signed, const int16_t *packed,
                            const int32_t *start, int32_t *sums, int64_t pitch) {
  for (int64_t k = 0; k < count; k++, sums += pitch)
    for (int64_t c = 0; c < channels; c++) {
      uint32_t sum = (uint32_t)start[c];
      const int16_t *w = packed + (c / 8 * pairs * 8 + c % 8) * 2;
      for (int64_t t = 0; t < 2 * pairs; t++) {
        const uint8_t b = taps[t][k * step + c];
        sum += (uint32_t)((x_signed ? (int8_t)b : b) * w[t / 2 * 16 + t % 2]);
      }
      sums[c] = (int32_t)sum;
    }
}
#endif
