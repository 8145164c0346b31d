/* Quern: runs an ONNX model. The only public header.
 *
 * A qn_model is loaded once from bytes that are pushed in, then asked for answers:
 *   qn_model_create → { qn_model_want, copy bytes, qn_model_commit }… → qn_model_finish
 *   → { qn_input_bind, write qn_input_value()->data }… → qn_run_start → qn_run_step until done → qn_output_value
 * Every function that can fail returns a qn_status; the sentence is in qn_model_error(). A failed call leaves the model
 * usable. Nothing here is thread-safe for one model; different models are independent. */
#ifndef QUERN_H
#define QUERN_H

#include "base/attr.h"
#include "base/dtype.h"
#include "base/status.h"
#include "base/value.h"

typedef struct qn_model qn_model;

/* NULL when there is no memory. */
qn_model *qn_model_create(void);
void qn_model_free(qn_model *m); /* NULL is legal */
/* The last failure of any call on this model. */
const qn_error *qn_model_error(const qn_model *m);

/* Where the next bytes of the file go: at most *size bytes at *ptr, valid until the next call on the model. *size is never 0. */
qn_status qn_model_want(qn_model *m, void **ptr, size_t *size);
/* `size` bytes (at most what was wanted) were written. */
qn_status qn_model_commit(qn_model *m, size_t size);
enum { QN_PASS_FUSE = 1, QN_PASS_QUANTIZE = 2, QN_PASS_NORM = 4, QN_PASS_ACTIVATION = 8, QN_PASS_ATTENTION = 16, QN_PASS_TARGET = 32 };
/* Before qn_model_finish: leaves passes out, to see what they change. Without QN_PASS_TARGET the graph stays neutral, for an executor other
 * than this one: no fast forms, weights as they are in the file, all tensors in ONNX's order. */
void qn_model_skip_passes(qn_model *m, uint32_t passes);
/* Optional, once all bytes were given: looks up the operators. *rare: whether one of them is in the second file of the builds for the web,
 * which has to be there before qn_model_finish. */
qn_status qn_model_resolve(qn_model *m, bool *rare);
/* All bytes were given: builds the graph, runs the passes, packs the weights. External data must be supplied first:
 * while qn_model_external() returns true, push bytes [offset, offset + length) of `location` through want and commit. */
qn_status qn_model_finish(qn_model *m);
/* The next missing piece of external data, after the whole .onnx was pushed and before qn_model_finish. length 0: to the end of the file. */
bool qn_model_external(qn_model *m, const char **location, uint64_t *offset, uint64_t *length);

typedef struct qn_port { /* an input or output as the model declares it */
  const char *name;
  qn_kind kind;
  qn_dtype dtype;
  qn_dtype key;           /* of a map, or of the maps in a sequence; else QN_UNDEFINED */
  int rank;               /* -1: not declared */
  const int64_t *dims;    /* [rank]; -1: symbolic or unknown */
  const char *const *symbols; /* [rank]; name of a symbolic dimension or NULL */
  bool optional;          /* an input with an initializer as default */
} qn_port;

int qn_input_count(const qn_model *m);
int qn_output_count(const qn_model *m);
const qn_port *qn_input_port(const qn_model *m, int i);
const qn_port *qn_output_port(const qn_model *m, int i);

/* Gives input i a type and shape for the next run and memory for its elements (qn_input_value(m, i)->tensor.data, contents
 * undefined, valid until the input is bound again with a larger shape). Checked against what the model declares. */
qn_status qn_input_bind(qn_model *m, int i, qn_dtype dtype, int rank, const int64_t *dims);
/* Leaves an optional input to its default. */
qn_status qn_input_unbind(qn_model *m, int i);
/* From now on output `output` (-1: none) is input `i` of the next run: it stays here. The first run is given one, and it can be
 * read and replaced between runs by qn_input_value and qn_input_bind. What a bound input held before is forgotten. */
qn_status qn_state_bind(qn_model *m, int i, int output);
/* For sequence and map inputs and strings, fill the value by the qn_value functions. The keys of a map ascend. */
qn_value *qn_input_value(qn_model *m, int i);

