/* Runs ONNX test cases natively: run_cases [-q] DIR… where DIR holds model.onnx and test_data_set_<k>/{input,output}_<i>.pb.
 * Prints a line for each case (-q: for each that fails), then `N passed, N failed, N skipped`. */
#define _POSIX_C_SOURCE 199309L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/onnx_tensor.h"
#include "../c/load_model.h"

static double half(uint16_t h) {
  int e = (h >> 10) & 31, m = h & 1023;
  double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
  return h & 0x8000 ? -v : v;
}

static double number(const qn_tensor *t, int64_t i) {
  const void *p = t->data;
  switch (t->dtype) {
    case QN_FLOAT: return ((const float *)p)[i];
    case QN_DOUBLE: return ((const double *)p)[i];
    case QN_FLOAT16: return half(((const uint16_t *)p)[i]);
    case QN_BFLOAT16: { uint32_t b = (uint32_t)((const uint16_t *)p)[i] << 16; float f; memcpy(&f, &b, 4); return f; }
    default: return 0;
  }
}

/* "" when equal within the tolerance. */
static const char *compare(const qn_tensor *got, const qn_tensor *want, double rtol, double atol) {
  static char text[256];
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  if (got->dtype != want->dtype) { snprintf(text, sizeof text, "type %s, want %s", qn_dtype_name(got->dtype), qn_dtype_name(want->dtype)); return text; }
  if (!qn_tensor_same_shape(got, want)) { snprintf(text, sizeof text, "shape %s, want %s", qn_shape_text(a, got->rank, got->dims), qn_shape_text(b, want->rank, want->dims)); return text; }
  if (got->dtype == QN_STRING) {
    for (int64_t i = 0; i < got->count; i++) {
      const qn_string *x = (const qn_string *)got->data + i, *y = (const qn_string *)want->data + i;
      if (x->length != y->length || (x->length && memcmp(x->data, y->data, x->length))) return "strings differ";
    }
    return "";
  }
  bool fp = got->dtype == QN_FLOAT || got->dtype == QN_DOUBLE || got->dtype == QN_FLOAT16 || got->dtype == QN_BFLOAT16;
  if (!fp) return memcmp(got->data, want->data, qn_tensor_bytes(got)) ? "bytes differ" : "";
  for (int64_t i = 0; i < got->count; i++) {
    double x = number(got, i), y = number(want, i);
    if (isnan(x) && isnan(y)) continue;
    if (x == y) continue;
    if (!(fabs(x - y) <= atol + rtol * fabs(y))) { snprintf(text, sizeof text, "element %lld: %.9g, want %.9g", (long long)i, x, y); return text; }
  }
  return "";
}

/* SequenceProto and OptionalProto: field 3 a tensor, field 5 a sequence. A value of `kind` made of all of them. */
static bool read_items(qn_onnx_model *box, const unsigned char *bytes, size_t size, qn_kind kind, qn_value *out) {
  qn_wire w = {bytes, bytes + size};
  qn_error err;
  qn_value_clear(out);
  out->kind = kind;
  while (w.p < w.end) {
    qn_field f;
    if (!qn_wire_field(&w, &f)) return false;
    qn_value item = {0};
    bool fine = true;
    if (f.number == 3 && f.type == 2) {
      qn_onnx_tensor *t;
      if (qn_onnx_read_tensor(box, f.bytes, (size_t)f.value, &t, &err) != QN_OK) return false;
      item.tensor = t->tensor;
      fine = qn_value_insert(out, out->item_count, &item, &err) == QN_OK;
      out->tensor.dtype = t->tensor.dtype;
    } else if (f.number == 5 && f.type == 2) {
      fine = read_items(box, f.bytes, (size_t)f.value, QN_KIND_SEQUENCE, &item) && qn_value_insert(out, out->item_count, &item, &err) == QN_OK;
      out->tensor.dtype = item.tensor.dtype;
      qn_value_clear(&item);
    }
    if (!fine) return false;
  }
  return true;
}

/* "" when equal. An optional and what it holds are the same. */
static const char *compare_values(const qn_value *got, const qn_value *want, double rtol, double atol) {
  if (got->kind == QN_KIND_OPTIONAL && want->kind == QN_KIND_OPTIONAL && !got->item_count && !want->item_count) return "";
  if (got->kind == QN_KIND_OPTIONAL && got->item_count) got = got->items;
  if (want->kind == QN_KIND_OPTIONAL && want->item_count) want = want->items;
  if (got->kind != want->kind) return "another kind of value";
  if (got->kind == QN_KIND_TENSOR) return compare(&got->tensor, &want->tensor, rtol, atol);
  if (got->item_count != want->item_count) return "another number of items";
  for (int64_t i = 0; i < got->item_count; i++) {
    const char *text = compare_values(&got->items[i], &want->items[i], rtol, atol);
    if (text[0]) return text;
  }
  return "";
}

enum outcome { PASS, FAIL, SKIP };

