/* Fuzzes the ONNX reader alone: a file that arrives in pieces, of lengths that its own last bytes give, has to be read as one that arrives
 * at once, with the same sentence where it is refused. With libFuzzer: `make fuzz-reader`. Without: fuzz_reader FILE… runs each file once and
 * prints `N passed, N failed`, which is how `npm test` replays the corpus. */
#define _POSIX_C_SOURCE 199309L
#include "../c/load_model.h"

/* Reads all bytes, at most pieces[k % piece_count] + 1 of them at a time where there are pieces; the sentence goes to `text`. */
static qn_status read_model(const uint8_t *bytes, size_t size, const uint8_t *pieces, size_t piece_count, char text[2048]) {
  qn_model *m = qn_model_create();
  qn_status status = QN_OK;
  for (size_t at = 0, k = 0; at < size && status == QN_OK; k++) {
    void *p;
    size_t n;
    if ((status = qn_model_want(m, &p, &n)) != QN_OK) break;
    if (n > size - at) n = size - at;
    if (piece_count && n > (size_t)pieces[k % piece_count] + 1) n = (size_t)pieces[k % piece_count] + 1;
    memcpy(p, bytes + at, n);
    status = qn_model_commit(m, n);
    at += n;
  }
  snprintf(text, 2048, "%s", status == QN_OK ? "" : qn_model_error(m)->text);
  qn_model_free(m);
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  size_t before = qn_alloc_bytes(), piece_count = size < 8 ? size : 8;
  char text[2048], other_text[2048];
  qn_alloc_limit(before + ((size_t)64 << 20)); /* for one model at a time */
  qn_status status = read_model(bytes, size, NULL, 0, text), other = read_model(bytes, size, bytes + size - piece_count, piece_count, other_text);
  qn_alloc_limit(0);
  if (status != other || strcmp(text, other_text)) {
    fprintf(stderr, "at once: %d %s\nin pieces: %d %s\n", (int)status, text, (int)other, other_text);
    abort();
  }
  if (status != QN_OK && strlen(text) < 10) { fprintf(stderr, "no sentence for status %d\n", (int)status); abort(); }
  if (qn_alloc_bytes() != before) { fprintf(stderr, "%zu bytes leaked\n", qn_alloc_bytes() - before); abort(); }
  return 0;
}

#ifndef QN_LIBFUZZER
int main(int argc, char **argv) {
  int passed = 0;
  for (int i = 1; i < argc; i++) {
    size_t size;
    unsigned char *bytes = read_file(argv[i], &size);
    if (bytes) passed += LLVMFuzzerTestOneInput(bytes, size) == 0;
    free(bytes);
  }
  printf("%d passed, %d failed\n", passed, argc - 1 - passed);
  return passed != argc - 1;
}
#endif
