/* The flat face of pipelines for JavaScript, of quern-features.wasm, of quern-pictures.wasm (QN_PICTURE_MODULE) and of quern-text.wasm (QN_TEXT_MODULE): three lists of steps, one
 * ABI. Integers and pointers only; 64-bit numbers cross as pointers into memory. The caller is web/features/module.js and nothing else.
 * The export list of the link is read from this file: a function's type and name stand at the start of a line. */
#include <string.h>

#include "feature/pipeline.h"

#ifndef QN_BUILD_ID
#define QN_BUILD_ID "dev"
#endif

#ifdef QN_TEXT_MODULE
extern const qn_step_type *const qn_text_steps[];
#define STEPS qn_text_steps
#else
#ifdef QN_PICTURE_MODULE
#define LIST "feature/image/step_list.h"
#else
#define LIST "feature/step_list.h"
#endif
#define QN_STEP_ALSO(name) QN_STEP(name)
#define QN_STEP(name) extern const qn_step_type qn_step_##name;
#include LIST
#undef QN_STEP
static const qn_step_type *const STEPS[] = {
#define QN_STEP(name) &qn_step_##name,
#include LIST
#undef QN_STEP
  NULL};
#endif

const char *qnf_build_id(void) { return QN_BUILD_ID; }
void *qnf_alloc(size_t size) { return qn_alloc(size); }
void qnf_release(void *block) { qn_free(block); }

/* ---- the table of steps, for documentation and checks ---- */

int qnf_step_count(void) {
  int count = 0;
  while (STEPS[count]) count++;
  return count;
}
const char *qnf_step_name(int step) { return STEPS[step]->name; }
int qnf_step_source(int step) { return (int)STEPS[step]->source; }
int qnf_step_whole(int step) { return STEPS[step]->whole; }
int qnf_param_count(int step) { return STEPS[step]->param_count; }
const char *qnf_param_name(int step, int param) { return STEPS[step]->params[param].name; }
int qnf_param_kind(int step, int param) { return (int)STEPS[step]->params[param].kind; }
const char *qnf_param_choices(int step, int param) { return STEPS[step]->params[param].choices; }
double qnf_param_least(int step, int param) { return STEPS[step]->params[param].least; }
double qnf_param_most(int step, int param) { return STEPS[step]->params[param].most; }
double qnf_param_fallback(int step, int param) { return STEPS[step]->params[param].fallback; }
int qnf_param_length(int step, int param, int most) { return most ? STEPS[step]->params[param].most_count : STEPS[step]->params[param].least_count; }

/* ---- a pipeline ---- */

typedef struct qnf_pipeline {
  qn_pipeline *core;
  qn_error error;
} qnf_pipeline;

qnf_pipeline *qnf_create(void) {
  qnf_pipeline *p = qn_alloc_zeroed(sizeof *p);
  if (!p) return NULL;
  p->core = qn_pipeline_create(STEPS);
  if (p->core) return p;
  qn_free(p);
  return NULL;
}

void qnf_free(qnf_pipeline *p) {
  if (!p) return;
  qn_pipeline_free(p->core);
  qn_free(p);
}

const char *qnf_error_text(const qnf_pipeline *p) { return p->error.text; }
const char *qnf_error_code(const qnf_pipeline *p) {
  switch (p->error.code) {
#define CASE(code, text) case code: return text;
    QN_STATUS_LIST(CASE)
#undef CASE
    default: return "internal";
  }
}

int qnf_file(qnf_pipeline *p, const char *name, size_t name_length, const void *bytes, size_t length) {
  return (int)qn_pipeline_file(p->core, name, name_length, bytes, length, &p->error);
}
/* side: 0 the features of a manifest, 1 its outputs, 2 neither. */
int qnf_read(qnf_pipeline *p, int side, const char *json, size_t length) {
  static const char *const where[] = {"features", "outputs", "steps"};
  return (int)qn_pipeline_read(p->core, where[side], json, length, &p->error);
}
int qnf_source(const qnf_pipeline *p) { return (int)qn_pipeline_source(p->core); }
int qnf_answer(const qnf_pipeline *p) { return (int)qn_pipeline_answer(p->core); }

_Static_assert(sizeof(qn_facts) == 80, "module.js copies so many bytes of facts");
qn_facts *qnf_given(qnf_pipeline *p) { return qn_pipeline_given(p->core); }
const qn_facts *qnf_facts(const qnf_pipeline *p) { return qn_pipeline_facts(p->core); }

void qnf_clear_inputs(qnf_pipeline *p) { qn_pipeline_clear_inputs(p->core); }
/* name: NUL-terminated. dims: [rank], caller owns both. */
int qnf_input(qnf_pipeline *p, const char *name, int dtype, int rank, const int64_t *dims, size_t text_size) {
  return (int)qn_pipeline_input(p->core, name, (qn_dtype)dtype, rank, dims, text_size, &p->error);
}
int qnf_plan(qnf_pipeline *p, int stream) { return (int)qn_pipeline_plan(p->core, stream != 0, &p->error); }
void *qnf_input_data(const qnf_pipeline *p, int i) {
  const qn_tensor *t = qn_pipeline_input_tensor(p->core, i);
  return t ? t->data : NULL;
}
int qnf_shorten(qnf_pipeline *p, int i, double length) { return (int)qn_pipeline_shorten(p->core, i, (int64_t)length, &p->error); }
int qnf_run(qnf_pipeline *p, int first, int last) { return (int)qn_pipeline_run(p->core, first != 0, last != 0, &p->error); }

int qnf_slot_count(const qnf_pipeline *p) { return qn_pipeline_slot_count(p->core); }
int qnf_result_count(const qnf_pipeline *p) { return qn_pipeline_result_count(p->core); }
int qnf_slot_step(const qnf_pipeline *p, int i) { return qn_pipeline_slot_step(p->core, i); }
const char *qnf_slot_name(const qnf_pipeline *p, int i) { return qn_pipeline_slot(p->core, i)->name; }
const char *qnf_slot_type(const qnf_pipeline *p, int i) { return qn_dtype_name(qn_pipeline_slot(p->core, i)->tensor.dtype); }
int qnf_slot_rank(const qnf_pipeline *p, int i) { return qn_pipeline_slot(p->core, i)->tensor.rank; }
const int64_t *qnf_slot_dims(const qnf_pipeline *p, int i) { return qn_pipeline_slot(p->core, i)->tensor.dims; }
const void *qnf_slot_data(const qnf_pipeline *p, int i) { return qn_pipeline_slot(p->core, i)->tensor.data; }
