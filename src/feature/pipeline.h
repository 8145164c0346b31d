/* Lists of named steps, as a manifest has them: read and checked once, planned once for each shape of the input, run without allocating. */
#ifndef QN_FEATURE_PIPELINE_H
#define QN_FEATURE_PIPELINE_H

#include "feature/step.h"

typedef struct qn_pipeline qn_pipeline;

/* A table of steps ends with NULL. The steps for pictures, sound, rows and answers, which are two modules in the wasm: */
extern const qn_step_type *const qn_feature_steps[];

/* NULL when there is no memory. steps: the table of what it may consist of. */
qn_pipeline *qn_pipeline_create(const qn_step_type *const *steps);
void qn_pipeline_free(qn_pipeline *p);

/* A file of the package that steps may name, copied. Before qn_pipeline_read. */
qn_status qn_pipeline_file(qn_pipeline *p, const char *name, size_t name_length, const void *bytes, size_t length, qn_error *err);
/* Gives a file's bytes back, which `prepare` has read: what settings refer to them must not be used any more. */
void qn_pipeline_drop_file(qn_pipeline *p, const void *bytes);
/* json: the list of steps. where: what messages call it ("features"), a literal. Once. */
qn_status qn_pipeline_read(qn_pipeline *p, const char *where, const char *json, size_t length, qn_error *err);

qn_source_kind qn_pipeline_source(const qn_pipeline *p);
qn_answer_form qn_pipeline_answer(const qn_pipeline *p);
qn_facts *qn_pipeline_given(qn_pipeline *p); /* what is known of the source, set before planning */
const qn_facts *qn_pipeline_facts(const qn_pipeline *p); /* what the steps made of it, after planning */

/* Inputs, before planning. name and dims are copied. A string tensor's bytes take text_size in all. */
void qn_pipeline_clear_inputs(qn_pipeline *p);
qn_status qn_pipeline_input(qn_pipeline *p, const char *name, qn_dtype dtype, int rank, const int64_t *dims, size_t text_size, qn_error *err);
/* Does nothing when types, shapes and facts are those of the last plan. stream: runs will be pieces of a signal, planned for the longest. */
qn_status qn_pipeline_plan(qn_pipeline *p, bool stream, qn_error *err);
/* After planning: where the numbers of input i go, or the table of its strings, whose bytes go behind the table. */
const qn_tensor *qn_pipeline_input_tensor(const qn_pipeline *p, int i);
/* For the next run the last dimension of input i is `length`, at most as planned. */
qn_status qn_pipeline_shorten(qn_pipeline *p, int i, int64_t length, qn_error *err);
qn_status qn_pipeline_run(qn_pipeline *p, bool first, bool last, qn_error *err);

/* Every tensor of the last run, in order of being made, the inputs among them; the last step's results are the last. They stay until the
 * next plan or run. */
int32_t qn_pipeline_slot_count(const qn_pipeline *p);
const qn_slot *qn_pipeline_slot(const qn_pipeline *p, int32_t i);
int32_t qn_pipeline_slot_step(const qn_pipeline *p, int32_t i); /* the index of the step that made it, −1 for an input */
int32_t qn_pipeline_result_count(const qn_pipeline *p);

#endif
