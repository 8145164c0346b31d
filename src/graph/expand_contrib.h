/* Operators of com.microsoft as standard ones. */
#ifndef QN_GRAPH_EXPAND_CONTRIB_H
#define QN_GRAPH_EXPAND_CONTRIB_H

#include "model/onnx.h"

/* Replaces the nodes of the graph and its subgraphs that other operators can say. */
qn_status qn_expand_contrib(qn_onnx_model *m, qn_error *err);

#endif
