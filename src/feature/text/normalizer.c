#include "feature/text/normalizer.h"

#include <string.h>

#include "cJSON.h"
#include "kernel/utf8.h"

/* ---- reading ---- */

bool qn_text_chars(const char *text, qn_pool *pool, const uint32_t **chars, size_t *count) {
  const size_t bytes = strlen(text);
  uint32_t *out = qn_pool_alloc(pool, (bytes + 1) * sizeof *out);
  if (!out) return false;
  *chars = out, *count = 0;
  for (const char *p = text, *end = text + bytes; p < end;) {
    const uint32_t c = qn_utf8_next(&p, end);
    out[(*count)++] = c == QN_UTF8_BAD ? 0xFFFD : c;
  }
  return true;
}

static bool truth(const cJSON *json, const char *name, bool fallback) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  return cJSON_IsBool(v) ? cJSON_IsTrue(v) : fallback;
}

static qn_status add(qn_normals *out, qn_normal n, qn_error *err) {
  if (out->count == QN_MOST_NORMALS) return qn_fail(err, QN_ERR_UNSUPPORTED, "the tokenizer has more than %d normalizers", QN_MOST_NORMALS);
  out->list[out->count++] = n;
  return QN_OK;
}

static qn_status read_bert(const cJSON *json, qn_normals *out, qn_error *err) {
  const bool lower = truth(json, "lowercase", true);
  if (truth(json, "clean_text", true)) QN_TRY(add(out, (qn_normal){.kind = QN_NORMAL_BERT_CLEAN}, err));
  if (truth(json, "handle_chinese_chars", true)) QN_TRY(add(out, (qn_normal){.kind = QN_NORMAL_SPACED_CHINESE}, err));
  if (truth(json, "strip_accents", lower)) {
    QN_TRY(add(out, (qn_normal){.kind = QN_NORMAL_NFD}, err));
    QN_TRY(add(out, (qn_normal){.kind = QN_NORMAL_WITHOUT_MN}, err));
  }
  return lower ? add(out, (qn_normal){.kind = QN_NORMAL_LOWERCASE}, err) : QN_OK;
}

static qn_status read_one(const cJSON *json, const char *type, qn_pool *pool, qn_normals *out, qn_error *err) {
  static const struct { const char *name; qn_normal_kind kind; } plain[] = {
    {"NFD", QN_NORMAL_NFD}, {"NFC", QN_NORMAL_NFC}, {"NFKD", QN_NORMAL_NFKD}, {"NFKC", QN_NORMAL_NFKC}, {"Lowercase", QN_NORMAL_LOWERCASE},
    {"StripAccents", QN_NORMAL_WITHOUT_MARKS}, {"Nmt", QN_NORMAL_NMT}, {"ByteLevel", QN_NORMAL_BYTES}};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    if (!strcmp(type, plain[i].name)) return add(out, (qn_normal){.kind = plain[i].kind}, err);
  qn_normal n = {0};
  if (!strcmp(type, "Strip")) {
    n.kind = QN_NORMAL_STRIP, n.left = truth(json, "strip_left", true), n.right = truth(json, "strip_right", true);
    return add(out, n, err);
  }
  if (!strcmp(type, "Replace") || !strcmp(type, "Prepend")) {
    const bool replace = type[0] == 'R';
    const char *name = replace ? "content" : "prepend";
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(json, name);
    if (!cJSON_IsString(text)) return qn_fail(err, QN_ERR_FORMAT, "the normalizer %s has no text \"%s\"", type, name);
    n.kind = replace ? QN_NORMAL_REPLACE : QN_NORMAL_PREPEND;
    if (replace) QN_TRY(qn_pattern_read(cJSON_GetObjectItemCaseSensitive(json, "pattern"), pool, &n.pattern, err));
    if (!qn_text_chars(text->valuestring, pool, &n.text, &n.length)) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for a normalizer");
    return add(out, n, err);
  }
  if (!strcmp(type, "Precompiled")) {
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(json, "precompiled_charsmap");
    if (cJSON_IsNull(map)) return QN_OK;
    if (!cJSON_IsString(map)) return qn_fail(err, QN_ERR_FORMAT, "the normalizer Precompiled has no text \"precompiled_charsmap\"");
    n.kind = QN_NORMAL_CHARSMAP;
    QN_TRY(qn_charsmap_read(map->valuestring, pool, &n.charsmap, err));
    return add(out, n, err);
  }
  return qn_fail(err, QN_ERR_UNSUPPORTED,
                 "the normalizer '%s' is not supported; there are BertNormalizer, Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, Precompiled, Nmt, ByteLevel", type);
}

