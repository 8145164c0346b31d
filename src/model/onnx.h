/* Reads an ONNX file that is pushed in piece by piece. Bulk data goes straight from the caller into its final block.
 * Every byte is untrusted: lengths, nesting and sizes are checked, unknown fields are skipped. */
#ifndef QN_MODEL_ONNX_H
#define QN_MODEL_ONNX_H

#include "base/attr.h"
#include "base/memory.h"

/* An initializer or a tensor attribute. */
typedef struct qn_onnx_tensor {
  qn_tensor tensor;            /* first: an attribute's qn_tensor * is its qn_onnx_tensor. data == block, or the table of a string tensor */
  const char *name;
  void *block;                 /* qn_alloc; owned by the model, may be taken (set to NULL) by its reader */
  const char *location;        /* external data: a relative path, or NULL */
  uint64_t offset, length;     /* length 0: to the end */
  bool external_done;
  void *constant;              /* the graph's constant over this tensor, once there is one: inlined functions share them */
  struct qn_onnx_tensor *next; /* every tensor of the model */
} qn_onnx_tensor;

typedef struct qn_onnx_port {
  const char *name;
  qn_kind kind;
  qn_dtype dtype;
  qn_dtype key;                /* of a map, or of the maps in a sequence; else QN_UNDEFINED */
  int rank;                    /* -1: not declared */
  int64_t dims[QN_MAX_RANK];   /* -1: symbolic or unknown */
  const char *symbols[QN_MAX_RANK];
} qn_onnx_port;

typedef struct qn_onnx_node {
  const char *op_type, *domain, *overload, *name;
  int64_t opset;               /* of its domain, where it is not what the model imports; 0: it is */
  int n_in, n_out, n_attrs;
  const char **in, **out;      /* "" is absent */
  qn_attr *attrs;
  struct qn_onnx_node *next;
} qn_onnx_node;

typedef struct qn_onnx_initializer {
  const char *name;
  qn_onnx_tensor *tensor;
  struct qn_onnx_initializer *next;
} qn_onnx_initializer;

typedef struct qn_onnx_port_item {
  qn_onnx_port port;
  struct qn_onnx_port_item *next;
} qn_onnx_port_item;

/* A graph or subgraph as the file has it. */
typedef struct qn_graph {
  const char *name;
  qn_onnx_node *nodes, **nodes_end;
  qn_onnx_initializer *initializers, **initializers_end;
  qn_onnx_port_item *inputs, **inputs_end, *outputs, **outputs_end;
  int n_nodes, n_initializers, n_inputs, n_outputs;
} qn_graph;

typedef struct qn_onnx_opset {
  const char *domain;
  int64_t version;
  struct qn_onnx_opset *next;
} qn_onnx_opset;

/* A function of the model's own. The body's nodes are in `body`, whose other lists are empty. */
typedef struct qn_onnx_function {
  const char *name, *domain, *overload;
  const char **inputs, **outputs;
  qn_attr *defaults;           /* [n_defaults] of attributes that a call may leave out */
  int n_inputs, n_outputs, n_defaults;
  qn_onnx_opset *opsets;
  qn_graph body;
  struct qn_onnx_function *next;
} qn_onnx_function;

typedef struct qn_onnx_reader qn_onnx_reader;

typedef struct qn_onnx_model {
  qn_pool pool;                /* names, nodes, attributes */
  qn_graph graph;
  qn_onnx_opset *opsets;
  qn_onnx_function *functions;
  int64_t ir_version;
  qn_onnx_tensor *tensors, *last_tensor; /* as they come: so external data are asked for too */
  uint64_t parameters;         /* elements in initializers */
  qn_onnx_reader *reader;      /* while bytes are coming */
} qn_onnx_model;

void qn_onnx_add_tensor(qn_onnx_model *m, qn_onnx_tensor *t);
qn_status qn_onnx_begin(qn_onnx_model *m, qn_error *err);
/* Where the next bytes go; *size is at least 1. */
qn_status qn_onnx_want(qn_onnx_model *m, void **ptr, size_t *size, qn_error *err);
qn_status qn_onnx_commit(qn_onnx_model *m, size_t size, qn_error *err);
/* The file is complete: fails when it was cut off, is empty or has no graph. */
qn_status qn_onnx_end(qn_onnx_model *m, qn_error *err);
/* The next tensor whose data lies outside the file, or NULL. */
qn_onnx_tensor *qn_onnx_external(const qn_onnx_model *m);
/* The opset version imported for a domain; 0 when it is not imported. "ai.onnx" and "" are the same. */
int64_t qn_onnx_opset_of(const qn_onnx_model *m, const char *domain);
/* Replaces the calls of the model's functions by their bodies, everywhere. After qn_onnx_end(). */
qn_status qn_onnx_inline_functions(qn_onnx_model *m, qn_error *err);
void qn_onnx_free(qn_onnx_model *m);

#endif
