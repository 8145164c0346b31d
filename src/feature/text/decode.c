/* From ids to text: the member "decoder" of tokenizer.json, each part of which makes texts of texts. */
#include <math.h>
#include <string.h>

#include "cJSON.h"
#include "feature/text/tokenizer.h"
#include "kernel/utf8.h"

/* ---- reading ---- */

static qn_string text_of(const cJSON *json, const char *name, const char *fallback, qn_pool *pool) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  const char *text = cJSON_IsString(v) ? v->valuestring : fallback;
  return (qn_string){qn_pool_text(pool, text, strlen(text)), strlen(text)};
}

static bool truth(const cJSON *json, const char *name, bool fallback) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  return cJSON_IsBool(v) ? cJSON_IsTrue(v) : fallback;
}

static int32_t count_of(const cJSON *json, const char *name) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < INT32_MAX ? (int32_t)v->valuedouble : 0;
}

qn_status qn_decoder_read(const cJSON *json, qn_tokenizer *t, qn_error *err) {
  if (!json || cJSON_IsNull(json)) return QN_OK;
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(json, "type");
  if (!cJSON_IsString(type)) return qn_fail(err, QN_ERR_FORMAT, "a decoder has no \"type\"");
  const char *name = type->valuestring;
  if (!strcmp(name, "Sequence")) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "decoders");
    if (!cJSON_IsArray(list)) return qn_fail(err, QN_ERR_FORMAT, "a Sequence has no list \"decoders\"");
    for (const cJSON *v = list->child; v; v = v->next) QN_TRY(qn_decoder_read(v, t, err));
    return QN_OK;
  }
  static const char *const names[] = {"ByteLevel", "WordPiece", "Metaspace", "BPEDecoder", "CTC", "Fuse", "Strip", "Replace", "ByteFallback"};
  int kind = -1;
  for (int i = 0; i < 9; i++)
    if (!strcmp(name, names[i])) kind = i;
  if (kind < 0)
    return qn_fail(err, QN_ERR_UNSUPPORTED, "the decoder '%s' is not supported; there are ByteLevel, WordPiece, Metaspace, BPEDecoder, CTC, Fuse, Strip, Replace, ByteFallback, Sequence", name);
  if (t->decoder_count == QN_MOST_DECODERS) return qn_fail(err, QN_ERR_UNSUPPORTED, "the tokenizer has more than %d decoders", QN_MOST_DECODERS);
  qn_decoder *d = &t->decoders[t->decoder_count++];
  *d = (qn_decoder){.kind = (qn_decoder_kind)kind, .flag = truth(json, "cleanup", true), .start = count_of(json, "start"), .stop = count_of(json, "stop")};
  qn_pool *pool = &t->pool;
  switch (d->kind) {
    case QN_DECODE_WORD_PIECE: d->a = text_of(json, "prefix", "##", pool); break;
    case QN_DECODE_BPE: d->a = text_of(json, "suffix", "</w>", pool); break;
    case QN_DECODE_CTC: d->a = text_of(json, "pad_token", "<pad>", pool), d->b = text_of(json, "word_delimiter_token", "|", pool); break;
    case QN_DECODE_STRIP: d->a = text_of(json, "content", " ", pool); break;
    case QN_DECODE_METASPACE: {
      const cJSON *scheme = cJSON_GetObjectItemCaseSensitive(json, "prepend_scheme");
      d->a = text_of(json, "replacement", "\xE2\x96\x81", pool);
      d->flag = cJSON_IsString(scheme) ? strcmp(scheme->valuestring, "never") != 0 : truth(json, "add_prefix_space", true);
      break;
    }
    case QN_DECODE_REPLACE: {
      const cJSON *pattern = cJSON_GetObjectItemCaseSensitive(json, "pattern");
      if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(pattern, "String"))) return qn_fail(err, QN_ERR_UNSUPPORTED, "the pattern of the decoder Replace is not a String");
      d->a = text_of(pattern, "String", "", pool), d->b = text_of(json, "content", "", pool);
      break;
    }
    default: return QN_OK;
  }
  const bool lacks = !d->a.data || ((d->kind == QN_DECODE_CTC || d->kind == QN_DECODE_REPLACE) && !d->b.data);
  if (lacks) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for a decoder");
  return d->a.length || d->kind == QN_DECODE_WORD_PIECE ? QN_OK : qn_fail(err, QN_ERR_FORMAT, "a text of the decoder %s is empty", name);
}

/* ---- lists of texts ---- */

void qn_texts_free(qn_texts *t) {
  qn_free(t->bytes);
  qn_free(t->ends);
  *t = (qn_texts){0};
}

