/* What the control flow operators share: bodies as frames of their own, values carried from one iteration to the next. */
#ifndef QN_GRAPH_CONTROL_H
#define QN_GRAPH_CONTROL_H

#include "graph/execute.h"

typedef struct qn_loop { /* the state of a Loop or Scan step */
  int64_t iteration, trips;   /* trips -1: no limit */
  int64_t batch;              /* Scan-8: the sequence of the batch that is being scanned */
  qn_value *carried[2];       /* [n_carried] values of this iteration and the next */
  qn_value *collected;        /* [n_scans] outputs so far, stacked along a new first dimension */
  qn_value *slices;           /* [n_slices] Scan: one element of each scanned input, then Scan-8's sequence that it is taken from */
  int n_carried, n_scans, n_slices;
  uint8_t condition;
} qn_loop;

/* plan of If, Loop and Scan: everything is decided while running. */
qn_status qn_control_plan(qn_step *s);
/* The frame of the step's body `index`, made on first use. */
qn_status qn_control_frame(qn_frame *caller, const qn_plan_step *step, int index, qn_frame **out);
/* The graph attribute `name` and its place among the node's bodies; NULL when it is missing. */
const qn_attr *qn_control_graph(const qn_step *s, const char *name, int *index);
/* Both: the frame of the step's graph attribute `name`, which has to be there; its place among the node's bodies in *index. */
qn_status qn_control_body(qn_frame *caller, qn_plan_step *step, const char *name, int *index, qn_frame **body);
/* A body's input refers to the value; nothing is copied. */
void qn_control_bind(qn_plan_value *to, const qn_value *from);
/* Binds what the body takes from the graphs around it. */
qn_status qn_control_captures(qn_frame *body, const qn_step *s);

/* Memory for the values of a loop, once. */
qn_status qn_loop_values(qn_step *s, qn_loop *l, int carried, int scans, int slices);
void qn_loop_release(qn_step *s);
/* Appends `v` to scan output k as its element l->iteration. */
qn_status qn_loop_collect(qn_step *s, qn_loop *l, int k, const qn_value *v);
/* A scan output of no iterations, in the type and shape that the body declares for its output. */
qn_status qn_loop_empty(qn_step *s, qn_frame *body, int output, qn_value *out);
/* Takes the body's outputs after an iteration: `first` … are the carried values, then the scan outputs. */
qn_status qn_loop_advance(qn_step *s, qn_loop *l, qn_frame *body, int first);
const qn_value *qn_loop_output(qn_frame *body, int i);

qn_status qn_scan_run(qn_frame *caller, qn_plan_step *step, qn_frame **body);
qn_status qn_sequence_map_run(qn_frame *caller, qn_plan_step *step, qn_frame **body);
qn_status qn_flex_attention_run(qn_frame *caller, qn_plan_step *step, qn_frame **body);

#endif
