/* Added tokens: reading them, and finding them in texts. */
#include <string.h>

#include "cJSON.h"
#include "feature/text/tokenizer.h"
#include "kernel/utf8.h"

static bool truth(const cJSON *json, const char *name) { return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name)); }

/* What is looked for in normalized texts is normalized itself. */
static bool normalize(qn_tokenizer *t, qn_added *a) {
  qn_chars text = {0}, next = {0};
  bool ok = qn_chars_read(&text, a->text.data, a->text.length) && qn_normals_apply(&t->normals, t->unicode, &text, &next);
  uint32_t *kept = ok ? qn_pool_alloc(&t->pool, (text.count + 1) * sizeof *kept) : NULL;
  if (kept && text.count) memcpy(kept, text.c, text.count * sizeof *kept);
  if (kept) a->chars = kept, a->length = text.count;
  qn_chars_free(&text);
  qn_chars_free(&next);
  return kept;
}

qn_status qn_added_read(const cJSON *json, qn_tokenizer *t, qn_error *err) {
  memset(t->added.heads, -1, sizeof t->added.heads);
  if (!json || cJSON_IsNull(json)) return QN_OK;
  if (!cJSON_IsArray(json)) return qn_fail(err, QN_ERR_FORMAT, "\"added_tokens\" is not a list");
  const int count = cJSON_GetArraySize(json);
  t->added.list = qn_pool_alloc(&t->pool, ((size_t)count + 1) * sizeof *t->added.list);
  if (!t->added.list) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for the added tokens");
  for (const cJSON *v = json->child; v; v = v->next) {
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(v, "id"), *content = cJSON_GetObjectItemCaseSensitive(v, "content");
    if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0) || id->valuedouble > INT32_MAX / 4 || !cJSON_IsString(content))
      return qn_fail(err, QN_ERR_FORMAT, "added token %d has no id from 0 up or no text \"content\"", (int)t->added.count);
    if (!content->valuestring[0]) continue;
    qn_added *a = &t->added.list[t->added.count];
    const size_t bytes = strlen(content->valuestring);
    *a = (qn_added){.single_word = truth(v, "single_word"), .left = truth(v, "lstrip"), .right = truth(v, "rstrip"), .normalized = truth(v, "normalized"), .special = truth(v, "special")};
    a->text = (qn_string){qn_pool_text(&t->pool, content->valuestring, bytes), bytes};
    const int32_t known = qn_vocab_find(&t->model.vocab, content->valuestring, bytes);
    a->id = known >= 0 ? known : (int32_t)id->valuedouble;
    const bool ok = a->text.data && (a->normalized ? normalize(t, a) : qn_text_chars(content->valuestring, &t->pool, &a->chars, &a->length));
    if (!ok) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for the added tokens");
    if (a->length) {
      int32_t *head = &t->added.heads[a->normalized][a->chars[0] & 255];
      a->next = *head, *head = t->added.count;
    }
    t->added.count++;
  }
  return QN_OK;
}

/* The longest that begins at c[at]; NULL: none. */
static const qn_added *match(const qn_added_list *l, bool normalized, const uint32_t *c, size_t at, size_t end) {
  const qn_added *best = NULL;
  for (int32_t i = l->heads[normalized][c[at] & 255]; i >= 0; i = l->list[i].next) {
    const qn_added *a = &l->list[i];
    if (a->length <= end - at && (!best || a->length > best->length) && !memcmp(a->chars, c + at, a->length * sizeof *c)) best = a;
  }
  return best;
}

typedef bool take(const qn_tokenizer *t, qn_encoder *e, size_t begin, size_t end, int32_t token);

/* Parts of the text: found tokens, and what is between them. False without memory. */
static bool each_part(const qn_tokenizer *t, qn_encoder *e, bool normalized, const qn_chars *text, take *put) {
  size_t free_from = 0;
  for (size_t at = 0; at < text->count;) {
    while (at < text->count && t->added.heads[normalized][text->c[at] & 255] < 0) at++;
    const qn_added *a = at < text->count ? match(&t->added, normalized, text->c, at, text->count) : NULL;
    if (!a) {
      at++;
      continue;
    }
    size_t begin = at, end = at + a->length;
    at = end;
    if (a->single_word && ((begin && qn_unicode_is_word(t->unicode, text->c[begin - 1])) || (end < text->count && qn_unicode_is_word(t->unicode, text->c[end])))) continue;
    while (a->left && begin > free_from && qn_is_space(text->c[begin - 1])) begin--;
    if (begin < free_from) begin = free_from;
    while (a->right && end < text->count && qn_is_space(text->c[end])) end++;
    if (free_from < begin && !put(t, e, free_from, begin, -1)) return false;
    if (begin < end && !put(t, e, begin, end, a->id)) return false;
    free_from = end;
  }
  return free_from >= text->count || put(t, e, free_from, text->count, -1);
}

static bool copy(const qn_chars *from, size_t begin, size_t end, qn_chars *to) {
  const size_t n = end - begin;
  if (!qn_chars_reserve(to, to->count + n)) return false;
  memcpy(to->c + to->count, from->c + begin, n * sizeof *to->c);
  memcpy(to->from + to->count, from->from + begin, n * sizeof *to->from);
  memcpy(to->to + to->count, from->to + begin, n * sizeof *to->to);
  to->count += n;
  return true;
}

static void swap(qn_chars *a, qn_chars *b) {
  const qn_chars old = *a;
  *a = *b, *b = old;
}

static bool put_normalized(const qn_tokenizer *t, qn_encoder *e, size_t begin, size_t end, int32_t token) {
  (void)t;
  if (!begin && end == e->segment.count && !e->text.count) { /* the whole: most texts have no such tokens */
    swap(&e->segment, &e->text);
    return qn_pieces_put(&e->pieces, 0, end, token);
  }
  const size_t at = e->text.count;
  return copy(&e->segment, begin, end, &e->text) && qn_pieces_put(&e->pieces, at, e->text.count, token);
}

static bool put_raw(const qn_tokenizer *t, qn_encoder *e, size_t begin, size_t end, int32_t token) {
  e->segment.count = 0;
  if (!begin && end == e->raw.count && !t->trims) swap(&e->raw, &e->segment); /* trimming looks into the source */
  else if (!copy(&e->raw, begin, end, &e->segment)) return false;
  if (token >= 0) return put_normalized(t, e, 0, end - begin, token);
  return qn_normals_apply(&t->normals, t->unicode, &e->segment, &e->next) && each_part(t, e, true, &e->segment, put_normalized);
}

bool qn_added_extract(const qn_tokenizer *t, qn_encoder *e) {
  e->text.count = e->pieces.count = 0;
  return each_part(t, e, false, &e->raw, put_raw);
}
