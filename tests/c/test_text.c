/* feature/text: texts that are no UTF-8, memory, and tokenizers on their own. What they give for real texts is compared in tests/node/text.test.mjs. */
#include "harness.h"

#include <string.h>

#include "base/memory.h"
#include "feature/pipeline.h"
#include "feature/text/tokenizer.h"

extern const qn_step_type *const qn_text_steps[];

static qn_error err;

static const char BYTES[] = "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"[UNK]\":0,\"a\":1,\"b\":2,\"\xEF\xBF\xBD\":3},\"unk_token\":\"[UNK]\"},"
                            "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"b\"},\"behavior\":\"Isolated\"}}";

static qn_pipeline *pipeline(const char *file, const char *steps) {
  qn_pipeline *p = qn_pipeline_create(qn_text_steps);
  if (qn_pipeline_file(p, "t", 1, file, strlen(file), &err) == QN_OK && qn_pipeline_read(p, "steps", steps, strlen(steps), &err) == QN_OK) return p;
  qn_pipeline_free(p);
  return NULL;
}

/* Runs over texts whose bytes lie one behind the other. */
static qn_status run(qn_pipeline *p, int count, const qn_string *texts) {
  size_t size = 0;
  for (int i = 0; i < count; i++) size += texts[i].length;
  qn_pipeline_clear_inputs(p);
  QN_TRY(qn_pipeline_input(p, "text", QN_STRING, 1, (int64_t[]){count}, size, &err));
  QN_TRY(qn_pipeline_plan(p, false, &err));
  qn_string *table = qn_pipeline_input_tensor(p, 0)->data;
  char *at = (char *)(table + count);
  for (int i = 0; i < count; i++) {
    table[i] = (qn_string){at, texts[i].length};
    memcpy(at, texts[i].data, texts[i].length);
    at += texts[i].length;
  }
  return qn_pipeline_run(p, true, true, &err);
}

TEST(broken_utf8_is_replaced) {
  static const struct { const char *bytes; size_t length, chars; } cases[] = {
    {"\xFF", 1, 1}, {"\xE2\x82", 2, 1}, {"\xE2\x28\xA1", 3, 3}, {"\xF0\x9F\x98", 3, 1}, {"\xED\xA0\x80", 3, 3}, {"\xC0\xAF", 2, 2}, {"\xF4\x90\x80\x80", 4, 4}, {"a\x80z", 3, 3}, {"", 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    qn_chars t = {0};
    CHECK(qn_chars_read(&t, cases[i].bytes, cases[i].length));
    CHECK(t.count == cases[i].chars);
    for (size_t k = 0; k < t.count; k++) CHECK(t.c[k] == 0xFFFD || t.c[k] < 0x80);
    for (size_t k = 0; k < t.count; k++) CHECK(t.to[k] == (int32_t)k + 1);
    qn_chars_free(&t);
  }
}

TEST(offsets_and_repeated_runs) {
  qn_pipeline *p = pipeline(BYTES, "[{\"step\":\"tokenize\",\"tokenizer\":\"t\",\"offsets\":true}]");
  CHECK(p != NULL);
  const qn_string texts[] = {{"\xFF" "b\xF0\x9F\x98\x80", 6}, {"bab", 3}};
  for (int round = 0; round < 6; round++) {
    const size_t calls = qn_alloc_count();
    CHECK(run(p, 2, texts) == QN_OK);
    if (round > 2) CHECK(qn_alloc_count() == calls); /* memory is kept; buffers change places, so that each has to grow once */
    const qn_tensor *ids = &qn_pipeline_slot(p, 1)->tensor, *offsets = &qn_pipeline_slot(p, 4)->tensor;
    CHECK(ids->dims[0] == 2 && ids->dims[1] == 3 && offsets->rank == 3 && offsets->count == 12);
    const int64_t want[] = {3, 2, 0, 2, 1, 2}, places[] = {0, 1, 1, 2, 2, 4, 0, 1, 1, 2, 2, 3};
    CHECK(!memcmp(ids->data, want, sizeof want) && !memcmp(offsets->data, places, sizeof places));
  }
  qn_pipeline_free(p);
}

TEST(no_memory_is_said) {
  const qn_string text = {"abab", 4};
  int refused = 0;
  for (size_t n = 1; n < 200; n++) {
    qn_alloc_fail_after(n);
    qn_pipeline *p = qn_pipeline_create(qn_text_steps);
    const char steps[] = "[{\"step\":\"tokenize\",\"tokenizer\":\"t\"}]";
    qn_status status = p ? qn_pipeline_file(p, "t", 1, BYTES, strlen(BYTES), &err) : QN_ERR_MEMORY;
    if (status == QN_OK) status = qn_pipeline_read(p, "steps", steps, strlen(steps), &err);
    if (status == QN_OK) status = run(p, 1, &text);
    qn_alloc_fail_after(0);
    CHECK(status == QN_OK || status == QN_ERR_MEMORY);
    refused += status != QN_OK;
    qn_pipeline_free(p);
    if (status == QN_OK) break;
  }
  CHECK(refused > 10);
}

TEST(pairs_and_empty_batches) {
  qn_pipeline *p = pipeline(BYTES, "[{\"step\":\"tokenize\",\"tokenizer\":\"t\"}]");
  CHECK(run(p, 0, NULL) == QN_OK);
  CHECK(qn_pipeline_slot(p, 1)->tensor.count == 0);
  qn_pipeline_clear_inputs(p);
  CHECK(qn_pipeline_input(p, "text", QN_STRING, 2, (int64_t[]){1, 3}, 0, &err) == QN_OK);
  CHECK(qn_pipeline_plan(p, false, &err) == QN_ERR_SHAPE && strstr(err.text, "pairs [n, 2], got [1, 3]"));
  qn_pipeline_free(p);
}

int main(void) {
  RUN(broken_utf8_is_replaced);
  RUN(offsets_and_repeated_runs);
  RUN(no_memory_is_said);
  RUN(pairs_and_empty_batches);
  return DONE();
}
