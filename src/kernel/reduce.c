/* Results are made a tile at a time. When the innermost dimension is kept, a tile is a run of neighbouring results and
 * rows are added to it; when it is reduced, a tile is one result and rows are folded into it. Floats are summed in short
 * stretches in float lanes, and the stretches in double. */
#include "kernel/reduce.h"

#include <math.h>
#include <string.h>

#include "kernel/cast.h"
#include "kernel/copy.h"
#include "kernel/simd.h"
#include "kernel/vmath.h"

enum { TILE = 64, STRETCH = 256, ROWS = 64 };

/* What is accumulated; the rest is done to the result. */
typedef enum fold { FOLD_SUM, FOLD_ABS, FOLD_SQUARE, FOLD_EXP, FOLD_PROD, FOLD_MAX, FOLD_MIN } fold;

void qn_reduce_prepare(qn_reduce_plan *p, qn_reduction kind, qn_dtype dtype, int rank, const int64_t *dims, unsigned mask,
                       const int64_t *y_strides) {
  *p = (qn_reduce_plan){.kind = kind, .dtype = dtype, .total = 1};
  for (int i = 0; i < rank; i++) { /* first: a zero makes the other products meaningless */
    if (dims[i] != 0) continue;
    if (mask >> i & 1) p->total = 0;
    else p->empty = true;
  }
  if (p->empty) return;
  int64_t strides[QN_MAX_RANK];
  qn_strides(rank, dims, strides);
  int last = -1;
  for (int i = 0; i < rank; i++) {
    if (dims[i] == 1) continue;
    int gone = (int)(mask >> i & 1);
    if (gone) {
      if (p->total == 0) continue;
      p->total *= dims[i];
      if (last != 1) p->red_dims[p->reduced++] = 1;
      p->red_dims[p->reduced - 1] *= dims[i];
      p->red_x[p->reduced - 1] = strides[i];
    } else {
      int k = p->kept;
      if (last == 0 && p->kept_y[k - 1] == y_strides[i] * dims[i]) {
        p->kept_dims[k - 1] *= dims[i];
        p->kept_x[k - 1] = strides[i];
        p->kept_y[k - 1] = y_strides[i];
      } else {
        p->kept_dims[k] = dims[i];
        p->kept_x[k] = strides[i];
        p->kept_y[k] = y_strides[i];
        p->kept++;
      }
    }
    last = gone;
  }
}

#define NAN_MAX(a, b) ((a) >= (b) || (a) != (a) ? (a) : (b))
#define NAN_MIN(a, b) ((a) <= (b) || (a) != (a) ? (a) : (b))
#define LANES_LOOP(T, expression)                                             \
  {                                                                           \
    for (; i + 16 <= n; i += 16)                                              \
      for (int j = 0; j < 16; j++) { T a = lane[j], v = x[i + j]; (void)v; lane[j] = expression; } \
    for (; i < n; i++) { T a = lane[0], v = x[i]; (void)v; lane[0] = expression; }     \
    break;                                                                    \
  }
#define COLUMN_LOOP(T, expression)                                            \
  for (int64_t j = 0; j < n; j++) { T a = acc[j], v = x[j]; (void)v; acc[j] = expression; } \
  break;

