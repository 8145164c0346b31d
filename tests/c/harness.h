/* Tests in C: TEST(name) { CHECK(condition); … }, then main runs each by RUN(name) and returns DONE().
 * A test is counted once, however many conditions it checks: it fails when one of them does, and when it checks nothing. */
#ifndef QN_TEST_HARNESS_H
#define QN_TEST_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static int harness_passed, harness_failed;
static long harness_checks, harness_broken; /* in the running test: checks made, checks that failed */

#define TEST(name) static void name(void)
#define CHECK(condition)                                                                                  \
  do {                                                                                                    \
    harness_checks++;                                                                                     \
    if (!(condition) && harness_broken++ < 20) printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
  } while (0)
#define RUN(name)                                                                        \
  do {                                                                                   \
    harness_checks = harness_broken = 0;                                                 \
    name();                                                                              \
    if (harness_broken || !harness_checks) {                                             \
      harness_failed++;                                                                  \
      printf("%s: %ld of %ld checks failed\n", #name, harness_broken, harness_checks);   \
    } else {                                                                             \
      harness_passed++;                                                                  \
    }                                                                                    \
  } while (0)
#define DONE() (printf("%d passed, %d failed\n", harness_passed, harness_failed), harness_failed != 0)

#endif
