#include "kernel/recurrent.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/gemm.h"
#include "kernel/vmath4.h"

/* c [M, N] = a [M, K] · weights + bias [N] */
static void product_f32(int64_t m, int64_t n, int64_t k, const float *a, const float *packed, const float *bias, float *c) {
  qn_gemm(m, n, k, a, k, packed, c, n, &(qn_epilogue){bias, -INFINITY, INFINITY});
}
/* weights [N, K] */
static void product_f64(int64_t m, int64_t n, int64_t k, const double *a, const double *weights, const double *bias, double *c) {
  qn_matmul_plain(QN_DOUBLE, m, n, k, a, k, 1, weights, 1, k, c);
  for (int64_t i = 0; bias && i < m; i++)
    for (int64_t j = 0; j < n; j++) c[i * n + j] += bias[j];
}

/* Directions that work at once, each in a part of the work of its own. */
static size_t room_sets(const qn_recurrent *p) { return qn_parallel_width() > 1 ? (size_t)p->directions : 1; }

static size_t room_of_one(const qn_recurrent *p) {
  const size_t batch = (size_t)p->batch, rows = (size_t)qn_cell_gates(p->cell) * (size_t)p->hidden;
  return (((size_t)p->steps + 1) * batch * rows + 3 * batch * (size_t)p->hidden + rows + 31) & ~(size_t)31; /* lines of a cache of their own */
}

size_t qn_recurrent_room(const qn_recurrent *p) {
  /* (T + 1)·B·G·H products, 3·B·H of state and work, G·H of bias: at most (T + 5)·(B + 1)·G·H */
  size_t count, bytes;
  if ((uint64_t)p->steps > SIZE_MAX - 5 || (uint64_t)p->batch >= SIZE_MAX || (uint64_t)p->hidden > SIZE_MAX / 4) return 0;
  size_t rows = (size_t)qn_cell_gates(p->cell) * (size_t)p->hidden;
  if (!qn_size_mul((size_t)p->steps + 5, (size_t)p->batch + 1, &count) || !qn_size_mul(count, rows, &count) || !qn_size_mul(count, 2 * sizeof(double), &bytes)) return 0;
  return room_sets(p) * room_of_one(p);
}

static double sigmoid_f64(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}
static double at_least_f64(double x, double low) { return x < low ? low : x; }
static double at_most_f64(double x, double high) { return x > high ? high : x; }

#define HEAT
#define REAL float
#define NAMED(name) name##_f32
#define ALL_SIGMOID(n, x) QN_MAP4(n, x, x, qn_sigmoid4(v))
#define ALL_TANH(n, x) QN_MAP4(n, x, x, qn_tanh4(v))
#define TANH qn_tanh_f32
#define EXP qn_exp_f32
#define EXPM1 qn_expm1_f32
#define LOG1P qn_log1p_f32
#define ABS qn_abs_f32
#define AT_LEAST qn_at_least
#define AT_MOST qn_at_most
#include "kernel/recurrent_body.h"

#undef HEAT
#define HEAT QN_COLD
#define REAL double
#define NAMED(name) name##_f64
#define ALL_SIGMOID(n, x) for (int64_t i = 0; i < n; i++) x[i] = sigmoid_f64(x[i])
#define ALL_TANH(n, x) for (int64_t i = 0; i < n; i++) x[i] = tanh(x[i])
#define TANH tanh
#define EXP exp
#define EXPM1 expm1
#define LOG1P log1p
#define ABS fabs
#define AT_LEAST at_least_f64
#define AT_MOST at_most_f64
#include "kernel/recurrent_body.h"

