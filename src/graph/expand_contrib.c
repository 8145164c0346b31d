/* Operators of com.microsoft, and of onnxruntime's channels-last domain, that are others put together: their nodes are replaced before the graph is built, so that every pass
 * sees, and every kernel serves, the standard operators. */
#include "graph/expand_contrib.h"

#include <string.h>

/* A node is `Operator[:opset] inputs > outputs`; nodes are separated by `;`. A digit is an input or output of the replaced node (A: the
 * tenth), a letter a value in between, _ an absent input. All attributes of the replaced node are passed on; `@name=value` is one more, in
 * case that there is none of this name; its value is a number, a word, or digits with commas. !Operator is one of the domain "quern",
 * &Operator one of com.microsoft; % is what the attribute `activation` names.
 * A sum without one of its inputs does nothing, and DequantizeLinear of an absent input is absent. */
static const struct expansion {
  const char *name, *nodes;
} EXPANSIONS[] = {
    {"BiasAdd", "Add 0 1 > a;Add a 2 > 0"},
    {"BiasGelu", "Add 0 1 > a;Gelu a > 0"},
    {"BiasSoftmax", "Add 0 1 > a;Softmax:11 a @axis=1 > 0"},
    {"BiasSplitGelu", "Add 0 1 > a;Split a @axis=-1 @num_outputs=2 > b c;Gelu c > d;Mul b d > 0"},
    {"CDist", "Unsqueeze:11 0 @axes=1, > a;Unsqueeze:11 1 @axes=0, > b;Sub a b > c;ReduceSumSquare:13 c @axes=2, @keepdims=0 > d;% d > 0"},
    {"DequantizeLinear", "DequantizeLinear 0 1 2 > 0"},
    /* The input is not quantized: the weights are what has been. */
    {"DynamicQuantizeLSTM", "Cast 1 @to=1 > a;Cast 9 @to=1 > b;Reshape:1 b @shape=0,1,-1 > c;Sub a c > d;Reshape:1 8 @shape=0,1,-1 > e;Mul d e > f;Transpose f @perm=0,2,1 > g;"
                            "Cast 2 @to=1 > h;Cast B @to=1 > i;Reshape:1 i @shape=0,1,-1 > j;Sub h j > k;Reshape:1 A @shape=0,1,-1 > l;Mul k l > m;Transpose m @perm=0,2,1 > n;"
                            "LSTM 0 g n 3 4 5 6 7 > 0 1 2"},
    {"DynamicQuantizeMatMul", "DynamicQuantizeLinear 0 > a b c;!QuantizedMatMul a b c 1 2 3 _ _ 4 > 0"},
    {"ExpandDims", "Unsqueeze 0 1 > 0"},
    {"FastGelu", "!CyclicAdd 0 1 > a;Gelu a @approximate=tanh > 0"},
    {"FusedConv", "Conv 0 1 2 > a;Add a 3 > b;% b > 0"},
    {"FusedGemm", "Gemm 0 1 2 > a;% a > 0"},
    {"GatherND", "GatherND 0 1 > 0"},
    {"Gelu", "Gelu 0 > 0"},
    {"GemmFastGelu", "MatMul 0 1 > a;Add a 2 > b;Gelu b @approximate=tanh > 0"},
    {"GridSample", "GridSample:16 0 1 > 0"},
    {"MatMulInteger16", "Cast 0 @to=6 > a;Cast 1 @to=6 > b;MatMul a b > 0"},
    {"MatMulIntegerToFloat", "!QuantizedMatMul 0 2 4 1 3 5 _ _ 6 > 0"},
    {"Pad", "Pad:13 0 1 2 > 0"},
    {"QAttention", "!QuantizedMatMul 0 3 6 1 4 7 _ _ 2 > a;!ProjectedAttention a _ _ 5 8 > 0 1"},
    {"QEmbedLayerNormalization", "DequantizeLinear 2 8 D > a;DequantizeLinear 3 9 E > b;DequantizeLinear 4 A F > c;DequantizeLinear 5 B G > d;"
                                 "DequantizeLinear 6 C H > e;&EmbedLayerNormalization 0 1 a b c d e 7 > 0 1"},
    {"QGemm", "!QuantizedMatMul 0 1 2 3 4 5 7 8 6 > 0"},
    {"QLinearAdd", "!QuantizedAdd 0 1 2 3 4 5 6 7 > 0"},
    {"QLinearAveragePool", "DequantizeLinear 0 1 2 > a;AveragePool:19 a > b;QuantizeLinear b 3 4 > 0"},
    {"QLinearConcat", "*"},
    {"QLinearConv", "QLinearConv 0 1 2 3 4 5 6 7 8 > 0"},
    {"QLinearGlobalAveragePool", "DequantizeLinear 0 1 2 > a;GlobalAveragePool a > b;QuantizeLinear b 3 4 > 0"},
    {"QLinearLeakyRelu", "DequantizeLinear 0 1 2 > a;LeakyRelu a > b;QuantizeLinear b 3 4 > 0"},
    {"QLinearMul", "!QuantizedMul 0 1 2 3 4 5 6 7 > 0"},
    {"QLinearReduceMean", "DequantizeLinear 0 1 2 > a;ReduceMean:11 a > b;QuantizeLinear b 3 4 > 0"},
    {"QLinearSigmoid", "DequantizeLinear 0 1 2 > a;Sigmoid a > b;QuantizeLinear b 3 4 > 0"},
    {"QLinearSoftmax", "DequantizeLinear 0 1 2 > a;Softmax a > b;QuantizeLinear b 3 4 > 0"},
    {"QLinearWhere", "DequantizeLinear 1 2 3 > a;DequantizeLinear 4 5 6 > b;Where 0 a b > c;QuantizeLinear c 7 8 > 0"},
    {"QuantizeLinear", "QuantizeLinear 0 1 2 > 0"},
    {"QuickGelu", "Swish 0 @alpha=1.702 > 0"},
    {"Range", "Range 0 1 2 > 0"},
    {"TorchEmbedding", "Gather 0 1 > 0"},
    {"TransposeMatMul", "!FusedMatMul 0 1 > 0"},
    {"FusedMatMul", "!FusedMatMul 0 1 > 0"},
    {"Trilu", "Trilu 0 1 > 0"},
    {"Unique", "Unique 0 @sorted=0 > 0 _ 1 2"},
};

