#include "kernel/broadcast.h"

#include <string.h>

#include "kernel/vmath.h"

void qn_feed_init(qn_feed *feed, qn_compute compute, const qn_tensor *operand, int rank, const int64_t *dims) {
  size_t size[] = {4, 8, 8, 8, qn_dtype_size(operand->dtype)};
  *feed = (qn_feed){.data = operand->data, .dtype = operand->dtype, .compute = compute, .size = size[compute]};
  if (operand->dtype == qn_compute_dtype(compute)) feed->compute = QN_IN_RAW;
  size_t step = 1;
  int outer = QN_MAX_RANK; /* filled from the innermost dimension outwards */
  for (int i = rank - 1, j = operand->rank - 1; i >= 0; i--, j--) {
    size_t n = (size_t)dims[i], own = j >= 0 ? (size_t)operand->dims[j] : 1;
    if (n == 1) continue;
    size_t stride = own == 1 ? 0 : step;
    step *= own;
    if (outer < QN_MAX_RANK && stride == feed->stride[outer] * feed->dims[outer]) {
      feed->dims[outer] *= n;
    } else {
      feed->dims[--outer] = n;
      feed->stride[outer] = stride;
    }
  }
  feed->rank = QN_MAX_RANK - outer;
  memmove(feed->dims, feed->dims + outer, (size_t)feed->rank * sizeof *feed->dims);
  memmove(feed->stride, feed->stride + outer, (size_t)feed->rank * sizeof *feed->stride);
  feed->dense = feed->rank == 1 && feed->stride[0] == 1;
  if (feed->rank == 1 && feed->stride[0] == 0) feed->rank = 0;
}

void qn_feed_seek(qn_feed *feed, size_t first) {
  feed->offset = 0;
  for (int d = feed->rank - 1; d >= 0; d--) {
    feed->index[d] = first % feed->dims[d];
    feed->offset += feed->index[d] * feed->stride[d];
    first /= feed->dims[d];
  }
}

static void spread(void *to, const void *from, size_t size, size_t n) {
  if (size == 4) {
    uint32_t v, *p = to;
    memcpy(&v, from, 4);
    for (size_t i = 0; i < n; i++) p[i] = v;
  } else {
    for (size_t i = 0; i < n; i++) memcpy((char *)to + i * size, from, size);
  }
}

static void fetch(const qn_feed *feed, size_t first, size_t n, void *to) {
  if (feed->compute == QN_IN_RAW) memcpy(to, (const char *)feed->data + first * feed->size, n * feed->size);
  else qn_load(feed->compute, feed->dtype, feed->data, first, n, to);
}

const void *qn_feed_next(qn_feed *feed, size_t n, void *buffer) {
  if (feed->rank == 0) {
    if (!feed->filled) {
      fetch(feed, 0, 1, buffer);
      spread(buffer, buffer, feed->size, QN_FEED_CHUNK);
      feed->filled = true;
    }
    return buffer;
  }
  const int last = feed->rank - 1;
  const size_t stride = feed->stride[last];
  for (size_t done = 0, run; done < n; done += run) {
    const size_t left = feed->dims[last] - feed->index[last];
    run = n - done < left ? n - done : left;
    char *to = (char *)buffer + done * feed->size;
    const void *direct = NULL;
    if (stride) {
      if (run == n && feed->compute == QN_IN_RAW) direct = (const char *)feed->data + feed->offset * feed->size;
      else fetch(feed, feed->offset, run, to);
    } else {
      fetch(feed, feed->offset, 1, to);
      spread(to, to, feed->size, run);
    }
    feed->offset += run * stride;
    feed->index[last] += run;
    for (int d = last; d > 0 && feed->index[d] == feed->dims[d]; d--) {
      feed->offset -= feed->stride[d] * feed->dims[d];
      feed->index[d] = 0;
      feed->offset += feed->stride[d - 1];
      feed->index[d - 1]++;
    }
    if (direct) return direct;
  }
  return buffer;
}

#define SELECT(bytes, T, hint)                                                                 \
  case bytes: {                                                                                \
    const T *u = a, *v = b;                                                                    \
    T *to = y;                                                                                 \
    hint for (size_t i = 0; i < n; i++) to[i] = which[i] ? u[i] : v[i];                        \
    break;                                                                                     \
  }

void qn_select(size_t size, const uint8_t *which, const void *a, const void *b, void *y, size_t n) {
  typedef struct pair { uint64_t half[2]; } pair;
  switch (size) {
    SELECT(1, uint8_t, QN_SIMD)
    SELECT(2, uint16_t, QN_SIMD)
    SELECT(4, uint32_t, QN_SIMD)
    SELECT(8, uint64_t, QN_SIMD)
    SELECT(16, pair, )
    default: break;
  }
}
