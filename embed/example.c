/* Runs the model inside the library: example [NAME=DIMS:FILE]… with raw little-endian elements in the files, e.g. x=1,3,224,224:x.bin.
 * Prints each output: name, type, shape, elements. Without arguments it says what the model takes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"

static int fail(const qn_model *m) {
  fprintf(stderr, "example: %s\n", m ? qn_model_error(m)->text : "out of memory");
  qn_model_free((qn_model *)m);
  return 1;
}

static void describe(const char *what, const qn_port *p) {
  printf("%s %s: %s [", what, p->name, qn_dtype_name(p->dtype));
  for (int i = 0; i < p->rank; i++) {
    if (p->dims[i] >= 0) printf("%s%" PRId64, i ? ", " : "", p->dims[i]);
    else printf("%s%s", i ? ", " : "", p->symbols && p->symbols[i] ? p->symbols[i] : "?");
  }
  puts("]");
}

/* argument: "NAME=DIMS:FILE" */
static const char *bind(qn_model *m, char *argument) {
  static char text[256];
  char *shape = strrchr(argument, '='), *file = shape ? strchr(shape, ':') : NULL;
  if (!file) return "expected NAME=DIMS:FILE";
  *shape++ = *file++ = 0;
  int input = 0, rank = 0;
  while (input < qn_input_count(m) && strcmp(qn_input_port(m, input)->name, argument)) input++;
  if (input == qn_input_count(m)) return "there is no input of this name";
  int64_t dims[QN_MAX_RANK];
  for (char *at = shape; *at && rank < QN_MAX_RANK; at += *at == ',') {
    char *begin = at;
    dims[rank++] = strtoll(begin, &at, 10);
    if (at == begin) return "the shape is not a list of integers";
  }
  if (qn_input_bind(m, input, qn_input_port(m, input)->dtype, rank, dims) != QN_OK) return qn_model_error(m)->text;
  qn_tensor *t = &qn_input_value(m, input)->tensor;
  if (t->dtype == QN_STRING) return "this example does not read strings";
  FILE *f = fopen(file, "rb");
  size_t wanted = qn_tensor_bytes(t), got = f ? fread(t->data, 1, wanted, f) : 0;
  bool more = f && fgetc(f) != EOF;
  if (f) fclose(f);
  if (got == wanted && !more) return NULL;
  snprintf(text, sizeof text, "%s has %s than the %zu bytes that this shape takes", file, more ? "more" : "fewer", wanted);
  return text;
}

static void show(const char *name, const qn_value *v) {
  char shape[QN_SHAPE_TEXT];
  if (v->kind != QN_KIND_TENSOR) {
    printf("%s: not a tensor\n", name);
    return;
  }
  const qn_tensor *t = &v->tensor;
  printf("%s %s %s", name, qn_dtype_name(t->dtype), qn_shape_text(shape, t->rank, t->dims));
  for (int64_t i = 0; i < t->count; i++) {
    switch (t->dtype) {
      case QN_FLOAT: printf(" %.9g", (double)((const float *)t->data)[i]); break;
      case QN_DOUBLE: printf(" %.17g", ((const double *)t->data)[i]); break;
      case QN_INT64: printf(" %" PRId64, ((const int64_t *)t->data)[i]); break;
      case QN_INT32: printf(" %" PRId32, ((const int32_t *)t->data)[i]); break;
      case QN_UINT8: case QN_BOOL: printf(" %u", ((const uint8_t *)t->data)[i]); break;
      case QN_INT8: printf(" %d", ((const int8_t *)t->data)[i]); break;
      default: i = t->count - 1; printf(" (not shown by this example)");
    }
  }
  puts("");
}

int main(int argc, char **argv) {
  qn_model *m = qn_embedded_load();
  if (!m || qn_model_error(m)->code != QN_OK) return fail(m);
  if (argc < 2) {
    printf("%s %s\n", qn_embedded_name(), qn_embedded_version());
    for (int i = 0; i < qn_input_count(m); i++) describe("input", qn_input_port(m, i));
    for (int i = 0; i < qn_output_count(m); i++) describe("output", qn_output_port(m, i));
    qn_model_free(m);
    return 0;
  }
  for (int i = 1; i < argc; i++) {
    const char *why = bind(m, argv[i]);
    if (!why) continue;
    fprintf(stderr, "example: %s: %s\n", argv[i], why);
    qn_model_free(m);
    return 1;
  }
  bool done = false;
  if (qn_run_start(m) != QN_OK) return fail(m);
  while (!done)
    if (qn_run_step(m, 0, &done) != QN_OK) return fail(m);
  for (int i = 0; i < qn_output_count(m); i++) show(qn_output_port(m, i)->name, qn_output_value(m, i));
  qn_model_free(m);
  return 0;
}
