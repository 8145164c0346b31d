/* NodeProto, AttributeProto, GraphProto fields and ValueInfoProto, from bytes in memory. */
#ifndef QN_MODEL_ONNX_NODE_H
#define QN_MODEL_ONNX_NODE_H

#include "model/onnx.h"
#include "model/wire.h"

enum { /* GraphProto field numbers */
  QN_GRAPH_NODE = 1, QN_GRAPH_NAME = 2, QN_GRAPH_INITIALIZER = 5, QN_GRAPH_INPUT = 11, QN_GRAPH_OUTPUT = 12,
  QN_GRAPH_SPARSE_INITIALIZER = 15
};
enum { QN_MAX_DEPTH = 32 }; /* of graphs inside attributes of nodes inside graphs … */

void qn_graph_init(qn_graph *g);
/* Takes one field of a GraphProto; `depth` counts nested graphs. */
qn_status qn_graph_field(qn_onnx_model *m, qn_graph *g, const qn_field *f, int depth, qn_error *err);
/* One AttributeProto. */
qn_status qn_onnx_read_attr(qn_onnx_model *m, const qn_field *field, qn_attr *a, int depth, qn_error *err);
/* One FunctionProto, added to the model's; and one OperatorSetIdProto, added to a list (onnx_function.c). */
qn_status qn_onnx_read_function(qn_onnx_model *m, const qn_field *field, qn_error *err);
qn_status qn_onnx_read_opset(qn_onnx_model *m, const qn_field *field, qn_onnx_opset **list, qn_error *err);
qn_status qn_graph_add_initializer(qn_onnx_model *m, qn_graph *g, qn_onnx_tensor *t, qn_error *err);

#endif
