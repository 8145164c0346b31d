#include "model/onnx_node.h"

#include "model/onnx_tensor.h"

static qn_status no_memory(qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "no memory to read the model"); }
static qn_status malformed(qn_error *err, const char *what) { return qn_fail(err, QN_ERR_FORMAT, "the model is malformed: %s", what); }

static qn_status text(qn_onnx_model *m, const qn_field *f, const char **out, qn_error *err) {
  if (f->type != 2) return malformed(err, "a name is not a string");
  *out = qn_pool_text(&m->pool, (const char *)f->bytes, (size_t)f->value);
  return *out ? QN_OK : no_memory(err);
}

void qn_graph_init(qn_graph *g) {
  memset(g, 0, sizeof *g);
  g->name = "";
  g->nodes_end = &g->nodes;
  g->initializers_end = &g->initializers;
  g->inputs_end = &g->inputs;
  g->outputs_end = &g->outputs;
}

qn_status qn_graph_add_initializer(qn_onnx_model *m, qn_graph *g, qn_onnx_tensor *t, qn_error *err) {
  qn_onnx_initializer *item = qn_pool_alloc(&m->pool, sizeof *item);
  if (!item) return no_memory(err);
  item->tensor = t;
  item->name = t->name;
  *g->initializers_end = item;
  g->initializers_end = &item->next;
  g->n_initializers++;
  m->parameters += (uint64_t)t->tensor.count;
  return QN_OK;
}

static qn_status read_graph(qn_onnx_model *m, const qn_field *field, int depth, qn_graph **out, qn_error *err) {
  if (depth > QN_MAX_DEPTH) return malformed(err, "graphs nested more than 32 deep");
  qn_graph *g = qn_pool_alloc(&m->pool, sizeof *g);
  if (!g) return no_memory(err);
  qn_graph_init(g);
  qn_wire w = {field->bytes, field->bytes + field->value};
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return malformed(err, "a subgraph");
    QN_TRY(qn_graph_field(m, g, &f, depth, err));
  }
  *out = g;
  return QN_OK;
}

/* Counts the elements of a repeated scalar field, packed or not. */
static size_t count_scalars(const qn_field *f, uint32_t fixed) {
  if (f->type != 2) return 1;
  if (fixed == 5) return (size_t)f->value / 4;
  size_t count = 0;
  for (uint64_t i = 0; i < f->value; i++) count += f->bytes[i] < 128;
  return count;
}

enum { A_NAME = 1, A_F = 2, A_I = 3, A_S = 4, A_T = 5, A_G = 6, A_FLOATS = 7, A_INTS = 8, A_STRINGS = 9, A_TYPE = 20, A_REF = 21 };

/* First pass: how many list elements there are. */
static qn_status attr_lists(qn_onnx_model *m, const qn_field *field, size_t *n_floats, size_t *n_ints, size_t *n_strings, qn_error *err) {
  (void)m;
  qn_wire w = {field->bytes, field->bytes + field->value};
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return malformed(err, "an attribute");
    if (f.number == A_FLOATS) *n_floats += count_scalars(&f, 5);
    if (f.number == A_INTS) *n_ints += count_scalars(&f, 0);
    if (f.number == A_STRINGS) (*n_strings)++;
  }
  return QN_OK;
}

