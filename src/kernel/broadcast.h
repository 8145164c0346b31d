/* Feeds the operands of an elementwise loop, broadcast and converted, a chunk at a time in the order of the output. */
#ifndef QN_KERNEL_BROADCAST_H
#define QN_KERNEL_BROADCAST_H

#include "base/value.h"
#include "kernel/cast.h"

#define QN_FEED_CHUNK 512 /* most elements of one chunk */

/* One operand. A chunk costs a copy only where broadcasting or conversion needs one, so every loop over it is dense. */
typedef struct qn_feed {
  const void *data;
  qn_dtype dtype;
  qn_compute compute;
  size_t size;                  /* bytes of an element as fed */
  bool dense;                   /* has the output's shape */
  bool filled;                  /* a scalar already spread over the buffer */
  int rank;                     /* dimensions after merging; 0: a scalar */
  size_t dims[QN_MAX_RANK], stride[QN_MAX_RANK], index[QN_MAX_RANK];
  size_t offset;                /* of the next element in data */
} qn_feed;

/* The operand must broadcast to the output's shape. */
void qn_feed_init(qn_feed *feed, qn_compute compute, const qn_tensor *operand, int rank, const int64_t *dims);
/* Goes to element `first` of the output. */
void qn_feed_seek(qn_feed *feed, size_t first);
/* The next n elements (at most QN_FEED_CHUNK); `buffer` has room for them and is the same at every call of this feed. */
const void *qn_feed_next(qn_feed *feed, size_t n, void *buffer);

/* y[i] = which[i] ? a[i] : b[i], for n elements of `size` bytes: 1, 2, 4, 8 or 16. y may be any of the others. */
void qn_select(size_t size, const uint8_t *which, const void *a, const void *b, void *y, size_t n);

#endif
