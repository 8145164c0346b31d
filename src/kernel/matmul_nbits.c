#include "kernel/matmul_nbits.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/cast.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"

enum { FEW = 4 /* rows up to which unpacking each column again is cheaper than storing it */ };

static float float_at(const void *p, qn_dtype t, int64_t i) {
  if (t == QN_FLOAT) return ((const float *)p)[i];
  uint16_t h = ((const uint16_t *)p)[i];
  return t == QN_FLOAT16 ? qn_f16_to_f32(h) : qn_bf16_to_f32(h);
}
static unsigned bits_at(const uint8_t *p, int bits, int64_t i) { return (unsigned)p[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1); }

static float zero_of(const qn_nbits *w, int64_t n, int64_t block) {
  if (!w->zeros) return (float)(1 << (w->bits - 1));
  if (w->zero_dtype != QN_UINT8) return float_at(w->zeros, w->zero_dtype, n * w->blocks + block);
  return (float)bits_at((const uint8_t *)w->zeros + n * ((w->blocks * w->bits + 7) / 8), w->bits, block);
}

void qn_nbits_column(const qn_nbits *w, int64_t n, float *y, int64_t step) {
  int64_t bytes = w->block * w->bits / 8;
  const uint8_t *from = w->weights + n * w->blocks * bytes;
  for (int64_t b = 0; b < w->blocks; b++, from += bytes) {
    int64_t first = b * w->block, count = w->k - first < w->block ? w->k - first : w->block;
    float scale = float_at(w->scales, w->scale_dtype, n * w->blocks + b), zero = zero_of(w, n, b);
    for (int64_t i = 0; i < count; i++) {
      if (w->group) {
        int32_t g = w->group[first + i];
        scale = float_at(w->scales, w->scale_dtype, n * w->blocks + g);
        zero = zero_of(w, n, g);
      }
      y[(first + i) * step] = ((float)bits_at(from, w->bits, i) - zero) * scale;
    }
  }
}

/* Eight bytes hold the weights of `8 / bits` vectors of eight: first all that lie in the low bits, then the next ones. Rows of A
 * are stored in that order, so that unpacking needs no shuffles. */
static bool in_eights(const qn_nbits *w) { return !w->group && w->block * w->bits % 64 == 0; }

static void arrange(const qn_nbits *w, const float *a, float *out) {
  int64_t parts = 8 / w->bits, padded = w->blocks * w->block;
  for (int64_t i = 0; i < padded; i++) {
    int64_t within = i % (8 * parts), from = i - within + within % 8 * parts + within / 8;
    out[i] = from < w->k ? a[from] : 0;
  }
}

#ifdef __wasm_simd128__
static inline void unpack8(const uint8_t *p, int shift, int mask, qn_f32x4 *lo, qn_f32x4 *hi) {
  v128_t x = wasm_v128_and(wasm_u16x8_shr(wasm_u16x8_load8x8(p), (uint32_t)shift), wasm_i16x8_splat((int16_t)mask));
  *lo = wasm_f32x4_convert_i32x4(wasm_u32x4_extend_low_u16x8(x));
  *hi = wasm_f32x4_convert_i32x4(wasm_u32x4_extend_high_u16x8(x));
}
#else
static inline void unpack8(const uint8_t *p, int shift, int mask, qn_f32x4 *lo, qn_f32x4 *hi) {
  for (int i = 0; i < 4; i++) {
    lo->v[i] = (float)(p[i] >> shift & mask);
    hi->v[i] = (float)(p[i + 4] >> shift & mask);
  }
}
#endif

/* One column times one arranged row. sums: [blocks] of the row, so that the zero point costs one product per block. */
#define DEFINE_DOT(BITS)                                                                                               \
  static float dot##BITS(const qn_nbits *w, int64_t n, const float *a, const float *sums) {                            \
    const size_t bytes = (size_t)(w->block * BITS / 8), blocks = (size_t)w->blocks;                                    \
    const uint8_t *p = w->weights + (size_t)n * blocks * bytes;                                                        \
    qn_f32x4 total = qn_splat4(0.0f);                                                                                  \
    float off = 0, lanes[4];                                                                                           \
    for (size_t b = 0; b < blocks; b++) {                                                                              \
      qn_f32x4 lo = qn_splat4(0.0f), hi = lo, x, y;                                                                    \
      for (size_t i = 0; i < bytes; i += 8, p += 8)                                                                    \
        for (int part = 0; part < 8 / BITS; part++, a += 8) {                                                          \
          unpack8(p, part * BITS, (1 << BITS) - 1, &x, &y);                                                            \
          lo = qn_madd4(x, qn_load4(a), lo);                                                                           \
          hi = qn_madd4(y, qn_load4(a + 4), hi);                                                                       \
        }                                                                                                              \
      float scale = float_at(w->scales, w->scale_dtype, n * w->blocks + (int64_t)b);                                   \
      total = qn_madd4(qn_splat4(scale), qn_add(lo, hi), total);                                                       \
      off += scale * zero_of(w, n, (int64_t)b) * sums[b];                                                              \
    }                                                                                                                  \
    qn_store4(lanes, total);                                                                                           \
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) - off;                                                        \
  }
DEFINE_DOT(2)
DEFINE_DOT(4)
DEFINE_DOT(8)

size_t qn_nbits_room(const qn_nbits *w, int64_t m) {
  size_t row, all;
  if ((uint64_t)w->k > SIZE_MAX / 64 || (uint64_t)w->blocks > SIZE_MAX / 64 || (uint64_t)w->block > SIZE_MAX / 64) return 0;
  if (m > FEW || !in_eights(w)) return (size_t)w->k * QN_PANEL + 1;
  if (!qn_size_mul((size_t)w->blocks, (size_t)w->block + 1, &row) || !qn_size_mul(row, FEW, &all) || all > SIZE_MAX / 8) return 0;
  return all + 1;
}

void qn_nbits_matmul(const qn_nbits *w, int64_t m, const float *a, const float *bias, float *y, float *scratch) {
  if (m > FEW || !in_eights(w)) {
    for (int64_t j = 0; j < w->n; j += QN_PANEL) {
      int64_t width = w->n - j < QN_PANEL ? w->n - j : QN_PANEL;
      const qn_epilogue e = {bias ? bias + j : NULL, -INFINITY, INFINITY};
      if (width < QN_PANEL) memset(scratch, 0, (size_t)w->k * QN_PANEL * sizeof(float));
      for (int64_t c = 0; c < width; c++) qn_nbits_column(w, j + c, scratch + c, QN_PANEL);
      qn_gemm(m, width, w->k, a, w->k, scratch, y + j, w->n, &e);
    }
    return;
  }
  int64_t padded = w->blocks * w->block, each = padded + w->blocks;
  for (int64_t i = 0; i < m; i++) {
    float *row = scratch + i * each, *sums = row + padded;
    arrange(w, a + i * w->k, row);
    for (int64_t b = 0; b < w->blocks; b++) {
      double sum = 0;
      for (int64_t k = 0; k < w->block; k++) sum += (double)row[b * w->block + k];
      sums[b] = (float)sum;
    }
  }
  for (int64_t n = 0; n < w->n; n++)
    for (int64_t i = 0; i < m; i++) {
      const float *row = scratch + i * each, *sums = row + padded;
      float dot = w->bits == 4 ? dot4(w, n, row, sums) : w->bits == 8 ? dot8(w, n, row, sums) : dot2(w, n, row, sums);
      y[i * w->n + n] = dot + (bias ? bias[n] : 0);
    }
}
