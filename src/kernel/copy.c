#include "kernel/copy.h"

#include <stdbool.h>
#include <string.h>

#include "base/parallel.h"
#include "kernel/transpose.h"

void qn_strides(int rank, const int64_t *dims, int64_t *strides) {
  uint64_t stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    strides[i] = (int64_t)stride;
    stride *= (uint64_t)dims[i];
  }
}

int64_t qn_product(const int64_t *dims, int n) {
  uint64_t product = 1;
  for (int i = 0; i < n; i++) product *= (uint64_t)dims[i];
  return (int64_t)product;
}

static void copy_packed(unsigned bits, const uint8_t *x, int64_t x_at, uint8_t *y, int64_t y_at) {
  unsigned per = 8 / bits, mask = (1u << bits) - 1;
  unsigned from = (unsigned)(x_at % per) * bits, to = (unsigned)(y_at % per) * bits;
  unsigned value = (unsigned)x[x_at / per] >> from & mask;
  y[y_at / per] = (uint8_t)((y[y_at / per] & ~(mask << to)) | value << to);
}

/* Short rows are the rule, and a call of memcpy costs more than they do. */
static inline void copy_bytes(uint8_t *restrict y, const uint8_t *restrict x, size_t n) {
  if (n > 256) {
    memcpy(y, x, n);
    return;
  }
  for (; n >= 16; n -= 16, x += 16, y += 16) memcpy(y, x, 16);
  for (; n >= 4; n -= 4, x += 4, y += 4) memcpy(y, x, 4);
  for (; n; n--) *y++ = *x++;
}

#define STEP_LOOP(T)                                                          \
  {                                                                           \
    const T *xs = (const T *)x + x_at;                                        \
    T *ys = (T *)y + y_at;                                                    \
    if (x_step == 0 && y_step == 1) {                                         \
      T value = *xs;                                                          \
      for (int64_t i = 0; i < n; i++) ys[i] = value;                          \
    } else {                                                                  \
      for (int64_t i = 0; i < n; i++) ys[i * y_step] = xs[i * x_step];        \
    }                                                                         \
    return;                                                                   \
  }

typedef struct wide { uint64_t a, b; } wide;

static void copy_step(unsigned bits, const void *x, int64_t x_at, int64_t x_step, void *y, int64_t y_at, int64_t y_step,
                      int64_t n) {
  if (bits >= 8 && x_step == 1 && y_step == 1) {
    size_t size = bits / 8;
    copy_bytes((uint8_t *)y + (size_t)y_at * size, (const uint8_t *)x + (size_t)x_at * size, (size_t)n * size);
    return;
  }
  switch (bits) {
    case 8: STEP_LOOP(uint8_t)
    case 16: STEP_LOOP(uint16_t)
    case 32: STEP_LOOP(uint32_t)
    case 64: STEP_LOOP(uint64_t)
    case 128: STEP_LOOP(wide)
    default:
      for (int64_t i = 0; i < n; i++) copy_packed(bits, x, x_at + i * x_step, y, y_at + i * y_step);
  }
}

void qn_copy_run(unsigned bits, const void *x, int64_t x_at, void *y, int64_t y_at, int64_t n) {
  if (n > 0) copy_step(bits, x, x_at, 1, y, y_at, 1, n);
}

void qn_fill_run(unsigned bits, const void *x, int64_t x_at, void *y, int64_t y_at, int64_t n) {
  if (n > 0) copy_step(bits, x, x_at, 0, y, y_at, 1, n);
}

typedef struct job {
  unsigned bits;
  int n, split; /* dimensions; the one that is shared out */
  int64_t d[QN_COPY_RANK], xs[QN_COPY_RANK], ys[QN_COPY_RANK], x_at, y_at;
  const void *x;
  void *y;
} job;

static void copy_part(const void *argument, int64_t first, int64_t last, int worker) {
  job j = *(const job *)argument;
  (void)worker;
  const unsigned bits = j.bits;
  const void *x = j.x;
  void *y = j.y;
  int64_t *d = j.d, *xs = j.xs, *ys = j.ys, at[QN_COPY_RANK] = {0}, x_at = j.x_at + first * xs[j.split], y_at = j.y_at + first * ys[j.split];
  int n = j.n;
  d[j.split] = last - first;
  int64_t inner = d[n - 1], x_step = xs[n - 1], y_step = ys[n - 1], rows = 0, row_y = 0;
  n--;
  if (bits >= 8 && y_step == 1 && x_step > 1) /* columns of x become rows of y */
    for (int i = 0; i < n; i++) {
      if (xs[i] != 1 || ys[i] < inner) continue;
      rows = d[i];
      row_y = ys[i];
      for (n--; i < n; i++) {
        d[i] = d[i + 1];
        xs[i] = xs[i + 1];
        ys[i] = ys[i + 1];
      }
    }
  for (;;) {
    if (rows) {
      size_t size = bits / 8;
      qn_transpose_2d(bits, inner, rows, (const uint8_t *)x + (size_t)x_at * size, x_step, (uint8_t *)y + (size_t)y_at * size,
                      row_y);
    } else {
      copy_step(bits, x, x_at, x_step, y, y_at, y_step, inner);
    }
    int k = n - 1;
    for (; k >= 0; k--) {
      x_at += xs[k];
      y_at += ys[k];
      if (++at[k] < d[k]) break;
      x_at -= xs[k] * d[k];
      y_at -= ys[k] * d[k];
      at[k] = 0;
    }
    if (k < 0) return;
  }
}

void qn_copy_strided(unsigned bits, int rank, const int64_t *dims, const void *x, int64_t x_at, const int64_t *x_strides,
                     void *y, int64_t y_at, const int64_t *y_strides) {
  job j = {.bits = bits, .x = x, .x_at = x_at, .y = y, .y_at = y_at};
  int64_t *d = j.d, *xs = j.xs, *ys = j.ys;
  int n = 0;
  for (int i = 0; i < rank; i++)
    if (dims[i] == 0) return;
  for (int i = 0; i < rank; i++) { /* drop dimensions of one, merge neighbours that are one run in both */
    if (dims[i] == 1) continue;
    if (n && xs[n - 1] == x_strides[i] * dims[i] && ys[n - 1] == y_strides[i] * dims[i]) {
      d[n - 1] *= dims[i];
      xs[n - 1] = x_strides[i];
      ys[n - 1] = y_strides[i];
      continue;
    }
    d[n] = dims[i];
    xs[n] = x_strides[i];
    ys[n] = y_strides[i];
    n++;
  }
  if (n == 0) {
    copy_step(bits, x, x_at, 1, y, y_at, 1, 1);
    return;
  }
  j.n = n;
  int64_t count = 1;
  for (int i = 0; i < n; i++) {
    count *= d[i];
    if (qn_parallel_width() > 1 && d[i] > d[j.split]) j.split = i;
  }
  qn_parallel(d[j.split], bits >= 8 ? count / d[j.split] * 6 : -1 /* neighbours share a byte */, copy_part, &j);
}
