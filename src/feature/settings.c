#include "feature/settings.h"

#include <string.h>

#include "cJSON.h"

void qn_words_add(char *words, size_t capacity, const char *word, size_t length) {
  size_t at = strlen(words);
  if (at + length + 3 > capacity) return;
  if (at) words[at++] = ',', words[at++] = ' ';
  memcpy(words + at, word, length);
  words[at + length] = 0;
}

/* "a|b|c" as "a, b, c"; the index of `text` in it, or −1. */
static int32_t choice_of(const char *choices, const char *text, char *words, size_t capacity) {
  int32_t found = -1, index = 0;
  words[0] = 0;
  for (const char *p = choices;; p++, index++) {
    size_t n = strcspn(p, "|");
    qn_words_add(words, capacity, p, n);
    if (text && strlen(text) == n && !memcmp(text, p, n)) found = index;
    p += n;
    if (!*p) return found;
  }
}

static const char *kind_of(const cJSON *v) {
  return cJSON_IsString(v) ? "text" : cJSON_IsNumber(v) ? "a number" : cJSON_IsBool(v) ? "true or false" : cJSON_IsArray(v) ? "a list" : cJSON_IsObject(v) ? "an object" : "null";
}

static qn_status wrong_kind(const qn_stage *s, const qn_param *p, const cJSON *v, const char *wanted, qn_error *err) {
  return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is %s, not %s", p->name, wanted, cJSON_IsString(v) ? v->valuestring : kind_of(v));
}

static qn_status number_of(const qn_stage *s, const qn_param *p, const cJSON *v, double *out, qn_error *err) {
  if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble)) return wrong_kind(s, p, v, p->kind == QN_PARAM_NUMBERS ? "a list of numbers" : "a number", err);
  const double number = v->valuedouble;
  if (number < p->least || number > p->most)
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is from %g to %g, got %g", p->name, p->least, p->most, number);
  if (p->kind == QN_PARAM_INT && number != floor(number)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is a whole number, got %g", p->name, number);
  *out = number;
  return QN_OK;
}

static qn_status no_memory(const qn_stage *s, qn_error *err) { return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for its parameters"); }

static const qn_feature_file *file_of(const qn_feature_file *files, const char *name) {
  while (files && strcmp(files->name, name)) files = files->next;
  return files;
}

static qn_status no_file(const qn_stage *s, const qn_param *p, const char *name, const qn_feature_file *files, qn_error *err) {
  char words[512] = "";
  for (; files; files = files->next) qn_words_add(words, sizeof words, files->name, strlen(files->name));
  return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s names the file '%s', which the package has not (its files: %s)", p->name, name, words[0] ? words : "none");
}

/* One text for each line; a byte order mark and carriage returns do not count, nor does what follows the last line feed when it is empty. */
static qn_status lines_of(const qn_stage *s, const char *bytes, size_t length, qn_setting *out, qn_pool *pool, qn_error *err) {
  if (length >= 3 && !memcmp(bytes, "\xEF\xBB\xBF", 3)) bytes += 3, length -= 3;
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += bytes[i] == '\n';
  if (length && bytes[length - 1] != '\n') count++;
  if (count > INT32_MAX / 16) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "a file of %zu lines is too long", count);
  qn_string *texts = qn_pool_alloc(pool, (count + 1) * sizeof *texts);
  if (!texts) return no_memory(s, err);
  size_t k = 0;
  for (size_t at = 0; at < length && k < count; k++) {
    const char *end = memchr(bytes + at, '\n', length - at);
    size_t n = (end ? (size_t)(end - bytes) : length) - at;
    texts[k] = (qn_string){bytes + at, n && bytes[at + n - 1] == '\r' ? n - 1 : n};
    at += n + 1;
  }
  out->texts = texts, out->count = (int32_t)k;
  return QN_OK;
}

