/* The parameters of one step, from JSON by the table of its type. */
#ifndef QN_FEATURE_SETTINGS_H
#define QN_FEATURE_SETTINGS_H

#include "feature/step.h"

/* A file of the package, as steps may name it. */
typedef struct qn_feature_file {
  const char *name;
  char *bytes; /* owned, a NUL behind; NULL: given back */
  size_t length;
  struct qn_feature_file *next;
} qn_feature_file;

/* Fills s->set. object: a step of a manifest; it and `files` have to outlive the settings. pool: for lists. Members "step", "input" and "as" are the pipeline's. */
qn_status qn_settings_read(qn_stage *s, const struct cJSON *object, const qn_feature_file *files, qn_pool *pool, qn_error *err);

/* Appends to a list of words for a message: "a, b and c" is not tried, "a, b, c" is. */
void qn_words_add(char *words, size_t capacity, const char *word, size_t length);

#endif