qn_status qn_normals_read(const cJSON *json, qn_pool *pool, qn_normals *out, qn_error *err) {
  if (!json || cJSON_IsNull(json)) return QN_OK;
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(json, "type");
  if (!cJSON_IsString(type)) return qn_fail(err, QN_ERR_FORMAT, "a normalizer has no \"type\"");
  if (!strcmp(type->valuestring, "BertNormalizer")) return read_bert(json, out, err);
  if (strcmp(type->valuestring, "Sequence")) return read_one(json, type->valuestring, pool, out, err);
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "normalizers");
  if (!cJSON_IsArray(list)) return qn_fail(err, QN_ERR_FORMAT, "a Sequence has no list \"normalizers\"");
  for (const cJSON *item = list->child; item; item = item->next) QN_TRY(qn_normals_read(item, pool, out, err)); /* the JSON reader bounds the depth */
  return QN_OK;
}

/* ---- applying ---- */

uint32_t qn_byte_char(uint8_t b) {
  if ((b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD)) return b;
  return b <= 32 ? 256u + b : b == 127 ? 289 : b == 0xAD ? 323 : 290u + (b - 128);
}

int qn_char_byte(uint32_t c) {
  if (c < 256) return qn_byte_char((uint8_t)c) == c ? (int)c : -1;
  if (c >= 324) return -1;
  return c <= 288 ? (int)c - 256 : c == 289 ? 127 : c == 323 ? 0xAD : (int)(c - 290 + 128);
}

