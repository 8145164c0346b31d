/* The innermost part of convolutions: rows of numbers, found by pointers, times packed panels of weights, in tiles that fill
 * the registers. */
#ifndef QN_KERNEL_TILE_H
#define QN_KERNEL_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/activation.h"

/* Rows and 8 columns keep both multipliers of a core busy: eight sums in flight, each four cycles long, and some more. Multiply and add in one
 * leave sixteen registers room for six rows; done apart, engines spill. */
#if defined(__wasm_simd128__) && !defined(__wasm_relaxed_simd__)
#define QN_TILE_ROWS 4
#define QN_TILE_EACH(X) X(0) X(1) X(2) X(3)
#define QN_TILE_REST(X)
#else
#define QN_TILE_ROWS 6
#define QN_TILE_EACH(X) X(0) X(1) X(2) X(3) QN_TILE_REST(X)
#define QN_TILE_REST(X) X(4) X(5)
#endif
#define QN_TILE_PANEL 8

/* Packed weights of `columns` columns (rounded up to a multiple of 4) and `depth` rows; SIZE_MAX elements on overflow. */
size_t qn_tile_packed_count(int64_t depth, int64_t columns);
/* weight [columns, inner, taps] → panels of 8 columns (the last one of 4 where that is enough), in each depth rows in the order
 * [tap, inner]. packed may be weight itself where columns is a multiple of 4. room: [8, inner, taps]. */
void qn_tile_pack(int64_t columns, int64_t taps, int64_t inner, const float *weight, float *packed, float *room);

typedef struct qn_tiles {
  int64_t rows;               /* the last tile may be short: its row pointers beyond are valid addresses all the same */
  const float **row;          /* [tiles][QN_TILE_ROWS] */
  const uint8_t *gathered;    /* [tiles]: the tile's rows are `depth` consecutive floats; else `runs` runs */
  const size_t *offset;       /* [runs] from the row's pointer, in floats */
  size_t runs, length;        /* runs · length == depth */
  size_t depth;
  bool alike;                 /* no tile is gathered, so that the last rows may be tiles of four */
  size_t pitch;               /* floats from row to row where all lie evenly; else 0 */
  bool eights;                /* the weights are packed by qn_gemm_pack(), in panels of 8 columns to the last */
} qn_tiles;

typedef struct qn_tile_out {
  float *y;                   /* [rows, stride], this many columns of each */
  int64_t columns, stride;
  const float *bias;          /* NULL, or one number a column, readable up to a multiple of 8 */
  const float *residual;      /* NULL, or [rows, residual_stride], residual_columns of each: added before the activation */
  int64_t residual_columns, residual_stride;
  qn_activation activation;
} qn_tile_out;

/* What becomes of the sums of a panel. */
typedef struct qn_tile_end {
  const float *bias;          /* [8] */
  const float *residual;      /* NULL, or [rows, residual_stride], added before the activation */
  size_t residual_stride;
  const qn_activation *activation;
} qn_tile_end;

/* c [tiles · QN_TILE_ROWS, 8 of ldc] = activation(bias + a · b + residual); a: [rows, depth of lda], b: a packed panel [depth, 8] */
void qn_tile_rows(size_t tiles, size_t depth, const float *a, size_t lda, const float *b, const qn_tile_end *end, float *c, size_t ldc);

/* Stores four sums of a row, those past the last column left out. */
void qn_tile_put_part(const qn_tile_out *o, qn_f32x4 sum, int64_t row, int64_t column);
static inline bool qn_tile_whole(const qn_tile_out *o, int64_t column, int64_t width) {
  return column + width <= o->columns && (!o->residual || column >= o->residual_columns || column + width <= o->residual_columns);
}
static inline void qn_tile_put(const qn_tile_out *o, qn_f32x4 sum, int64_t row, int64_t column) {
  if (!qn_tile_whole(o, column, 4)) {
    qn_tile_put_part(o, sum, row, column);
    return;
  }
  if (o->residual && column < o->residual_columns) sum = qn_add(sum, qn_load4(o->residual + row * o->residual_stride + column));
  qn_store4(o->y + row * o->stride + column, qn_activate4(&o->activation, sum));
}

void qn_tile_run(const qn_tiles *tiles, const float *packed, const qn_tile_out *out);

#endif