qn_status qn_onnx_read_attr(qn_onnx_model *m, const qn_field *field, qn_attr *a, int depth, qn_error *err) {
  size_t n_floats = 0, n_ints = 0, n_strings = 0;
  QN_TRY(attr_lists(m, field, &n_floats, &n_ints, &n_strings, err));
  float *floats = qn_pool_alloc(&m->pool, n_floats * sizeof(float));
  int64_t *ints = qn_pool_alloc(&m->pool, n_ints * sizeof(int64_t));
  qn_string *strings = qn_pool_alloc(&m->pool, n_strings * sizeof(qn_string));
  if (!floats || !ints || !strings) return no_memory(err);
  a->floats = floats;
  a->ints = ints;
  a->strings = strings;
  a->name = "";
  int64_t type = 0;
  qn_attr_type seen = QN_ATTR_NONE;
  qn_wire w = {field->bytes, field->bytes + field->value};
  n_floats = n_ints = n_strings = 0;
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return malformed(err, "an attribute");
    switch (f.number) {
      case A_NAME: QN_TRY(text(m, &f, &a->name, err)); break;
      case A_REF: QN_TRY(text(m, &f, &a->ref, err)); break;
      case A_TYPE: type = (int64_t)f.value; break;
      case A_F: a->f = qn_field_float(&f); seen = QN_ATTR_FLOAT; break;
      case A_I: a->i = (int64_t)f.value; seen = QN_ATTR_INT; break;
      case A_S: {
        const char *s;
        QN_TRY(text(m, &f, &s, err));
        a->s = (qn_string){s, (size_t)f.value};
        seen = QN_ATTR_STRING;
        break;
      }
      case A_T: {
        if (f.type != 2) return malformed(err, "a tensor attribute");
        qn_onnx_tensor *t;
        QN_TRY(qn_onnx_read_tensor(m, f.bytes, (size_t)f.value, &t, err));
        a->tensor = &t->tensor;
        seen = QN_ATTR_TENSOR;
        break;
      }
      case A_G:
        if (f.type != 2) return malformed(err, "a graph attribute");
        QN_TRY(read_graph(m, &f, depth + 1, &a->graph, err));
        seen = QN_ATTR_GRAPH;
        break;
      case A_FLOATS:
        if (f.type == 2 && f.value % 4) return malformed(err, "a list of floats");
        if (f.type == 2 && f.value) memcpy(floats + n_floats, f.bytes, (size_t)f.value);
        else if (f.type == 5) floats[n_floats] = qn_field_float(&f);
        else if (f.type != 2) return malformed(err, "a list of floats");
        n_floats += count_scalars(&f, 5);
        seen = QN_ATTR_FLOATS;
        break;
      case A_INTS: {
        if (f.type == 0) { ints[n_ints++] = (int64_t)f.value; }
        else if (f.type == 2) {
          qn_wire list = {f.bytes, f.bytes + f.value};
          uint64_t value;
          while (list.p < list.end) {
            if (!qn_wire_varint(&list, &value)) return malformed(err, "a list of integers");
            ints[n_ints++] = (int64_t)value;
          }
        } else return malformed(err, "a list of integers");
        seen = QN_ATTR_INTS;
        break;
      }
      case A_STRINGS: {
        const char *s;
        QN_TRY(text(m, &f, &s, err));
        strings[n_strings++] = (qn_string){s, (size_t)f.value};
        seen = QN_ATTR_STRINGS;
        break;
      }
      default: break;
    }
  }
  if (type < 0 || type > 14) return malformed(err, "an attribute of unknown type");
  a->type = type ? (qn_attr_type)type : seen;
  a->count = a->type == QN_ATTR_FLOATS ? n_floats : a->type == QN_ATTR_INTS ? n_ints : a->type == QN_ATTR_STRINGS ? n_strings : 0;
  if (!a->ref && ((a->type == QN_ATTR_TENSOR && !a->tensor) || (a->type == QN_ATTR_GRAPH && !a->graph)))
    return qn_fail(err, QN_ERR_FORMAT, "attribute '%s' has no value", a->name);
  if (a->type == QN_ATTR_STRING && !a->s.data) a->s = (qn_string){"", 0};
  return QN_OK;
}

static qn_status read_node(qn_onnx_model *m, qn_graph *g, const qn_field *field, int depth, qn_error *err) {
  qn_onnx_node *n = qn_pool_alloc(&m->pool, sizeof *n);
  if (!n) return no_memory(err);
  n->op_type = n->domain = n->overload = n->name = "";
  qn_wire w = {field->bytes, field->bytes + field->value};
  qn_field f;
  while (w.p < w.end) {
    if (!qn_wire_field(&w, &f)) return malformed(err, "a node");
    n->n_in += f.number == 1;
    n->n_out += f.number == 2;
    n->n_attrs += f.number == 5;
  }
  n->in = qn_pool_alloc(&m->pool, (size_t)n->n_in * sizeof(char *));
  n->out = qn_pool_alloc(&m->pool, (size_t)n->n_out * sizeof(char *));
  n->attrs = qn_pool_alloc(&m->pool, (size_t)n->n_attrs * sizeof(qn_attr));
  if (!n->in || !n->out || !n->attrs) return no_memory(err);
  n->n_in = n->n_out = n->n_attrs = 0;
  w = (qn_wire){field->bytes, field->bytes + field->value};
  while (w.p < w.end) {
    if (!qn_wire_field(&w, &f)) return malformed(err, "a node");
    switch (f.number) {
      case 1: QN_TRY(text(m, &f, &n->in[n->n_in++], err)); break;
      case 2: QN_TRY(text(m, &f, &n->out[n->n_out++], err)); break;
      case 3: QN_TRY(text(m, &f, &n->name, err)); break;
      case 4: QN_TRY(text(m, &f, &n->op_type, err)); break;
      case 5:
        if (f.type != 2) return malformed(err, "an attribute");
        QN_TRY(qn_onnx_read_attr(m, &f, &n->attrs[n->n_attrs++], depth, err));
        break;
      case 7: QN_TRY(text(m, &f, &n->domain, err)); break;
      case 8: QN_TRY(text(m, &f, &n->overload, err)); break;
      default: break;
    }
  }
  if (!strcmp(n->domain, "ai.onnx")) n->domain = "";
  *g->nodes_end = n;
  g->nodes_end = &n->next;
  g->n_nodes++;
  return QN_OK;
}

