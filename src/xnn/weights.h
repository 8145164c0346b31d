/* XNNPACK's set-up: our allocator, and packed weights that live as long as the model. */
#ifndef QN_XNN_WEIGHTS_H
#define QN_XNN_WEIGHTS_H

#include <xnnpack.h>

#include "op/op.h"

/* The packed weights of one node, shared by the operators of all its plans: XNNPACK packs into it once and finds it again. */
typedef struct qn_xnn_weights {
  struct xnn_weights_cache_provider provider;
  void *packed;      /* qn_alloc; NULL until the first operator was created */
  void *reserved;    /* being packed */
  size_t size;
} qn_xnn_weights;

/* Initialises XNNPACK on first use. False without memory. */
bool qn_xnn_ready(void);
/* `w` must not move afterwards. */
void qn_xnn_weights_init(qn_xnn_weights *w);

#endif
