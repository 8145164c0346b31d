#include "feature/text/pieces.h"

#include <string.h>

#include "cJSON.h"
#include "kernel/utf8.h"

bool qn_pieces_put(qn_pieces *p, size_t begin, size_t end, int32_t token) {
  if (begin == end) return true;
  if (p->count == p->capacity) {
    const size_t wanted = p->capacity ? 2 * p->capacity : 64;
    qn_piece *list = wanted < INT32_MAX / 16 ? qn_alloc(wanted * sizeof *list) : NULL;
    if (!list) return false;
    if (p->count) memcpy(list, p->list, p->count * sizeof *list);
    qn_free(p->list);
    p->list = list, p->capacity = wanted;
  }
  p->list[p->count++] = (qn_piece){(int32_t)begin, (int32_t)end, token};
  return true;
}

void qn_pieces_free(qn_pieces *p) {
  qn_free(p->list);
  *p = (qn_pieces){0};
}

/* ---- reading ---- */

static qn_status add(qn_cutters *out, qn_cutter c, qn_error *err) {
  if (out->count == QN_MOST_CUTTERS) return qn_fail(err, QN_ERR_UNSUPPORTED, "the tokenizer has more than %d pre-tokenizers", QN_MOST_CUTTERS);
  out->list[out->count++] = c;
  return QN_OK;
}

static qn_status split_by(qn_cutters *out, qn_pattern_kind kind, qn_behavior behavior, bool invert, qn_error *err) {
  return add(out, (qn_cutter){.kind = QN_CUT_SPLIT, .pattern = {.kind = kind}, .behavior = behavior, .invert = invert}, err);
}

static bool truth(const cJSON *json, const char *name, bool fallback) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, name);
  return cJSON_IsBool(v) ? cJSON_IsTrue(v) : fallback;
}

static qn_status read_behavior(const cJSON *json, const char *type, qn_behavior fallback, qn_behavior *out, qn_error *err) {
  static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, "behavior");
  *out = fallback;
  if (!v) return QN_OK;
  for (int i = 0; cJSON_IsString(v) && i < 5; i++)
    if (!strcmp(v->valuestring, names[i])) {
      *out = (qn_behavior)i;
      return QN_OK;
    }
  return qn_fail(err, QN_ERR_FORMAT, "the behavior of the pre-tokenizer %s is one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous, not %s", type,
                 cJSON_IsString(v) ? v->valuestring : "something else than text");
}

static qn_status read_metaspace(const cJSON *json, qn_cutters *out, qn_error *err) {
  qn_cutter c = {.kind = QN_CUT_METASPACE, .mark = 0x2581, .prepend = truth(json, "add_prefix_space", true)};
  const cJSON *mark = cJSON_GetObjectItemCaseSensitive(json, "replacement"), *scheme = cJSON_GetObjectItemCaseSensitive(json, "prepend_scheme");
  if (cJSON_IsString(mark)) {
    const char *p = mark->valuestring, *end = p + strlen(p);
    c.mark = p < end ? qn_utf8_next(&p, end) : QN_UTF8_BAD;
    if (c.mark == QN_UTF8_BAD || p < end) return qn_fail(err, QN_ERR_FORMAT, "the replacement of the pre-tokenizer Metaspace is not one character");
  }
  if (cJSON_IsString(scheme)) c.prepend = !strcmp(scheme->valuestring, "always") ? 1 : !strcmp(scheme->valuestring, "first") ? 2 : 0;
  QN_TRY(add(out, c, err));
  if (!truth(json, "split", true)) return QN_OK;
  qn_cutter *kept = &out->list[out->count - 1]; /* the mark is a text of one character, which lies in the list */
  QN_TRY(add(out, (qn_cutter){.kind = QN_CUT_SPLIT, .pattern = {QN_BY_TEXT, &kept->mark, 1}, .behavior = QN_MERGED_WITH_NEXT}, err));
  return QN_OK;
}