enum { OPSET = 24, MAX_PORTS = 16, MAX_ADDED = 4 };

typedef struct expander {
  qn_onnx_model *model;
  qn_error *err;
  const qn_onnx_node *from;
  int serial;                 /* of the replaced node, for names in between */
  uint32_t absent;            /* letters that name nothing */
  qn_onnx_node *first, **end; /* what replaces it */
  int count;
} expander;

static qn_status no_memory(const expander *e) { return qn_fail(e->err, QN_ERR_MEMORY, "no memory for the graph"); }

static const qn_attr *attr_of(const qn_onnx_node *n, const char *name) {
  for (int a = 0; a < n->n_attrs; a++)
    if (!strcmp(n->attrs[a].name, name)) return &n->attrs[a];
  return NULL;
}

static const char *name_between(const expander *e, int which) {
  qn_error text;
  qn_fail(&text, QN_OK, "quern.%d.%d", e->serial, which);
  return qn_pool_text(&e->model->pool, text.text, strlen(text.text));
}

/* Adds a node. Names are taken over; attributes are those of the replaced node, then `added`. */
static qn_status emit(expander *e, const char *domain, const char *op, int64_t opset, int n_in, const char *const *in, int n_out, const char *const *out, int n_added,
                      const qn_attr *added) {
  qn_pool *pool = &e->model->pool;
  const int n_attrs = e->from->n_attrs + n_added;
  qn_onnx_node *n = qn_pool_alloc(pool, sizeof *n);
  if (!n) return no_memory(e);
  *n = (qn_onnx_node){.op_type = op, .domain = domain, .name = e->from->name, .n_in = n_in, .n_out = n_out, .n_attrs = n_attrs, .opset = opset};
  n->in = qn_pool_alloc(pool, (size_t)(n_in + 1) * sizeof *n->in);
  n->out = qn_pool_alloc(pool, (size_t)(n_out + 1) * sizeof *n->out);
  n->attrs = qn_pool_alloc(pool, (size_t)(n_attrs + 1) * sizeof *n->attrs);
  if (!n->in || !n->out || !n->attrs) return no_memory(e);
  for (int i = 0; i < n_in; i++)
    if (!(n->in[i] = in[i])) return no_memory(e);
  for (int i = 0; i < n_out; i++)
    if (!(n->out[i] = out[i])) return no_memory(e);
  for (int i = 0; i < n_attrs; i++) n->attrs[i] = i < e->from->n_attrs ? e->from->attrs[i] : added[i - e->from->n_attrs];
  *e->end = n;
  e->end = &n->next;
  e->count++;
  return QN_OK;
}

