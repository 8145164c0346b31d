/* Fuzzes reading, planning and running a model. With libFuzzer: `make fuzz-model`. Without: fuzz_model FILE… runs each file once and
 * prints `N passed, N failed`, which is how `npm test` replays the corpus. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../c/load_model.h"
#include "run_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  size_t before = qn_alloc_bytes();
  qn_alloc_limit(before + ((size_t)64 << 20)); /* a file may ask for any shape; this much is given */
  qn_model *m = qn_model_create();
  qn_status status = run_model(m, bytes, size, 200000);
  if (status != QN_OK && strlen(qn_model_error(m)->text) < 10) { fprintf(stderr, "no sentence for status %d\n", (int)status); abort(); }
  qn_model_free(m);
  qn_alloc_limit(0);
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
