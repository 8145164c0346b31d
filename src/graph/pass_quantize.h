/* Recognising the scales of quantised values. */
#ifndef QN_GRAPH_PASS_QUANTIZE_H
#define QN_GRAPH_PASS_QUANTIZE_H

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

#endif
