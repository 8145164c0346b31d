/* Attributes of a node, as ONNX's AttributeProto gives them. */
#ifndef QN_BASE_ATTR_H
#define QN_BASE_ATTR_H

#include "base/value.h"

typedef enum qn_attr_type { /* AttributeProto.AttributeType */
  QN_ATTR_NONE = 0,
  QN_ATTR_FLOAT = 1,
  QN_ATTR_INT = 2,
  QN_ATTR_STRING = 3,
  QN_ATTR_TENSOR = 4,
  QN_ATTR_GRAPH = 5,
  QN_ATTR_FLOATS = 6,
  QN_ATTR_INTS = 7,
  QN_ATTR_STRINGS = 8,
  QN_ATTR_TENSORS = 9,
  QN_ATTR_GRAPHS = 10,
  QN_ATTR_TYPE_PROTO = 13
} qn_attr_type;

typedef struct qn_attr {
  const char *name;
  qn_attr_type type;
  int64_t i;
  float f;
  qn_string s;
  size_t count;               /* of the list members below */
  const int64_t *ints;
  const float *floats;
  const qn_string *strings;
  const qn_tensor *tensor;
  struct qn_graph *graph;     /* a subgraph; opaque to operators */
  const char *ref;            /* name of the function attribute it stands for, or NULL */
} qn_attr;

#endif
