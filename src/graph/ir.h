/* The executable graph: nodes in a valid order over numbered values. Constants are ids here, never addresses in nodes. */
#ifndef QN_GRAPH_IR_H
#define QN_GRAPH_IR_H

#include "model/onnx.h"
#include "op/op.h"

/* A constant shared by all graphs that read it. */
typedef struct qn_constant {
  qn_value value;
  qn_onnx_tensor *source;    /* owns the block, or NULL: then value owns it */
  int readers;               /* node inputs and graph outputs, in all graphs */
  int released;              /* readers that have packed it */
  struct qn_constant *next;  /* all constants of the model */
} qn_constant;

typedef struct qn_ir_value {
  const char *name;
  qn_constant *constant;     /* NULL: computed or an input */
  int producer;              /* node, or -1 */
  int last_use;              /* index of the last node that reads it; INT_MAX for graph outputs; -1 unused */
  int uses;                  /* node inputs and graph outputs */
} qn_ir_value;

typedef struct qn_ir_node {
  const qn_op *op;
  const char *name;
  int opset;
  int n_attrs;
  const qn_attr *attrs;
  int n_in, n_out;           /* of a control node: n_in counts the captured values at the end too */
  int n_explicit;            /* inputs that the file names */
  int *in, *out;             /* value ids, -1 absent */
  float clamp_min, clamp_max;
  void *kept;
  struct qn_ir **bodies;     /* in the order of the graph attributes */
  int n_bodies;
  bool dead;
} qn_ir_node;

typedef struct qn_ir {
  struct qn_ir *parent;
  struct qn_context *context;
  const qn_graph *source;
  qn_ir_value *values;
  int n_values, value_capacity;
  qn_ir_node *nodes;
  int n_nodes;
  int n_inputs, n_outputs, n_captures;
  int *inputs, *outputs;
  qn_constant **defaults;    /* [n_inputs] of inputs that a caller may leave out, else NULL */
  int *captures;             /* value ids here … */
  int *capture_slots;        /* … and the index into the control node's inputs in the parent */
  int capture_capacity;
  int *map;                  /* hash table: name to value id + 1, while building */
  int map_size;
  struct qn_frame *frame;
} qn_ir;

/* What all graphs of one model share. */
typedef struct qn_context {
  qn_pool pool;
  qn_onnx_model *onnx;
  qn_constant *constants;
  void **kept_blocks;
  int n_kept, kept_capacity;
  qn_error *err;
} qn_context;

/* Expands operators into others and looks all up; names every unsupported one at once. *rare: whether one is (op_list.h). */
qn_status qn_ir_resolve(qn_context *c, const qn_graph *g, bool *rare);
/* Builds the graph and its bodies; resolved before. */
qn_status qn_ir_build(qn_context *c, const qn_graph *g, qn_ir **out);
/* A constant made here. Takes over what `value` owns. */
qn_status qn_ir_constant(qn_context *c, qn_value *value, qn_constant **out);
int qn_ir_add_value(qn_ir *g, const char *name); /* id, or -1 without memory */
/* Recounts uses, last uses, producers; drops dead nodes. Frees constants that nothing reads any more. */
void qn_ir_refresh(qn_ir *g);
/* Counts the readers of all constants over the graph and its bodies and frees those without. */
void qn_ir_count_readers(qn_context *c, qn_ir *g);
void qn_constant_free_data(qn_constant *k);
void qn_context_free(qn_context *c);
void *qn_context_keep(qn_context *c, size_t size);
/* Takes over a block of qn_alloc; false (and the block freed) without memory. */
bool qn_context_adopt(qn_context *c, void *block);

/* Runs one node whose inputs are all constant. On QN_OK `out` [node->n_out] owns the results. */
qn_status qn_ir_evaluate(qn_ir *g, const qn_ir_node *node, qn_value *out);
/* Lets the node's operator pack its constant inputs. */
qn_status qn_ir_prepare_node(qn_ir *g, qn_ir_node *node);

/* Passes. Each leaves a graph that computes the same. */
qn_status qn_pass_fold(qn_ir *g, bool keep_quantized); /* constants; keep_quantized: but no DequantizeLinear */
qn_status qn_pass_quantize(qn_ir *g);        /* operators on integers out of quantised models */
qn_status qn_pass_norm(qn_ir *g);            /* LayerNormalization, RMSNormalization from their parts */
qn_status qn_pass_activation(qn_ir *g);      /* GELU, Swish, hard Swish from their parts */
qn_status qn_pass_attention(qn_ir *g);       /* softmax(Q·Kᵀ)·V from its parts */
qn_status qn_pass_fuse(qn_ir *g);            /* Conv+BatchNorm and scale/shift, activations, bias */
qn_status qn_pass_target(qn_ir *g);          /* fast forms of operators */
qn_status qn_pass_prepare(qn_ir *g);         /* packs weights */

#endif
