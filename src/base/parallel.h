/* Sharing the work of one kernel among threads. Without QN_THREADS there is one, and all of this disappears.
 *
 * Helpers wait in qn_parallel_help() on stacks of their own; the caller of qn_parallel() works too and never waits for a helper
 * that has not taken a part yet, so a helper may come at any time, or never. Only the caller allocates. */
#ifndef QN_BASE_PARALLEL_H
#define QN_BASE_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Items [first, last) of a job. worker: 0 up to qn_parallel_width() - 1, no two at once with the same: whose scratch to use. */
typedef void qn_task(const void *job, int64_t first, int64_t last, int worker);

#ifdef QN_THREADS

/* Runs `task` over all of [0, count), in parts whose borders are any. cost: of one item, about, in multiplications of a fast
 * kernel; small work stays on the calling thread, and so does what a task itself calls, and all of a job whose cost is negative. */
void qn_parallel(int64_t count, int64_t cost, qn_task *task, const void *job);
/* Work may follow soon: helpers wake, which takes longer than most kernels, and look out for it. */
void qn_parallel_ready(void);
/* Threads that may work at once: what scratch is sized for. */
int qn_parallel_width(void);

/* Once, before anything is planned. may_wait: the calling thread may block (a page's may not: it spins). least: the work that is
 * worth handing over, 0 for the usual. */
void qn_parallel_open(int width, bool may_wait, int64_t least);
/* The life of helper `worker` (1 up to width - 1). guard: the lowest word of its stack, which must stay as it was, or NULL. Comes
 * back after qn_parallel_close(). */
void qn_parallel_help(int worker, const uint32_t *guard);
void qn_parallel_close(void);
/* A helper was stopped by an error within its part: the job's caller stops too. */
void qn_parallel_failed(void);
/* Parts that helpers have taken so far. Sets what is counted from now on: whether any work was found worth sharing. */
uint32_t qn_parallel_helped(void);
bool qn_parallel_wanted(void);

#define QN_PARALLEL_GUARD 0x51756e21u

#else
static inline void qn_parallel(int64_t count, int64_t cost, qn_task *task, const void *job) {
  (void)cost;
  if (count > 0) task(job, 0, count, 0);
}
static inline void qn_parallel_ready(void) {}
static inline int qn_parallel_width(void) { return 1; }
#endif

/* Parts in which `columns` columns of a product are computed when `blocks` blocks of its rows are too few to keep all threads busy. Part p
 * begins at qn_parallel_column(p, …), a multiple of 32: kernels take four panels of 8 at once. */
static inline int64_t qn_parallel_parts(int64_t blocks, int64_t columns) {
  const int64_t most = columns / 32, wanted = blocks > 0 ? (qn_parallel_width() * 4 + blocks - 1) / blocks : 1;
  return qn_parallel_width() == 1 || most < 2 ? 1 : most < wanted ? most : wanted;
}
static inline int64_t qn_parallel_column(int64_t part, int64_t parts, int64_t columns) {
  return part == parts ? columns : part * (columns / 32) / parts * 32;
}

/* Bytes of scratch for every thread when each wants `size`; SIZE_MAX when they do not fit the address space. A worker's part begins at
 * worker * qn_parallel_part(size). */
static inline size_t qn_parallel_part(size_t size) { return qn_parallel_width() == 1 ? size : (size + 127) & ~(size_t)127; }
static inline size_t qn_parallel_room(size_t size) {
  if (qn_parallel_width() == 1) return size;
  return size > SIZE_MAX / 2 / (size_t)qn_parallel_width() - 128 ? SIZE_MAX : qn_parallel_part(size) * (size_t)qn_parallel_width();
}

#endif
