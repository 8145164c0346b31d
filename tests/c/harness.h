/* Tests in C: TEST(name) { CHECK(condition); … }, then main runs each by RUN(name) and returns DONE(). */
#ifndef QN_TEST_HARNESS_H
#define QN_TEST_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static int harness_passed, harness_failed;

#define TEST(name) static void name(void)
#define CHECK(condition)                                              \
  do {                                                                \
    if (condition) {                                                  \
      harness_passed++;                                               \
    } else {                                                          \
      harness_failed++;                                               \
      printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);  \
    }                                                                 \
  } while (0)
#define RUN(name) name()
#define DONE() (printf("%d passed, %d failed\n", harness_passed, harness_failed), harness_failed != 0)

#endif