static qn_status read_shape(qn_onnx_model *m, const qn_field *field, qn_onnx_port *port, qn_error *err) {
  qn_wire w = {field->bytes, field->bytes + field->value};
  port->rank = 0;
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return malformed(err, "a shape");
    if (f.number != 1 || f.type != 2) continue;
    if (port->rank == QN_MAX_RANK)
      return qn_fail(err, QN_ERR_UNSUPPORTED, "'%s' has more than %d dimensions", port->name, QN_MAX_RANK);
    port->dims[port->rank] = -1;
    qn_wire d = {f.bytes, f.bytes + f.value};
    while (d.p < d.end) {
      qn_field part;
      if (!qn_wire_field(&d, &part)) return malformed(err, "a dimension");
      if (part.number == 1 && part.type == 0) port->dims[port->rank] = (int64_t)part.value < 0 ? -1 : (int64_t)part.value;
      if (part.number == 2 && part.type == 2) QN_TRY(text(m, &part, &port->symbols[port->rank], err));
    }
    port->rank++;
  }
  return QN_OK;
}

/* TypeProto: 1 tensor, 4 sequence, 5 map (1 key, 2 value), 9 optional; the innermost tensor gives the element type. */
static qn_status read_type(qn_onnx_model *m, const qn_field *field, qn_onnx_port *port, int depth, qn_error *err) {
  if (depth > 4) return malformed(err, "a type nested too deep");
  qn_wire w = {field->bytes, field->bytes + field->value};
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return malformed(err, "a type");
    if (f.type != 2) continue;
    qn_wire inner = {f.bytes, f.bytes + f.value};
    if (f.number == 4 && depth == 0) port->kind = QN_KIND_SEQUENCE;
    if (f.number == 9 && depth == 0) port->kind = QN_KIND_OPTIONAL;
    if (f.number == 5 && depth == 0) port->kind = QN_KIND_MAP;
    while (inner.p < inner.end) {
      qn_field part;
      if (!qn_wire_field(&inner, &part)) return malformed(err, "a type");
      if (f.number == 1 && part.number == 1 && part.type == 0)
        port->dtype = part.value < QN_DTYPE_COUNT ? (qn_dtype)part.value : QN_UNDEFINED;
      if (f.number == 1 && part.number == 2 && part.type == 2) QN_TRY(read_shape(m, &part, port, err));
      if (f.number == 5 && part.number == 1 && part.type == 0) port->key = part.value < QN_DTYPE_COUNT ? (qn_dtype)part.value : QN_UNDEFINED;
      if (f.number == 5 && part.number == 2 && part.type == 2) QN_TRY(read_type(m, &part, port, depth + 1, err));
      if ((f.number == 4 || f.number == 9) && part.number == 1 && part.type == 2) QN_TRY(read_type(m, &part, port, depth + 1, err));
    }
  }
  return QN_OK;
}

static qn_status read_port(qn_onnx_model *m, const qn_field *field, qn_onnx_port_item ***end, int *count, qn_error *err) {
  qn_onnx_port_item *item = qn_pool_alloc(&m->pool, sizeof *item);
  if (!item) return no_memory(err);
  item->port.rank = -1;
  item->port.name = "";
  qn_wire w = {field->bytes, field->bytes + field->value};
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return malformed(err, "an input or output");
    if (f.number == 1) QN_TRY(text(m, &f, &item->port.name, err));
    if (f.number == 2 && f.type == 2) QN_TRY(read_type(m, &f, &item->port, 0, err));
  }
  if (item->port.kind != QN_KIND_TENSOR) item->port.rank = -1;
  **end = item;
  *end = &item->next;
  (*count)++;
  return QN_OK;
}

