/* LSTM, GRU and RNN over a sequence. The input projection is one product per block of time steps; a step is one product of
 * the state with packed weights, then elementwise gates. */
#ifndef QN_KERNEL_RECURRENT_H
#define QN_KERNEL_RECURRENT_H

#include "kernel/gemm.h"
#include "kernel/unary.h"

typedef enum qn_cell { QN_RNN, QN_GRU, QN_LSTM } qn_cell;

typedef struct qn_activation { /* scale · f(pre · x; a, b) + shift */
  qn_unary f;
  float a, b, pre, scale, shift;
} qn_activation;

typedef struct qn_recurrent {
  qn_cell cell;
  qn_dtype dtype;                     /* QN_FLOAT or QN_DOUBLE: of all arrays */
  int gates;                          /* 1, 3, 4 */
  int64_t steps, batch, inputs, hidden;
  int64_t x_time, x_batch, y_time, y_batch, state_batch; /* strides in rows: of x, of y, of the states */
  float clip;                         /* INFINITY: none */
  bool reset_after, couple;           /* GRU's linear_before_reset, LSTM's input_forget */
} qn_recurrent;

typedef struct qn_recurrent_pass { /* one direction; y and the states point at its first row. Rows have `hidden` elements */
  bool reverse;
  qn_activation act[3];
  const void *w, *r;                  /* packed (double: as they are): [gates·hidden, inputs], [gates·hidden, hidden] */
  const void *bias;                   /* [2·gates·hidden] or NULL */
  const void *peepholes;              /* [3·hidden] or NULL */
  const void *h0, *c0;                /* rows per batch, or NULL for zeros */
  const int32_t *lengths;             /* [batch], within 0 … steps, or NULL */
  void *y;                            /* NULL: not wanted */
  void *h, *c;                        /* last states; never NULL (c: LSTM only) */
} qn_recurrent_pass;

/* Packed elements for one direction; 0 on overflow. GRU's rows for the hidden gate are packed apart. */
size_t qn_recurrent_w_count(const qn_recurrent *k);
size_t qn_recurrent_r_count(const qn_recurrent *k);
void qn_recurrent_pack(const qn_recurrent *k, const float *w, const float *r, float *packed_w, float *packed_r);
/* Elements of scratch; 0 on overflow. */
size_t qn_recurrent_room(const qn_recurrent *k);
void qn_recurrent_run(const qn_recurrent *k, const qn_recurrent_pass *p, const void *x, void *scratch);

#endif
