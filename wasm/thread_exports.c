/* The exports that only the builds with threads have. web/core/threads.js starts the helpers, in instances of their own on the same memory. */
#include "base/memory.h"
#include "base/parallel.h"

__asm__(".globaltype __stack_pointer, i32\n");

enum { STACK = 256 * 1024 };

/* Before a model is loaded. See qn_parallel_open. */
void qnw_threads(int width, int may_wait, int least) { qn_parallel_open(width, may_wait != 0, least); }
int qnw_threads_wanted(void) { return qn_parallel_wanted(); }
uint32_t qnw_threads_helped(void) { return qn_parallel_helped(); }

/* A stack for a helper, by its lowest address; NULL without memory. */
uint32_t *qnw_stack(void) {
  uint32_t *stack = qn_alloc(STACK);
  if (stack) *stack = QN_PARALLEL_GUARD;
  return stack;
}

/* In a helper's instance, whose stack pointer still is the caller's: no local variable may lie on that stack. */
void qnw_help(int worker, uint32_t *stack) {
  __asm__ volatile("local.get %0\n global.set __stack_pointer" : : "r"((char *)stack + STACK));
  qn_parallel_help(worker, stack);
}
void qnw_help_failed(void) { qn_parallel_failed(); }