/* fold_row_T: all of x[n] into one number. fold_column_T: x[n] into acc[n], element by element. */
#define DEFINE_FOLDS(HEAT, T, ABS, EXP, ADD, MUL)                                                       \
  HEAT static T fold_row_##T(fold f, const T *x, int64_t n, T start, T shift) {                        \
    T lane[16];                                                                                   \
    for (int j = 0; j < 16; j++) lane[j] = start;                                                 \
    int64_t i = 0;                                                                                \
    (void)shift;                                                                                  \
    switch (f) {                                                                                  \
      case FOLD_SUM: LANES_LOOP(T, ADD(a, v))                                                     \
      case FOLD_ABS: LANES_LOOP(T, ADD(a, ABS(v)))                                                \
      case FOLD_SQUARE: LANES_LOOP(T, ADD(a, MUL(v, v)))                                          \
      case FOLD_EXP: LANES_LOOP(T, ADD(a, EXP(v - shift)))                                        \
      case FOLD_PROD: LANES_LOOP(T, MUL(a, v))                                                    \
      case FOLD_MAX: LANES_LOOP(T, NAN_MAX(a, v))                                                 \
      case FOLD_MIN: LANES_LOOP(T, NAN_MIN(a, v))                                                 \
    }                                                                                             \
    for (int width = 8; width; width /= 2)                                                        \
      for (int j = 0; j < width; j++) {                                                           \
        T a = lane[j], v = lane[j + width];                                                       \
        lane[j] = f == FOLD_MAX ? NAN_MAX(a, v) : f == FOLD_MIN ? NAN_MIN(a, v) : f == FOLD_PROD ? MUL(a, v) : ADD(a, v); \
      }                                                                                           \
    return lane[0];                                                                               \
  }                                                                                               \
  HEAT static void fold_column_##T(fold f, const T *x, int64_t n, T *acc, const T *shift) {            \
    (void)shift;                                                                                  \
    switch (f) {                                                                                  \
      case FOLD_SUM: COLUMN_LOOP(T, ADD(a, v))                                                    \
      case FOLD_ABS: COLUMN_LOOP(T, ADD(a, ABS(v)))                                               \
      case FOLD_SQUARE: COLUMN_LOOP(T, ADD(a, MUL(v, v)))                                         \
      case FOLD_EXP: COLUMN_LOOP(T, ADD(a, EXP(v - shift[j])))                                    \
      case FOLD_PROD: COLUMN_LOOP(T, MUL(a, v))                                                   \
      case FOLD_MAX: COLUMN_LOOP(T, NAN_MAX(a, v))                                                \
      case FOLD_MIN: COLUMN_LOOP(T, NAN_MIN(a, v))                                                \
    }                                                                                             \
  }

#define PLAIN_ADD(a, b) ((a) + (b))
#define PLAIN_MUL(a, b) ((a) * (b))
#define WRAP_ADD(a, b) ((int64_t)((uint64_t)(a) + (uint64_t)(b)))
#define WRAP_MUL(a, b) ((int64_t)((uint64_t)(a) * (uint64_t)(b)))
#define WRAP_ABS(a) ((a) < 0 ? (int64_t)(0 - (uint64_t)(a)) : (a))
DEFINE_FOLDS(, float, fabsf, qn_exp_f32, PLAIN_ADD, PLAIN_MUL)
DEFINE_FOLDS(QN_COLD, double, fabs, exp, PLAIN_ADD, PLAIN_MUL)

/* Integers wrap: their sums and products are those of unsigned numbers. */
typedef int64_t integer;
#define NO_EXP(a) ((integer)0)
DEFINE_FOLDS(QN_COLD, integer, WRAP_ABS, NO_EXP, WRAP_ADD, WRAP_MUL)

typedef union number { double f; int64_t i; } number;
typedef union stretch { float f32[STRETCH]; double f64[STRETCH]; int64_t i64[STRETCH]; } stretch;

typedef struct job {
  const qn_reduce_plan *p;
  const void *x;
  qn_compute compute;
  fold f;
  bool direct, flip; /* x has the compute type; uint64 is compared as int64 with the top bit flipped */
} job;

static number neutral(const job *j) {
  const qn_dtype_info *info = qn_dtype_of(j->p->dtype);
  if (j->compute != QN_IN_I64) {
    return (number){.f = j->f == FOLD_PROD ? 1 : j->f == FOLD_MAX ? -(double)INFINITY : j->f == FOLD_MIN ? (double)INFINITY : 0};
  }
  bool is_signed = info->is_signed || j->flip;
  unsigned bits = j->p->dtype == QN_BOOL ? 1 : info->bits;
  int64_t top = (int64_t)(((uint64_t)1 << (bits - 1)) - 1); /* signed maximum */
  switch (j->f) {
    case FOLD_PROD: return (number){.i = 1};
    case FOLD_MAX: return (number){.i = is_signed ? -top - 1 : 0};
    case FOLD_MIN: return (number){.i = is_signed ? top : top + 1 + top};
    default: return (number){.i = 0};
  }
}

static const void *elements(const job *j, int64_t at, int64_t n, stretch *buffer) {
  if (j->direct) return (const char *)j->x + (size_t)at * qn_dtype_size(j->p->dtype);
  qn_load(j->compute, j->p->dtype, j->x, (size_t)at, (size_t)n, buffer);
  if (j->flip)
    for (int64_t i = 0; i < n; i++) buffer->i64[i] ^= INT64_MIN;
  return buffer;
}

