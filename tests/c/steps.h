/* Runs a list of steps over tensors, for tests. A file called "file" of 8 bytes is there to be named. */
#ifndef QN_TEST_STEPS_H
#define QN_TEST_STEPS_H

#include "harness.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "feature/pipeline.h"

typedef struct steps_input {
  const char *name;
  qn_dtype dtype;
  int rank;
  int64_t dims[4];
  const void *data; /* of strings: const char *[] */
} steps_input;

static qn_error steps_error;

static qn_status steps_try(qn_pipeline *p, const char *json, const steps_input *inputs, int count) {
  qn_error *err = &steps_error;
  QN_TRY(qn_pipeline_file(p, "file", 4, "abcdefgh", 8, err));
  QN_TRY(qn_pipeline_read(p, "steps", json, strlen(json), err));
  for (int i = 0; i < count; i++) {
    const steps_input *in = &inputs[i];
    size_t texts = 0;
    int64_t n = 1;
    for (int k = 0; k < in->rank; k++) n *= in->dims[k];
    if (in->dtype == QN_STRING && in->data)
      for (int64_t k = 0; k < n; k++) texts += strlen(((const char *const *)in->data)[k]);
    QN_TRY(qn_pipeline_input(p, in->name, in->dtype, in->rank, in->dims, texts, err));
  }
  QN_TRY(qn_pipeline_plan(p, false, err));
  for (int i = 0; i < count; i++) {
    const qn_tensor *t = qn_pipeline_input_tensor(p, i);
    if (t->dtype != QN_STRING) {
      memcpy(t->data, inputs[i].data, qn_tensor_bytes(t));
      continue;
    }
    qn_string *table = t->data;
    char *text = (char *)(table + t->count);
    for (int64_t k = 0; k < t->count; k++) {
      const char *from = inputs[i].data ? ((const char *const *)inputs[i].data)[k] : "";
      table[k] = (qn_string){text, strlen(from)};
      memcpy(text, from, table[k].length);
      text += table[k].length;
    }
  }
  const size_t calls = qn_alloc_count();
  QN_TRY(qn_pipeline_run(p, true, true, err));
  CHECK(qn_alloc_count() == calls);
  return qn_pipeline_run(p, true, true, err);
}

/* After a run, or NULL with the reason printed. */
static inline qn_pipeline *steps_run(const char *json, const steps_input *inputs, int count) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  if (steps_try(p, json, inputs, count) == QN_OK) return p;
  printf("%s: %s\n", json, steps_error.text);
  qn_pipeline_free(p);
  return NULL;
}

/* Result i of the last step, or NULL. */
static inline const qn_tensor *steps_result(const qn_pipeline *p, int i) {
  if (!p) return NULL;
  const qn_slot *slot = qn_pipeline_slot(p, qn_pipeline_slot_count(p) - qn_pipeline_result_count(p) + i);
  return slot ? &slot->tensor : NULL;
}

/* Whether reading, planning or running fails with a sentence that has this part. */
static inline bool steps_refuse(const char *json, const steps_input *inputs, int count, const char *part) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  const qn_status status = steps_try(p, json, inputs, count);
  const bool found = status != QN_OK && strstr(steps_error.text, part);
  if (!found) printf("%s: %s\n", json, status ? steps_error.text : "accepted");
  qn_pipeline_free(p);
  return found;
}

#endif
