/* The operator interface. One const qn_op per operator (op_list.h names them all).
 *
 * plan() runs once per combination of input shapes: it validates arity, types and attributes, infers the output types
 * and shapes, and says what scratch memory run() wants. run() computes; it never allocates (dynamic outputs excepted)
 * and fails only on data (an index out of range, a division by zero). */
#ifndef QN_OP_OP_H
#define QN_OP_OP_H

#include "base/attr.h"

typedef struct qn_step qn_step;

enum { /* qn_op.flags */
  /* How the operator deals with channels-last storage (NHWC for a logical NCHW). The planner hands over tensors whose
   * `dims` are in storage order and converts where the operator asks for something else. */
  QN_LAYOUT_PLAIN = 0,        /* inputs and outputs are row-major in logical order */
  QN_LAYOUT_ELEMENTWISE = 1,  /* order of dimensions does not matter, with ONNX broadcasting: sees permuted dims and need not know */
  QN_LAYOUT_FOLLOW = 2,       /* takes either; s->channels_last says which (all inputs of input 0's rank have it). Axes go through qn_axis() */
  QN_LAYOUT_CHANNELS_LAST = 3,/* prefers channels-last for input 0 and output 0 when rank is 3 or more (s->channels_last says); input 1… stay plain */
  QN_LAYOUT_SHAPE_ONLY = 4,   /* reads only the shape of its inputs, never data: sees logical dims */
  QN_LAYOUT_MASK = 7,
  QN_INPLACE = 8,             /* output 0 may be written over input 0 or 1 when type and shape are equal (element i depends on element i only) */
  QN_NONDETERMINISTIC = 16,   /* never folded or merged: random numbers */
  QN_CLAMPS = 32,             /* applies s->clamp_min/max to output 0, so Relu and Clip can be folded into it */
  QN_CONTROL = 64,            /* runs subgraphs: If, Loop, Scan, SequenceMap */
  QN_RESIDUAL = 128,          /* input 3 is added to output 0 before it is stored, in its layout and where it fits in its place */
  QN_PITCHED = 256            /* heads' keys and values, inputs 1 and 2 (attributes k, v: 1 when their rows come first), may lie in a state's block:
                               * run() looks at qn_value.pitch */
};

typedef struct qn_op {
  const char *domain;          /* "" is ai.onnx; "ai.onnx.ml", "com.microsoft", "quern" (made by passes) */
  const char *name;            /* ONNX op_type */
  int16_t since, until;        /* versions of the domain's opset that this entry serves; until 0: up to the newest */
  int16_t min_in, max_in;      /* arity; max -1: any number */
  int16_t min_out, max_out;
  uint32_t flags;
  qn_status (*plan)(qn_step *s);
  qn_status (*run)(qn_step *s);    /* NULL: plan() did it all (views) */
  /* Optional. Once after loading: pack constant inputs. Read them by qn_const(); keep the result by qn_keep(); call
   * qn_release_const() for each input whose raw form this node no longer reads. s->in shapes are not known here. */
  qn_status (*prepare)(qn_step *s);
  void (*release)(qn_step *s);     /* Optional. Frees what s->state refers to outside the plan's memory. */
} qn_op;

struct qn_step {
  const qn_op *op;
  const char *name;            /* node name for messages; may be "" */
  int opset;                   /* version of the operator's domain that the model imports */
  int n_attrs;
  const qn_attr *attrs;
  int n_in, n_out;
  qn_value **in;               /* [n_in], NULL where an optional input is absent */
  qn_value **out;              /* [n_out], NULL where an optional output is not wanted */
  bool channels_last;          /* see QN_LAYOUT_*; dims are then [N, spatial…, C] */
  bool dynamic;                /* set by plan(): output shapes depend on data; run() makes them by qn_out_dynamic() */
  float clamp_min, clamp_max;  /* fused activation; -INFINITY, INFINITY when there is none */
  size_t scratch_size;         /* set by plan() */
  void *scratch;               /* for run(): scratch_size bytes aligned to QN_ALIGN */
  void *state;                 /* qn_state(): lives as long as this plan */
  void *kept;                  /* qn_keep(): lives as long as the model, shared by all plans of the node */
  int phase;                   /* control flow: 0 on entry, then what run() left before it returned QN_CALL */
  qn_error *err;
  struct qn_planner *planner;  /* opaque */
};

/* ---- inputs and outputs ---- */

/* Input tensor i, or NULL when absent. During plan() its `data` is only meaningful through qn_known(). */
static inline const qn_tensor *qn_in(const qn_step *s, int i) { return i < s->n_in && s->in[i] ? &s->in[i]->tensor : NULL; }
/* Output tensor i, or NULL when not wanted. */
static inline qn_tensor *qn_out(const qn_step *s, int i) { return i < s->n_out && s->out[i] ? &s->out[i]->tensor : NULL; }

