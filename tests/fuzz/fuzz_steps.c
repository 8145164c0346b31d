/* Fuzzes lists of steps: what reads and checks them, plans and runs. The bytes choose steps out of the table, parameters by the kinds and ranges that
 * their tables state (and at times beyond), inputs of any type and shape with any numbers, and whether the signal comes in pieces; where they begin
 * with '[' they are the list itself. Whatever comes of it is a sentence or a result, the same in a second run, and leaves nothing behind.
 * With libFuzzer: `make fuzz-steps`. Without: fuzz_steps FILE… runs each file once and prints `N passed, N failed`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "feature/pipeline.h"

typedef struct source {
  const uint8_t *at, *end;
} source;

static uint8_t byte_of(source *s) { return s->at < s->end ? *s->at++ : 0; }
static int below(source *s, int n) { return n > 1 ? byte_of(s) % n : 0; }

typedef struct text {
  char data[16384];
  size_t length;
} text;

static void add(text *t, const char *format, ...) QN_PRINTF(2, 3);
static void add(text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(t->data + t->length, sizeof t->data - t->length, format, args);
  va_end(args);
  if (n > 0 && t->length + (size_t)n < sizeof t->data) t->length += (size_t)n;
  t->data[t->length] = 0;
}

/* A number inside of a range, at its ends, or somewhere else. */
static double number_of(source *s, const qn_param *p) {
  const double least = p->least, most = p->most, small = least > 0 ? least : 0;
  switch (below(s, 8)) {
    case 0: return least;
    case 1: return most;
    case 2: return byte_of(s) - 100.0;
    case 3: return least + (most - least) * byte_of(s) / 255;
    case 4: return small + (most - small < 1 ? most - small : 1) * byte_of(s) / 255;
    default: return small + below(s, 40) < most ? small + below(s, 40) : most;
  }
}

static void add_value(source *s, text *t, const qn_param *p) {
  switch (p->kind) {
    case QN_PARAM_INT: add(t, "%.0f", floor(number_of(s, p))); return;
    case QN_PARAM_NUMBER: add(t, "%.9g", number_of(s, p)); return;
    case QN_PARAM_BOOL: add(t, below(s, 2) ? "true" : "false"); return;
    case QN_PARAM_CHOICE: {
      const char *choice = p->choices;
      for (int k = below(s, 8); k && strchr(choice, '|'); k--) choice = strchr(choice, '|') + 1;
      add(t, "\"%.*s\"", (int)strcspn(choice, "|"), choice);
      return;
    }
    case QN_PARAM_NUMBERS: {
      int n = p->least_count + below(s, p->most_count - p->least_count < 12 ? p->most_count - p->least_count + 1 : 12);
      if (below(s, 3) == 0) n = 1 + below(s, 8);
      add(t, "[");
      for (int i = 0; i < n; i++) add(t, "%s%.9g", i ? "," : "", below(s, 2) ? floor(number_of(s, p)) : number_of(s, p));
      add(t, "]");
      return;
    }
    case QN_PARAM_TEXTS:
      if (below(s, 2)) add(t, "\"file%d\"", below(s, 3));
      else add(t, "[\"a\",\"b\",\"box\"%s]", below(s, 2) ? ",\"x\"" : "");
      return;
    case QN_PARAM_FILE: add(t, "\"file%d\"", below(s, 3)); return;
    default: {
      static const char *const trees[] = {"\"a\"", "[[1,2],{\"a\":[0.5,\"b\"]}]", "[[1,2,null]]", "[[-1,0,1]]", "[[\"\",\"a\",\"b\"]]", "[[0,1],[-8,0,2.5,100]]", "[[\"a\"],[0,null]]", "[null,[1]]"};
      add(t, "%s", trees[below(s, 8)]);
      return;
    }
  }
}

static const char *const names[] = {"x", "y", "z", "points", "box", "class", "score", "ends"};

static void add_name(source *s, text *t) { add(t, "\"%s\"", names[below(s, 8)]); }

