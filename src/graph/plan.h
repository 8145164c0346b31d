/* Plans: what one graph does for one combination of input shapes.
 *
 * A graph's nodes are planned in segments. A segment ends where something is known only at run time: after an operator
 * whose output shapes depend on data, or before one whose plan needs contents. What is known then (shapes, contents)
 * keys the next segment, a child of the one before. A run over shapes seen before follows the tree and plans nothing. */
#ifndef QN_GRAPH_PLAN_H
#define QN_GRAPH_PLAN_H

#include "graph/state.h"

/* Memory of one or more values: a place in the frame's arena, or somewhere else. */
typedef struct qn_storage {
  size_t offset, size;
  int last_use;              /* node index after which it is free; INT_MAX: kept to the end of the run */
  bool in_arena;
  bool foreign;              /* an input of the frame: not ours to write or to outlive the run */
} qn_storage;

typedef struct qn_plan_value {
  qn_value value;
  qn_storage *storage;       /* NULL: constant or plan memory */
  bool channels_last;        /* dims are [N, spatial…, C] */
  bool known;                /* contents are there while planning */
  bool constant;             /* … and are the model's */
  struct qn_plan_value *next;/* of the same plan */
} qn_plan_value;

typedef struct qn_binding {  /* a value id's place since this plan; plain and channels-last forms, and in the block of a state */
  int id;
  int axis;                  /* of `pitched` */
  qn_plan_value *plain, *last, *pitched;
} qn_binding;

typedef struct qn_plan_step {
  qn_step step;
  int node;                  /* index in the IR, -1: a layout change */
  size_t scratch_offset;
} qn_plan_step;

typedef struct qn_plan {
  uint32_t serial;           /* of its frame, from 1 on */
  struct qn_plan *parent, *children, *sibling;
  uint8_t *key;
  size_t key_size;
  uint32_t key_hash;
  int first_node, next_node; /* [first, next) planned here */
  bool complete;             /* next_node is the end of the graph */
  qn_plan_step *steps;
  int n_steps;
  qn_plan_value *values;
  qn_binding *bindings;
  int n_bindings, binding_capacity;
  qn_storage **live;         /* arena storages in use when the segment ends */
  int n_live;
  size_t arena_size;
  int *needs;                /* ids whose contents key the next segment */
  int n_needs;
  int *dynamic;              /* ids whose shapes key the next segment */
  int n_dynamic;
  qn_pool pool;
} qn_plan;

/* The running instance of a graph. */
typedef struct qn_frame {
  qn_ir *ir;
  bool plain;                /* no layout but ONNX's */
  uint32_t plans_made;
  qn_plan *plans;            /* roots */
  qn_plan *current;
  int next_step;
  uint8_t *arena;
  size_t arena_size;
  qn_plan_value *inputs;     /* [n_inputs + n_captures] bound by the caller */
  qn_kept_state *states;          /* [n_inputs] of the main graph, else NULL */
  qn_plan_value **dynamic;   /* [n_values] outputs of dynamic nodes; they own their memory */
  qn_binding *now;           /* [n_values] while planning */
  int *recorded;             /* [n_values] while planning: index + 1 in the plan's bindings */
  uint8_t *key;              /* scratch for keys */
  size_t key_capacity;
  qn_step *caller;           /* the control step that runs this body */
  qn_storage foreign_storage, dynamic_storage;
} qn_frame;

qn_status qn_frame_create(qn_ir *g, qn_frame **out);
void qn_frame_free(qn_frame *f);
/* Finds or makes the plan for the bound inputs and makes it current. */
qn_status qn_frame_begin(qn_frame *f);
/* The current segment was run and is not complete: finds or makes the next. */
qn_status qn_frame_continue(qn_frame *f);
/* Output i after the last segment; *foreign: its memory belongs to the caller of the frame. */
const qn_value *qn_frame_output(qn_frame *f, int i, bool *foreign);
void qn_plan_free_tree(qn_plan *p);
/* Plans are made anew. */
void qn_frame_forget(qn_frame *f);
int qn_plan_count(const qn_frame *f);

#endif
