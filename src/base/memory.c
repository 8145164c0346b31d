#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* The size stands in front of the block, so that the live total can be kept without asking the allocator. */
typedef struct header {
  size_t size;
  void *base;
} header;

static size_t live_bytes, calls, fail_after, limit; /* process-wide, like the heap that they describe */

void *qn_alloc(size_t size) {
  calls++;
  if (fail_after && --fail_after == 0) { fail_after = 1; return NULL; }
  if (limit && (live_bytes > limit || size > limit - live_bytes)) return NULL;
  size_t total;
  if (!qn_size_add(size, QN_ALIGN + sizeof(header) + QN_SLACK, &total)) return NULL;
  unsigned char *base = malloc(total);
  if (!base) return NULL;
  unsigned char *block = (unsigned char *)(((uintptr_t)base + sizeof(header) + QN_ALIGN - 1) & ~(uintptr_t)(QN_ALIGN - 1));
  header *h = (header *)block - 1;
  h->size = size;
  h->base = base;
  live_bytes += size;
  return block;
}

void *qn_alloc_zeroed(size_t size) {
  void *block = qn_alloc(size);
  if (block) memset(block, 0, size);
  return block;
}

size_t qn_alloc_size(const void *block) { return ((const header *)block - 1)->size; }

void qn_free(void *block) {
  if (!block) return;
  header *h = (header *)block - 1;
  live_bytes -= h->size;
  free(h->base);
}

size_t qn_alloc_bytes(void) { return live_bytes; }
size_t qn_alloc_count(void) { return calls; }
void qn_alloc_fail_after(size_t n) { fail_after = n; }
void qn_alloc_limit(size_t bytes) { limit = bytes; }

struct qn_pool_chunk {
  struct qn_pool_chunk *next;
  size_t used, capacity;
  unsigned char *bytes;
};

enum { CHUNK = 16 * 1024 };

void *qn_pool_alloc(qn_pool *pool, size_t size) {
  size_t rounded;
  if (!qn_size_add(size, 15, &rounded)) return NULL;
  rounded &= ~(size_t)15;
  struct qn_pool_chunk *c = pool->chunk;
  if (!c || c->capacity - c->used < rounded) {
    size_t capacity = rounded > CHUNK ? rounded : CHUNK, total;
    if (!qn_size_add(capacity, qn_align_up(sizeof *c), &total)) return NULL;
    c = qn_alloc_zeroed(total);
    if (!c) return NULL;
    c->capacity = capacity;
    c->bytes = (unsigned char *)c + qn_align_up(sizeof *c);
    c->next = pool->chunk;
    pool->chunk = c;
  }
  void *p = c->bytes + c->used;
  c->used += rounded;
  return p;
}

char *qn_pool_text(qn_pool *pool, const char *text, size_t length) {
  char *copy = length < SIZE_MAX ? qn_pool_alloc(pool, length + 1) : NULL;
  if (copy && length) memcpy(copy, text, length);
  return copy;
}

void qn_pool_free(qn_pool *pool) {
  while (pool->chunk) {
    struct qn_pool_chunk *next = pool->chunk->next;
    qn_free(pool->chunk);
    pool->chunk = next;
  }
}
