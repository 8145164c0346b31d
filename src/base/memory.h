/* Memory: aligned blocks with slack behind them, bump pools for things that die together, checked size arithmetic. */
#ifndef QN_BASE_MEMORY_H
#define QN_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define QN_ALIGN 64  /* every block and every arena offset */
#define QN_SLACK 32  /* readable bytes behind every block: SIMD kernels read past the end */

/* `size` bytes aligned to QN_ALIGN with QN_SLACK readable bytes behind; contents undefined. NULL when there is no memory. size 0 is legal. */
void *qn_alloc(size_t size);
void *qn_alloc_zeroed(size_t size);
void qn_free(void *block); /* NULL is legal */
size_t qn_alloc_size(const void *block); /* as it was asked for */
size_t qn_alloc_bytes(void); /* bytes in live blocks, slack not counted */
size_t qn_alloc_count(void); /* calls of qn_alloc since start: tests show that a repeated run makes none */
/* Tests: the n-th allocation from now (1 = the next) and all after it fail; 0 switches off. */
void qn_alloc_fail_after(size_t n);
/* Allocations that would bring qn_alloc_bytes() above `bytes` fail; 0: no limit. */
void qn_alloc_limit(size_t bytes);

/* A bump pool. Zero-initialised is empty. Everything in it is freed at once. */
typedef struct qn_pool {
  struct qn_pool_chunk *chunk;
} qn_pool;
/* Zeroed memory aligned to 16, or NULL. */
void *qn_pool_alloc(qn_pool *pool, size_t size);
/* A copy of `length` bytes with a NUL behind, or NULL. */
char *qn_pool_text(qn_pool *pool, const char *text, size_t length);
void qn_pool_free(qn_pool *pool);

/* False on overflow. */
static inline bool qn_size_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool qn_size_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline size_t qn_align_up(size_t n) { return (n + (QN_ALIGN - 1)) & ~(size_t)(QN_ALIGN - 1); }

#endif
