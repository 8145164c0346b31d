#include "kernel/recurrent.h"

#include <math.h>

#include "base/memory.h"

enum { BLOCK_ROWS = 192 };

/* Time steps that are projected together. */
static int64_t block_of(const qn_recurrent *k) {
  int64_t steps = k->batch > 0 ? BLOCK_ROWS / k->batch : BLOCK_ROWS;
  steps = steps < 1 ? 1 : steps;
  return steps < k->steps ? steps : k->steps;
}

static size_t packed(int64_t depth, int64_t columns) { return depth && columns ? qn_gemm_packed_count(depth, columns, sizeof(float)) : 1; }

size_t qn_recurrent_w_count(const qn_recurrent *k) { return packed(k->inputs, k->gates * k->hidden); }

size_t qn_recurrent_r_count(const qn_recurrent *k) {
  size_t total;
  if (k->cell != QN_GRU) return packed(k->hidden, k->gates * k->hidden);
  size_t two = packed(k->hidden, 2 * k->hidden), one = packed(k->hidden, k->hidden);
  return two && one && qn_size_add(two, one, &total) && total <= SIZE_MAX / sizeof(float) ? total : 0;
}

/* Where GRU's weights for the hidden gate begin. */
static size_t gate_offset_f32(const qn_recurrent *k) { return packed(k->hidden, 2 * k->hidden); }
static size_t gate_offset_f64(const qn_recurrent *k) { return (size_t)(2 * k->hidden * k->hidden); }

void qn_recurrent_pack(const qn_recurrent *k, const float *w, const float *r, float *packed_w, float *packed_r) {
  int64_t n = k->hidden;
  qn_gemm_pack(k->inputs, k->gates * n, w, 1, k->inputs, packed_w);
  qn_gemm_pack(n, k->cell == QN_GRU ? 2 * n : k->gates * n, r, 1, n, packed_r);
  if (k->cell == QN_GRU) qn_gemm_pack(n, n, r + 2 * n * n, 1, n, packed_r + gate_offset_f32(k));
}

size_t qn_recurrent_room(const qn_recurrent *k) {
  size_t width = (size_t)(k->gates * k->hidden), rows, sums, all, states;
  /* sums [block·batch, width], hr [batch, width], bias [width], h and c [batch, hidden], two rows */
  if (!qn_size_mul((size_t)block_of(k) + 1, (size_t)k->batch, &rows) || !qn_size_mul(rows + 1, width, &sums) ||
      !qn_size_mul(2 * (size_t)k->batch + 2, (size_t)k->hidden, &states) || !qn_size_add(sums, states, &all) || all > SIZE_MAX / 16)
    return 0;
  return all + QN_ALIGN;
}

static void product_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc, const float *bias) {
  qn_epilogue e = {bias, -INFINITY, INFINITY};
  qn_gemm(m, n, k, a, lda, b, c, ldc, &e);
}

static void product_f64(int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *b, double *c, int64_t ldc, const double *bias) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      double sum = bias ? bias[j] : 0;
      for (int64_t l = 0; l < k; l++) sum += a[i * lda + l] * b[j * k + l];
      c[i * ldc + j] = sum;
    }
}

#define T float
#define TYPE QN_FLOAT
#define NAME(x) x##_f32
#include "kernel/recurrent_body.h"
#undef T
#undef TYPE
#undef NAME
#define T double
#define TYPE QN_DOUBLE
#define NAME(x) x##_f64
#include "kernel/recurrent_body.h"

void qn_recurrent_run(const qn_recurrent *k, const qn_recurrent_pass *p, const void *x, void *scratch) {
  if (k->dtype == QN_DOUBLE) run_f64(k, p, x, scratch);
  else run_f32(k, p, x, scratch);
}
