/* Running frames: resumable at node boundaries, bodies of control flow on a stack. */
#ifndef QN_GRAPH_EXECUTE_H
#define QN_GRAPH_EXECUTE_H

#include "graph/plan.h"

typedef struct qn_executor {
  qn_frame *stack[64];
  int depth;                 /* frames on the stack; 0: not running */
} qn_executor;

/* The main frame's inputs are bound. */
qn_status qn_execute_begin(qn_executor *e, qn_frame *main);
#define QN_ONE_NODE UINT32_MAX
/* Runs for about budget_us (0: to the end; QN_ONE_NODE: one step). On failure the run is over. */
qn_status qn_execute(qn_executor *e, uint32_t budget_us, bool *done);
/* What the next qn_execute begins with, planned if need be; *step = NULL at the end. On failure the run is over. */
qn_status qn_execute_next(qn_executor *e, const qn_plan_step **step);

/* Control flow (control.c). Returns QN_CALL with *body bound and ready when a body is to run, QN_OK when the step is complete. */
qn_status qn_control_run(qn_frame *caller, qn_plan_step *step, qn_frame **body);

extern uint64_t qn_now_us(void);

#endif