static qn_status read_one(const cJSON *json, const char *type, qn_pool *pool, qn_cutters *out, qn_error *err) {
  if (!strcmp(type, "BertPreTokenizer")) return add(out, (qn_cutter){.kind = QN_CUT_BERT}, err);
  if (!strcmp(type, "Whitespace")) return split_by(out, QN_BY_WORDS, QN_REMOVED, true, err);
  if (!strcmp(type, "WhitespaceSplit")) return split_by(out, QN_BY_SPACE, QN_REMOVED, false, err);
  if (!strcmp(type, "Digits")) return split_by(out, QN_BY_NUMBER, truth(json, "individual_digits", false) ? QN_ISOLATED : QN_CONTIGUOUS, false, err);
  if (!strcmp(type, "Metaspace")) return read_metaspace(json, out, err);
  qn_cutter c = {.kind = QN_CUT_SPLIT};
  if (!strcmp(type, "Punctuation")) {
    QN_TRY(read_behavior(json, type, QN_ISOLATED, &c.behavior, err));
    return split_by(out, QN_BY_BERT_PUNCTUATION, c.behavior, false, err);
  }
  if (!strcmp(type, "CharDelimiterSplit")) {
    QN_TRY(qn_pattern_read(cJSON_GetObjectItemCaseSensitive(json, "delimiter"), pool, &c.pattern, err));
    return add(out, c, err);
  }
  if (!strcmp(type, "Split")) {
    QN_TRY(qn_pattern_read(cJSON_GetObjectItemCaseSensitive(json, "pattern"), pool, &c.pattern, err));
    QN_TRY(read_behavior(json, type, QN_REMOVED, &c.behavior, err));
    c.invert = truth(json, "invert", false);
    return add(out, c, err);
  }
  if (!strcmp(type, "ByteLevel")) {
    if (truth(json, "add_prefix_space", true)) QN_TRY(add(out, (qn_cutter){.kind = QN_CUT_PREFIX_SPACE}, err));
    if (truth(json, "use_regex", true)) QN_TRY(split_by(out, QN_BY_GPT2, QN_ISOLATED, false, err));
    return add(out, (qn_cutter){.kind = QN_CUT_BYTES}, err);
  }
  return qn_fail(err, QN_ERR_UNSUPPORTED,
                 "the pre-tokenizer '%s' is not supported; there are BertPreTokenizer, Sequence, Whitespace, WhitespaceSplit, Punctuation, Digits, Metaspace, ByteLevel, Split, CharDelimiterSplit", type);
}

qn_status qn_cutters_read(const cJSON *json, qn_pool *pool, qn_cutters *out, qn_error *err) {
  if (!json || cJSON_IsNull(json)) return QN_OK;
  const cJSON *type = cJSON_GetObjectItemCaseSensitive(json, "type");
  if (!cJSON_IsString(type)) return qn_fail(err, QN_ERR_FORMAT, "a pre-tokenizer has no \"type\"");
  if (strcmp(type->valuestring, "Sequence")) return read_one(json, type->valuestring, pool, out, err);
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "pretokenizers");
  if (!cJSON_IsArray(list)) return qn_fail(err, QN_ERR_FORMAT, "a Sequence has no list \"pretokenizers\"");
  for (const cJSON *item = list->child; item; item = item->next) QN_TRY(qn_cutters_read(item, pool, out, err));
  return QN_OK;
}

/* ---- applying ---- */

/* What becomes of a part, a match or what is between matches; `last` is the index of the piece that parts may still be merged with. */
typedef struct splitter {
  qn_pieces *out;
  qn_behavior behavior;
  bool was_match, held;    /* held: a match that waits for what follows (MERGED_WITH_NEXT) */
  bool any;                /* something was put */
  size_t held_begin, held_end;
} splitter;

static bool part(splitter *s, size_t begin, size_t end, bool match) {
  qn_piece *last = s->any && s->out->count ? &s->out->list[s->out->count - 1] : NULL;
  bool ok = true;
  switch (s->behavior) {
    case QN_REMOVED: return match || qn_pieces_put(s->out, begin, end, -1);
    case QN_ISOLATED: return qn_pieces_put(s->out, begin, end, -1);
    case QN_CONTIGUOUS:
      if (last && match == s->was_match) last->end = (int32_t)end;
      else ok = qn_pieces_put(s->out, begin, end, -1);
      break;
    case QN_MERGED_WITH_PREVIOUS:
      if (last && match && !s->was_match) last->end = (int32_t)end;
      else ok = qn_pieces_put(s->out, begin, end, -1);
      break;
    case QN_MERGED_WITH_NEXT:
      if (match) {
        if (s->held) ok = qn_pieces_put(s->out, s->held_begin, s->held_end, -1);
        s->held = true, s->held_begin = begin, s->held_end = end;
      } else {
        ok = qn_pieces_put(s->out, s->held ? s->held_begin : begin, end, -1);
        s->held = false;
      }
      break;
  }
  s->any = true, s->was_match = match;
  return ok;
}

