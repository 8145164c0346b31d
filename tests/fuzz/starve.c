/* Lets every allocation of a load and a run fail in turn: starve FILE…. Each failure has to come back as a sentence with nothing
 * leaked, and the same file has to work right afterwards. Prints `N passed, N failed`, one for each file. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../c/load_model.h"
#include "run_model.h"

/* `nth` allocation fails (0: none). True when it ended as it should; *reached tells whether that allocation was asked for. */
static bool attempt(const char *name, const unsigned char *bytes, size_t size, size_t nth, bool *reached, qn_status *result) {
  size_t before = qn_alloc_bytes(), calls = qn_alloc_count();
  qn_alloc_fail_after(nth);
  qn_model *m = qn_model_create();
  qn_status status = m ? run_model(m, bytes, size, 2000000) : QN_ERR_MEMORY;
  qn_alloc_fail_after(0);
  *reached = nth && qn_alloc_count() - calls >= nth;
  bool ok = true;
  if (m && status != QN_OK && strlen(qn_model_error(m)->text) < 10) { printf("%s: no sentence when allocation %zu fails\n", name, nth); ok = false; }
  *result = status;
  if (*reached && status == QN_OK && m) { printf("%s: allocation %zu failed and nobody noticed\n", name, nth); ok = false; }
  qn_model_free(m);
  if (qn_alloc_bytes() != before) { printf("%s: %zu bytes leaked when allocation %zu fails\n", name, qn_alloc_bytes() - before, nth); ok = false; }
  return ok;
}

int main(int argc, char **argv) {
  int passed = 0;
  for (int i = 1; i < argc; i++) {
    size_t size;
    unsigned char *bytes = read_file(argv[i], &size);
    bool reached = true, ok = bytes != NULL;
    qn_status first = QN_OK, last; /* what is fed may not suit the model: then it fails, and in the same way each time */
    ok = ok && attempt(argv[i], bytes, size, 0, &reached, &first);
    reached = true;
    for (size_t nth = 1; reached && ok && nth < 100000; nth++) ok = attempt(argv[i], bytes, size, nth, &reached, &last);
    ok = ok && attempt(argv[i], bytes, size, 0, &reached, &last) && last == first;
    passed += ok;
    free(bytes);
  }
  printf("%d passed, %d failed\n", passed, argc - 1 - passed);
  return passed != argc - 1;
}
