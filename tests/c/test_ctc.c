/* feature/post/ctc.h against the reference. */
#include "harness.h"

#include <math.h>
#include <string.h>

#include "../golden/image_golden.h"
#include "base/memory.h"
#include "feature/post/ctc.h"

TEST(decodes_as_the_reference) {
  const char *files[2] = {"a\nß\n中\n😀", "a\r\nß\r\n中\r\n😀\r\n"};
  for (int f = 0; f < 2; f++) {
    qn_ctc_labels labels;
    qn_error err;
    CHECK(qn_ctc_labels_read(&labels, files[f], strlen(files[f]), &err) == QN_OK && labels.classes == 6);
    char text[64];
    float score;
    size_t length = qn_ctc_decode(&labels, golden_ctc, 12, text, sizeof text, &score);
    CHECK(length == strlen(golden_ctc_text) && !memcmp(text, golden_ctc_text, length));
    CHECK(fabsf(score - golden_ctc_score) < 1e-6f);
    memset(text, '#', sizeof text);
    size_t last = length - 1; /* where the last character starts: it does not fit whole, so it is left out */
    while ((golden_ctc_text[last] & 0xC0) == 0x80) last--;
    CHECK(qn_ctc_decode(&labels, golden_ctc, 12, text, length - 1, &score) == length);
    CHECK(!memcmp(text, golden_ctc_text, last) && text[last] == '#');
    CHECK(qn_ctc_decode(&labels, golden_ctc, 12, NULL, 0, &score) == length);
    CHECK(qn_ctc_decode(&labels, golden_ctc, 0, text, 4, &score) == 0 && score == 0);
    qn_ctc_labels_free(&labels);
  }
}

TEST(many_classes_and_nan) {
  char file[200] = {0};
  for (int i = 0; i < 98; i++) file[2 * i] = 'x', file[2 * i + 1] = '\n';
  file[2 * 57] = 'y';
  qn_ctc_labels labels;
  qn_error err;
  CHECK(qn_ctc_labels_read(&labels, file, 196, &err) == QN_OK && labels.classes == 100);
  float p[3 * 100] = {0};
  p[58] = 0.5f;
  p[99] = 0.25f; /* the larger one stands in the vector part, this one in the rest */
  p[100 + 99] = 1;
  for (int i = 200; i < 300; i++) p[i] = NAN;
  char text[8];
  float score;
  CHECK(qn_ctc_decode(&labels, p, 3, text, 8, &score) == 2 && text[0] == 'y' && text[1] == ' ' && score == 0.75f);
  qn_ctc_labels_free(&labels);
}

TEST(rejects) {
  qn_ctc_labels labels;
  qn_error err;
  CHECK(qn_ctc_labels_read(&labels, "", 0, &err) == QN_ERR_ARGUMENT);
  CHECK(qn_ctc_labels_read(&labels, "", 17u << 20, &err) == QN_ERR_ARGUMENT);
  size_t before = qn_alloc_bytes();
  for (size_t n = 1; n <= 2; n++) {
    qn_alloc_fail_after(n);
    CHECK(qn_ctc_labels_read(&labels, "a\nb", 3, &err) == QN_ERR_MEMORY);
  }
  qn_alloc_fail_after(0);
  CHECK(qn_alloc_bytes() == before);
}

int main(void) {
  RUN(decodes_as_the_reference);
  RUN(many_classes_and_nan);
  RUN(rejects);
  return DONE();
}
