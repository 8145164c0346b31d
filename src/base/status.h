/* Status codes and the sentence that goes with a failure. Depends on nothing. */
#ifndef QN_BASE_STATUS_H
#define QN_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

/* X-macro: code, JavaScript `QuernError.code`. wasm and the JavaScript layer are generated from this list. */
#define QN_STATUS_LIST(X)                                                                      \
  X(QN_OK, "ok")                                                                               \
  X(QN_ERR_MEMORY, "out-of-memory")        /* an allocation failed or would pass the 4 GB */   \
  X(QN_ERR_FORMAT, "bad-model")            /* bytes that are not a well-formed model */        \
  X(QN_ERR_UNSUPPORTED, "unsupported")     /* well-formed, but Quern cannot run it */          \
  X(QN_ERR_TYPE, "bad-type")               /* element type or kind does not fit */             \
  X(QN_ERR_SHAPE, "bad-shape")             /* rank or dimension does not fit */                \
  X(QN_ERR_ARGUMENT, "bad-argument")       /* an attribute, a name, a parameter */             \
  X(QN_ERR_RANGE, "out-of-range")          /* data: an index, a division by zero */            \
  X(QN_ERR_STATE, "bad-state")             /* a call at the wrong time */

typedef enum qn_status {
#define QN_STATUS_ENUM(code, text) code,
  QN_STATUS_LIST(QN_STATUS_ENUM)
#undef QN_STATUS_ENUM
  /* Internal to planning and execution; never leave the core. */
  QN_NEED_DATA, /* plan() wants the contents of a value that is only known at run time */
  QN_CALL       /* a control-flow operator asks the executor to run a subgraph */
} qn_status;

/* The last failure. `text` is a full sentence without a trailing newline. */
typedef struct qn_error {
  qn_status code;
  char text[2048];
  char node[128]; /* node name, or "" */
  char op[64];    /* operator, or "" */
} qn_error;

#if defined(__GNUC__)
#define QN_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#else
#define QN_PRINTF(format_index, first)
#endif

/* Records a failure and returns `code`. The format takes %s %d %u %lld %llu %zu %g %c %% only. `err` may be NULL. */
qn_status qn_fail(qn_error *err, qn_status code, const char *format, ...) QN_PRINTF(3, 4);

/* The same with `op 'node': ` before the sentence, and both recorded. */
qn_status qn_fail_step(qn_error *err, qn_status code, const char *op, const char *node, const char *format, va_list args);

/* Forwards a failure to the caller. */
#define QN_TRY(expr)                        \
  do {                                      \
    qn_status qn_try_status = (expr);       \
    if (qn_try_status != QN_OK) return qn_try_status; \
  } while (0)

#endif