static void make_steps(source *s, text *t) {
  int count = 0, steps = 1 + below(s, 4);
  while (qn_feature_steps[count]) count++;
  add(t, "[");
  for (int i = 0; i < steps; i++) {
    const qn_step_type *type = qn_feature_steps[below(s, count)];
    add(t, "%s{\"step\":\"%s\"", i ? "," : "", type->name);
    for (int32_t k = 0; k < type->param_count; k++)
      if (isnan(type->params[k].fallback) || below(s, 3) == 0) {
        add(t, ",\"%s\":", type->params[k].name);
        if (!strcmp(type->params[k].name, "rate")) add(t, "%d", 8000 * (1 + below(s, 4))); /* others make filters of millions of numbers: right, but slow */
        else add_value(s, t, &type->params[k]);
      }
    if (below(s, 4) == 0) {
      add(t, ",\"input\":[");
      for (int k = 0, n = 1 + below(s, 4); k < n; k++) add(t, k ? "," : ""), add_name(s, t);
      add(t, "]");
    }
    if (below(s, 4) == 0) add(t, ",\"as\":"), add_name(s, t);
    add(t, "}");
  }
  add(t, "]");
}

static const qn_dtype types[] = {QN_FLOAT, QN_UINT8, QN_FLOAT, QN_INT32, QN_DOUBLE, QN_STRING, QN_FLOAT, QN_INT64};

/* One input, shaped as some step may take it. */
static qn_status add_input(source *s, qn_pipeline *p, const char *name, qn_error *err) {
  const qn_dtype type = types[below(s, 8)];
  int64_t dims[QN_MAX_RANK];
  int rank = below(s, 5);
  for (int i = 0; i < rank; i++) dims[i] = below(s, 4) ? below(s, 24) : 1;
  if (below(s, 3) == 0) rank = 3, dims[2] = 1 + below(s, 4);              /* a picture */
  if (below(s, 6) == 0) rank = 2, dims[0] = 1, dims[1] = 8 * byte_of(s);  /* sound */
  if (below(s, 6) == 0) rank = 2, dims[1] = 4;                            /* boxes */
  return qn_pipeline_input(p, name, type, rank, dims, type == QN_STRING ? 256 : 0, err);
}

static float strange(source *s) {
  static const float numbers[] = {0, 1, -1, 0.5f, 1e30f, -1e30f, INFINITY, NAN};
  return below(s, 6) ? (float)byte_of(s) / 16 - 4 : numbers[below(s, 8)];
}

static void fill(source *s, const qn_tensor *t) {
  for (int64_t i = 0; i < t->count; i++) {
    const float v = strange(s);
    switch (t->dtype) {
      case QN_FLOAT: ((float *)t->data)[i] = v; break;
      case QN_DOUBLE: ((double *)t->data)[i] = v; break;
      case QN_UINT8: ((uint8_t *)t->data)[i] = byte_of(s); break;
      case QN_INT32: ((int32_t *)t->data)[i] = below(s, 8) ? below(s, 9) - 1 : (int32_t)(byte_of(s) * 0x01010101u); break;
      case QN_INT64: ((int64_t *)t->data)[i] = below(s, 9) - 1; break;
      case QN_STRING: ((qn_string *)t->data)[i] = (qn_string){(char *)((qn_string *)t->data + t->count), (size_t)below(s, 5)}; break;
      default: break;
    }
  }
  if (t->dtype == QN_STRING) memcpy((qn_string *)t->data + t->count, "abcde", 5);
}

