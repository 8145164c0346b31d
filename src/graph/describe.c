/* What a file holds, in lines of text: for people and for tools that look before they run. */
#include "graph/describe.h"

#include <string.h>

#include "op/op_table.h"

enum { MAX_KINDS = 1024 }; /* distinct operators that are listed: a hostile file may name a new one in each node */

typedef struct text {
  char *at; /* NULL while the length is counted */
  size_t length;
} text;

static void put(text *t, const char *s, char end) {
  for (; *s; s++) {
    if (t->at) t->at[t->length] = (unsigned char)*s < ' ' ? ' ' : *s; /* tabs and ends of lines separate the fields */
    t->length++;
  }
  if (t->at) t->at[t->length] = end;
  t->length++;
}

static void put_number(text *t, uint64_t n, char end) {
  char digits[24];
  int at = (int)sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + n % 10); while (n /= 10);
  put(t, digits + at, end);
}

typedef struct kind {
  const char *domain, *name;
  uint64_t count;
} kind;

typedef struct kinds {
  kind list[MAX_KINDS];
  int count;
} kinds;

static void collect(const qn_graph *g, kinds *k) {
  for (const qn_onnx_node *n = g->nodes; n; n = n->next) {
    int i = 0;
    while (i < k->count && (strcmp(k->list[i].name, n->op_type) || strcmp(k->list[i].domain, n->domain))) i++;
    if (i == k->count && i < MAX_KINDS) k->list[k->count++] = (kind){n->domain, n->op_type, 0};
    if (i < MAX_KINDS) k->list[i].count++;
    for (int a = 0; a < n->n_attrs; a++)
      if (n->attrs[a].graph) collect(n->attrs[a].graph, k);
  }
}

/* Entries of the table that the graph and its bodies use after the passes, each once. */
typedef struct entries {
  const qn_op *list[MAX_KINDS];
  int count;
} entries;

static void collect_entries(const qn_ir *g, entries *e) {
  for (int n = 0; n < g->n_nodes; n++) {
    int i = 0;
    while (i < e->count && e->list[i] != g->nodes[n].op) i++;
    if (i == e->count && i < MAX_KINDS) e->list[e->count++] = g->nodes[n].op;
    for (int b = 0; b < g->nodes[n].n_bodies; b++)
      if (g->nodes[n].bodies[b]) collect_entries(g->nodes[n].bodies[b], e);
  }
}

typedef struct facts {
  kinds file;
  entries graph;
} facts;

static void write(const qn_onnx_model *m, const facts *f, text *t) {
  const kinds *k = &f->file;
  put(t, "ir", '\t');
  put_number(t, (uint64_t)m->ir_version, '\n');
  for (const qn_onnx_opset *o = m->opsets; o; o = o->next) {
    put(t, "opset", '\t');
    put(t, o->domain, '\t');
    put_number(t, (uint64_t)o->version, '\n');
  }
  for (int i = 0; i < k->count; i++) {
    int64_t opset = qn_onnx_opset_of(m, k->list[i].domain);
    put(t, "op", '\t');
    put(t, k->list[i].domain, '\t');
    put(t, k->list[i].name, '\t');
    put_number(t, k->list[i].count, '\t');
    put(t, qn_op_find(k->list[i].domain, k->list[i].name, opset) ? "1" : "0", '\n');
  }
  for (int i = 0; i < f->graph.count; i++) {
    put(t, "runs", '\t');
    put(t, f->graph.list[i]->domain, '\t');
    put(t, f->graph.list[i]->name, '\t');
    put_number(t, (uint64_t)f->graph.list[i]->since, '\n');
  }
  uint64_t tensors[QN_DTYPE_COUNT] = {0}, elements[QN_DTYPE_COUNT] = {0}, bytes[QN_DTYPE_COUNT] = {0};
  for (const qn_onnx_tensor *x = m->tensors; x; x = x->next) {
    if (x->tensor.dtype <= 0 || x->tensor.dtype >= QN_DTYPE_COUNT) continue;
    tensors[x->tensor.dtype]++;
    elements[x->tensor.dtype] += (uint64_t)x->tensor.count;
    bytes[x->tensor.dtype] += qn_tensor_bytes(&x->tensor);
  }
  for (int d = 1; d < QN_DTYPE_COUNT; d++) {
    if (!tensors[d]) continue;
    put(t, "tensor", '\t');
    put(t, qn_dtype_name((qn_dtype)d), '\t');
    put_number(t, tensors[d], '\t');
    put_number(t, elements[d], '\t');
    put_number(t, bytes[d], '\n');
  }
}

char *qn_describe(const qn_onnx_model *m, const qn_ir *g) {
  facts *f = qn_alloc_zeroed(sizeof *f);
  if (!f) return NULL;
  collect(&m->graph, &f->file);
  if (g) collect_entries(g, &f->graph);
  text t = {0};
  write(m, f, &t);
  t.at = qn_alloc(t.length + 1);
  t.length = 0;
  if (t.at) {
    write(m, f, &t);
    t.at[t.length] = 0;
  }
  qn_free(f);
  return t.at;
}
