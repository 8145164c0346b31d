/* Functions of the model's own are put in place of their calls: model/onnx_function.c. */
#define _POSIX_C_SOURCE 199309L
#include "harness.h"

#include "one_node.h"

/* "a,b," as repeated field `field`; an empty name is an absent value. */
static void put_names(bytes *b, int field, const char *names) {
  while (*names) {
    size_t n = strcspn(names, ",");
    put_bytes(b, field, names, n);
    names += n + 1;
  }
}

/* A node with at most one attribute: slope (a float) or a reference to `ref`. */
static void put_node(bytes *to, int field, const char *domain, const char *op, const char *in, const char *out, const char *attr, float slope, const char *ref) {
  static bytes n, a;
  n.size = a.size = 0;
  put_names(&n, 1, in);
  put_names(&n, 2, out);
  put_text(&n, 4, op);
  put_text(&n, 7, domain);
  if (attr) {
    put_text(&a, 1, attr);
    if (ref) put_text(&a, 21, ref);
    else put_float(&a, 2, slope);
    put_int(&a, 20, 1);
    put_bytes(&n, 5, a.data, a.size);
  }
  put_bytes(to, field, n.data, n.size);
}

static bytes function, functions, graph;

static void begin_function(const char *name, const char *in, const char *out) {
  function.size = 0;
  put_text(&function, 1, name);
  put_text(&function, 10, "my");
  put_names(&function, 4, in);
  put_names(&function, 5, out);
}
static void import_opset(bytes *b, int field, const char *domain, int version) {
  static bytes o;
  o.size = 0;
  put_text(&o, 1, domain);
  put_int(&o, 2, version);
  put_bytes(b, field, o.data, o.size);
}
static void end_function(int opset) {
  import_opset(&function, 9, "", opset);
  import_opset(&function, 9, "my", 1);
  put_bytes(&functions, 25, function.data, function.size);
}

static qn_model *model;
static float x[4] = {1, -2, 3, -4};

static void put_value(int field, const char *name) {
  static bytes type, value, port;
  type.size = value.size = port.size = 0;
  put_int(&type, 1, QN_FLOAT);
  put_bytes(&value, 1, type.data, type.size);
  put_text(&port, 1, name);
  put_bytes(&port, 2, value.data, value.size);
  put_bytes(&graph, field, port.data, port.size);
}

/* The graph's nodes are in `graph`: x is its input, the names in `out` its outputs. */
static qn_status load_and_run(const char *out) {
  static bytes file;
  char name[16];
  file.size = 0;
  put_value(11, "x");
  while (*out) {
    size_t n = strcspn(out, ",");
    memcpy(name, out, n);
    name[n] = 0;
    put_value(12, name);
    out += n + 1;
  }
  put_int(&file, 1, 9);
  put_bytes(&file, 7, graph.data, graph.size);
  import_opset(&file, 8, "", 18);
  import_opset(&file, 8, "my", 1);
  memcpy(file.data + file.size, functions.data, functions.size);
  file.size += functions.size;
  qn_model_free(model);
  model = qn_model_create();
  bool done = false;
  QN_TRY(load_model(model, file.data, file.size));
  QN_TRY(qn_input_bind(model, 0, QN_FLOAT, 1, (const int64_t[]){4}));
  memcpy(qn_input_value(model, 0)->tensor.data, x, sizeof x);
  QN_TRY(qn_run_start(model));
  QN_TRY(qn_run_step(model, 0, &done));
  graph.size = functions.size = 0;
  return done ? QN_OK : QN_ERR_STATE;
}
static bool output_is(int i, float a, float b, float c, float d) {
  const float *y = qn_output_value(model, i)->tensor.data;
  return y[0] == a && y[1] == b && y[2] == c && y[3] == d;
}
static const char *sentence(void) {
  graph.size = functions.size = 0;
  return qn_model_error(model)->text;
}

TEST(attributes) { /* of the call, by default, and of a call in a call */
  static bytes a;
  a.size = 0;
  put_text(&a, 1, "slope"), put_float(&a, 2, 0.25f), put_int(&a, 20, 1);
  begin_function("Leak", "a,", "b,");
  put_node(&function, 7, "", "LeakyRelu", "a,", "b,", "alpha", 0, "slope");
  put_bytes(&function, 11, a.data, a.size);
  end_function(18);
  begin_function("Twice", "a,", "c,b,");
  put_node(&function, 7, "my", "Leak", "a,", "b,", "slope", 0, "outer");
  put_node(&function, 7, "my", "Leak", "b,", "c,", "slope", 0, "outer");
  end_function(18);
  put_node(&graph, 1, "my", "Leak", "x,", "y,", "slope", 2, NULL);
  put_node(&graph, 1, "my", "Leak", "x,", "z,", NULL, 0, NULL);
  put_node(&graph, 1, "my", "Twice", "x,", "v,w,", "outer", 3, NULL);
  CHECK(load_and_run("y,z,v,w,") == QN_OK);
  CHECK(output_is(0, 1, -4, 3, -8) && output_is(1, 1, -0.5f, 3, -1));
  CHECK(output_is(2, 1, -18, 3, -36) && output_is(3, 1, -6, 3, -12));
}

