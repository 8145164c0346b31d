/* What a file holds, before and without running it. */
#ifndef QN_GRAPH_DESCRIBE_H
#define QN_GRAPH_DESCRIBE_H

#include "graph/ir.h"

/* Lines of fields separated by tabs, for qn_free; NULL without memory:
 *   ir <version>
 *   opset <domain> <version>
 *   op <domain> <name> <nodes of it, bodies included> <1 when there is an operator that serves it, else 0>
 *   runs <domain> <name> <since>: an entry of the operator table that `g` (NULL when there is none) uses after the passes
 *   tensor <type> <initializers and tensor attributes of it> <elements> <bytes> */
char *qn_describe(const qn_onnx_model *m, const qn_ir *g);

#endif