/* plan(): the tensor with contents if they are known now (a constant, or computed from shapes), else NULL. */
const qn_tensor *qn_known(const qn_step *s, int i);
/* plan(): the tensor with contents; returns QN_NEED_DATA (just forward it by QN_TRY) when they are only known at run time:
 * the planner then ends the segment before this node and plans it again with the data there. Absent input: *t = NULL. */
qn_status qn_need(const qn_step *s, int i, const qn_tensor **t);
/* plan(): the same for a 1-D (or scalar) int32/int64 input, widened. *count elements into values[max]. Absent: *count = -1. */
qn_status qn_need_ints(const qn_step *s, int i, int64_t *values, int max, int *count);

/* plan(): sets type and shape of output i (nothing when it is not wanted). */
qn_status qn_out_shape(qn_step *s, int i, qn_dtype dtype, int rank, const int64_t *dims);
qn_status qn_out_like(qn_step *s, int i, const qn_tensor *like);
/* plan(): output i has type, count and data of input j (a view, nothing is copied), with this shape. */
qn_status qn_out_view(qn_step *s, int i, int j, int rank, const int64_t *dims);
/* plan(): what the only reader of output 0 has kept, where that is a node of the same operator that takes it as input 0; else NULL. */
const void *qn_only_reader(const qn_step *s);
/* plan(): run() will not be called: the only reader computes output 0, of this shape, out of the data of input 0. It finds s->state as
 * s->in[0]->pending. */
qn_status qn_out_pending(qn_step *s, int rank, const int64_t *dims);
/* run() of a dynamic step: gives output i memory of this type and shape. */
qn_status qn_out_dynamic(qn_step *s, int i, qn_dtype dtype, int rank, const int64_t *dims);
/* plan(): zeroed memory for s->state that lives as long as the plan. */
qn_status qn_state(qn_step *s, size_t size);

/* prepare(): constant input i, or NULL when it is absent or not constant. */
const qn_tensor *qn_const(const qn_step *s, int i);
/* prepare(): input i is there, constant or not. */
bool qn_has_input(const qn_step *s, int i);
/* prepare(): memory for s->kept that lives as long as the model (QN_ALIGN aligned, zeroed). */
qn_status qn_keep(qn_step *s, size_t size);
/* Another block that lives as long as the model. */
void *qn_keep_block(qn_step *s, size_t size);
/* Takes over a block made by qn_alloc; false (and the block freed) without memory. */
bool qn_keep_adopt(qn_step *s, void *block);
void qn_release_const(qn_step *s, int i);
/* The block of constant input i, to pack it in place: it lives as long as the model, and the constant has no data any more. NULL, and
 * nothing is changed, when another reader still wants it. */
void *qn_take_const(qn_step *s, int i);

/* ---- attributes ---- (a missing one gives the default; one of another type is an error found by qn_attr_check at load) */
const qn_attr *qn_attr_find(const qn_step *s, const char *name, qn_attr_type type);
int64_t qn_attr_int(const qn_step *s, const char *name, int64_t otherwise);
float qn_attr_float(const qn_step *s, const char *name, float otherwise);
/* NULL when missing; NUL-terminated. */
const char *qn_attr_text(const qn_step *s, const char *name, const char *otherwise);
/* Copies up to max integers and returns how many the attribute has (-1 when missing; more than max: error by the caller). */
int qn_attr_ints(const qn_step *s, const char *name, int64_t *values, int max);

/* ---- helpers ---- */

/* Fails with the node's name and operator put before the sentence: `Conv 'conv_12': …`. */
qn_status qn_step_fail(const qn_step *s, qn_status code, const char *format, ...) QN_PRINTF(3, 4);
/* Fails unless input i has one of the types in the list, e.g. QN_TYPES(QN_FLOAT, QN_DOUBLE). */
#define QN_TYPE_BIT(t) (1u << (t))
qn_status qn_check_type(const qn_step *s, int i, uint32_t type_bits);
/* Fails, naming `what`, when t is there and of another type than the first input x. */
qn_status qn_check_same(const qn_step *s, const char *what, const qn_tensor *t, const qn_tensor *x);
/* `float32, float64 or int8`, for a message. */
#define QN_TYPES_TEXT 512
const char *qn_types_text(char text[QN_TYPES_TEXT], uint32_t type_bits);
/* Normalises a possibly negative logical axis against `rank`, then maps it to storage order if s->channels_last.
 * Fails with a sentence when it is out of range. */
qn_status qn_axis(const qn_step *s, int64_t axis, int rank, int *out);
/* The same without the layout mapping. */
qn_status qn_axis_plain(const qn_step *s, int64_t axis, int rank, int *out);
/* ONNX multidirectional broadcasting of the inputs' shapes; names the inputs and shapes when they do not fit. */
qn_status qn_broadcast(const qn_step *s, int first, int count, int *rank, int64_t dims[QN_MAX_RANK]);

#endif
