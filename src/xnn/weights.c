#include "xnn/weights.h"

#include <string.h>

static void *allocate(void *context, size_t size) { (void)context; return qn_alloc(size); }
static void release(void *context, void *block) { (void)context; qn_free(block); }
static void *allocate_aligned(void *context, size_t alignment, size_t size) {
  (void)context;
  return alignment <= QN_ALIGN ? qn_alloc(size) : NULL;
}
/* XNNPACK grows arrays of pointers by this; our blocks know their size. */
static void *reallocate(void *context, void *block, size_t size) {
  void *bigger = allocate(context, size);
  if (bigger && block) {
    size_t old = qn_alloc_size(block);
    memcpy(bigger, block, old < size ? old : size);
    qn_free(block);
  }
  return bigger;
}

bool qn_xnn_ready(void) {
  static const struct xnn_allocator allocator = {.allocate = allocate, .reallocate = reallocate, .deallocate = release,
                                                 .aligned_allocate = allocate_aligned, .aligned_deallocate = release};
  return xnn_initialize(&allocator) == xnn_status_success; /* repeated calls return at once */
}

static size_t look_up(void *context, const struct xnn_weights_cache_look_up_key *key) {
  (void)key; /* one node, one set of weights */
  return ((qn_xnn_weights *)context)->packed ? 0 : SIZE_MAX;
}

static void *reserve_space(void *context, size_t n) {
  qn_xnn_weights *w = context;
  qn_free(w->reserved);
  w->reserved = qn_alloc(n);
  w->size = n;
  return w->reserved;
}

static size_t look_up_or_insert(void *context, const struct xnn_weights_cache_look_up_key *key, void *ptr, size_t size) {
  (void)key;
  (void)ptr;
  (void)size;
  qn_xnn_weights *w = context;
  if (w->packed) qn_free(w->reserved); /* packed again to the same bytes */
  else w->packed = w->reserved;
  w->reserved = NULL;
  return 0;
}

static bool is_finalized(void *context) { (void)context; return true; }
static void *offset_to_addr(void *context, size_t offset) { return (uint8_t *)((qn_xnn_weights *)context)->packed + offset; }
static enum xnn_status delete_cache(void *context) { (void)context; return xnn_status_success; }

void qn_xnn_weights_init(qn_xnn_weights *w) {
  w->provider = (struct xnn_weights_cache_provider){.context = w, .look_up = look_up, .reserve_space = reserve_space,
                                                    .look_up_or_insert = look_up_or_insert, .is_finalized = is_finalized,
                                                    .offset_to_addr = offset_to_addr, .delete_cache = delete_cache};
}