static qn_status list_of(const qn_stage *s, const qn_param *p, const cJSON *v, qn_setting *out, qn_pool *pool, qn_error *err) {
  const bool texts = p->kind == QN_PARAM_TEXTS, one = !texts && cJSON_IsNumber(v);
  if (!one && !cJSON_IsArray(v)) return wrong_kind(s, p, v, texts ? "a list of texts or the name of a file" : "a list of numbers", err);
  const int count = one ? 1 : cJSON_GetArraySize(v);
  if (p->most_count && (count < p->least_count || count > p->most_count)) {
    if (p->least_count == p->most_count) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is a list of %d, got %d", p->name, p->most_count, count);
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is a list of %d to %d, got %d", p->name, p->least_count, p->most_count, count);
  }
  void *block = qn_pool_alloc(pool, ((size_t)count + 1) * (texts ? sizeof(qn_string) : sizeof(double)));
  if (!block) return no_memory(s, err);
  int i = 0;
  for (const cJSON *item = one ? v : v->child; item && i < count; item = one ? NULL : item->next, i++) {
    if (!texts) {
      QN_TRY(number_of(s, p, item, (double *)block + i, err));
    } else if (!cJSON_IsString(item)) {
      return wrong_kind(s, p, item, "a list of texts", err);
    } else {
      ((qn_string *)block)[i] = (qn_string){item->valuestring, strlen(item->valuestring)};
    }
  }
  if (texts) out->texts = block;
  else out->list = block;
  out->count = count;
  return QN_OK;
}

static qn_status setting_of(const qn_stage *s, const qn_param *p, const cJSON *v, const qn_feature_file *files, qn_setting *out, qn_pool *pool, qn_error *err) {
  char words[512];
  out->json = v;
  switch (p->kind) {
    case QN_PARAM_NUMBER:
    case QN_PARAM_INT: return number_of(s, p, v, &out->number, err);
    case QN_PARAM_BOOL:
      if (!cJSON_IsBool(v)) return wrong_kind(s, p, v, "true or false", err);
      out->number = cJSON_IsTrue(v);
      return QN_OK;
    case QN_PARAM_CHOICE: {
      const int32_t index = choice_of(p->choices, cJSON_IsString(v) ? v->valuestring : NULL, words, sizeof words);
      if (index < 0) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is one of %s, not %s", p->name, words, cJSON_IsString(v) ? v->valuestring : kind_of(v));
      out->number = index;
      return QN_OK;
    }
    case QN_PARAM_TEXT:
      if (!cJSON_IsString(v)) return wrong_kind(s, p, v, "text", err);
      out->text = v->valuestring, out->length = strlen(v->valuestring);
      return QN_OK;
    case QN_PARAM_FILE:
    case QN_PARAM_TEXTS:
      if (cJSON_IsString(v)) {
        const qn_feature_file *file = file_of(files, v->valuestring);
        if (!file) return no_file(s, p, v->valuestring, files, err);
        if (p->kind == QN_PARAM_TEXTS) return lines_of(s, file->bytes, file->length, out, pool, err);
        out->text = file->bytes, out->length = file->length;
        return QN_OK;
      }
      if (p->kind == QN_PARAM_FILE) return wrong_kind(s, p, v, "the name of a file of the package", err);
      return list_of(s, p, v, out, pool, err);
    case QN_PARAM_NUMBERS: return list_of(s, p, v, out, pool, err);
    case QN_PARAM_TREE: return QN_OK;
  }
  return QN_OK;
}

static int32_t param_of(const qn_step_type *type, const char *name) {
  for (int32_t i = 0; i < type->param_count; i++)
    if (!strcmp(type->params[i].name, name)) return i;
  return -1;
}

qn_status qn_settings_read(qn_stage *s, const cJSON *object, const qn_feature_file *files, qn_pool *pool, qn_error *err) {
  const qn_step_type *type = s->type;
  for (int32_t i = 0; i < type->param_count; i++) s->set[i] = (qn_setting){.number = type->params[i].fallback};
  for (const cJSON *v = object->child; v; v = v->next) {
    if (!strcmp(v->string, "step") || !strcmp(v->string, "input") || !strcmp(v->string, "as")) continue;
    const int32_t i = param_of(type, v->string);
    if (i < 0) {
      char words[1024] = "";
      for (int32_t k = 0; k < type->param_count; k++) qn_words_add(words, sizeof words, type->params[k].name, strlen(type->params[k].name));
      return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "there is no parameter '%s'; it takes %s", v->string, words[0] ? words : "none");
    }
    if (s->set[i].json) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is given twice", v->string);
    QN_TRY(setting_of(s, &type->params[i], v, files, &s->set[i], pool, err));
  }
  for (int32_t i = 0; i < type->param_count; i++)
    if (!s->set[i].json && isnan(type->params[i].fallback)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is missing", type->params[i].name);
  return QN_OK;
}
