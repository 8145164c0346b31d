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

/* Block b of column n: y[i · step] for the elements that it has. */
static void unpack_block(const qn_nbits *w, int64_t n, int64_t b, float *y, int64_t step) {
  const int64_t first = b * w->block, count = w->k - first < w->block ? w->k - first : w->block;
  for (int64_t i = 0, at = n * w->k + first; w->levels && i < count; i++, at++, y += step)
    *y = w->levels[at & 1 ? w->weights[at / 2] & 15 : w->weights[at / 2] >> 4] * float_at(w->scales, w->scale_dtype, at / w->block);
  if (w->levels) return;
  const uint8_t *from = w->weights + (n * w->blocks + b) * (w->block * w->bits / 8);
  float scale = float_at(w->scales, w->scale_dtype, n * w->blocks + b), zero = zero_of(w, n, b);
  int64_t i = 0;
  if (w->bits == 4 && !w->group)
    for (; i + 2 <= count; i += 2, from++, y += 2 * step) {
      y[0] = ((float)(*from & 15) - zero) * scale;
      y[step] = ((float)(*from >> 4) - zero) * scale;
    }
  for (int64_t at = w->bits == 4 && !w->group ? 0 : i; i < count; i++, at++, y += step) {
    if (w->group) {
      const int32_t g = w->group[first + i];
      scale = float_at(w->scales, w->scale_dtype, n * w->blocks + g);
      zero = zero_of(w, n, g);
    }
    *y = ((float)bits_at(from, w->bits, at) - zero) * scale;
  }
}

void qn_nbits_column(const qn_nbits *w, int64_t n, float *y, int64_t step) {
  for (int64_t b = 0; b < w->blocks; b++) unpack_block(w, n, b, y + b * w->block * step, step);
}

/* Eight bytes hold the weights of `8 / bits` vectors of eight: first all that lie in the low bits, then the next ones. Rows of A
 * are stored in that order, so that unpacking needs no shuffles. */
static bool in_eights(const qn_nbits *w) { return !w->group && !w->levels && w->block * w->bits % 64 == 0; }

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

/* One column times R arranged rows, `each` apart. Behind a row are its sums by block, so that the zero point costs one product
 * per block. */
#define DEFINE_DOT(BITS, R)                                                                                            \
  static void dot##BITS##_##R(const qn_nbits *w, int64_t n, const float *a, size_t each, float *y) {                   \
    const size_t bytes = (size_t)(w->block * BITS / 8), blocks = (size_t)w->blocks;                                    \
    const uint8_t *p = w->weights + (size_t)n * blocks * bytes;                                                        \
    const float *sums = a + blocks * (size_t)w->block;                                                                 \
    qn_f32x4 total[R], lo[R], hi[R], x, z;                                                                             \
    float off[R], lanes[4];                                                                                            \
    for (int r = 0; r < R; r++) total[r] = qn_splat4(off[r] = 0);                                                      \
    for (size_t b = 0; b < blocks; b++) {                                                                              \
      for (int r = 0; r < R; r++) lo[r] = hi[r] = qn_splat4(0.0f);                                                     \
      for (size_t i = 0; i < bytes; i += 8, p += 8)                                                                    \
        for (int part = 0; part < 8 / BITS; part++, a += 8) {                                                          \
          unpack8(p, part * BITS, (1 << BITS) - 1, &x, &z);                                                            \
          for (int r = 0; r < R; r++) {                                                                                \
            lo[r] = qn_madd4(x, qn_load4(a + (size_t)r * each), lo[r]);                                                \
            hi[r] = qn_madd4(z, qn_load4(a + (size_t)r * each + 4), hi[r]);                                            \
          }                                                                                                            \
        }                                                                                                              \
      const float scale = float_at(w->scales, w->scale_dtype, n * w->blocks + (int64_t)b), zero = scale * zero_of(w, n, (int64_t)b); \
      for (int r = 0; r < R; r++) {                                                                                    \
        total[r] = qn_madd4(qn_splat4(scale), qn_add(lo[r], hi[r]), total[r]);                                         \
        off[r] += zero * sums[(size_t)r * each + b];                                                                   \
      }                                                                                                                \
    }                                                                                                                  \
    for (int r = 0; r < R; r++) {                                                                                      \
      qn_store4(lanes, total[r]);                                                                                      \
      y[r] = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) - off[r];                                                   \
    }                                                                                                                  \
  }
DEFINE_DOT(2, 1)
DEFINE_DOT(4, 1)
DEFINE_DOT(8, 1)
DEFINE_DOT(4, 4)

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
      for (int64_t b = 0; b < w->blocks; b++) /* what is written lies close together */
        for (int64_t c = 0; c < width; c++) unpack_block(w, j + c, b, scratch + b * w->block * QN_PANEL + c, QN_PANEL);
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
  const bool together = w->bits == 4 && m > 1;
  if (together) memset(scratch + m * each, 0, (size_t)((FEW - m) * each) * sizeof(float));
  for (int64_t n = 0; n < w->n; n++) {
    float dots[FEW];
    if (together) dot4_4(w, n, scratch, (size_t)each, dots);
    for (int64_t i = 0; i < m; i++) {
      const float *row = scratch + i * each;
      if (w->bits == 8) dot8_1(w, n, row, 0, dots + i);
      else if (w->bits == 2) dot2_1(w, n, row, 0, dots + i);
      else if (!together) dot4_1(w, n, row, 0, dots + i);
      y[i * w->n + n] = dots[i] + (bias ? bias[n] : 0);
    }
  }
}
