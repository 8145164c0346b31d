/* Reading tokenizer.json: its members, truncation and padding. */
#include "feature/text/tokenizer.h"

#include <string.h>

#include "cJSON.h"

static bool whole(const cJSON *json, const char *name, int32_t *out) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) || v->valuedouble > INT32_MAX / 4 || v->valuedouble != (double)(int32_t)v->valuedouble) return false;
  *out = (int32_t)v->valuedouble;
  return true;
}

static bool says(const cJSON *json, const char *name, const char *text) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  return cJSON_IsString(v) && !strcmp(v->valuestring, text);
}

static qn_status read_truncation(const cJSON *json, qn_tokenizer *t, qn_error *err) {
  if (!json || cJSON_IsNull(json)) return QN_OK;
  if (!whole(json, "max_length", &t->most) || !t->most) return qn_fail(err, QN_ERR_FORMAT, "the max_length of truncation is not a number from 1 up");
  t->truncation = says(json, "strategy", "OnlyFirst") ? QN_ONLY_FIRST : says(json, "strategy", "OnlySecond") ? QN_ONLY_SECOND : QN_LONGEST_FIRST;
  t->cut_left = says(json, "direction", "Left");
  return QN_OK;
}

static qn_status read_padding(const cJSON *json, qn_tokenizer *t, qn_error *err) {
  if (!json || cJSON_IsNull(json)) return QN_OK;
  const cJSON *strategy = cJSON_GetObjectItemCaseSensitive(json, "strategy");
  t->pads = true;
  t->pad_left = says(json, "direction", "Left");
  if (cJSON_IsObject(strategy) && !whole(strategy, "Fixed", &t->pad_to)) return qn_fail(err, QN_ERR_FORMAT, "the length of fixed padding is not a number from 0 up");
  if (!whole(json, "pad_id", &t->pad_id)) return qn_fail(err, QN_ERR_FORMAT, "the pad_id of padding is not a number from 0 up");
  whole(json, "pad_type_id", &t->pad_type);
  whole(json, "pad_to_multiple_of", &t->pad_multiple);
  return QN_OK;
}

int32_t qn_tokenizer_id(const qn_tokenizer *t, const char *text) {
  for (int32_t i = 0; i < t->added.count; i++)
    if (t->added.list[i].text.length == strlen(text) && !memcmp(t->added.list[i].text.data, text, strlen(text))) return t->added.list[i].id;
  return qn_vocab_find(&t->model.vocab, text, strlen(text));
}

static qn_status read_all(const cJSON *json, qn_tokenizer *t, qn_error *err) {
  if (!cJSON_IsObject(json)) return qn_fail(err, QN_ERR_FORMAT, "it is not JSON with an object at the top");
  QN_TRY(qn_model_read(cJSON_GetObjectItemCaseSensitive(json, "model"), &t->pool, &t->model, err));
  QN_TRY(qn_normals_read(cJSON_GetObjectItemCaseSensitive(json, "normalizer"), &t->pool, &t->normals, err));
  QN_TRY(qn_cutters_read(cJSON_GetObjectItemCaseSensitive(json, "pre_tokenizer"), &t->pool, &t->cutters, err));
  QN_TRY(qn_added_read(cJSON_GetObjectItemCaseSensitive(json, "added_tokens"), t, err));
  QN_TRY(qn_processor_read(cJSON_GetObjectItemCaseSensitive(json, "post_processor"), t, err));
  QN_TRY(qn_decoder_read(cJSON_GetObjectItemCaseSensitive(json, "decoder"), t, err));
  const int32_t brackets = qn_tokenizer_id(t, "[PAD]"), angles = qn_tokenizer_id(t, "<pad>");
  t->pad_id = brackets >= 0 ? brackets : angles >= 0 ? angles : 0;
  QN_TRY(read_truncation(cJSON_GetObjectItemCaseSensitive(json, "truncation"), t, err));
  return read_padding(cJSON_GetObjectItemCaseSensitive(json, "padding"), t, err);
}

qn_tokenizer *qn_tokenizer_create(const char *text, size_t length, qn_error *err) {
  qn_tokenizer *t = qn_alloc_zeroed(sizeof *t);
  if (t) t->unicode = qn_unicode_create();
  if (!t || !t->unicode) {
    qn_tokenizer_free(t);
    qn_fail(err, QN_ERR_MEMORY, "there is no memory for a tokenizer");
    return NULL;
  }
  cJSON *json = cJSON_ParseWithLength(text, length);
  const qn_status status = read_all(json, t, err);
  cJSON_Delete(json);
  if (status == QN_OK) return t;
  qn_tokenizer_free(t);
  return NULL;
}

void qn_tokenizer_free(qn_tokenizer *t) {
  if (!t) return;
  qn_unicode_free(t->unicode);
  qn_pool_free(&t->pool);
  qn_free(t);
}
