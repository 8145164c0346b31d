#include "graph/execute.h"

#include "base/parallel.h"

static qn_status push(qn_executor *e, qn_frame *f) {
  if (e->depth == (int)(sizeof e->stack / sizeof e->stack[0])) return qn_fail(f->ir->context->err, QN_ERR_UNSUPPORTED, "control flow nested too deep");
  QN_TRY(qn_frame_begin(f));
  e->stack[e->depth++] = f;
  return QN_OK;
}

qn_status qn_execute_begin(qn_executor *e, qn_frame *main) {
  e->depth = 0;
  return push(e, main);
}

static qn_status run_control(qn_executor *e, qn_frame *f, qn_plan_step *step) {
  qn_frame *body = NULL;
  qn_status status = qn_control_run(f, step, &body);
  if (status == QN_CALL) return push(e, body);
  if (status == QN_OK) {
    step->step.phase = 0;
    f->next_step++;
  }
  return status;
}

/* The step that runs next, segments planned and finished bodies left on the way; NULL at the end of the run. */
static qn_status find_next(qn_executor *e, qn_plan_step **step) {
  *step = NULL;
  while (e->depth) {
    qn_frame *f = e->stack[e->depth - 1];
    if (f->next_step < f->current->n_steps) {
      *step = &f->current->steps[f->next_step];
      return QN_OK;
    }
    if (f->current->complete) e->depth--;
    else QN_TRY(qn_frame_continue(f));
  }
  return QN_OK;
}

/* Elements that a step reads and writes. */
static uint64_t size_of(const qn_step *s) {
  uint64_t n = 1;
  for (int i = 0; i < s->n_in; i++) n += s->in[i] ? (uint64_t)s->in[i]->tensor.count : 0;
  for (int i = 0; i < s->n_out; i++) n += s->out[i] ? (uint64_t)s->out[i]->tensor.count : 0;
  return n;
}

static qn_status execute(qn_executor *e, uint64_t until, bool *done) {
  enum { OFTEN = 1 << 14 }; /* elements between two looks at the clock, which costs as much as a small step */
  uint64_t work = until == 1 ? OFTEN : 0;
  qn_plan_step *step;
  for (;;) {
    QN_TRY(find_next(e, &step));
    if (!step) break;
    qn_frame *f = e->stack[e->depth - 1];
    if (until) work += size_of(&step->step);
    if (step->step.op->flags & QN_CONTROL) {
      QN_TRY(run_control(e, f, step));
    } else {
      QN_TRY(step->step.op->run(&step->step));
      f->next_step++;
    }
    if (work >= OFTEN) {
      if (qn_now_us() >= until) break;
      work = 0;
    }
  }
  *done = e->depth == 0;
  return QN_OK;
}

/* Ends a run that failed; a later one starts control steps afresh. */
static qn_status settle(qn_executor *e, qn_status status) {
  if (status == QN_OK) return status;
  for (int i = 0; i < e->depth; i++) {
    qn_frame *f = e->stack[i];
    if (f->current && f->next_step < f->current->n_steps) f->current->steps[f->next_step].step.phase = 0;
  }
  e->depth = 0;
  return status;
}

qn_status qn_execute(qn_executor *e, uint32_t budget_us, bool *done) {
  *done = false;
  qn_parallel_ready();
  uint64_t until = budget_us == QN_ONE_NODE ? 1 : budget_us ? qn_now_us() + budget_us : 0; /* 1: long past */
  return settle(e, execute(e, until, done));
}

qn_status qn_execute_next(qn_executor *e, const qn_plan_step **step) {
  qn_plan_step *found;
  QN_TRY(settle(e, find_next(e, &found)));
  *step = found;
  return QN_OK;
}
