#include "base/parallel.h"

#ifdef QN_THREADS

#ifdef __wasm__
static void wait_here(uint32_t *word, uint32_t value) { __builtin_wasm_memory_atomic_wait32((int32_t *)word, (int32_t)value, -1); }
/* V8's first compiler (11.3 at least, of Node 20 and Chrome 113) reads memory at a wrong address in a function after it waited: nothing may
 * follow there, and no optimizer may inline it. */
static void (*const volatile wait_while)(uint32_t *word, uint32_t value) = wait_here;
static void wake(uint32_t *word, uint32_t threads) { __builtin_wasm_memory_atomic_notify((int32_t *)word, threads); }
#else /* tests */
#include <sched.h>
static void wait_while(uint32_t *word, uint32_t value) {
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value) sched_yield();
}
static void wake(uint32_t *word, uint32_t threads) { (void)word, (void)threads; }
#endif

/* SPINS: looks before a thread sleeps, some tens of microseconds: the next operator of a model follows sooner, and waking takes longer. LEAST: some
 * 10 µs of work for one thread. PARTS: of a job for each thread, so that one that comes late or is slow takes fewer. */
enum { SPINS = 20000, LEAST = 1 << 18, PARTS = 4 };
static const uint32_t OPEN = 1u << 16;

static struct { /* process-wide, like the heap that the threads share */
  int width;
  bool may_wait, wanted;
  bool running;    /* a job is under way: what its task calls is not shared again */
  int64_t least;
  uint32_t epoch;  /* changes with each job: idle helpers look at it */
  uint32_t asleep; /* helpers that do not look */
  uint32_t gate;   /* OPEN while helpers may enter, plus how many are inside */
  uint32_t failed, closed, helped;
  uint32_t next;   /* part that nobody took yet */
  qn_task *task;   /* the job */
  const void *job;
  int64_t count, part;
} pool;

void qn_parallel_open(int width, bool may_wait, int64_t least) {
  pool.width = width;
  pool.may_wait = may_wait;
  pool.least = least ? least : LEAST;
  __atomic_store_n(&pool.closed, 0, __ATOMIC_SEQ_CST);
}

int qn_parallel_width(void) { return pool.width > 1 ? pool.width : 1; }
uint32_t qn_parallel_helped(void) { return __atomic_load_n(&pool.helped, __ATOMIC_RELAXED); }
bool qn_parallel_wanted(void) { return pool.wanted; }
static void leave(void) {
  if (__atomic_sub_fetch(&pool.gate, 1, __ATOMIC_ACQ_REL) == 0) wake(&pool.gate, 1);
}

void qn_parallel_failed(void) {
  __atomic_store_n(&pool.failed, 1, __ATOMIC_SEQ_CST);
  leave();
}

static void call_helpers(void) {
  __atomic_add_fetch(&pool.epoch, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool.asleep, __ATOMIC_SEQ_CST)) wake(&pool.epoch, (uint32_t)pool.width);
}

void qn_parallel_close(void) {
  __atomic_store_n(&pool.closed, 1, __ATOMIC_SEQ_CST);
  call_helpers();
}

void qn_parallel_ready(void) {
  if (pool.wanted) call_helpers();
}

static void take_parts(int worker) {
  int64_t first;
  while ((first = __atomic_fetch_add(&pool.next, 1, __ATOMIC_RELAXED) * pool.part) < pool.count) {
    if (worker) __atomic_add_fetch(&pool.helped, 1, __ATOMIC_RELAXED);
    pool.task(pool.job, first, pool.count - first < pool.part ? pool.count : first + pool.part, worker);
  }
}

void qn_parallel(int64_t count, int64_t cost, qn_task *task, const void *job) {
  const int64_t grain = pool.least / (cost > 0 ? cost : 1) + 1;
  if (pool.width < 2 || pool.running || count < 2 || cost < 0 || count / 2 < grain) {
    if (count > 0) task(job, 0, count, 0);
    return;
  }
  pool.wanted = true;
  const int64_t even = (count + pool.width * PARTS - 1) / (pool.width * PARTS);
  pool.task = task;
  pool.job = job;
  pool.count = count;
  pool.part = even > grain ? even : grain;
  pool.running = true;
  __atomic_store_n(&pool.next, 0, __ATOMIC_RELAXED);
  __atomic_add_fetch(&pool.gate, OPEN, __ATOMIC_ACQ_REL);
  call_helpers();
  take_parts(0);
  uint32_t inside = __atomic_sub_fetch(&pool.gate, OPEN, __ATOMIC_ACQ_REL);
  for (int spins = 0; inside; inside = __atomic_load_n(&pool.gate, __ATOMIC_ACQUIRE))
    if (pool.may_wait && ++spins > SPINS) wait_while(&pool.gate, inside);
  pool.running = false;
  if (__atomic_load_n(&pool.failed, __ATOMIC_SEQ_CST)) __builtin_trap();
}

void qn_parallel_help(int worker, const uint32_t *guard) {
  for (uint32_t seen = 0, now;; seen = now) {
    for (int spins = 0; (now = __atomic_load_n(&pool.epoch, __ATOMIC_SEQ_CST)) == seen;) {
      if (++spins < SPINS) continue;
      __atomic_add_fetch(&pool.asleep, 1, __ATOMIC_SEQ_CST);
      wait_while(&pool.epoch, seen);
      __atomic_sub_fetch(&pool.asleep, 1, __ATOMIC_SEQ_CST);
      spins = 0;
    }
    if (__atomic_load_n(&pool.closed, __ATOMIC_SEQ_CST)) return;
    if (__atomic_fetch_add(&pool.gate, 1, __ATOMIC_ACQ_REL) & OPEN) {
      take_parts(worker);
      if (guard && *guard != QN_PARALLEL_GUARD) __builtin_trap();
    }
    leave();
  }
}

#else
typedef int qn_no_threads; /* ISO C forbids an empty file */
#endif
