/* The member "model" of tokenizer.json. */
#include <math.h>
#include <string.h>

#include "cJSON.h"
#include "feature/text/token_model.h"
#include "feature/text/tokenizer.h"

static qn_status no_memory(qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "there is no memory for the vocabulary"); }

/* A text of the vocabulary, kept in one block for all. */
static qn_string keep(char **room, const char *text) {
  const size_t n = strlen(text);
  memcpy(*room, text, n);
  const qn_string kept = {*room, n};
  *room += n;
  return kept;
}

static qn_status read_vocab(const cJSON *vocab, qn_pool *pool, qn_model *m, qn_error *err) {
  if (!cJSON_IsObject(vocab)) return qn_fail(err, QN_ERR_FORMAT, "the model has no object \"vocab\"");
  size_t count = 0, bytes = 1;
  double most = -1;
  for (const cJSON *v = vocab->child; v; v = v->next) {
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) || v->valuedouble != floor(v->valuedouble))
      return qn_fail(err, QN_ERR_FORMAT, "the id of '%s' in the vocabulary is not a number from 0 up", v->string);
    count++, bytes += strlen(v->string);
    if (v->valuedouble > most) most = v->valuedouble;
  }
  if (count > QN_MOST_IDS / 2 || most >= 4.0 * (double)count + 65536)
    return qn_fail(err, QN_ERR_FORMAT, "the vocabulary has %zu texts and ids up to %g: too many, or too far apart", count, most);
  char *room = qn_pool_alloc(pool, bytes);
  if (!room || !qn_vocab_open(&m->vocab, pool, count, (size_t)(most + 1))) return no_memory(err);
  for (const cJSON *v = vocab->child; v; v = v->next) qn_vocab_put(&m->vocab, keep(&room, v->string), (int32_t)v->valuedouble);
  return QN_OK;
}

static qn_status read_scored(const cJSON *vocab, qn_pool *pool, qn_model *m, qn_error *err) {
  if (!cJSON_IsArray(vocab)) return qn_fail(err, QN_ERR_FORMAT, "the model Unigram has no list \"vocab\"");
  size_t count = 0, bytes = 1;
  for (const cJSON *v = vocab->child; v; v = v->next, count++) {
    const cJSON *text = cJSON_IsArray(v) ? v->child : NULL;
    if (!cJSON_IsString(text) || !cJSON_IsNumber(text->next) || !isfinite(text->next->valuedouble))
      return qn_fail(err, QN_ERR_FORMAT, "entry %zu of the vocabulary is not a text with a number", count);
    bytes += strlen(text->valuestring);
  }
  if (count > QN_MOST_IDS / 2) return qn_fail(err, QN_ERR_FORMAT, "the vocabulary has %zu texts: too many", count);
  char *room = qn_pool_alloc(pool, bytes);
  double *scores = qn_pool_alloc(pool, (count + 1) * sizeof *scores), least = INFINITY;
  if (!room || !scores || !qn_vocab_open(&m->vocab, pool, count, count)) return no_memory(err);
  int32_t id = 0;
  for (const cJSON *v = vocab->child; v; v = v->next, id++) {
    scores[id] = v->child->next->valuedouble;
    if (scores[id] < least) least = scores[id];
    qn_vocab_put(&m->vocab, keep(&room, v->child->valuestring), id);
  }
  m->scores = scores;
  m->unk_score = least - 10; /* as SentencePiece has it */
  return QN_OK;
}

/* The two parts of a merge: a list of two, or a text with one blank between them. */
static bool parts_of(const cJSON *v, qn_string *a, qn_string *b) {
  if (cJSON_IsArray(v)) {
    const cJSON *first = v->child, *second = first ? first->next : NULL;
    if (!cJSON_IsString(first) || !cJSON_IsString(second) || second->next) return false;
    *a = (qn_string){first->valuestring, strlen(first->valuestring)};
    *b = (qn_string){second->valuestring, strlen(second->valuestring)};
    return true;
  }
  const char *blank = cJSON_IsString(v) ? strchr(v->valuestring, ' ') : NULL;
  if (!blank || strchr(blank + 1, ' ')) return false;
  *a = (qn_string){v->valuestring, (size_t)(blank - v->valuestring)};
  *b = (qn_string){blank + 1, strlen(blank + 1)};
  return true;
}

static qn_status read_merges(const cJSON *merges, qn_pool *pool, qn_model *m, qn_error *err) {
  if (!cJSON_IsArray(merges)) return qn_fail(err, QN_ERR_FORMAT, "the model BPE has no list \"merges\"");
  size_t count = 0;
  uint32_t slots = 16;
  for (const cJSON *v = merges->child; v; v = v->next) count++;
  if (count > QN_MOST_IDS / 2) return qn_fail(err, QN_ERR_FORMAT, "the model BPE has %zu merges: too many", count);
  while (slots < 2 * count) slots *= 2;
  m->merges = qn_pool_alloc(pool, slots * sizeof *m->merges);
  char *joined = qn_alloc(2 * m->vocab.longest + 1);
  if (!m->merges || !joined) {
    qn_free(joined);
    return no_memory(err);
  }
  for (uint32_t i = 0; i < slots; i++) m->merges[i].rank = -1;
  m->merge_mask = slots - 1;
  int32_t rank = 0;
  qn_status status = QN_OK;
  for (const cJSON *v = merges->child; v && status == QN_OK; v = v->next, rank++) {
    qn_string a, b;
    if (!parts_of(v, &a, &b)) {
      status = qn_fail(err, QN_ERR_FORMAT, "merge %d of the model BPE is not two texts", (int)rank);
      break;
    }
    const int32_t first = qn_vocab_find(&m->vocab, a.data, a.length), second = qn_vocab_find(&m->vocab, b.data, b.length);
    int32_t id = -1;
    if (first >= 0 && second >= 0 && b.length >= m->prefix.length) { /* both are in the vocabulary, so they fit */
      memcpy(joined, a.data, a.length);
      memcpy(joined + a.length, b.data + m->prefix.length, b.length - m->prefix.length);
      id = qn_vocab_find(&m->vocab, joined, a.length + b.length - m->prefix.length);
    }
    if (id < 0) status = qn_fail(err, QN_ERR_FORMAT, "merge %d of the model BPE: its parts or what they make are not in the vocabulary", (int)rank);
    else qn_bpe_merge_put(m, first, second, rank, id);
  }
  qn_free(joined);
  return status;
}