/* A dense block from values and the positions of the non-zero elements. */
static qn_status read_sparse(qn_onnx_model *m, qn_graph *g, const qn_field *field, qn_error *err) {
  qn_onnx_tensor *values = NULL, *indices = NULL, *dense = NULL;
  int64_t dims[QN_MAX_RANK];
  int rank = 0;
  qn_wire w = {field->bytes, field->bytes + field->value};
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return malformed(err, "a sparse initializer");
    if (f.number == 1 && f.type == 2) QN_TRY(qn_onnx_read_tensor(m, f.bytes, (size_t)f.value, &values, err));
    if (f.number == 2 && f.type == 2) QN_TRY(qn_onnx_read_tensor(m, f.bytes, (size_t)f.value, &indices, err));
    if (f.number == 3) {
      qn_wire list = {f.bytes, f.type == 2 ? f.bytes + f.value : f.bytes};
      uint64_t value = f.value;
      bool more = f.type == 0;
      while (more || list.p < list.end) {
        if (!more && !qn_wire_varint(&list, &value)) return malformed(err, "a sparse initializer");
        more = false;
        if (rank == QN_MAX_RANK) return qn_fail(err, QN_ERR_UNSUPPORTED, "a sparse initializer of more than %d dimensions", QN_MAX_RANK);
        dims[rank++] = (int64_t)value;
      }
    }
  }
  if (!values || !indices || values->tensor.rank != 1 || indices->tensor.dtype != QN_INT64 || values->tensor.dtype == QN_STRING ||
      qn_dtype_size(values->tensor.dtype) == 0 || !values->tensor.data || !indices->tensor.data)
    return malformed(err, "a sparse initializer");
  dense = qn_pool_alloc(&m->pool, sizeof *dense);
  if (!dense) return no_memory(err);
  QN_TRY(qn_tensor_shape(&dense->tensor, values->tensor.dtype, rank, dims, err));
  dense->block = qn_alloc_zeroed(qn_tensor_bytes(&dense->tensor));
  qn_onnx_add_tensor(m, dense);
  if (!dense->block) return no_memory(err);
  dense->tensor.data = dense->block;
  dense->name = values->name;
  size_t width = qn_dtype_size(values->tensor.dtype);
  int64_t count = values->tensor.count;
  bool linear = indices->tensor.rank == 1;
  if (indices->tensor.count != (linear ? count : count * rank)) return malformed(err, "a sparse initializer's indices");
  const int64_t *at = indices->tensor.data;
  for (int64_t i = 0; i < count; i++) {
    int64_t position = linear ? at[i] : 0;
    for (int d = 0; !linear && d < rank; d++) {
      int64_t index = at[i * rank + d];
      if (index < 0 || index >= dims[d]) return malformed(err, "a sparse initializer's index");
      position = position * dims[d] + index;
    }
    if (position < 0 || position >= dense->tensor.count) return malformed(err, "a sparse initializer's index");
    memcpy((uint8_t *)dense->block + (size_t)position * width, (const uint8_t *)values->block + (size_t)i * width, width);
  }
  return qn_graph_add_initializer(m, g, dense, err);
}

qn_status qn_graph_field(qn_onnx_model *m, qn_graph *g, const qn_field *f, int depth, qn_error *err) {
  bool bytes = f->type == 2;
  switch (f->number) {
    case QN_GRAPH_NAME: return text(m, f, &g->name, err);
    case QN_GRAPH_NODE: return bytes ? read_node(m, g, f, depth, err) : malformed(err, "a node");
    case QN_GRAPH_INITIALIZER: {
      if (!bytes) return malformed(err, "an initializer");
      qn_onnx_tensor *t;
      QN_TRY(qn_onnx_read_tensor(m, f->bytes, (size_t)f->value, &t, err));
      return qn_graph_add_initializer(m, g, t, err);
    }
    case QN_GRAPH_INPUT: return bytes ? read_port(m, f, &g->inputs_end, &g->n_inputs, err) : malformed(err, "an input");
    case QN_GRAPH_OUTPUT: return bytes ? read_port(m, f, &g->outputs_end, &g->n_outputs, err) : malformed(err, "an output");
    case QN_GRAPH_SPARSE_INITIALIZER: return bytes ? read_sparse(m, g, f, err) : malformed(err, "a sparse initializer");
    default: return QN_OK;
  }
}