/* ---- activations ---- */

/* Their parameters are `activation_params`, or `activation_alpha` and so on; alpha and beta belong to the product before. */
static qn_status emit_activation(expander *e, const char *in, const char *out) {
  static const char *const NAMES[2] = {"alpha", "beta"}, *const BOUNDS[2] = {"min", "max"}, *const GIVEN[2] = {"activation_alpha", "activation_beta"};
  const qn_attr *kind = attr_of(e->from, "activation"), *list = attr_of(e->from, "activation_params");
  const qn_attr *metric = attr_of(e->from, "metric"); /* without a root, CDist is the sum of squares */
  const bool root = !strcmp(e->from->op_type, "CDist") && metric && metric->s.data[0] == 'e';
  const char *op = kind && kind->type == QN_ATTR_STRING && kind->s.length ? kind->s.data : root ? "Sqrt" : "Identity";
  const bool clip = !strcmp(op, "Clip");
  qn_attr added[2] = {0};
  int n = 0;
  for (int i = 0; i < 2; i++) {
    const qn_attr *one = attr_of(e->from, GIVEN[i]);
    const bool listed = list && list->type == QN_ATTR_FLOATS && list->count > (size_t)i;
    if (listed || (one && one->type == QN_ATTR_FLOAT)) added[n++] = (qn_attr){.name = clip ? BOUNDS[i] : NAMES[i], .type = QN_ATTR_FLOAT, .f = listed ? list->floats[i] : one->f};
  }
  const qn_onnx_node *from = e->from, bare = {.name = from->name};
  e->from = &bare;
  qn_status status = emit(e, "", op, clip ? 6 : OPSET, 1, &in, 1, &out, n, added);
  e->from = from;
  return status;
}

/* ---- templates ---- */

static const char *word_end(const char *p) { return p + strcspn(p, " ;"); }

/* 0,3,-1,2 of one digit each. */
static qn_status read_list(const expander *e, const char *p, const char *end, qn_attr *a) {
  int64_t *list = qn_pool_alloc(&e->model->pool, (size_t)(end - p) * sizeof *list);
  if (!list) return no_memory(e);
  for (; p < end; p += 2) {
    const bool negative = *p == '-';
    p += negative;
    list[a->count++] = negative ? '0' - *p : *p - '0';
  }
  a->ints = list;
  a->type = QN_ATTR_INTS;
  return QN_OK;
}

static qn_status read_attr(const expander *e, const char *p, const char *end, qn_attr *a) {
  const char *value = (const char *)memchr(p, '=', (size_t)(end - p)) + 1, *digits = value + (*value == '-');
  *a = (qn_attr){.name = qn_pool_text(&e->model->pool, p, (size_t)(value - 1 - p)), .type = QN_ATTR_STRING, .s = {NULL, (size_t)(end - value)}};
  a->s.data = qn_pool_text(&e->model->pool, value, a->s.length);
  if (!a->name || !a->s.data) return no_memory(e);
  if (*digits < '0' || *digits > '9') return QN_OK;
  if (memchr(value, ',', a->s.length)) return read_list(e, value, end, a);
  double number = 0, place = 0;
  for (const char *c = digits; c < end; c++) {
    if (*c == '.') place = 1;
    else number = number * 10 + (*c - '0'), place *= 10;
  }
  if (digits > value) number = -number;
  a->type = place > 0 ? QN_ATTR_FLOAT : QN_ATTR_INT;
  a->i = (int64_t)number;
  a->f = (float)(number / (place > 0 ? place : 1));
  return QN_OK;
}

