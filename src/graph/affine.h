/* What the passes over quantised models share: recognising scales, and rewriting nodes. */
#ifndef QN_GRAPH_AFFINE_H
#define QN_GRAPH_AFFINE_H

#include <math.h>

#include "graph/match.h"

/* A QuantizeLinear or DequantizeLinear with one constant scale between float32 and 8 bits. */
typedef struct qn_affine {
  int x, scale, zero; /* value ids; zero -1: absent */
  float step;
  int32_t shift;
  qn_dtype dtype; /* of the quantised side */
} qn_affine;

/* n: may be NULL */
bool qn_affine_of(qn_ir *g, const qn_ir_node *n, bool quantizes, qn_affine *a);
bool qn_same_affine(const qn_affine *a, const qn_affine *b);

static inline bool qn_is_byte(qn_dtype t) { return t == QN_INT8 || t == QN_UINT8; }
static inline bool qn_node_is_any(const qn_ir_node *n, const char *const *names) { /* ends with NULL */
  for (; *names; names++)
    if (qn_node_is(n, *names)) return true;
  return false;
}
/* A constant float32 number at input i, or NULL. */
const qn_tensor *qn_one_float(const qn_ir *g, const qn_ir_node *n, int i);

qn_status qn_rewrite_no_memory(qn_ir *g);
/* Takes over what the value owns. */
qn_status qn_add_constant(qn_ir *g, qn_value *v, int *id);
/* A scalar: 1 as float32, 0 as 8-bit. */
qn_status qn_add_scalar(qn_ir *g, qn_dtype dtype, int *id);
/* The node gets another operator and other inputs, and keeps its outputs and attributes. */
qn_status qn_node_become(qn_ir *g, qn_ir_node *n, const char *domain, const char *name, const int *in, int count);

/* The rules in files of their own. */
qn_status qn_sink_dequantize(qn_ir *g, int node);                               /* behind what moves elements */
qn_status qn_fuse_table(qn_ir *g, qn_ir_node *q, const qn_affine *y);           /* elementwise operators in front of q */
qn_status qn_fuse_concat(qn_ir *g, qn_ir_node *q, qn_ir_node *concat, const qn_affine *y);
qn_status qn_merge_dynamic(qn_ir *g);                                           /* one DynamicQuantizeLinear for all readers of a value */
qn_status qn_fuse_integer_product(qn_ir *g, qn_ir_node *n);                     /* n: the Mul behind the Cast */
qn_status qn_fuse_behind(qn_ir *g, qn_ir_node *n);                              /* bias and clamp of products that stay float32 */
/* Relu, or Clip with constant bounds. */
bool qn_clamp_of(const qn_ir *g, const qn_ir_node *n, float *low, float *high);

#endif