bool qn_texts_put(qn_texts *t, const char *bytes, size_t n) {
  if (n > t->capacity - t->length) {
    if (n > INT32_MAX / 8 || t->length > INT32_MAX / 8) return false;
    const size_t wanted = 2 * (t->length + n) + 64;
    char *next = qn_alloc(wanted);
    if (!next) return false;
    if (t->length) memcpy(next, t->bytes, t->length);
    qn_free(t->bytes);
    t->bytes = next, t->capacity = wanted;
  }
  if (n) memcpy(t->bytes + t->length, bytes, n);
  t->length += n;
  return true;
}

static bool end(qn_texts *t) {
  if (t->count == t->end_capacity) {
    const size_t wanted = t->count ? 2 * t->count : 64;
    size_t *next = wanted < INT32_MAX / 16 ? qn_alloc(wanted * sizeof *next) : NULL;
    if (!next) return false;
    if (t->count) memcpy(next, t->ends, t->count * sizeof *next);
    qn_free(t->ends);
    t->ends = next, t->end_capacity = wanted;
  }
  t->ends[t->count++] = t->length;
  return true;
}

static qn_string at(const qn_texts *t, size_t i) {
  const size_t begin = i ? t->ends[i - 1] : 0;
  return (qn_string){t->bytes + begin, t->ends[i] - begin};
}

static bool starts(qn_string s, size_t i, qn_string with) { return with.length <= s.length - i && !memcmp(s.data + i, with.data, with.length); }

/* Appends s with each `from` as `to`. */
static bool put_replaced(qn_texts *out, qn_string s, qn_string from, qn_string to) {
  for (size_t i = 0; i < s.length;) {
    const bool found = starts(s, i, from);
    if (!(found ? qn_texts_put(out, to.data, to.length) : qn_texts_put(out, s.data + i, 1))) return false;
    i += found ? from.length : 1;
  }
  return true;
}