/* Begins a run: plans it if these shapes are new. All inputs must be bound. */
qn_status qn_run_start(qn_model *m);
/* Runs for about `budget_us` microseconds (0: to the end; QN_ONE_NODE: one step) at node boundaries. *done tells whether the run is over. */
#define QN_ONE_NODE UINT32_MAX
qn_status qn_run_step(qn_model *m, uint32_t budget_us, bool *done);
/* Ends a run that is not done. */
void qn_run_cancel(qn_model *m);
/* Output i of the finished run; valid until the next qn_run_start or qn_input_bind.
 * A state that grows is moved together to be looked at, which costs the next run a copy. */
const qn_value *qn_output_value(qn_model *m, int i);

typedef struct qn_stats {
  uint64_t parameters;      /* elements in initializers of the file */
  uint64_t weight_bytes;    /* raw and packed constants now held */
  uint64_t arena_bytes;     /* activations */
  uint64_t heap_bytes;      /* all live blocks of this process */
  uint32_t nodes;           /* after the passes */
  uint32_t nodes_in_file;
  uint32_t plans;           /* plan segments in the cache */
  uint32_t alloc_calls;     /* since start */
  int opset;
} qn_stats;
void qn_model_stats(const qn_model *m, qn_stats *stats);

/* ---- looking inside: reports, profiles, comparisons ---- */

/* What the file holds, in the lines of graph/describe.h, whether the model could be loaded or not; NULL without memory, else for qn_free. */
char *qn_model_describe(const qn_model *m);

typedef struct qn_plan_step qn_plan_step; /* of a plan: a node, a fused form of several, or a change of layout */
typedef struct qn_step_info {
  const char *domain, *op;  /* of the form that runs: "quern" for those that passes and the planner make */
  const char *name;         /* of the node in the file, or "" */
  int n_in, n_out;
  int opset;
  int node;                 /* in the order of the graph; -1: of the planner */
  float clamp_min, clamp_max; /* of output 0; infinite when it is not clamped */
  bool control, dynamic;    /* runs bodies; results have no shape before it ran */
} qn_step_info;

/* ---- another executor, which runs some of the steps itself ---- */

/* Passes over the next step: the caller has its results, and writes those into the values that later steps here will read. Not for
 * control flow, nor for steps whose results have no shape before they ran. */
qn_status qn_run_skip(qn_model *m);
/* Runs the next step, with the bodies that it runs. */
qn_status qn_run_whole(qn_model *m);
/* The plan in use: equal numbers are one plan, at the same addresses. 0: none. */
uint32_t qn_plan_serial(const qn_model *m);
/* Where the activations lie, and how many bytes: they move when a later plan needs more. */
const void *qn_plan_arena(const qn_model *m, size_t *size);
/* What has to be in place before the plan after this one is made: contents that it depends on; NULL after the last. */
const qn_value *qn_plan_need(const qn_model *m, int i);

/* Between qn_run_start and the end of a run: the step that qn_run_step begins with, planned if need be; NULL at the end. */
qn_status qn_run_next(qn_model *m, const qn_plan_step **step);
/* Step i of the segment that the main graph is in, or NULL. After qn_run_start that is all of it, unless shapes depend on data. */
const qn_plan_step *qn_plan_step_at(const qn_model *m, int i);
/* Whether that segment reaches the end of the graph. */
bool qn_plan_is_whole(const qn_model *m);
void qn_step_describe(const qn_plan_step *s, qn_step_info *info);
/* NULL where one is absent. Shapes are in storage order. */
const qn_value *qn_step_input(const qn_plan_step *s, int i);
const qn_value *qn_step_output(const qn_plan_step *s, int i);
/* The attribute of this name, or NULL. */
const qn_attr *qn_step_attr(const qn_plan_step *s, const char *name);
typedef enum qn_place { QN_PLACE_RUN, QN_PLACE_CONSTANT, QN_PLACE_PLAN } qn_place; /* contents: of this run; of the model; of this plan */
qn_place qn_step_place(const qn_value *port); /* of an input or output of a step */
/* The node after which its memory may be used again; INT32_MAX: kept, or none of the run's. */
int32_t qn_step_last_use(const qn_value *port);
/* The name that output i has in the file, or "". `s` is of the graph that runs: what qn_run_next gave. */
const char *qn_step_output_name(const qn_model *m, const qn_plan_step *s, int i);
/* Whether output i is stored as [N, spatial…, C]. */
bool qn_step_output_channels_last(const qn_plan_step *s, int i);

/* A clock in microseconds for budgets, supplied by the host (natively: monotonic time). */
extern uint64_t qn_now_us(void);

#endif