static bool split(const qn_cutter *c, const qn_unicode *u, const qn_chars *t, qn_piece piece, qn_pieces *out) {
  splitter s = {.out = out, .behavior = c->behavior};
  const size_t end = (size_t)piece.end;
  size_t free_from = (size_t)piece.begin;
  /* patterns look back and ahead within their piece alone */
  const uint32_t *text = t->c + piece.begin;
  for (size_t at = free_from; at < end;) {
    const size_t to = (size_t)piece.begin + qn_pattern_match(&c->pattern, u, text, at - (size_t)piece.begin, end - (size_t)piece.begin);
    if (to == at) {
      at++;
      continue;
    }
    if (free_from < at && !part(&s, free_from, at, c->invert)) return false;
    if (!part(&s, at, to, !c->invert)) return false;
    at = free_from = to;
  }
  if (free_from < end && !part(&s, free_from, end, c->invert)) return false;
  return !s.held || qn_pieces_put(out, s.held_begin, s.held_end, -1);
}

/* Blanks left out and punctuation by itself, in one go: what BERT's models have. */
static bool split_bert(const qn_unicode *u, const qn_chars *t, qn_piece piece, qn_pieces *out) {
  static const qn_pattern punctuation = {.kind = QN_BY_BERT_PUNCTUATION};
  const size_t end = (size_t)piece.end;
  size_t begin = (size_t)piece.begin;
  for (size_t at = begin; at < end; at++) {
    const uint32_t c = t->c[at];
    if ((c | 32) - 'a' < 26u) continue;
    const bool space = qn_is_space(c);
    if (!space && qn_pattern_match(&punctuation, u, t->c, at, end) == at) continue;
    if (begin < at && !qn_pieces_put(out, begin, at, -1)) return false;
    if (!space && !qn_pieces_put(out, at, at + 1, -1)) return false;
    begin = at + 1;
  }
  return begin >= end || qn_pieces_put(out, begin, end, -1);
}

/* Copies a piece, changed, into `next`. */
static bool rewrite(const qn_cutter *c, const qn_chars *t, qn_piece piece, qn_chars *next) {
  const size_t begin = (size_t)piece.begin, end = (size_t)piece.end;
  if (piece.token < 0) {
    const uint32_t first = t->c[begin];
    const bool blank = c->kind == QN_CUT_PREFIX_SPACE && first != ' ';
    const bool mark = c->kind == QN_CUT_METASPACE && first != c->mark && first != ' ' && (c->prepend == 1 || (c->prepend == 2 && t->from[begin] == 0));
    if ((blank || mark) && !qn_chars_put(next, blank ? ' ' : c->mark, t->from[begin], t->to[begin])) return false;
  }
  for (size_t i = begin; i < end; i++) {
    if (c->kind == QN_CUT_BYTES && piece.token < 0) {
      char bytes[4];
      const size_t n = qn_utf8_put(t->c[i], bytes);
      for (size_t k = 0; k < n; k++)
        if (!qn_chars_put(next, qn_byte_char((uint8_t)bytes[k]), t->from[i], t->to[i])) return false;
    } else if (!qn_chars_put(next, c->kind == QN_CUT_METASPACE && piece.token < 0 && t->c[i] == ' ' ? c->mark : t->c[i], t->from[i], t->to[i])) {
      return false;
    }
  }
  return true;
}

bool qn_cutters_apply(const qn_cutters *list, const qn_unicode *u, qn_chars *t, qn_chars *next, qn_pieces *pieces, qn_pieces *more) {
  for (int i = 0; i < list->count; i++) {
    const qn_cutter *c = &list->list[i];
    more->count = 0;
    if (c->kind == QN_CUT_SPLIT || c->kind == QN_CUT_BERT) {
      for (size_t k = 0; k < pieces->count; k++) {
        const qn_piece p = pieces->list[k];
        const bool ok = p.token >= 0 ? qn_pieces_put(more, (size_t)p.begin, (size_t)p.end, p.token) : c->kind == QN_CUT_BERT ? split_bert(u, t, p, more) : split(c, u, t, p, more);
        if (!ok) return false;
      }
    } else {
      next->count = 0;
      if (!qn_chars_reserve(next, t->count)) return false;
      for (size_t k = 0; k < pieces->count; k++) {
        const size_t begin = next->count;
        if (!rewrite(c, t, pieces->list[k], next) || !qn_pieces_put(more, begin, next->count, pieces->list[k].token)) return false;
      }
      const qn_chars old = *t;
      *t = *next, *next = old;
    }
    const qn_pieces old = *pieces;
    *pieces = *more, *more = old;
  }
  return true;
}