static enum outcome run_set(qn_model *m, const char *dir, int set, char *why, size_t room, bool *found) {
  char path[1024];
  qn_onnx_model box = {0};
  qn_error err;
  enum outcome result = PASS;
  *found = false;
  int n = qn_input_count(m);
  for (int i = 0; i < n && result == PASS; i++) {
    size_t size;
    snprintf(path, sizeof path, "%s/test_data_set_%d/input_%d.pb", dir, set, i);
    unsigned char *bytes = read_file(path, &size);
    if (!bytes) {
      if (qn_input_port(m, i)->optional) continue;
      if (i == 0) goto out;
      snprintf(why, room, "no %s", path);
      result = FAIL;
      break;
    }
    qn_onnx_tensor *t = NULL;
    if (qn_input_port(m, i)->kind != QN_KIND_TENSOR) {
      if (!read_items(&box, bytes, size, qn_input_port(m, i)->kind, qn_input_value(m, i))) {
        snprintf(why, room, "input %d cannot be read", i);
        result = FAIL;
      }
    } else if (qn_onnx_read_tensor(&box, bytes, size, &t, &err) != QN_OK) {
      snprintf(why, room, "input %d is not a tensor", i);
      result = FAIL;
    } else if (qn_input_bind(m, i, t->tensor.dtype, t->tensor.rank, t->tensor.dims) != QN_OK) {
      snprintf(why, room, "%s", qn_model_error(m)->text);
      result = FAIL;
    } else if (t->tensor.data) {
      memcpy(qn_input_value(m, i)->tensor.data, t->tensor.data, qn_tensor_bytes(&t->tensor));
    }
    free(bytes);
  }
  snprintf(path, sizeof path, "%s/test_data_set_%d/output_0.pb", dir, set);
  FILE *f = fopen(path, "rb");
  if (!f) goto out;
  fclose(f);
  *found = true;
  if (result != PASS) goto out;
  for (int round = 0; round < 2 && result == PASS; round++) {
    bool done = false;
    size_t before = qn_alloc_count();
    if (qn_run_start(m) != QN_OK) { snprintf(why, room, "%s", qn_model_error(m)->text); result = FAIL; break; }
    while (result == PASS && !done)
      if (qn_run_step(m, 0, &done) != QN_OK) { snprintf(why, room, "%s", qn_model_error(m)->text); result = FAIL; }
    if (round && getenv("QN_ALLOCS") && qn_alloc_count() != before) { snprintf(why, room, "%zu allocations in a repeated run", qn_alloc_count() - before); result = FAIL; }
    for (int i = 0; i < qn_output_count(m) && result == PASS; i++) {
      size_t size;
      snprintf(path, sizeof path, "%s/test_data_set_%d/output_%d.pb", dir, set, i);
      unsigned char *bytes = read_file(path, &size);
      if (!bytes) continue;
      qn_onnx_tensor *t = NULL;
      qn_value want = {0};
      const qn_value *v = qn_output_value(m, i);
      qn_kind kind = qn_output_port(m, i)->kind;
      bool read = kind != QN_KIND_TENSOR ? read_items(&box, bytes, size, kind, &want) : qn_onnx_read_tensor(&box, bytes, size, &t, &err) == QN_OK;
      if (read && kind == QN_KIND_TENSOR) want.tensor = t->tensor;
      const char *text = !read ? "the expected value cannot be read" : !v ? "it is missing" : "";
      if (read && v && strstr(dir, "_bernoulli") && v->kind == QN_KIND_TENSOR) /* random: as ONNX's own runner, type and shape only */
        text = v->tensor.dtype != want.tensor.dtype || !qn_tensor_same_shape(&v->tensor, &want.tensor) ? "type or shape differ" : "";
      else if (read && v) text = compare_values(v, &want, 1e-3, 1e-7);
      if (text[0]) { result = FAIL; snprintf(why, room, "output %d: %s", i, text); }
      if (kind != QN_KIND_TENSOR) qn_value_clear(&want);
      free(bytes);
    }
  }
out:
  qn_onnx_free(&box);
  return result;
}

#ifdef QN_THREADS /* two helpers, and all work that can be shared is */
#include <pthread.h>

#include "base/parallel.h"

static void *help(void *worker) {
  qn_parallel_help((int)(intptr_t)worker, NULL);
  return NULL;
}
static pthread_t helpers[2];
static void begin_threads(void) {
  qn_parallel_open(3, true, 1);
  for (intptr_t i = 0; i < 2; i++)
    if (pthread_create(&helpers[i], NULL, help, (void *)(i + 1))) exit(1);
}
static void end_threads(void) {
  printf("helpers took %u parts\n", qn_parallel_helped());
  qn_parallel_close();
  for (int i = 0; i < 2; i++) pthread_join(helpers[i], NULL);
}
#else
static void begin_threads(void) {}
static void end_threads(void) {}
#endif

int main(int argc, char **argv) {
  begin_threads();
  int count[3] = {0};
  bool quiet = false;
  for (int a = 1; a < argc; a++) {
    if (!strcmp(argv[a], "-q")) { quiet = true; continue; }
    char path[1024], why[4096] = "";
    size_t size = 0;
    snprintf(path, sizeof path, "%s/model.onnx", argv[a]);
    unsigned char *bytes = read_file(path, &size);
    enum outcome result = SKIP;
    if (bytes) {
      qn_model *m = qn_model_create();
      if (load_model(m, bytes, size) != QN_OK) {
        result = qn_model_error(m)->code == QN_ERR_UNSUPPORTED ? SKIP : FAIL;
        snprintf(why, sizeof why, "load: %s", qn_model_error(m)->text);
      } else {
        bool found = true;
        result = PASS;
        for (int set = 0; found && result == PASS; set++) result = run_set(m, argv[a], set, why, sizeof why, &found);
      }
      qn_model_free(m);
      free(bytes);
    }
    count[result]++;
    if (result == FAIL || !quiet) printf("%s %s: %s\n", result == PASS ? "PASS" : result == FAIL ? "FAIL" : "SKIP", strrchr(argv[a], '/') ? strrchr(argv[a], '/') + 1 : argv[a], why);
    fflush(stdout);
  }
  end_threads();
  printf("%d passed, %d failed, %d skipped\n", count[PASS], count[FAIL], count[SKIP]);
  return count[FAIL] != 0;
}
