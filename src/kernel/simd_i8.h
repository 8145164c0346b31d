/* Rounding float32 to 8 bits in WebAssembly SIMD. */
#ifndef QN_KERNEL_SIMD_I8_H
#define QN_KERNEL_SIMD_I8_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/simd.h"

#ifdef __wasm_simd128__
/* Adding 1.5 · 2^23 rounds half to even and leaves the integer in the low bits. As the value lies within the 8-bit range by then,
 * that costs two instructions where a conversion that saturates costs eight. */
static inline v128_t qn_round_shift(int32_t zero) { return wasm_i32x4_splat(zero - 0x4b400000); }
/* round(v held in [min, max]) + zero; NaN gives min. min and max are integers. */
static inline v128_t qn_round4(v128_t v, v128_t min, v128_t max, v128_t shift) {
  return wasm_i32x4_add(wasm_f32x4_add(wasm_f32x4_pmin(max, wasm_f32x4_pmax(min, v)), wasm_f32x4_splat(12582912.0f)), shift);
}
static inline void qn_store8_i8(void *y, v128_t a, v128_t b, bool is_signed) {
  const v128_t q = wasm_i16x8_narrow_i32x4(a, b);
  wasm_v128_store64_lane(y, is_signed ? wasm_i8x16_narrow_i16x8(q, q) : wasm_u8x16_narrow_i16x8(q, q), 0);
}
#endif

#endif