TEST(names_do_not_mix) { /* the body's t is not the graph's; an output may be an input */
  begin_function("Swap", "a,b,", "b,a,t,");
  put_node(&function, 7, "", "Neg", "a,", "t,", NULL, 0, NULL);
  end_function(18);
  put_node(&graph, 1, "", "Abs", "x,", "t,", NULL, 0, NULL);
  put_node(&graph, 1, "my", "Swap", "x,t,", "y,z,v,", NULL, 0, NULL);
  put_node(&graph, 1, "my", "Swap", "t,x,", "p,", NULL, 0, NULL);
  CHECK(load_and_run("y,z,v,p,") == QN_OK);
  CHECK(output_is(0, 1, 2, 3, 4) && output_is(1, 1, -2, 3, -4) && output_is(2, -1, 2, -3, 4) && output_is(3, 1, -2, 3, -4));
}

TEST(its_own_opset_and_absent_inputs) { /* Clip took its bounds as attributes up to opset 10 */
  begin_function("Cut", "a,", "b,");
  put_node(&function, 7, "", "Clip", "a,", "b,", "max", 2, NULL);
  end_function(6);
  begin_function("Clamp", "a,low,high,", "b,");
  put_node(&function, 7, "", "Clip", "a,low,high,", "b,", NULL, 0, NULL);
  end_function(18);
  put_node(&graph, 1, "my", "Cut", "x,", "y,", NULL, 0, NULL);
  put_node(&graph, 1, "", "Constant", "", "k,", "value_float", 0, NULL);
  put_node(&graph, 1, "my", "Clamp", "x,k,", "z,", NULL, 0, NULL);
  put_node(&graph, 1, "my", "Clamp", "x,,k,", "w,", NULL, 0, NULL);
  CHECK(load_and_run("y,z,w,") == QN_OK);
  CHECK(output_is(0, 1, -2, 2, -4) && output_is(1, 1, 0, 3, 0) && output_is(2, 0, -2, 0, -4));
}

TEST(refusals) {
  begin_function("A", "a,", "b,");
  put_node(&function, 7, "my", "B", "a,", "b,", NULL, 0, NULL);
  end_function(18);
  begin_function("B", "a,", "b,");
  put_node(&function, 7, "my", "A", "a,", "b,", NULL, 0, NULL);
  end_function(18);
  put_node(&graph, 1, "my", "A", "x,", "y,", NULL, 0, NULL);
  CHECK(load_and_run("y,") == QN_ERR_FORMAT && strstr(sentence(), "'A' calls itself"));
  for (int i = 0; i < 31; i++) { /* each calls the one before twice */
    char name[2] = {(char)('A' + i), 0}, before[2] = {(char)('A' + i - 1), 0};
    begin_function(name, "a,", "b,");
    put_node(&function, 7, i ? "my" : "", i ? before : "Neg", "a,", "t,", NULL, 0, NULL);
    put_node(&function, 7, i ? "my" : "", i ? before : "Neg", "t,", "b,", NULL, 0, NULL);
    end_function(18);
  }
  put_node(&graph, 1, "my", "_", "x,", "y,", NULL, 0, NULL); /* the 31st letter */
  CHECK(load_and_run("y,") == QN_ERR_UNSUPPORTED && strstr(sentence(), "nodes"));
  begin_function("A", "a,", "b,");
  put_node(&function, 7, "", "Neg", "a,", "b,", NULL, 0, NULL);
  end_function(18);
  put_node(&graph, 1, "my", "A", "x,x,", "y,", NULL, 0, NULL);
  CHECK(load_and_run("y,") == QN_ERR_FORMAT && strstr(sentence(), "2 inputs"));
  put_node(&graph, 1, "", "LeakyRelu", "x,", "y,", "alpha", 0, "slope");
  CHECK(load_and_run("y,") == QN_ERR_FORMAT && strstr(sentence(), "in no function"));
  begin_function("A", "a,", "b,");
  put_node(&function, 7, "", "Nonsense", "a,", "b,", NULL, 0, NULL);
  end_function(18);
  put_node(&graph, 1, "my", "A", "x,", "y,", NULL, 0, NULL);
  CHECK(load_and_run("y,") == QN_ERR_UNSUPPORTED && strstr(sentence(), "Nonsense"));
}

int main(void) {
  RUN(attributes);
  RUN(names_do_not_mix);
  RUN(its_own_opset_and_absent_inputs);
  RUN(refusals);
  qn_model_free(model);
  return DONE();
}
