/* State: an output of a run that is an input of the next one stays in the heap. Where it is Concat(input, new), only the new rows are
 * written, behind those that are there: the state grows in a block with room, each of its parts (one for each index of the dimensions
 * before the axis) `pitch` bytes after the last. Operators with QN_PITCHED read it like that, for the others it is copied together. */
#ifndef QN_GRAPH_STATE_H
#define QN_GRAPH_STATE_H

#include "graph/ir.h"

typedef struct qn_kept_state {
  int output;      /* of the graph, -1: the input is no state */
  int joined;      /* value id of Concat(input, …), which the output is; -1: there is none, and the output is copied */
  qn_value *value; /* the input's */
  int axis;
  int64_t rows;    /* along the axis, with those that this run wrote behind those of `value`; -1: it wrote none there */
  qn_value next;   /* a copy of an output that is an input: others may take theirs from there */
} qn_kept_state;

/* State that leads from output `output` to input `slot`. */
qn_kept_state qn_state_of(const qn_ir *g, int slot, int output, qn_value *value);
/* A graph output whose value id lies in the state of `states` [n_inputs, may be NULL]: nobody else needs it. */
bool qn_state_holds(const qn_ir *g, const qn_kept_state *states, int output);
/* Moves the parts of `value` together. */
void qn_state_compact(qn_kept_state *s);
void qn_state_clear(qn_kept_state *s);

/* Append: [past, new] → past ++ new along an axis, in the block of the state; Compact: pitched → dense. */
typedef struct qn_append {
  qn_kept_state *state; /* NULL for Compact */
  int axis;
} qn_append;
extern const qn_op qn_op_append, qn_op_compact;

#endif
