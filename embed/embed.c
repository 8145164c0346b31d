#define _POSIX_C_SOURCE 199309L
#include "embed.h"

#include <string.h>
#include <time.h>

/* embed/resource.S, which includes the file */
extern const unsigned char qn_resource_begin[], qn_resource_end[];

const char *qn_embedded_name(void) { return QN_EMBED_NAME; }
const char *qn_embedded_version(void) { return QN_EMBED_VERSION; }

const void *qn_embedded_bytes(size_t *size) {
  *size = (size_t)(qn_resource_end - qn_resource_begin);
  return qn_resource_begin;
}

uint64_t qn_now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static qn_status load(qn_model *m) {
  size_t size;
  const unsigned char *bytes = qn_embedded_bytes(&size);
  while (size) {
    void *to;
    size_t n;
    QN_TRY(qn_model_want(m, &to, &n));
    if (n > size) n = size;
    memcpy(to, bytes, n);
    QN_TRY(qn_model_commit(m, n));
    bytes += n;
    size -= n;
  }
  return qn_model_finish(m);
}

qn_model *qn_embedded_load(void) {
  qn_model *m = qn_model_create();
  if (m) load(m); /* a failure stays in qn_model_error() */
  return m;
}
