/* Scratch memory of the tree ensembles: a block of rows at a time, so that it is bounded whatever the shape. */
#ifndef QN_OP_TREE_ROOMS_H
#define QN_OP_TREE_ROOMS_H

#include "kernel/tree.h"
#include "op/scratch.h"

typedef struct qn_tree_rooms {
  int64_t rows;           /* in a block */
  double *scores, *work;  /* [rows, targets]; see qn_tree_work() */
  uint8_t *reached;       /* [rows, targets] */
  float *z;               /* [targets] */
} qn_tree_rooms;

static inline void qn_tree_rooms_take(qn_room *r, int64_t targets, int64_t columns, qn_tree_rooms *m) {
  const int64_t widest = targets > columns ? targets : columns;
  m->rows = widest > 65536 / QN_TREE_ROWS ? 65536 / widest : QN_TREE_ROWS;
  if (m->rows < 1) m->rows = 1;
  m->scores = qn_room_take(r, (size_t)(m->rows * targets), sizeof(double));
  m->reached = qn_room_take(r, (size_t)(m->rows * targets), 1);
  m->work = qn_room_take(r, qn_tree_work(m->rows, columns), sizeof(double));
  m->z = qn_room_take(r, (size_t)targets, sizeof(float));
}

#endif
