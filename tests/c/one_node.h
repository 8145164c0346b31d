/* Models of one node, for tests of operators: begin_node(), attributes, inputs, then run_node(). */
#ifndef QN_TESTS_ONE_NODE_H
#define QN_TESTS_ONE_NODE_H

#include <stdlib.h>

#include "load_model.h"

typedef struct bytes { uint8_t data[1 << 16]; size_t size; } bytes;
typedef struct node_input { qn_dtype dtype; int rank; int64_t dims[QN_MAX_RANK]; const void *data; } node_input;

static struct {
  bytes node, graph;
  int64_t opset;
  const char *domain;
  node_input inputs[16];
  int n_inputs, n_outputs;
  qn_model *model;            /* of the last run */
  char error[2048];
} one;

static inline void put_varint(bytes *b, uint64_t v) {
  do b->data[b->size++] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
  while (v >>= 7);
}
static inline void put_int(bytes *b, int field, int64_t v) { put_varint(b, (uint64_t)field << 3), put_varint(b, (uint64_t)v); }
static inline void put_bytes(bytes *b, int field, const void *data, size_t size) {
  put_varint(b, (uint64_t)field << 3 | 2), put_varint(b, size);
  if (size) memcpy(b->data + b->size, data, size);
  b->size += size;
}
static inline void put_text(bytes *b, int field, const char *text) { put_bytes(b, field, text, strlen(text)); }
static inline void put_float(bytes *b, int field, float v) {
  put_varint(b, (uint64_t)field << 3 | 5);
  memcpy(b->data + b->size, &v, 4);
  b->size += 4;
}

static inline void begin_node(const char *domain, const char *op, int64_t opset, int n_outputs) {
  qn_model_free(one.model);
  memset(&one, 0, sizeof one);
  one.domain = domain;
  one.opset = opset;
  one.n_outputs = n_outputs;
  put_text(&one.node, 4, op);
  put_text(&one.node, 7, domain);
}

static inline void attr_end(bytes *a, int type) { put_int(a, 20, type), put_bytes(&one.node, 5, a->data, a->size); }
#define ATTR(function, T, statement, type)                 \
  static inline void function(const char *name, T value) { \
    static bytes a;                                        \
    a.size = 0;                                            \
    put_text(&a, 1, name);                                 \
    statement;                                             \
    attr_end(&a, type);                                    \
  }
ATTR(attr_int, int64_t, put_int(&a, 3, value), 2)
ATTR(attr_float, float, put_float(&a, 2, value), 1)
ATTR(attr_text, const char *, put_text(&a, 4, value), 3)
static inline void attr_ints(const char *name, int n, const int64_t *values) {
  static bytes a;
  a.size = 0;
  put_text(&a, 1, name);
  for (int i = 0; i < n; i++) put_int(&a, 8, values[i]);
  attr_end(&a, 7);
}

/* dtype QN_UNDEFINED: an absent input. */
static inline void add_input(qn_dtype dtype, int rank, const int64_t *dims, const void *data) {
  node_input *in = &one.inputs[one.n_inputs++];
  *in = (node_input){.dtype = dtype, .rank = rank, .data = data};
  for (int d = 0; d < rank; d++) in->dims[d] = dims[d];
}
static inline void absent_input(void) { add_input(QN_UNDEFINED, 0, NULL, NULL); }
#define DIMS(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
static inline void add_scalar_int(int64_t v) {
  static int64_t kept[16];
  kept[one.n_inputs] = v;
  add_input(QN_INT64, 0, NULL, &kept[one.n_inputs]);
}

static inline void put_port(int field, const char *name, qn_dtype dtype) {
  static bytes type, value, port;
  type.size = value.size = port.size = 0;
  put_int(&type, 1, dtype);
  put_bytes(&value, 1, type.data, type.size);
  put_text(&port, 1, name);
  put_bytes(&port, 2, value.data, value.size);
  put_bytes(&one.graph, field, port.data, port.size);
}

/* Loads and runs; the status of what failed first, with its sentence in one.error. */
static inline qn_status run_node(void) {
  static bytes file, import;
  char name[16];
  for (int i = 0; i < one.n_inputs; i++) {
    name[0] = 'i', name[1] = (char)('a' + i), name[2] = 0;
    put_text(&one.node, 1, one.inputs[i].dtype ? name : "");
  }
  for (int i = 0; i < one.n_outputs; i++) {
    name[0] = 'o', name[1] = (char)('a' + i), name[2] = 0;
    put_text(&one.node, 2, name);
  }
  put_bytes(&one.graph, 1, one.node.data, one.node.size);
  for (int i = 0; i < one.n_inputs; i++) {
    name[0] = 'i', name[1] = (char)('a' + i), name[2] = 0;
    if (one.inputs[i].dtype) put_port(11, name, one.inputs[i].dtype);
  }
  for (int i = 0; i < one.n_outputs; i++) {
    name[0] = 'o', name[1] = (char)('a' + i), name[2] = 0;
    put_port(12, name, QN_UNDEFINED);
  }
  file.size = import.size = 0;
  put_int(&file, 1, 8);
  put_bytes(&file, 7, one.graph.data, one.graph.size);
  put_text(&import, 1, one.domain);
  put_int(&import, 2, one.opset);
  put_bytes(&file, 8, import.data, import.size);
  qn_model *m = one.model = qn_model_create();
  qn_status status = load_model(m, file.data, file.size);
  for (int i = 0, k = 0; status == QN_OK && i < one.n_inputs; i++) {
    const node_input *in = &one.inputs[i];
    if (!in->dtype) continue;
    status = qn_input_bind(m, k, in->dtype, in->rank, in->dims);
    if (status == QN_OK && in->data) memcpy(qn_input_value(m, k)->tensor.data, in->data, qn_tensor_bytes(&qn_input_value(m, k)->tensor));
    k++;
  }
  bool done = false;
  if (status == QN_OK) status = qn_run_start(m);
  while (status == QN_OK && !done) status = qn_run_step(m, 0, &done);
  if (status != QN_OK) memcpy(one.error, qn_model_error(m)->text, sizeof one.error);
  return status;
}
static inline const qn_tensor *result(int i) { return &qn_output_value(one.model, i)->tensor; }

#endif
