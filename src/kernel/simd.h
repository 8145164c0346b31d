/* Four floats at once: WebAssembly SIMD, or plain C that compilers turn into the machine's own. */
#ifndef QN_KERNEL_SIMD_H
#define QN_KERNEL_SIMD_H

#if defined(__GNUC__)
#define QN_NOINLINE __attribute__((noinline))
#define QN_INLINE inline __attribute__((always_inline))
#else
#define QN_NOINLINE
#define QN_INLINE inline
#endif

/* Loads are not moved over this point. */
#if defined(__GNUC__)
#define QN_IN_ORDER __asm__ volatile("" ::: "memory")
#else
#define QN_IN_ORDER (void)0
#endif

/* Loops over the registers of a tile. Natively they stay loops: there the kernels run in tests, and under the sanitizers a compiler takes
 * minutes for what they become. */
#define QN_PRAGMA(text) _Pragma(#text)
#ifdef __wasm__
#define QN_UNROLL(n) QN_PRAGMA(GCC unroll n)
#else
#define QN_UNROLL(n)
#endif

/* Where the time does not go: compiled for size. */
#if defined(__GNUC__)
#define QN_COLD __attribute__((cold, noinline))
#else
#define QN_COLD
#endif

/* As the vector min and max do: NaN in x stays. */
static inline float qn_clampf(float x, float min, float max) {
  float y = x < min ? min : x;
  return y > max ? max : y;
}

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
typedef v128_t qn_f32x4;
static inline qn_f32x4 qn_load4(const float *p) { return wasm_v128_load(p); }
static inline qn_f32x4 qn_load_splat4(const float *p) { return wasm_v128_load32_splat(p); }
static inline void qn_store4(float *p, qn_f32x4 x) { wasm_v128_store(p, x); }
static inline qn_f32x4 qn_splat4(float x) { return wasm_f32x4_splat(x); }
static inline qn_f32x4 qn_add(qn_f32x4 a, qn_f32x4 b) { return wasm_f32x4_add(a, b); }
static inline qn_f32x4 qn_mul4(qn_f32x4 a, qn_f32x4 b) { return wasm_f32x4_mul(a, b); }
/* pmax(a, b) is a < b ? b : a, one machine instruction; a NaN in a stays. */
static inline qn_f32x4 qn_max4(qn_f32x4 a, qn_f32x4 b) { return wasm_f32x4_pmax(a, b); }
static inline qn_f32x4 qn_min4(qn_f32x4 a, qn_f32x4 b) { return wasm_f32x4_pmin(a, b); }
/* The maximum, NaN when either is. */
static inline qn_f32x4 qn_max_nan4(qn_f32x4 a, qn_f32x4 b) { return wasm_f32x4_max(a, b); }
/* The first, third, … of eight. */
static inline qn_f32x4 qn_even4(qn_f32x4 a, qn_f32x4 b) { return wasm_i32x4_shuffle(a, b, 0, 2, 4, 6); }
/* Transposes a 4 by 4 matrix. */
static inline void qn_turn4(qn_f32x4 v[4]) {
  qn_f32x4 a = wasm_i32x4_shuffle(v[0], v[1], 0, 4, 1, 5), b = wasm_i32x4_shuffle(v[0], v[1], 2, 6, 3, 7);
  qn_f32x4 c = wasm_i32x4_shuffle(v[2], v[3], 0, 4, 1, 5), d = wasm_i32x4_shuffle(v[2], v[3], 2, 6, 3, 7);
  v[0] = wasm_i64x2_shuffle(a, c, 0, 2);
  v[1] = wasm_i64x2_shuffle(a, c, 1, 3);
  v[2] = wasm_i64x2_shuffle(b, d, 0, 2);
  v[3] = wasm_i64x2_shuffle(b, d, 1, 3);
}
#ifdef __wasm_relaxed_simd__
static inline qn_f32x4 qn_madd4(qn_f32x4 a, qn_f32x4 b, qn_f32x4 c) { return wasm_f32x4_relaxed_madd(a, b, c); }
#else
static inline qn_f32x4 qn_madd4(qn_f32x4 a, qn_f32x4 b, qn_f32x4 c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }
#endif
#else
#include <string.h>
typedef struct qn_f32x4 {
  float v[4];
} qn_f32x4;
#define QN_LANES(expr)                           \
  qn_f32x4 y;                                    \
  for (int i = 0; i < 4; i++) y.v[i] = (expr);   \
  return y
static inline qn_f32x4 qn_load4(const float *p) { QN_LANES(p[i]); }
static inline qn_f32x4 qn_load_splat4(const float *p) { QN_LANES(*p); }
static inline qn_f32x4 qn_splat4(float x) { QN_LANES(x); }
static inline void qn_store4(float *p, qn_f32x4 x) { memcpy(p, x.v, sizeof x.v); }
static inline qn_f32x4 qn_add(qn_f32x4 a, qn_f32x4 b) { QN_LANES(a.v[i] + b.v[i]); }
static inline qn_f32x4 qn_mul4(qn_f32x4 a, qn_f32x4 b) { QN_LANES(a.v[i] * b.v[i]); }
static inline qn_f32x4 qn_max4(qn_f32x4 a, qn_f32x4 b) { QN_LANES(a.v[i] < b.v[i] ? b.v[i] : a.v[i]); }
static inline qn_f32x4 qn_max_nan4(qn_f32x4 a, qn_f32x4 b) { QN_LANES(b.v[i] > a.v[i] || b.v[i] != b.v[i] ? b.v[i] : a.v[i]); }
static inline qn_f32x4 qn_min4(qn_f32x4 a, qn_f32x4 b) { QN_LANES(b.v[i] < a.v[i] ? b.v[i] : a.v[i]); }
static inline qn_f32x4 qn_madd4(qn_f32x4 a, qn_f32x4 b, qn_f32x4 c) { QN_LANES(a.v[i] * b.v[i] + c.v[i]); }
static inline qn_f32x4 qn_even4(qn_f32x4 a, qn_f32x4 b) { QN_LANES(i < 2 ? a.v[2 * i] : b.v[2 * i - 4]); }
#undef QN_LANES
static inline void qn_turn4(qn_f32x4 v[4]) {
  qn_f32x4 t[4];
  memcpy(t, v, sizeof t);
  for (int r = 0; r < 4; r++)
    for (int i = 0; i < 4; i++) v[r].v[i] = t[i].v[r];
}
#endif

#endif
