/* A block of N × N elements, one row per register, is transposed by log2 N rounds that interleave register i with
 * register i + N/2: each round rotates one bit of the column number into the row number. */
#include "kernel/transpose.h"

#include <string.h>

#define LANES_2(o) o, o + 2
#define LANES_4(o) o, o + 4, o + 1, o + 5
#define LANES_8(o) o, o + 8, o + 1, o + 9, o + 2, o + 10, o + 3, o + 11
#define LANES_16(o) o, o + 16, o + 1, o + 17, o + 2, o + 18, o + 3, o + 19, o + 4, o + 20, o + 5, o + 21, o + 6, o + 22, o + 7, o + 23

#define DEFINE_TRANSPOSE(T, N, ROUNDS)                                                                           \
  typedef T vec_##T __attribute__((vector_size(16)));                                                            \
  static inline void block_##T(const T *x, int64_t x_stride, T *y, int64_t y_stride) {                           \
    vec_##T a[N], b[N];                                                                                          \
    for (int i = 0; i < N; i++) memcpy(&a[i], x + i * x_stride, 16);                                             \
    for (int round = 0; round < ROUNDS; round++) {                                                               \
      for (int i = 0; i < N / 2; i++) {                                                                          \
        b[2 * i] = __builtin_shufflevector(a[i], a[i + N / 2], LANES_##N(0));                                    \
        b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + N / 2], LANES_##N(N / 2));                            \
      }                                                                                                          \
      for (int i = 0; i < N; i++) a[i] = b[i];                                                                   \
    }                                                                                                            \
    for (int i = 0; i < N; i++) memcpy(y + i * y_stride, &a[i], 16);                                             \
  }                                                                                                              \
  static void transpose_##T(int64_t rows, int64_t columns, const T *x, int64_t xs, T *y, int64_t ys) {           \
    int64_t line = 64 / (int64_t)sizeof(T), r_end = rows - rows % N;                                             \
    for (int64_t c0 = 0; c0 < columns; c0 += line) { /* a cache line of columns: its rows of y stay in cache */  \
      int64_t end = c0 + line < columns ? c0 + line : columns, c_end = c0 + (end - c0) / N * N;                  \
      for (int64_t r = 0; r < r_end; r += N) {                                                                   \
        for (int64_t c = c0; c < c_end; c += N) block_##T(x + r * xs + c, xs, y + c * ys + r, ys);               \
        for (int64_t c = c_end; c < end; c++)                                                                    \
          for (int i = 0; i < N; i++) y[c * ys + r + i] = x[(r + i) * xs + c];                                   \
      }                                                                                                          \
      for (int64_t r = r_end; r < rows; r++)                                                                     \
        for (int64_t c = c0; c < end; c++) y[c * ys + r] = x[r * xs + c];                                        \
    }                                                                                                            \
  }

DEFINE_TRANSPOSE(uint8_t, 16, 4)
DEFINE_TRANSPOSE(uint16_t, 8, 3)
DEFINE_TRANSPOSE(uint32_t, 4, 2)
DEFINE_TRANSPOSE(uint64_t, 2, 1)

void qn_transpose_2d(unsigned bits, int64_t rows, int64_t columns, const void *x, int64_t x_stride, void *y, int64_t y_stride) {
  switch (bits) {
    case 8: transpose_uint8_t(rows, columns, x, x_stride, y, y_stride); return;
    case 16: transpose_uint16_t(rows, columns, x, x_stride, y, y_stride); return;
    case 32: transpose_uint32_t(rows, columns, x, x_stride, y, y_stride); return;
    case 64: transpose_uint64_t(rows, columns, x, x_stride, y, y_stride); return;
    default:
      for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
          memcpy((char *)y + (c * y_stride + r) * 16, (const char *)x + (r * x_stride + c) * 16, 16);
  }
}