static qn_status port_of(const expander *e, char c, bool output, const char **name) {
  const int i = c <= '9' ? c - '0' : c - 'A' + 10, n = output ? e->from->n_out : e->from->n_in;
  if (c >= 'a') *name = e->absent >> (c - 'a') & 1 ? "" : name_between(e, c);
  else *name = i >= n ? "" : (output ? e->from->out : e->from->in)[i]; /* _ is far beyond all */
  return *name ? QN_OK : no_memory(e);
}

static qn_status emit_template(expander *e, const char *p) {
  while (*p) {
    const char *op = p, *end = word_end(p), *in[MAX_PORTS], *out[MAX_PORTS], *colon = memchr(p, ':', (size_t)(end - p));
    int n_in = 0, n_out = 0, n_added = 0;
    int64_t opset = 0;
    const char *domain = *op == '!' ? "quern" : *op == '&' ? "com.microsoft" : "";
    bool outputs = false;
    qn_attr added[MAX_ADDED];
    for (const char *c = colon; c && c + 1 < end; c++) opset = opset * 10 + (c[1] - '0');
    op = qn_pool_text(&e->model->pool, p + (*domain != 0), (size_t)((colon ? colon : end) - p - (*domain != 0)));
    if (!op) return no_memory(e);
    const char *word = p;
    for (p = end; *p == ' ';) {
      word = p + 1;
      p = word_end(word);
      if (*word == '>') outputs = true;
      else if (*word == '@') QN_TRY(read_attr(e, word + 1, p, &added[n_added++]));
      else if (outputs) QN_TRY(port_of(e, *word, true, &out[n_out++]));
      else QN_TRY(port_of(e, *word, false, &in[n_in++]));
    }
    if (*p == ';') p++;
    const qn_attr *version = attr_of(e->from, "opset"); /* QLinearSoftmax says whose meaning of `axis` it has */
    if (version && version->type == QN_ATTR_INT && !strcmp(op, "Softmax")) opset = version->i > 0 && version->i < 13 ? version->i : 13;
    if (*op == '%') {
      QN_TRY(emit_activation(e, in[0], out[0]));
      continue;
    }
    if (!strcmp(op, "DequantizeLinear") && !*in[0] && *word >= 'a') {
      e->absent |= 1u << (*word - 'a');
      continue;
    }
    if (strstr(op, "Add") && n_in == 2 && (!*in[0] || !*in[1])) {
      op = "Identity";
      domain = "";
      in[0] = *in[0] ? in[0] : in[1];
      n_in = 1;
    }
    QN_TRY(emit(e, domain, op, opset ? opset : *domain ? 1 : OPSET, n_in, in, n_out, out, n_added, added));
  }
  return QN_OK;
}

/* QLinearConcat: y_scale, y_zero_point, then a tensor, its scale and its zero point, again and again. */
static qn_status emit_concat(expander *e) {
  const int parts = (e->from->n_in - 2) / 3;
  const char **in = qn_pool_alloc(&e->model->pool, (size_t)(parts + 1) * sizeof *in), *sum = name_between(e, parts);
  if (!in || !sum) return no_memory(e);
  for (int i = 0; i < parts; i++) {
    in[i] = name_between(e, i);
    QN_TRY(emit(e, "", "DequantizeLinear", OPSET, 3, e->from->in + 2 + 3 * i, 1, &in[i], 0, NULL));
  }
  QN_TRY(emit(e, "", "Concat", OPSET, parts, in, 1, &sum, 0, NULL));
  const char *last[3] = {sum, e->from->in[0], e->from->in[1]};
  return emit(e, "", "QuantizeLinear", OPSET, 3, last, 1, e->from->out, 0, NULL);
}

static qn_status emit_nodes(expander *e, const char *nodes) {
  if (*nodes == '*') return emit_concat(e);
  if (*nodes != '=') return emit_template(e, nodes);
  return emit(e, "", nodes + 1, OPSET, e->from->n_in, e->from->in, e->from->n_out, e->from->out, 0, NULL);
}

