#include "feature/image/warp_image.h"

#include <math.h>
#include <string.h>

enum { STEPS = 32, ONE = 32768 };

void qn_warp_table(int16_t *table) {
  float line[STEPS][4];
  for (int i = 0; i < STEPS; i++) {
    const float a = -0.75f;
    float x = (float)i / STEPS, *w = line[i];
    w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    w[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    w[3] = 1.0f - w[0] - w[1] - w[2];
  }
  for (int i = 0; i < STEPS * STEPS; i++, table += 16) {
    const float *wy = line[i / STEPS], *wx = line[i % STEPS];
    int sum = 0;
    for (int k = 0; k < 16; k++) {
      float w = rintf(wy[k / 4] * wx[k % 4] * ONE);
      table[k] = (int16_t)(w > 32767 ? 32767 : w);
      sum += table[k];
    }
    /* What rounding lost goes to the largest (or comes from the smallest) of the four middle weights, as in OpenCV. */
    int least = 10, most = 10;
    for (int r = 2; r < 4; r++)
      for (int c = 2; c < 4; c++) {
        int k = 4 * r + c;
        if (table[k] < table[least]) least = k;
        else if (table[k] > table[most]) most = k;
      }
    if (sum != ONE) table[sum < ONE ? most : least] = (int16_t)(table[sum < ONE ? most : least] + ONE - sum);
  }
}

/* Gaussian elimination with row pivots on [8 | 1]. */
static bool solve_8(double a[8][9], double x[8]) {
  for (int i = 0; i < 8; i++) {
    int pivot = i;
    for (int r = i + 1; r < 8; r++)
      if (fabs(a[r][i]) > fabs(a[pivot][i])) pivot = r;
    if (!(fabs(a[pivot][i]) > 2.2e-15)) return false; /* 10 ε, OpenCV's limit */
    if (pivot != i)
      for (int c = i; c < 9; c++) {
        double t = a[i][c];
        a[i][c] = a[pivot][c], a[pivot][c] = t;
      }
    for (int r = i + 1; r < 8; r++) {
      double f = a[r][i] / a[i][i];
      for (int c = i; c < 9; c++) a[r][c] -= f * a[i][c];
    }
  }
  for (int i = 7; i >= 0; i--) {
    x[i] = a[i][8];
    for (int c = i + 1; c < 8; c++) x[i] -= a[i][c] * x[c];
    x[i] /= a[i][i];
  }
  return true;
}

bool qn_perspective(const float from[8], const float to[8], double matrix[9]) {
  double a[8][9];
  memset(a, 0, sizeof a);
  for (int i = 0; i < 4; i++) {
    double x = from[2 * i], y = from[2 * i + 1], u = to[2 * i], v = to[2 * i + 1];
    double *p = a[i], *q = a[i + 4];
    p[0] = q[3] = x, p[1] = q[4] = y, p[2] = q[5] = 1;
    p[6] = -x * u, p[7] = -y * u, p[8] = u;
    q[6] = -x * v, q[7] = -y * v, q[8] = v;
  }
  matrix[8] = 1;
  return solve_8(a, matrix);
}

bool qn_matrix_invert(const double m[9], double inverse[9]) {
  double cofactor[9];
  for (int i = 0; i < 9; i++) {
    int r1 = (i / 3 + 1) % 3, r2 = (i / 3 + 2) % 3, c1 = (i % 3 + 1) % 3, c2 = (i % 3 + 2) % 3;
    cofactor[i] = m[3 * r1 + c1] * m[3 * r2 + c2] - m[3 * r1 + c2] * m[3 * r2 + c1];
  }
  double det = m[0] * cofactor[0] + m[1] * cofactor[1] + m[2] * cofactor[2];
  if (!(fabs(det) > 0)) return false;
  for (int i = 0; i < 9; i++) inverse[i] = cofactor[3 * (i % 3) + i / 3] * (1 / det);
  return true;
}

/* Nearest integer within ±2^29; NaN counts as the lower end. */
static int32_t nearest(double x) {
  const double limit = 536870912.0;
  if (!(x > -limit)) x = -limit;
  if (x > limit) x = limit;
  return (int32_t)rint(x);
}

static int32_t clamp(int32_t i, int32_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

void qn_warp_perspective(const uint8_t *src, int32_t sh, int32_t sw, const double m[9], const int16_t *table,
                         uint8_t *dst, int32_t dh, int32_t dw) {
  for (int32_t y = 0; y < dh; y++)
    for (int32_t x = 0; x < dw; x++, dst += 3) {
      double w = m[6] * x + m[7] * y + m[8];
      w = w != 0 ? STEPS / w : 0;
      int32_t px = nearest((m[0] * x + m[1] * y + m[2]) * w), py = nearest((m[3] * x + m[4] * y + m[5]) * w);
      const int16_t *weight = table + ((py & (STEPS - 1)) * STEPS + (px & (STEPS - 1))) * 16;
      int32_t left = (px >> 5) - 1, top = (py >> 5) - 1, sum[3] = {ONE / 2, ONE / 2, ONE / 2};
      size_t column[4];
      for (int k = 0; k < 4; k++) column[k] = 3 * (size_t)clamp(left + k, sw);
      for (int r = 0; r < 4; r++, weight += 4) {
        const uint8_t *row = src + 3 * (size_t)sw * (size_t)clamp(top + r, sh);
        for (int k = 0; k < 4; k++)
          for (int c = 0; c < 3; c++) sum[c] += row[column[k] + (size_t)c] * weight[k];
      }
      for (int c = 0; c < 3; c++) {
        int32_t v = sum[c] >> 15;
        dst[c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
      }
    }
}
