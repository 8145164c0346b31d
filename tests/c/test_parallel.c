/* The pool: with helpers as pthreads where there are some, and the plain loop that it is without. */
#ifndef __wasm__
#define QN_THREADS 1
#include "base/parallel.c"

#include <pthread.h>
#else
#include "base/parallel.h"
#endif
#include "harness.h"

enum { MOST = 5000, THREADS = 4 };

typedef struct record {
  uint8_t seen[MOST];
  uint32_t busy[THREADS], clashes;
  int depth;
} record;

static void note(const void *argument, int64_t first, int64_t last, int worker) {
  record *r = (record *)(uintptr_t)argument;
  if (__atomic_fetch_add(&r->busy[worker], 1, __ATOMIC_SEQ_CST)) __atomic_fetch_add(&r->clashes, 1, __ATOMIC_SEQ_CST);
  for (int64_t i = first; i < last; i++) r->seen[i]++;
  __atomic_fetch_sub(&r->busy[worker], 1, __ATOMIC_SEQ_CST);
}

static bool once(const record *r, int64_t count) {
  for (int64_t i = 0; i < MOST; i++)
    if (r->seen[i] != (i < count)) return false;
  return r->clashes == 0;
}

static void all_counts(void) {
  for (int64_t count = 0; count < MOST; count = count < 40 ? count + 1 : count * 3 / 2)
    for (int64_t cost = 0; cost < 1000000; cost = cost * 9 + 1) {
      record r = {.clashes = 0};
      qn_parallel(count, cost, note, &r);
      CHECK(once(&r, count));
    }
}

/* What a task shares again stays on its thread, under the number 0 of scratch that is its own. */
static void nest(const void *argument, int64_t first, int64_t last, int worker) {
  record *all = (record *)(uintptr_t)argument;
  (void)worker;
  for (int64_t i = first; i < last; i++) {
    record own = {.clashes = 0};
    qn_parallel(30, 1 << 30, note, &own);
    if (!once(&own, 30)) __atomic_fetch_add(&all->clashes, 1, __ATOMIC_SEQ_CST);
    all->seen[i]++;
  }
}

static void nested(void) {
  record r = {.clashes = 0};
  qn_parallel(200, 1 << 30, nest, &r);
  CHECK(once(&r, 200));
}

TEST(covers_every_item_once) { all_counts(); }
TEST(runs_nested_calls_in_place) { nested(); }

TEST(shares_columns_in_whole_panels) {
  for (int64_t columns = 1; columns < 700; columns += 3)
    for (int64_t blocks = 1; blocks < 12; blocks++) {
      int64_t parts = qn_parallel_parts(blocks, columns);
      CHECK(parts >= 1 && qn_parallel_column(0, parts, columns) == 0 && qn_parallel_column(parts, parts, columns) == columns);
      for (int64_t p = 1; p < parts; p++)
        CHECK(qn_parallel_column(p, parts, columns) % 32 == 0 && qn_parallel_column(p, parts, columns) > qn_parallel_column(p - 1, parts, columns));
    }
}

TEST(makes_room_for_each_thread) {
  const size_t width = (size_t)qn_parallel_width();
  CHECK(qn_parallel_room(1000) >= width * 1000 && qn_parallel_part(1000) >= 1000 && qn_parallel_part(1000) * width <= qn_parallel_room(1000));
  CHECK(width == 1 || qn_parallel_part(1000) % 128 == 0);
  CHECK(width == 1 || qn_parallel_room(SIZE_MAX - 5) == SIZE_MAX);
  CHECK(width == 1 || qn_parallel_room(SIZE_MAX / 2) == SIZE_MAX);
}

#ifndef __wasm__
static const uint32_t guard = QN_PARALLEL_GUARD;
static void *life(void *worker) {
  qn_parallel_help((int)(intptr_t)worker, &guard);
  return NULL;
}

TEST(shares_work_with_helpers) {
  pthread_t helpers[THREADS - 1];
  qn_parallel_open(THREADS, true, 1);
  for (intptr_t i = 1; i < THREADS; i++) CHECK(pthread_create(&helpers[i - 1], NULL, life, (void *)i) == 0);
  while (qn_parallel_helped() < 100) { /* until all this was really shared */
    record r = {.clashes = 0};
    qn_parallel(MOST, 1, note, &r);
    CHECK(once(&r, MOST));
  }
  CHECK(qn_parallel_wanted());
  all_counts();
  nested();
  qn_parallel_close();
  for (int i = 0; i < THREADS - 1; i++) CHECK(pthread_join(helpers[i], NULL) == 0);
  record r = {.clashes = 0};
  qn_parallel(MOST, 1, note, &r); /* nobody there: the caller does it all */
  CHECK(once(&r, MOST));
}

TEST(keeps_small_work) {
  qn_parallel_open(THREADS, true, 1000);
  const bool before = pool.wanted;
  pool.wanted = false;
  record r = {.clashes = 0};
  qn_parallel(100, 9, note, &r);
  CHECK(!qn_parallel_wanted());
  qn_parallel(100, 21, note, &r);
  CHECK(qn_parallel_wanted());
  pool.wanted = before;
}
#endif

int main(void) {
  RUN(covers_every_item_once);
  RUN(runs_nested_calls_in_place);
  RUN(shares_columns_in_whole_panels);
  RUN(makes_room_for_each_thread);
#ifndef __wasm__
  RUN(shares_work_with_helpers);
  RUN(shares_columns_in_whole_panels);
  RUN(makes_room_for_each_thread);
  RUN(keeps_small_work);
#endif
  return DONE();
}