static void merge(const job *j, number *to, number part) {
  if (j->compute == QN_IN_I64) {
    integer pair[2] = {to->i, part.i};
    fold f = j->f == FOLD_ABS || j->f == FOLD_SQUARE ? FOLD_SUM : j->f;
    fold_column_integer(f, pair + 1, 1, pair, NULL);
    to->i = pair[0];
    return;
  }
  double a = to->f, v = part.f;
  to->f = j->f == FOLD_MAX ? NAN_MAX(a, v) : j->f == FOLD_MIN ? NAN_MIN(a, v) : j->f == FOLD_PROD ? a * v : a + v;
}

/* The next index over the reduced dimensions but `skip` innermost ones. False at the end. */
static bool next_row(const qn_reduce_plan *p, int skip, int64_t *index, int64_t *at) {
  for (int k = p->reduced - skip - 1; k >= 0; k--) {
    *at += p->red_x[k];
    if (++index[k] < p->red_dims[k]) return true;
    *at -= p->red_x[k] * p->red_dims[k];
    index[k] = 0;
  }
  return false;
}

static void fold_line(const job *j, int64_t at, double shift, number *out) {
  const qn_reduce_plan *p = j->p;
  stretch buffer;
  number start = neutral(j);
  int64_t index[QN_MAX_RANK] = {0}, length = p->red_dims[p->reduced - 1];
  *out = start;
  do {
    for (int64_t i = 0; i < length; i += STRETCH) {
      int64_t n = length - i < STRETCH ? length - i : STRETCH;
      const void *x = elements(j, at + i, n, &buffer);
      number part;
      if (j->compute == QN_IN_F32) part.f = (double)fold_row_float(j->f, x, n, (float)start.f, (float)shift);
      else if (j->compute == QN_IN_F64) part.f = fold_row_double(j->f, x, n, start.f, shift);
      else part.i = fold_row_integer(j->f, x, n, start.i, 0);
      merge(j, out, part);
    }
  } while (next_row(p, 1, index, &at));
}

static void fold_tile(const job *j, int64_t at, int64_t width, const double *shift, number *out) {
  stretch buffer, part;
  number start = neutral(j);
  float shift32[TILE];
  for (int64_t k = 0; k < width; k++) {
    out[k] = start;
    shift32[k] = shift ? (float)shift[k] : 0;
  }
  int64_t index[QN_MAX_RANK] = {0};
  bool more = true;
  while (more) {
    for (int64_t k = 0; k < width; k++) {
      if (j->compute == QN_IN_F32) part.f32[k] = (float)start.f;
      else if (j->compute == QN_IN_F64) part.f64[k] = start.f;
      else part.i64[k] = start.i;
    }
    for (int rows = 0; rows < ROWS && more; rows++) {
      const void *x = elements(j, at, width, &buffer);
      if (j->compute == QN_IN_F32) fold_column_float(j->f, x, width, part.f32, shift32);
      else if (j->compute == QN_IN_F64) fold_column_double(j->f, x, width, part.f64, shift);
      else fold_column_integer(j->f, x, width, part.i64, NULL);
      more = next_row(j->p, 0, index, &at);
    }
    for (int64_t k = 0; k < width; k++) {
      number n;
      if (j->compute == QN_IN_F32) n.f = (double)part.f32[k];
      else if (j->compute == QN_IN_F64) n.f = part.f64[k];
      else n.i = part.i64[k];
      merge(j, &out[k], n);
    }
  }
}

static void fold_any(const job *j, bool line, int64_t at, int64_t width, const double *shift, number *out) {
  if (j->p->total == 0)
    for (int64_t k = 0; k < width; k++) out[k] = neutral(j);
  else if (line) fold_line(j, at, shift ? shift[0] : 0, out);
  else fold_tile(j, at, width, shift, out);
}

static double finish(const qn_reduce_plan *p, double r, double shift) {
  switch (p->kind) {
    case QN_REDUCE_MEAN: return r / (double)p->total;
    case QN_REDUCE_L2: return sqrt(r);
    case QN_REDUCE_LOG_SUM: return log(r);
    case QN_REDUCE_LOG_SUM_EXP: return log(r) + shift;
    default: return r;
  }
}