/* The input comes from a Transpose; so do the residual (input 3) and the result of channels-last nodes. */
static qn_status emit_turned(expander *e, const char *nodes, bool channels_last) {
  static const int64_t FIRST[4] = {0, 3, 1, 2}, LAST[4] = {0, 2, 3, 1};
  const qn_attr first = {.name = "perm", .type = QN_ATTR_INTS, .count = 4, .ints = FIRST}, last = {.name = "perm", .type = QN_ATTR_INTS, .count = 4, .ints = LAST};
  const qn_onnx_node *from = e->from;
  const bool residual = channels_last && from->op_type[0] != 'Q';
  const char *in[MAX_PORTS], *out[MAX_PORTS];
  qn_onnx_node inner = *from;
  inner.in = in;
  inner.out = out;
  for (int i = 0; i < from->n_in; i++) {
    in[i] = from->in[i];
    if ((i && (i != 3 || !residual)) || !*in[i]) continue;
    in[i] = name_between(e, 2 + i);
    QN_TRY(emit(e, "", "Transpose", OPSET, 1, &from->in[i], 1, &in[i], channels_last, &first));
  }
  for (int i = 0; i < from->n_out; i++) out[i] = from->out[i];
  if (channels_last) out[0] = name_between(e, 1);
  e->from = &inner;
  const qn_status status = emit_nodes(e, nodes);
  e->from = from;
  return status != QN_OK || !channels_last ? status : emit(e, "", "Transpose", OPSET, 1, out, 1, from->out, 1, &last);
}

static bool is_set(const qn_onnx_node *n, const char *name) {
  const qn_attr *a = attr_of(n, name);
  return a && a->type == QN_ATTR_INT && a->i;
}

/* What a node becomes; NULL: it stays. A channels-last pool without a template is the standard operator `=name`. */
static const char *template_of(qn_onnx_model *m, const qn_onnx_node *n, bool inside, bool channels_last) {
  const bool plain = inside || !strncmp(n->op_type, "Nhwc", 4);
  const char *name = n->op_type + (plain && !inside ? 4 : 0);
  const qn_attr *metric = attr_of(n, "metric");
  if (n->n_out < 1 || n->n_in < 1 || n->n_out > MAX_PORTS || (n->n_in > MAX_PORTS && (channels_last || !strcmp(name, "QGemm")))) return NULL;
  if (!strcmp(name, "QLinearConcat") && (n->n_in < 5 || n->n_in % 3 != 2)) return NULL;
  if (!strcmp(name, "CDist") && metric && (metric->type != QN_ATTR_STRING || (strcmp(metric->s.data, "euclidean") && strcmp(metric->s.data, "sqeuclidean")))) return NULL;
  if (plain && !strcmp(name, "Conv")) name = "FusedConv";
  for (size_t i = 0; i < sizeof EXPANSIONS / sizeof *EXPANSIONS; i++)
    if (!strcmp(EXPANSIONS[i].name, name)) return EXPANSIONS[i].nodes;
  qn_error text;
  qn_fail(&text, QN_OK, "=%s", name);
  return plain && strstr(name, "Pool") ? qn_pool_text(&m->pool, text.text, strlen(text.text)) : NULL;
}

static qn_status expand_graph(qn_onnx_model *m, qn_graph *g, int *serial, qn_error *err) {
  for (qn_onnx_node **at = &g->nodes; *at; at = &(*at)->next) {
    qn_onnx_node *n = *at;
    for (int a = 0; a < n->n_attrs; a++)
      if (n->attrs[a].graph) QN_TRY(expand_graph(m, n->attrs[a].graph, serial, err));
    const bool inside = !strcmp(n->domain, "com.ms.internal.nhwc"), channels_last = inside || !strncmp(n->op_type, "Nhwc", 4) || is_set(n, "channels_last");
    const char *nodes = inside || !strcmp(n->domain, "com.microsoft") ? template_of(m, n, inside, channels_last) : NULL;
    if (!nodes) continue;
    expander e = {.model = m, .err = err, .from = n, .serial = (*serial)++, .end = &e.first};
    const bool turned = channels_last || (!strcmp(n->op_type, "QGemm") && is_set(n, "transA"));
    QN_TRY(turned ? emit_turned(&e, nodes, channels_last) : emit_nodes(&e, nodes));
    *e.end = n->next;
    *at = e.first;
    g->n_nodes += e.count - 1;
    while ((*at)->next != n->next) at = &(*at)->next;
  }
  return QN_OK;
}

qn_status qn_expand_contrib(qn_onnx_model *m, qn_error *err) {
  int serial = 0;
  return expand_graph(m, &m->graph, &serial, err);
}