static bool truth(const cJSON *json, const char *name) { return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name)); }

static qn_status short_text(const cJSON *json, const char *name, qn_pool *pool, qn_string *out, qn_error *err) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  if (!cJSON_IsString(v)) return QN_OK;
  out->length = strlen(v->valuestring);
  if (out->length > 100) return qn_fail(err, QN_ERR_FORMAT, "%s of the model has %zu bytes; at most 100 are possible", name, out->length);
  out->data = qn_pool_text(pool, v->valuestring, out->length);
  return out->data ? QN_OK : no_memory(err);
}

static void find_bytes(qn_model *m) {
  static const char digits[] = "0123456789ABCDEF";
  for (int i = 0; i < 256; i++) {
    const char text[] = {'<', '0', 'x', digits[i >> 4], digits[i & 15], '>'};
    m->byte_ids[i] = qn_vocab_find(&m->vocab, text, sizeof text);
    if (m->byte_ids[i] < 0) m->byte_ids[0] = -1; /* all or none */
    if (m->byte_ids[0] < 0) return;
  }
}

qn_status qn_model_read(const cJSON *json, qn_pool *pool, qn_model *m, qn_error *err) {
  static const char *const names[] = {"WordPiece", "WordLevel", "BPE", "Unigram"};
  if (!cJSON_IsObject(json)) return qn_fail(err, QN_ERR_FORMAT, "there is no object \"model\"");
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(json, "type");
  int kind = -1;
  for (int i = 0; cJSON_IsString(type) && i < 4; i++)
    if (!strcmp(type->valuestring, names[i])) kind = i;
  if (cJSON_IsString(type) && kind < 0)
    return qn_fail(err, QN_ERR_UNSUPPORTED, "the model '%s' is not supported; there are WordPiece, WordLevel, BPE, Unigram", type->valuestring);
  /* early files have no type: merges tell BPE, a list Unigram */
  if (kind < 0) kind = cJSON_GetObjectItemCaseSensitive(json, "merges") ? QN_BPE : cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(json, "vocab")) ? QN_UNIGRAM : QN_WORD_PIECE;
  m->kind = (qn_model_kind)kind;
  m->unk = -1;
  const cJSON *vocab = cJSON_GetObjectItemCaseSensitive(json, "vocab");
  m->byte_fallback = truth(json, "byte_fallback"), m->fuse_unk = truth(json, "fuse_unk"), m->ignore_merges = truth(json, "ignore_merges");
  if (kind == QN_UNIGRAM) {
    QN_TRY(read_scored(vocab, pool, m, err));
    const cJSON *unk = cJSON_GetObjectItemCaseSensitive(json, "unk_id");
    if (cJSON_IsNumber(unk)) {
      if (!(unk->valuedouble >= 0) || unk->valuedouble >= m->vocab.size) return qn_fail(err, QN_ERR_FORMAT, "unk_id of the model is not in the vocabulary");
      m->unk = (int32_t)unk->valuedouble;
    }
    find_bytes(m);
    return QN_OK;
  }
  QN_TRY(read_vocab(vocab, pool, m, err));
  const cJSON *unk = cJSON_GetObjectItemCaseSensitive(json, "unk_token"), *most = cJSON_GetObjectItemCaseSensitive(json, "max_input_chars_per_word");
  if (cJSON_IsString(unk)) m->unk = qn_vocab_find(&m->vocab, unk->valuestring, strlen(unk->valuestring));
  m->most_chars = cJSON_IsNumber(most) && most->valuedouble >= 0 && most->valuedouble < INT32_MAX ? (int32_t)most->valuedouble : 100;
  if (kind != QN_WORD_LEVEL) QN_TRY(short_text(json, "continuing_subword_prefix", pool, &m->prefix, err));
  m->prefix_hash = QN_HASH_START;
  for (size_t i = 0; i < m->prefix.length; i++) m->prefix_hash = qn_hash_next(m->prefix_hash, (uint8_t)m->prefix.data[i]);
  if (kind == QN_WORD_PIECE && m->vocab.longest > 1024) return qn_fail(err, QN_ERR_UNSUPPORTED, "a text of the vocabulary has %zu bytes; at most 1024 are possible", m->vocab.longest);
  if (kind != QN_BPE) return QN_OK;
  QN_TRY(short_text(json, "end_of_word_suffix", pool, &m->suffix, err));
  find_bytes(m);
  return read_merges(cJSON_GetObjectItemCaseSensitive(json, "merges"), pool, m, err);
}
