/* Fuzzes the steps for text: a file is the list of steps, a NUL, the file "t" that they name (a tokenizer.json), a NUL, and a text, whose lines are the
 * texts; its bytes are the ids of a step that takes ids. With libFuzzer: `make build/fuzz/fuzz_text`. Without: fuzz_text FILE… runs each file once and prints
 * `N passed, N failed`, which is how `npm test` replays the corpus; fuzz_text --seconds N FILE… changes the files in bytes and words for N seconds of the
 * processor; one input may take 20. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/memory.h"
#include "feature/pipeline.h"
#include "feature/text/chars.h"

extern const qn_step_type *const qn_text_steps[];

static void broken(const char *what, long long a, long long b) {
  fprintf(stderr, "%s: %lld, %lld\n", what, a, b);
  abort();
}

/* UTF-16 units of a text. */
static int64_t units_of(const char *text, size_t length) {
  qn_chars c = {0};
  const int64_t n = qn_chars_read(&c, text, length) ? c.count ? c.to[c.count - 1] : 0 : INT64_MAX;
  qn_chars_free(&c);
  return n;
}

/* What has to hold of any result. most: units of the longest text. */
static void check_result(const qn_slot *slot, int64_t most) {
  const qn_tensor *t = &slot->tensor;
  int64_t count = 1;
  for (int i = 0; i < t->rank; i++) count *= t->dims[i];
  if (count != t->count) broken("a count that is not that of the dimensions", count, t->count);
  if (t->dtype == QN_INT64 && !strcmp(slot->name, "offsets"))
    for (int64_t i = 0; i < count; i += 2) {
      const int64_t *o = (const int64_t *)t->data + i;
      if (o[0] < 0 || o[0] > o[1] || o[1] > most) broken("an offset outside of the text", o[0], o[1]);
    }
  volatile char seen = 0; /* reads all bytes, for the sanitizer */
  if (t->dtype == QN_STRING)
    for (int64_t i = 0; i < count; i++) {
      const qn_string *s = (const qn_string *)t->data + i;
      for (size_t k = 0; k < s->length; k++) seen ^= s->data[k];
    }
  else
    for (size_t k = 0; k < qn_tensor_bytes(t); k++) seen ^= ((const char *)t->data)[k];
}

static qn_status run_texts(qn_pipeline *p, const char *text, size_t size, qn_error *err) {
  qn_string lines[8];
  int count = 0;
  int64_t most = 0;
  for (size_t at = 0; count < 8 && at <= size;) {
    const char *end = size > at ? memchr(text + at, '\n', size - at) : NULL;
    const size_t n = (end && count < 7 ? (size_t)(end - text) : size) - at;
    lines[count++] = (qn_string){text + at, n};
    const int64_t units = units_of(text + at, n);
    most = units > most ? units : most;
    at += n + 1;
  }
  qn_pipeline_clear_inputs(p);
  const bool ids = qn_pipeline_source(p) == QN_SOURCE_ANY;
  const int64_t dims[] = {ids ? (int64_t)size : count};
  QN_TRY(qn_pipeline_input(p, "in", ids ? QN_INT64 : QN_STRING, 1, dims, ids ? 0 : size, err));
  QN_TRY(qn_pipeline_plan(p, false, err));
  void *data = qn_pipeline_input_tensor(p, 0)->data;
  if (ids) {
    for (size_t i = 0; i < size; i++) ((int64_t *)data)[i] = text[i];
  } else {
    char *at = (char *)data + (size_t)count * sizeof(qn_string);
    for (int i = 0; i < count; i++) {
      if (lines[i].length) memcpy(at, lines[i].data, lines[i].length);
      ((qn_string *)data)[i] = (qn_string){at, lines[i].length};
      at += lines[i].length;
    }
  }
  QN_TRY(qn_pipeline_run(p, true, true, err));
  for (int32_t i = 1; i < qn_pipeline_slot_count(p); i++) check_result(qn_pipeline_slot(p, i), most);
  return QN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const size_t before = qn_alloc_bytes();
  const char *steps = (const char *)bytes, *end = size ? memchr(steps, 0, size) : NULL;
  const size_t steps_size = end ? (size_t)(end - steps) : size;
  const char *file = steps + (end ? steps_size + 1 : size);
  const size_t rest = size - (size_t)(file - steps);
  end = rest ? memchr(file, 0, rest) : NULL;
  const size_t file_size = end ? (size_t)(end - file) : rest;
  const char *text = file + (end ? file_size + 1 : rest);
  const size_t text_size = rest - (size_t)(text - file);
  qn_error err = {0};
  qn_alloc_limit(before + ((size_t)256 << 20));
  qn_pipeline *p = qn_pipeline_create(qn_text_steps);
  qn_status status = p ? qn_pipeline_file(p, "t", 1, file, file_size, &err) : QN_ERR_MEMORY;
  if (status == QN_OK) status = qn_pipeline_read(p, "steps", steps, steps_size, &err);
  for (int round = 0; round < 2 && status == QN_OK; round++) status = run_texts(p, text, text_size, &err); /* twice: what was kept */
  qn_pipeline_free(p);
  qn_alloc_limit(0);
  if (status != QN_OK && strlen(err.text) < 10 && p) broken("no sentence for a status", status, 0);
  if (qn_alloc_bytes() != before) broken("bytes leaked", (long long)(qn_alloc_bytes() - before), 0);
  return 0;
}