static qn_status whole(source *s, qn_pipeline *p, int inputs, bool stream, qn_error *err) {
  qn_facts *facts = qn_pipeline_given(p);
  facts->rate = below(s, 2) ? 16000 : below(s, 3) * 100.0;
  if (below(s, 2)) {
    facts->width = facts->view_width = below(s, 40) - 1, facts->height = facts->view_height = below(s, 40);
    for (int i = 0; i < 6; i++) facts->to_source[i] = below(s, 2) ? i % 4 == 0 : strange(s);
  }
  qn_pipeline_clear_inputs(p);
  for (int i = 0; i < inputs; i++) QN_TRY(add_input(s, p, names[i], err));
  QN_TRY(qn_pipeline_plan(p, stream, err));
  const size_t calls = qn_alloc_count();
  for (int round = 0; round < 3; round++) {
    if (stream && inputs == 1) {
      const qn_tensor *t = qn_pipeline_input_tensor(p, 0);
      if (t->rank) QN_TRY(qn_pipeline_shorten(p, 0, round ? below(s, 8) < t->dims[t->rank - 1] ? below(s, 8) % (t->dims[t->rank - 1] + 1) : 0 : t->dims[t->rank - 1], err));
    }
    for (int i = 0; i < inputs; i++) fill(s, qn_pipeline_input_tensor(p, i));
    const qn_status status = qn_pipeline_run(p, !stream || round == 0, !stream || round == 2, err);
    if (qn_alloc_count() != calls) fprintf(stderr, "a run allocates\n"), abort();
    QN_TRY(status);
    for (int32_t k = 0; k < qn_pipeline_slot_count(p); k++) { /* every element of every result can be read */
      const qn_tensor *t = &qn_pipeline_slot(p, k)->tensor;
      volatile uint8_t sum = 0;
      if (t->dtype == QN_STRING)
        for (int64_t i = 0; i < t->count; i++)
          for (size_t c = 0; c < ((qn_string *)t->data)[i].length; c++) sum = (uint8_t)(sum + (uint8_t)((qn_string *)t->data)[i].data[c]);
      else
        for (size_t i = 0; i < qn_tensor_bytes(t); i++) sum = (uint8_t)(sum + ((uint8_t *)t->data)[i]);
    }
  }
  return QN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static text list; /* large */
  source s = {bytes, bytes + size};
  qn_error err = {0};
  const size_t before = qn_alloc_bytes();
  list.length = 0;
  if (size && bytes[0] == '[') {
    const uint8_t *end = memchr(bytes, 0, size);
    add(&list, "%.*s", (int)((end ? (size_t)(end - bytes) : size) < sizeof list.data - 1 ? (end ? end - bytes : (ptrdiff_t)size) : (ptrdiff_t)sizeof list.data - 1), (const char *)bytes);
    s.at = end ? end + 1 : s.end;
  } else {
    make_steps(&s, &list);
  }
  if (getenv("VERBOSE")) printf("%s\n", list.data);
  const int inputs = 1 + below(&s, 4);
  const bool stream = below(&s, 5) == 0;
  qn_alloc_limit(before + ((size_t)6 << 20)); /* large results are no other ones, but slow */
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  qn_status status = p ? QN_OK : QN_ERR_MEMORY;
  if (p) {
    static const float vectors[16] = {0.5f, 0.25f, 1, 0.125f, 0.5f};
    status = qn_pipeline_file(p, "file0", 5, "cat\ndog\nnewt", 12, &err);
    if (!status) status = qn_pipeline_file(p, "file1", 5, vectors, sizeof vectors, &err);
    if (!status) status = qn_pipeline_file(p, "file2", 5, "", 0, &err);
    if (!status) status = qn_pipeline_read(p, "steps", list.data, list.length, &err);
    for (int k = 0; k < 2 && !status; k++) status = whole(&s, p, inputs, stream, &err);
  }
  qn_alloc_limit(0);
  if (getenv("VERBOSE")) printf("%s\n", status ? err.text : "a result");
  if (status && p && strlen(err.text) < 10) fprintf(stderr, "no sentence for status %d of %s\n", (int)status, list.data), abort();
  qn_pipeline_free(p);
  if (qn_alloc_bytes() != before) fprintf(stderr, "%zu bytes leaked\n", qn_alloc_bytes() - before), abort();
  return 0;
}

#ifndef QN_LIBFUZZER
int main(int argc, char **argv) {
  static uint8_t bytes[1 << 16];
  int passed = 0;
  for (int i = 1; i < argc; i++) {
    FILE *file = fopen(argv[i], "rb");
    if (!file) continue;
    passed += LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof bytes, file)) == 0;
    fclose(file);
  }
  printf("%d passed, %d failed\n", passed, argc - 1 - passed);
  return passed != argc - 1;
}
#endif
