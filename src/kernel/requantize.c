#include "kernel/requantize.h"

#include <math.h>
#include <string.h>

#include "kernel/simd_i8.h"

static float scaled(const qn_i8_out *o, int64_t column, int32_t sum) {
  const float v = (float)sum * o->scale[column];
  return o->bias ? v + o->bias[column] : v;
}

static void plain(const qn_i8_out *o, int64_t column, int32_t sum, uint8_t *y) {
  if (o->dtype == QN_INT32) {
    memcpy(y, &sum, sizeof sum);
    return;
  }
  float v = scaled(o, column, sum);
  if (o->dtype == QN_FLOAT) {
    v = qn_clampf(v, o->min, o->max);
    memcpy(y, &v, sizeof v);
    return;
  }
  v = v > o->min ? v : o->min; /* NaN becomes min */
  v = v < o->max ? v : o->max;
  *y = (uint8_t)((int32_t)rintf(v) + o->zero);
}

#ifdef __wasm_simd128__
/* Eight columns at a time. */
static inline v128_t scale4(v128_t sum, v128_t scale, const float *bias) {
  const v128_t v = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum), scale);
  return bias ? wasm_f32x4_add(v, wasm_v128_load(bias)) : v;
}

static void eight(const qn_i8_out *o, int64_t first, size_t rows, const int32_t *sums, size_t sum_stride, uint8_t *y, size_t pitch) {
  if (o->dtype == QN_INT32) {
    for (; rows; rows--, sums += sum_stride, y += pitch) {
      wasm_v128_store(y, wasm_v128_load(sums));
      wasm_v128_store(y + 16, wasm_v128_load(sums + 4));
    }
    return;
  }
  const v128_t s0 = wasm_v128_load(o->scale + first), s1 = wasm_v128_load(o->scale + first + 4);
  const v128_t min = wasm_f32x4_splat(o->min), max = wasm_f32x4_splat(o->max), shift = qn_round_shift(o->zero);
  const float *bias = o->bias ? o->bias + first : NULL;
  const bool is_signed = o->dtype == QN_INT8;
  for (; rows; rows--, sums += sum_stride, y += pitch) {
    const v128_t a = scale4(wasm_v128_load(sums), s0, bias);
    const v128_t b = scale4(wasm_v128_load(sums + 4), s1, bias ? bias + 4 : NULL);
    if (o->dtype == QN_FLOAT) {
      wasm_v128_store(y, qn_min4(qn_max4(a, min), max));
      wasm_v128_store(y + 16, qn_min4(qn_max4(b, min), max));
      continue;
    }
    qn_store8_i8(y, qn_round4(a, min, max, shift), qn_round4(b, min, max, shift), is_signed);
  }
}
#endif

void qn_i8_finish(const qn_i8_out *o, int64_t first, int64_t width, int64_t rows, const int32_t *sums, int64_t sum_stride, void *y, int64_t ldy) {
  const int64_t size = (int64_t)qn_dtype_size(o->dtype);
  uint8_t *out = y;
  int64_t j = 0;
#ifdef __wasm_simd128__
  for (; j + 8 <= width; j += 8) eight(o, first + j, (size_t)rows, sums + j, (size_t)sum_stride, out + j * size, (size_t)(ldy * size));
#endif
  for (; j < width; j++)
    for (int64_t r = 0; r < rows; r++) plain(o, first + j, sums[r * sum_stride + j], out + (r * ldy + j) * size);
}