static bool is_chinese(uint32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

typedef bool keep(const qn_unicode *u, uint32_t c);
static bool bert_keeps(const qn_unicode *u, uint32_t c) {
  if (c >= ' ' && c < 0x7F) return true;
  if (c == '\t' || c == '\n' || c == '\r') return true;
  return c && c != 0xFFFD && !qn_unicode_is(u, c, QN_IN(QN_CC) | QN_IN(QN_CF) | QN_IN(QN_CO));
}
static bool no_mn(const qn_unicode *u, uint32_t c) { return c < 0x300 || !qn_unicode_is(u, c, QN_IN(QN_MN)); }
static bool no_mark(const qn_unicode *u, uint32_t c) { return c < 0x300 || !qn_unicode_is(u, c, QN_MARK); }
static bool nmt_keeps(const qn_unicode *u, uint32_t c) {
  (void)u;
  return !((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F);
}

/* Leaves out, with the places of what stays. */
static inline __attribute__((always_inline)) void filter(const qn_unicode *u, qn_chars *t, keep *keeps) {
  size_t n = 0;
  while (n < t->count && keeps(u, t->c[n])) n++;
  for (size_t i = n; i < t->count; i++)
    if (keeps(u, t->c[i])) {
      if (n != i) t->c[n] = t->c[i], t->from[n] = t->from[i], t->to[n] = t->to[i];
      n++;
    }
  t->count = n;
}

static bool is_nmt_space(uint32_t c) {
  return c == 9 || c == 10 || c == 12 || c == 13 || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

static bool spaced_chinese(qn_chars *t, qn_chars *next) {
  size_t found = 0;
  for (size_t i = 0; i < t->count; i++) found += is_chinese(t->c[i]);
  if (!found) return true;
  if (!qn_chars_reserve(next, t->count + 2 * found)) return false;
  for (size_t i = 0; i < t->count; i++) {
    const bool spaced = is_chinese(t->c[i]);
    if (spaced) qn_chars_change(next, ' ', 0);
    qn_chars_change(next, t->c[i], spaced);
    if (spaced) qn_chars_change(next, ' ', 1);
  }
  qn_chars_transform(t, next, 0);
  return true;
}

static bool lowercase(const qn_unicode *u, qn_chars *t, qn_chars *next) {
  bool longer = false;
  for (size_t i = 0; i < t->count; i++) {
    if (t->c[i] == 0x130) longer = true;
    else t->c[i] = qn_unicode_lower(u, t->c[i]);
  }
  if (!longer) return true;
  for (size_t i = 0; i < t->count; i++) {
    const bool dotted = t->c[i] == 0x130;
    if (!qn_chars_change(next, dotted ? 'i' : t->c[i], 0) || (dotted && !qn_chars_change(next, 0x307, 1))) return false;
  }
  qn_chars_transform(t, next, 0);
  return true;
}

static void strip(qn_chars *t, bool left, bool right) {
  size_t begin = 0, end = t->count;
  while (left && begin < end && qn_is_space(t->c[begin])) begin++;
  while (right && end > begin && qn_is_space(t->c[end - 1])) end--;
  if (begin && end > begin) {
    memmove(t->c, t->c + begin, (end - begin) * sizeof *t->c);
    memmove(t->from, t->from + begin, (end - begin) * sizeof *t->from);
    memmove(t->to, t->to + begin, (end - begin) * sizeof *t->to);
  }
  t->count = end - begin;
}

static bool replace(const qn_normal *n, const qn_unicode *u, qn_chars *t, qn_chars *next) {
  size_t found = 0;
  for (size_t at = 0; at < t->count;) {
    const size_t end = qn_pattern_match(&n->pattern, u, t->c, at, t->count);
    if (end == at) {
      if (found && !qn_chars_put(next, t->c[at], t->from[at], t->to[at])) return false;
      at++;
      continue;
    }
    if (!found++) { /* from the first match on there is a new text */
      if (!qn_chars_reserve(next, t->count)) return false;
      for (size_t i = 0; i < at; i++) qn_chars_put(next, t->c[i], t->from[i], t->to[i]);
    }
    for (size_t i = 0; i < n->length; i++) /* all stand where the last replaced character stood */
      if (!qn_chars_put(next, n->text[i], t->from[end - 1], t->to[end - 1])) return false;
    at = end;
  }
  if (!found) return true;
  const qn_chars old = *t;
  *t = *next, *next = old, next->count = 0;
  return true;
}

static bool prepend(const qn_normal *n, qn_chars *t) {
  if (!t->count || !n->length) return true;
  if (!qn_chars_reserve(t, t->count + n->length)) return false;
  memmove(t->c + n->length, t->c, t->count * sizeof *t->c);
  memmove(t->from + n->length, t->from, t->count * sizeof *t->from);
  memmove(t->to + n->length, t->to, t->count * sizeof *t->to);
  for (size_t i = 0; i < n->length; i++) t->c[i] = n->text[i], t->from[i] = t->from[n->length], t->to[i] = t->to[n->length];
  t->count += n->length;
  return true;
}

static bool bytes_of(qn_chars *t, qn_chars *next) {
  if (!qn_chars_reserve(next, t->count)) return false;
  for (size_t i = 0; i < t->count; i++) {
    char bytes[4];
    const size_t n = qn_utf8_put(t->c[i], bytes);
    for (size_t k = 0; k < n; k++)
      if (!qn_chars_put(next, qn_byte_char((uint8_t)bytes[k]), t->from[i], t->to[i])) return false;
  }
  const qn_chars old = *t;
  *t = *next, *next = old, next->count = 0;
  return true;
}

static bool spares_ascii(qn_normal_kind kind) {
  return kind == QN_NORMAL_SPACED_CHINESE || kind == QN_NORMAL_NFD || kind == QN_NORMAL_NFC || kind == QN_NORMAL_NFKD || kind == QN_NORMAL_NFKC || kind == QN_NORMAL_WITHOUT_MN ||
         kind == QN_NORMAL_WITHOUT_MARKS;
}

bool qn_normals_apply(const qn_normals *list, const qn_unicode *u, qn_chars *t, qn_chars *next) {
  uint32_t all = 0; /* of ASCII alone most normalizers change nothing */
  for (size_t k = 0; k < t->count; k++) all |= t->c[k];
  bool ascii = all < 0x80;
  for (int i = 0; i < list->count; i++) {
    const qn_normal *n = &list->list[i];
    bool ok = true;
    next->count = 0;
    if (ascii && spares_ascii(n->kind)) continue;
    if (n->kind == QN_NORMAL_REPLACE || n->kind == QN_NORMAL_PREPEND || n->kind == QN_NORMAL_CHARSMAP || n->kind == QN_NORMAL_BYTES) ascii = false;
    switch (n->kind) {
      case QN_NORMAL_BERT_CLEAN:
        filter(u, t, bert_keeps);
        for (size_t k = 0; k < t->count; k++)
          if (t->c[k] != ' ' && (t->c[k] < ' ' || t->c[k] >= 0x7F) && qn_is_space(t->c[k])) t->c[k] = ' ';
        break;
      case QN_NORMAL_NMT:
        filter(u, t, nmt_keeps);
        for (size_t k = 0; k < t->count; k++)
          if (is_nmt_space(t->c[k])) t->c[k] = ' ';
        break;
      case QN_NORMAL_SPACED_CHINESE: ok = spaced_chinese(t, next); break;
      case QN_NORMAL_NFD: ok = qn_normal_decompose(u, false, false, t, next); break;
      case QN_NORMAL_NFC: ok = qn_normal_decompose(u, false, true, t, next); break;
      case QN_NORMAL_NFKD: ok = qn_normal_decompose(u, true, false, t, next); break;
      case QN_NORMAL_NFKC: ok = qn_normal_decompose(u, true, true, t, next); break;
      case QN_NORMAL_LOWERCASE: ok = lowercase(u, t, next); break;
      case QN_NORMAL_WITHOUT_MN: filter(u, t, no_mn); break;
      case QN_NORMAL_WITHOUT_MARKS: filter(u, t, no_mark); break;
      case QN_NORMAL_STRIP: strip(t, n->left, n->right); break;
      case QN_NORMAL_REPLACE: ok = replace(n, u, t, next); break;
      case QN_NORMAL_PREPEND: ok = prepend(n, t); break;
      case QN_NORMAL_CHARSMAP: ok = qn_charsmap_apply(&n->charsmap, u, t, next); break;
      case QN_NORMAL_BYTES: ok = bytes_of(t, next); break;
    }
    if (!ok) return false;
  }
  return true;
}