#ifndef QN_LIBFUZZER
static uint8_t *read_whole(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  *size = (size_t)ftell(f);
  rewind(f);
  uint8_t *bytes = malloc(*size + 1);
  if (fread(bytes, 1, *size, f) != *size) *size = 0;
  fclose(f);
  return bytes;
}

static uint64_t state = 88172645463325252u;
static size_t below(size_t n) { /* xorshift */
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return n ? (size_t)(state % n) : 0;
}

#define MOST 65536
typedef struct file { uint8_t *bytes; size_t size; } file;

static void insert(uint8_t *to, size_t *size, size_t at, const void *what, size_t n) {
  if (*size + n > MOST) return;
  memmove(to + at + n, to + at, *size - at);
  memcpy(to + at, what, n);
  *size += n;
}

static void change(uint8_t *b, size_t *size, const file *files, int count) {
  static const char *const words[] = {"null", "true", "false", "[]", "{}", "-1", "0", "1e99", "16777217", "\"\"", "\"a\"", "\"type\":\"Sequence\",", "\"BPE\"", "\"Unigram\"", "\"WordPiece\"", "\"WordLevel\"",
    "\"ByteLevel\"", "\"Metaspace\"", "\"NFKC\"", "\"NFD\"", "\"Lowercase\"", "\"StripAccents\"", "\"Precompiled\"", "\"byte_fallback\":true,", "\"ignore_merges\":true,", "\"max_length\":1,", "\"direction\":\"Left\",",
    "\xCC\x81", "\xEF\xB7\xBA", "\xE1\x84\x80\xE1\x85\xA1", "\xF0\x9F\x98\x80", "\xFF", "\xC4\xB0", "\xCE\xA3", "\n", " ", "<0x0A>", "\xE2\x96\x81"};
  const size_t at = below(*size + 1), n = below(*size - at + 1) % 64;
  switch (below(8)) {
    case 0: if (at < *size) b[at] = (uint8_t)below(256); break;
    case 1: if (at < *size) b[at] ^= (uint8_t)(1u << below(8)); break;
    case 2: memmove(b + at, b + at + n, *size - at - n), *size -= n; break;
    case 3: {
      uint8_t piece[64];
      memcpy(piece, b + at, n);
      for (size_t times = 1 + below(4) * below(64); times; times--) insert(b, size, at, piece, n);
      break;
    }
    case 4: {
      const file *f = &files[below((size_t)count)];
      const size_t from = below(f->size), length = below(f->size - from) % 256;
      insert(b, size, at, f->bytes + from, length);
      break;
    }
    case 5: { /* of another file the end, from a NUL on */
      const file *f = &files[below((size_t)count)];
      const uint8_t *nul = memchr(f->bytes, 0, f->size), *mine = memchr(b, 0, *size);
      if (!nul || !mine) break;
      *size = (size_t)(mine - b);
      insert(b, size, *size, nul, f->size - (size_t)(nul - f->bytes));
      break;
    }
    default: {
      const char *w = words[below(sizeof words / sizeof *words)];
      insert(b, size, at, w, strlen(w));
    }
  }
}

int main(int argc, char **argv) {
  const bool long_run = argc > 3 && !strcmp(argv[1], "--seconds");
  const int first = long_run ? 3 : 1, count = argc - first;
  file *files = calloc((size_t)count + 1, sizeof *files);
  int passed = 0;
  for (int i = 0; i < count; i++) {
    files[i].bytes = read_whole(argv[first + i], &files[i].size);
    if (files[i].bytes) passed += LLVMFuzzerTestOneInput(files[i].bytes, files[i].size) == 0;
  }
  if (long_run && passed == count && count) {
    uint8_t *b = malloc(MOST);
    long runs = 0;
    const double seconds = atof(argv[2]);
    if (getenv("SEED")) state ^= (uint64_t)atoll(getenv("SEED")) << 20;
    for (; (double)clock() / CLOCKS_PER_SEC < seconds; runs++) {
      const file *f = &files[below((size_t)count)];
      size_t size = f->size < MOST ? f->size : MOST;
      memcpy(b, f->bytes, size);
      for (size_t n = 1 + below(6); n; n--) change(b, &size, files, count);
      FILE *last = fopen("build/fuzz_text.last", "wb"); /* what an abort leaves behind */
      if (last) fwrite(b, 1, size, last), fclose(last);
      setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {.tv_sec = 20}}, NULL); /* the processor's time: the machine may be busy */
      LLVMFuzzerTestOneInput(b, size);
    }
    free(b);
    printf("%ld changed files\n", runs);
  }
  for (int i = 0; i < count; i++) free(files[i].bytes);
  free(files);
  printf("%d passed, %d failed\n", passed, count - passed);
  return passed != count;
}
#endif
