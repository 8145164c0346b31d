#include "graph/execute.h"

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

static qn_status execute(qn_executor *e, uint64_t until, bool *done) {
  while (e->depth) {
    qn_frame *f = e->stack[e->depth - 1];
    if (f->next_step == f->current->n_steps) {
      if (!f->current->complete) {
        QN_TRY(qn_frame_continue(f));
        continue;
      }
      e->depth--;
      continue;
    }
    qn_plan_step *step = &f->current->steps[f->next_step];
    if (step->step.op->flags & QN_CONTROL) {
      QN_TRY(run_control(e, f, step));
    } else {
      QN_TRY(step->step.op->run(&step->step));
      f->next_step++;
    }
    if (until && qn_now_us() >= until) break;
  }
  *done = e->depth == 0;
  return QN_OK;
}

qn_status qn_execute(qn_executor *e, uint32_t budget_us, bool *done) {
  *done = false;
  qn_status status = execute(e, budget_us ? qn_now_us() + budget_us : 0, done);
  if (status != QN_OK) {
    for (int i = 0; i < e->depth; i++) { /* a later run starts control steps afresh */
      qn_frame *f = e->stack[i];
      if (f->current && f->next_step < f->current->n_steps) f->current->steps[f->next_step].step.phase = 0;
    }
    e->depth = 0;
  }
  return status;
}