/* Takes out in place what decoders of English call artefacts, in this order. The last text of t, from `begin` on. */
static void clean(qn_texts *t, size_t begin) {
  static const char *const pairs[][2] = {{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
    const qn_string from = {pairs[p][0], strlen(pairs[p][0])}, to = {pairs[p][1], strlen(pairs[p][1])};
    size_t n = begin;
    for (size_t i = begin; i < t->length;) { /* none becomes longer */
      const bool found = starts((qn_string){t->bytes, t->length}, i, from);
      if (found) memmove(t->bytes + n, to.data, to.length), n += to.length, i += from.length;
      else t->bytes[n++] = t->bytes[i++];
    }
    t->length = n;
  }
}

/* Bytes as UTF-8: what is broken becomes U+FFFD. */
static bool put_lossy(qn_texts *out, const char *bytes, size_t n) {
  qn_chars c = {0};
  bool ok = qn_chars_read(&c, bytes, n);
  for (size_t i = 0; ok && i < c.count; i++) {
    char utf8[4];
    ok = qn_texts_put(out, utf8, qn_utf8_put(c.c[i], utf8));
  }
  qn_chars_free(&c);
  return ok;
}

/* ---- the decoders ---- */

static bool byte_level(const qn_texts *in, qn_texts *out) {
  for (size_t i = 0; i < in->count; i++) {
    const qn_string s = at(in, i);
    const size_t begin = out->length;
    bool all = true;
    for (const char *p = s.data, *stop = p + s.length; p < stop && all;) {
      const int byte = qn_char_byte(qn_utf8_next(&p, stop));
      const char c = (char)byte;
      all = byte >= 0;
      if (all && !qn_texts_put(out, &c, 1)) return false;
    }
    if (all) continue;
    out->length = begin;
    if (!qn_texts_put(out, s.data, s.length)) return false;
  }
  qn_texts joined = {0};
  const bool ok = put_lossy(&joined, out->bytes, out->length) && end(&joined);
  qn_texts_free(out);
  *out = joined;
  return ok;
}

static int byte_token(qn_string s) {
  if (s.length != 6 || memcmp(s.data, "<0x", 3) || s.data[5] != '>') return -1;
  int v = 0;
  for (int i = 3; i < 5; i++) {
    const char c = s.data[i];
    const int d = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (d < 0) return -1;
    v = v * 16 + d;
  }
  return v;
}

/* Ends a run of byte tokens that lie from `begin` on: as they are when they are UTF-8, else one U+FFFD for each. */
static bool end_bytes(qn_texts *out, size_t begin) {
  const size_t n = out->length - begin;
  if (!n) return true;
  bool good = true;
  for (const char *p = out->bytes + begin, *stop = p + n; p < stop && good;) good = qn_utf8_next(&p, stop) != QN_UTF8_BAD;
  if (good) return end(out);
  out->length = begin;
  for (size_t i = 0; i < n; i++)
    if (!qn_texts_put(out, "\xEF\xBF\xBD", 3) || !end(out)) return false;
  return true;
}

static bool byte_fallback(const qn_texts *in, qn_texts *out) {
  size_t begin = 0;
  for (size_t i = 0; i < in->count; i++) {
    const qn_string s = at(in, i);
    const int byte = byte_token(s);
    const char c = (char)byte;
    if (byte >= 0 ? !qn_texts_put(out, &c, 1) : !end_bytes(out, begin) || !qn_texts_put(out, s.data, s.length) || !end(out)) return false;
    if (byte < 0) begin = out->length;
  }
  return end_bytes(out, begin);
}

static qn_string stripped(const qn_decoder *d, qn_string s) {
  const size_t n = d->a.length;
  for (int32_t i = 0; i < d->start && s.length >= n && starts(s, 0, d->a); i++) s.data += n, s.length -= n;
  for (int32_t i = 0; i < d->stop && s.length >= n && !memcmp(s.data + s.length - n, d->a.data, n); i++) s.length -= n;
  return s;
}

static bool apply(const qn_decoder *d, const qn_texts *in, qn_texts *out) {
  out->length = out->count = 0;
  if (d->kind == QN_DECODE_BYTE_LEVEL) return byte_level(in, out);
  if (d->kind == QN_DECODE_BYTE_FALLBACK) return byte_fallback(in, out);
  if (d->kind == QN_DECODE_FUSE) return qn_texts_put(out, in->bytes, in->length) && end(out);
  for (size_t i = 0; i < in->count; i++) {
    qn_string s = at(in, i);
    const size_t begin = out->length;
    bool ok = true;
    switch (d->kind) {
      case QN_DECODE_WORD_PIECE:
        if (i && starts(s, 0, d->a)) s.data += d->a.length, s.length -= d->a.length;
        else if (i) ok = qn_texts_put(out, " ", 1);
        ok = ok && qn_texts_put(out, s.data, s.length);
        if (ok && d->flag) clean(out, begin);
        break;
      case QN_DECODE_METASPACE: ok = put_replaced(out, s, d->a, i || !d->flag ? (qn_string){" ", 1} : (qn_string){"", 0}); break;
      case QN_DECODE_BPE: ok = put_replaced(out, s, d->a, i + 1 < in->count ? (qn_string){" ", 1} : (qn_string){"", 0}); break;
      case QN_DECODE_REPLACE: ok = put_replaced(out, s, d->a, d->b); break;
      case QN_DECODE_STRIP: s = stripped(d, s), ok = qn_texts_put(out, s.data, s.length); break;
      case QN_DECODE_CTC:
        if (i && at(in, i - 1).length == s.length && !memcmp(at(in, i - 1).data, s.data, s.length)) continue;
        ok = put_replaced(out, s, d->a, (qn_string){"", 0});
        if (ok && d->flag) {
          clean(out, begin);
          qn_texts whole = {0};
          ok = put_replaced(&whole, (qn_string){out->bytes + begin, out->length - begin}, d->b, (qn_string){" ", 1});
          out->length = begin;
          ok = ok && qn_texts_put(out, whole.bytes, whole.length);
          qn_texts_free(&whole);
        }
        if (out->length == begin) continue;
        break;
      default: break;
    }
    if (!ok || !end(out)) return false;
  }
  return true;
}

static const qn_added *added_of(const qn_tokenizer *t, int64_t id) {
  for (int32_t i = t->added.count - 1; i >= 0; i--)
    if (t->added.list[i].id == id) return &t->added.list[i];
  return NULL;
}

qn_status qn_decode(const qn_tokenizer *t, const int64_t *ids, size_t count, bool skip_special, qn_texts *room, qn_texts *out, qn_error *err) {
  room->length = room->count = 0;
  bool ok = true;
  for (size_t i = 0; ok && i < count; i++) {
    const qn_added *a = added_of(t, ids[i]);
    const qn_string s = a ? a->text : qn_vocab_text(&t->model.vocab, ids[i]);
    if (!s.data || (a && a->special && skip_special)) continue; /* an id without a text says nothing */
    if (!t->decoder_count && room->count) ok = qn_texts_put(room, " ", 1);
    ok = ok && qn_texts_put(room, s.data, s.length) && end(room);
  }
  for (int i = 0; ok && i < t->decoder_count && room->count; i++) {
    ok = apply(&t->decoders[i], room, out);
    const qn_texts swap = *room;
    *room = *out, *out = swap;
  }
  out->length = out->count = 0;
  ok = ok && qn_texts_put(out, room->bytes, room->length) && end(out);
  return ok ? QN_OK : qn_fail(err, QN_ERR_MEMORY, "there is no memory for the text");
}