static void reduce_tile(const job *base, bool line, int64_t at, int64_t width, void *y, int64_t y_at, int64_t y_step) {
  const qn_reduce_plan *p = base->p;
  number out[TILE];
  double shift[TILE];
  job j = *base;
  bool lse = p->kind == QN_REDUCE_LOG_SUM_EXP;
  if (lse) {
    j.f = FOLD_MAX;
    fold_any(&j, line, at, width, NULL, out);
    for (int64_t k = 0; k < width; k++) shift[k] = isfinite(out[k].f) ? out[k].f : 0;
    j.f = FOLD_EXP;
  }
  fold_any(&j, line, at, width, lse ? shift : NULL, out);
  for (int64_t k = 0; k < width; k++) {
    if (j.compute != QN_IN_I64) out[k].f = finish(p, out[k].f, lse ? shift[k] : 0);
    else if (j.flip) out[k].i ^= INT64_MIN;
    else if (p->kind == QN_REDUCE_MEAN && p->dtype == QN_UINT64) out[k].i = p->total ? (int64_t)((uint64_t)out[k].i / (uint64_t)p->total) : 0;
    else if (p->kind == QN_REDUCE_MEAN) out[k].i = p->total ? out[k].i / p->total : 0;
  }
  qn_compute c = j.compute == QN_IN_I64 ? QN_IN_I64 : QN_IN_F64;
  qn_cast_mode mode = {0};
  if (y_step == 1) qn_store(c, p->dtype, y, (size_t)y_at, (size_t)width, out, mode);
  else
    for (int64_t k = 0; k < width; k++) qn_store(c, p->dtype, y, (size_t)(y_at + k * y_step), 1, out + k, mode);
}

void qn_reduce(const qn_reduce_plan *p, const void *x, void *y) {
  static const uint8_t FOLD[] = {FOLD_SUM, FOLD_SUM, FOLD_MAX, FOLD_MIN, FOLD_PROD, FOLD_ABS, FOLD_SQUARE, FOLD_SUM, FOLD_EXP, FOLD_SQUARE};
  if (p->empty) return;
  job j = {.p = p, .x = x, .f = (fold)FOLD[p->kind], .compute = qn_compute_of(p->dtype)};
  bool transcendental = p->kind == QN_REDUCE_L2 || p->kind == QN_REDUCE_LOG_SUM || p->kind == QN_REDUCE_LOG_SUM_EXP;
  if (j.compute == QN_IN_U64 || j.compute == QN_IN_I64) j.compute = transcendental ? QN_IN_F64 : QN_IN_I64;
  j.flip = p->dtype == QN_UINT64 && (j.f == FOLD_MAX || j.f == FOLD_MIN);
  j.direct = !j.flip && (qn_compute_dtype(j.compute) == p->dtype || (p->dtype == QN_UINT64 && j.compute == QN_IN_I64));
  if (p->dtype == QN_UINT64 && j.f == FOLD_ABS) j.f = FOLD_SUM;
  bool line = p->kept == 0 || (p->reduced && p->red_x[p->reduced - 1] == 1);
  qn_reduce_plan scalar = *p;
  if (line && p->reduced == 0) { /* one element */
    scalar.reduced = 1;
    scalar.red_dims[0] = scalar.red_x[0] = 1;
    j.p = &scalar;
  }
  int outer = line ? p->kept : p->kept - 1;
  int64_t width = line ? 1 : p->kept_dims[outer], y_step = line ? 1 : p->kept_y[outer];
  int64_t index[QN_MAX_RANK] = {0}, at = 0, y_at = 0;
  for (;;) {
    for (int64_t k = 0; k < width; k += TILE)
      reduce_tile(&j, line, at + k, width - k < TILE ? width - k : TILE, y, y_at + k * y_step, y_step);
    int k = outer - 1;
    for (; k >= 0; k--) {
      at += p->kept_x[k];
      y_at += p->kept_y[k];
      if (++index[k] < p->kept_dims[k]) break;
      at -= p->kept_x[k] * p->kept_dims[k];
      y_at -= p->kept_y[k] * p->kept_dims[k];
      index[k] = 0;
    }
    if (k < 0) return;
  }
}
