/* kernel/transpose.h against a double loop, all widths, odd sizes and padded strides. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/transpose.h"

static void one(unsigned bits, int64_t rows, int64_t columns, int64_t pad) {
  size_t size = bits / 8;
  int64_t xs = columns + pad, ys = rows + pad;
  size_t x_bytes = (size_t)(rows * xs) * size, y_bytes = (size_t)(columns * ys) * size;
  uint8_t *x = malloc(x_bytes + 1), *y = malloc(y_bytes + 1);
  uint32_t state = (uint32_t)(rows * 31 + columns);
  for (size_t i = 0; i < x_bytes; i++) x[i] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
  memset(y, 0xa5, y_bytes);
  qn_transpose_2d(bits, rows, columns, x, xs, y, ys);
  bool ok = true;
  for (int64_t c = 0; c < columns; c++) {
    for (int64_t r = 0; r < rows; r++) ok = ok && memcmp(y + (size_t)(c * ys + r) * size, x + (size_t)(r * xs + c) * size, size) == 0;
    for (size_t i = (size_t)(c * ys + rows) * size; i < (size_t)((c + 1) * ys) * size; i++) ok = ok && y[i] == 0xa5;
  }
  CHECK(ok);
  free(x);
  free(y);
}

TEST(all_widths) {
  static const int64_t SIZES[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100};
  for (unsigned bits = 8; bits <= 128; bits *= 2)
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
      for (size_t j = 0; j < sizeof SIZES / sizeof *SIZES; j++) {
        one(bits, SIZES[i], SIZES[j], 0);
        one(bits, SIZES[i], SIZES[j], 5);
      }
}

int main(void) {
  RUN(all_widths);
  return DONE();
}