/* One direction. A GRU's candidate is packed by itself, as its product is made after the reset. */
static size_t hidden_count(qn_cell cell, int64_t hidden, size_t *first) {
  size_t sum, last = 0;
  if (hidden > INT64_MAX / 4) return 0;
  *first = qn_gemm_packed_count(hidden, cell == QN_CELL_GRU ? 2 * hidden : qn_cell_gates(cell) * hidden, sizeof(float));
  if (cell == QN_CELL_GRU && (last = qn_gemm_packed_count(hidden, hidden, sizeof(float))) == 0) return 0;
  return *first && qn_size_add(*first, last, &sum) ? sum : 0;
}
static size_t input_count(qn_cell cell, int64_t inputs, int64_t hidden) {
  return hidden > INT64_MAX / 4 ? 0 : qn_gemm_packed_count(inputs, qn_cell_gates(cell) * hidden, sizeof(float));
}
static size_t floats(size_t each, int directions) {
  size_t count, bytes;
  return qn_size_mul(each, (size_t)directions, &count) && qn_size_mul(count, sizeof(float), &bytes) ? count : 0;
}

size_t qn_recurrent_input_count(qn_cell cell, int directions, int64_t inputs, int64_t hidden) {
  return floats(input_count(cell, inputs, hidden), directions);
}
size_t qn_recurrent_hidden_count(qn_cell cell, int directions, int64_t hidden) {
  size_t first;
  return floats(hidden_count(cell, hidden, &first), directions);
}

void qn_recurrent_pack_input(qn_cell cell, int directions, int64_t inputs, int64_t hidden, const float *w, float *packed) {
  const int64_t rows = qn_cell_gates(cell) * hidden;
  const size_t each = input_count(cell, inputs, hidden);
  for (int k = 0; k < directions; k++) qn_gemm_pack(inputs, rows, w + k * rows * inputs, 1, inputs, packed + (size_t)k * each);
}
void qn_recurrent_pack_hidden(qn_cell cell, int directions, int64_t hidden, const float *r, float *packed) {
  const int64_t rows = qn_cell_gates(cell) * hidden, early = cell == QN_CELL_GRU ? 2 * hidden : rows;
  size_t first, each = hidden_count(cell, hidden, &first);
  for (int k = 0; k < directions; k++, r += rows * hidden, packed += each) {
    qn_gemm_pack(hidden, early, r, 1, hidden, packed);
    if (early < rows) qn_gemm_pack(hidden, rows - early, r + early * hidden, 1, hidden, packed + first);
  }
}

typedef struct job {
  const qn_recurrent *p;
  const qn_recurrent_data *d;
} job;

/* Directions [first, last), whose inputs are projected. */
static void recur(const void *argument, int64_t first, int64_t last, int worker) {
  const qn_recurrent *p = ((const job *)argument)->p;
  const qn_recurrent_data *d = ((const job *)argument)->d;
  (void)worker;
  for (int k = (int)first; k < last; k++) {
    if (p->dtype == QN_DOUBLE) {
      const double *r = (const double *)d->r + k * qn_cell_gates(p->cell) * p->hidden * p->hidden;
      recur_f64(p, d, k, r, r + 2 * p->hidden * p->hidden);
    } else {
      size_t early, each = hidden_count(p->cell, p->hidden, &early);
      const float *r = (const float *)d->r + (size_t)k * each;
      recur_f32(p, d, k, r, r + early);
    }
  }
}

void qn_recurrent_run(const qn_recurrent *p, const qn_recurrent_data *d) {
  const int64_t rows = qn_cell_gates(p->cell) * p->hidden, apart = (int64_t)room_sets(p);
  const size_t y_count = (size_t)(p->steps * p->directions * p->batch * p->hidden);
  if (d->y && d->lengths) memset(d->y, 0, y_count * (p->dtype == QN_DOUBLE ? sizeof(double) : sizeof(float)));
  for (int64_t k = 0; k < p->directions; k++) { /* all threads share an input product, then each takes a direction */
    if (p->dtype == QN_DOUBLE) project_f64(p, d, (int)k, (const double *)d->w + k * rows * p->inputs);
    else project_f32(p, d, (int)k, (const float *)d->w + (size_t)k * input_count(p->cell, p->inputs, p->hidden));
    if (apart == 1) recur(&(job){p, d}, k, k + 1, 0);
  }
  if (apart > 1) qn_parallel(apart, p->steps * p->batch * rows * p->hidden, recur, &(job){p, d});
}
