/* The member "post_processor" of tokenizer.json: templates of the tokens that are put around texts, and the trimming of offsets. */
#include <math.h>
#include <string.h>

#include "cJSON.h"
#include "feature/text/tokenizer.h"

static qn_status no_memory(qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "there is no memory for the post-processor"); }

static bool number_in(const cJSON *v, int32_t *out) {
  if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) || v->valuedouble > INT32_MAX / 4 || v->valuedouble != floor(v->valuedouble)) return false;
  *out = (int32_t)v->valuedouble;
  return true;
}

/* One part, {"SpecialToken": {"id", "type_id"}} or {"Sequence": {"id": "A", "type_id"}}. */
static qn_status read_part(const cJSON *v, const cJSON *tokens, qn_pool *pool, qn_template_part *out, qn_error *err) {
  const cJSON *special = cJSON_GetObjectItemCaseSensitive(v, "SpecialToken"), *sequence = cJSON_GetObjectItemCaseSensitive(v, "Sequence");
  const cJSON *part = special ? special : sequence, *id = cJSON_GetObjectItemCaseSensitive(part, "id");
  if (!cJSON_IsString(id) || !number_in(cJSON_GetObjectItemCaseSensitive(part, "type_id"), &out->type))
    return qn_fail(err, QN_ERR_FORMAT, "a part of TemplateProcessing is no SpecialToken and no Sequence with id and type_id");
  if (!special) {
    out->which = !strcmp(id->valuestring, "B");
    return QN_OK;
  }
  out->which = -1;
  const cJSON *ids = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tokens, id->valuestring), "ids");
  if (!cJSON_IsArray(ids)) return qn_fail(err, QN_ERR_FORMAT, "TemplateProcessing names the special token '%s', which it does not describe", id->valuestring);
  int32_t *list = qn_pool_alloc(pool, ((size_t)cJSON_GetArraySize(ids) + 1) * sizeof *list);
  if (!list) return no_memory(err);
  for (const cJSON *i = ids->child; i; i = i->next)
    if (!number_in(i, &list[out->count++])) return qn_fail(err, QN_ERR_FORMAT, "an id of the special token '%s' is not a number from 0 up", id->valuestring);
  out->ids = list;
  return QN_OK;
}

static qn_status read_template(const cJSON *list, const cJSON *tokens, qn_pool *pool, qn_template *out, qn_error *err) {
  if (!cJSON_IsArray(list)) return qn_fail(err, QN_ERR_FORMAT, "TemplateProcessing has no lists \"single\" and \"pair\"");
  qn_template_part *parts = qn_pool_alloc(pool, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *parts);
  if (!parts) return no_memory(err);
  *out = (qn_template){parts, 0, 0};
  for (const cJSON *v = list->child; v; v = v->next) {
    qn_template_part *part = &parts[out->count++];
    QN_TRY(read_part(v, tokens, pool, part, err));
    if (part->which < 0) out->added += part->count;
    if (out->added > 4096) return qn_fail(err, QN_ERR_FORMAT, "TemplateProcessing adds more than 4096 tokens");
  }
  return QN_OK;
}

/* ["text", id] */
static qn_status pair_of(const cJSON *json, const char *type, const char *name, int32_t *id, qn_error *err) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  const bool ok = cJSON_IsArray(v) && cJSON_IsString(v->child) && number_in(v->child->next, id);
  return ok ? QN_OK : qn_fail(err, QN_ERR_FORMAT, "\"%s\" of the post-processor %s is not a text and an id", name, type);
}

/* What BERT and RoBERTa have: cls A sep, and for pairs one or two seps before B. */
static qn_status read_classic(const cJSON *json, const char *type, bool roberta, qn_tokenizer *t, qn_error *err) {
  int32_t *ids = qn_pool_alloc(&t->pool, 3 * sizeof *ids);
  qn_template_part *p = qn_pool_alloc(&t->pool, 8 * sizeof *p);
  if (!ids || !p) return no_memory(err);
  QN_TRY(pair_of(json, type, "cls", &ids[0], err));
  QN_TRY(pair_of(json, type, "sep", &ids[1], err));
  ids[2] = ids[1];
  const int32_t second = !roberta;
  const qn_template_part parts[8] = {{-1, 0, 1, ids}, {0}, {-1, 0, 1, ids + 1},
                                     {-1, 0, 1, ids}, {0}, {-1, 0, roberta ? 2 : 1, ids + 1}, {1, second, 0, NULL}, {-1, second, 1, ids + 1}};
  memcpy(p, parts, sizeof parts);
  t->single = (qn_template){p, 3, 2};
  t->pair = (qn_template){p + 3, 5, roberta ? 4 : 3};
  return QN_OK;
}

static bool truth(const cJSON *json, const char *name, bool fallback) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  return cJSON_IsBool(v) ? cJSON_IsTrue(v) : fallback;
}

static qn_status read_one(const cJSON *json, bool *templated, qn_tokenizer *t, qn_error *err) {
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(json, "type");
  if (!cJSON_IsString(type)) return qn_fail(err, QN_ERR_FORMAT, "a post-processor has no \"type\"");
  const char *name = type->valuestring;
  if (!strcmp(name, "Sequence")) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "processors");
    if (!cJSON_IsArray(list)) return qn_fail(err, QN_ERR_FORMAT, "a Sequence has no list \"processors\"");
    for (const cJSON *v = list->child; v; v = v->next) QN_TRY(read_one(v, templated, t, err));
    return QN_OK;
  }
  if (!strcmp(name, "ByteLevel") || !strcmp(name, "RobertaProcessing")) {
    if (*templated) return qn_fail(err, QN_ERR_UNSUPPORTED, "the post-processor %s stands behind another one that adds tokens", name);
    if (truth(json, "trim_offsets", true)) t->trims = true, t->trims_prefixed = truth(json, "add_prefix_space", true);
    if (name[0] == 'B') return QN_OK;
  } else if (*templated) {
    return qn_fail(err, QN_ERR_UNSUPPORTED, "two post-processors add tokens; one is possible");
  }
  *templated = true;
  if (name[0] == 'R' || !strcmp(name, "BertProcessing")) return read_classic(json, name, name[0] == 'R', t, err);
  if (strcmp(name, "TemplateProcessing"))
    return qn_fail(err, QN_ERR_UNSUPPORTED, "the post-processor '%s' is not supported; there are BertProcessing, RobertaProcessing, ByteLevel, TemplateProcessing, Sequence", name);
  const cJSON *tokens = cJSON_GetObjectItemCaseSensitive(json, "special_tokens");
  QN_TRY(read_template(cJSON_GetObjectItemCaseSensitive(json, "single"), tokens, &t->pool, &t->single, err));
  return read_template(cJSON_GetObjectItemCaseSensitive(json, "pair"), tokens, &t->pool, &t->pair, err);
}

qn_status qn_processor_read(const cJSON *json, qn_tokenizer *t, qn_error *err) {
  static const qn_template_part plain[2] = {{.which = 0}, {.which = 1, .type = 1}};
  t->single = (qn_template){plain, 1, 0};
  t->pair = (qn_template){plain, 2, 0};
  bool templated = false;
  return !json || cJSON_IsNull(json) ? QN_OK : read_one(json, &templated, t, err);
}
