/* Depthwise 8-bit convolution, eight channels at a time: the channels of two taps interleaved are what dot_i16x8 multiplies and adds. */
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

#ifdef __wasm_simd128__
/* Reads up to 7 bytes past the last channel. */
static inline void point(int64_t channels, size_t pairs, const uint8_t *const *taps, bool x_signed, int32_t x_zero, const int16_t *w, int32_t *sums) {
  const v128_t zero = wasm_i16x8_splat((int16_t)x_zero);
  for (size_t c = 0; c < (size_t)channels; c += 8) {
    v128_t lo = wasm_i32x4_splat(0), hi = lo;
    for (size_t p = 0; p < pairs; p++, w += 16) {
      const uint8_t *first = taps[2 * p] + c, *second = taps[2 * p + 1] + c;
      const v128_t a = wasm_i16x8_sub(x_signed ? wasm_i16x8_load8x8(first) : wasm_u16x8_load8x8(first), zero);
      const v128_t b = wasm_i16x8_sub(x_signed ? wasm_i16x8_load8x8(second) : wasm_u16x8_load8x8(second), zero);
      lo = wasm_i32x4_add(lo, wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11), wasm_v128_load(w)));
      hi = wasm_i32x4_add(hi, wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15), wasm_v128_load(w + 8)));
    }
    wasm_v128_store(sums + c, lo);
    wasm_v128_store(sums + c + 4, hi);
  }
}

void qn_depthwise_i8_point(int64_t channels, int64_t pairs, const uint8_t *const *taps, bool x_signed, int32_t x_zero, const int16_t *packed, int32_t *sums) {
  if (x_signed) point(channels, (size_t)pairs, taps, true, x_zero, packed, sums);
  else point(channels, (size_t)pairs, taps, false, x_zero, packed, sums);
}
#else
void qn_depthwise_i8_point(int64_t channels, int64_t pairs, const uint8_t *const *taps, bool x_signed, int32_t x_zero, const int16_t *packed, int32_t *sums) {
  for (int64_t c = 0; c < channels; c++) {
    uint32_t sum = 0;
    const int16_t *w = packed + (c / 8 * pairs * 8 + c % 8) * 2;
    for (int64_t t = 0; t < 2 * pairs; t++) {
      const int x = x_signed ? (int8_t)taps[t][c] : taps[t][c];
      sum += (uint32_t)((x - x_zero) * w[t / 2 * 16 + t % 2]);
    }
    sums[c] = (int32_t)sum;
  }
}
#endif
