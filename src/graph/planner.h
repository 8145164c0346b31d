/* The planner's work on one segment. */
#ifndef QN_GRAPH_PLANNER_H
#define QN_GRAPH_PLANNER_H

#include "graph/plan.h"
#include "op/channels_last.h"

/* State behind qn_step.planner while an operator's plan() or prepare() runs. */
typedef struct qn_planner {
  qn_frame *frame;             /* NULL: folding or preparing */
  qn_plan *plan;
  qn_pool *pool;               /* for qn_state */
  qn_context *context;
  const bool *known;           /* [n_in] */
  int need;                    /* input whose contents were asked for, or -1 */
  int *view_of;                /* [n_out] input that the output is a view of, or -1 */
  const qn_ir_node *node;      /* prepare: for constants */
  qn_ir *ir;
} qn_planner;

qn_status qn_planner_make(qn_frame *f, qn_plan *parent, const uint8_t *key, size_t key_size, qn_plan **out);
/* Where value `id` is after plan `p`: its plain form, or NULL. */
const qn_plan_value *qn_planner_lookup(qn_frame *f, const qn_plan *p, int id);

/* Layout changes (layout.c). `dims` of rank ≥ 3 between [N, C, spatial…] and [N, spatial…, C]. */
void qn_dims_to_last(int rank, const int64_t *in, int64_t *out);
void qn_dims_to_plain(int rank, const int64_t *in, int64_t *out);
/* Both orders hold the elements in the same sequence (one channel, or one point). `dims` in logical order. */
bool qn_layout_is_trivial(int rank, const int64_t *dims);

#endif
