#include "feature/text/terms.h"

#include <string.h>

#include "feature/text/normalizer.h"
#include "kernel/utf8.h"

void qn_terms_room_free(qn_terms_room *room) {
  qn_chars_free(&room->text);
  qn_chars_free(&room->next);
  qn_free(room->bytes);
  qn_free(room->begins);
  qn_free(room->ends);
  *room = (qn_terms_room){0};
}

/* What Python counts as white space, and as part of a word: letters and numbers, no marks. */
static bool is_space(uint32_t c) { return qn_is_space(c) || (c >= 0x1C && c <= 0x1F); }
static bool is_word(const qn_unicode *u, uint32_t c) { return c == '_' || qn_unicode_is(u, c, QN_LETTER | QN_NUMBER); }

/* ---- lower case as Python has it ---- */

static bool is_cased(const qn_unicode *u, uint32_t c) {
  return qn_unicode_is(u, c, QN_IN(QN_LU) | QN_IN(QN_LL) | QN_IN(QN_LT)) || c == 0xAA || c == 0xBA || (c >= 0x2B0 && c <= 0x2B8) || (c >= 0x2160 && c <= 0x217F) || (c >= 0x24B6 && c <= 0x24E9);
}
static bool is_ignored(const qn_unicode *u, uint32_t c) {
  if (qn_unicode_is(u, c, QN_IN(QN_MN) | QN_IN(QN_ME) | QN_IN(QN_CF) | QN_IN(QN_LM) | QN_IN(QN_SK))) return true;
  return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x387 || c == 0x55F || c == 0x5F4 || c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027 || c == 0xFE13 || c == 0xFE52 ||
         c == 0xFE55 || c == 0xFF07 || c == 0xFF0E || c == 0xFF1A;
}

/* Σ at the end of a word is ς. Another Σ ends each run of ignored characters, so that a long text is looked through twice at most. */
static bool ends_word(const qn_unicode *u, const qn_chars *t, size_t at) {
  size_t k = at;
  while (k && is_ignored(u, t->c[k - 1])) k--;
  if (!k || !is_cased(u, t->c[k - 1])) return false;
  k = at + 1;
  while (k < t->count && is_ignored(u, t->c[k])) k++;
  return k == t->count || !is_cased(u, t->c[k]);
}

static bool lowercase(const qn_unicode *u, qn_chars *t, qn_chars *next) {
  next->count = 0;
  if (!qn_chars_reserve(next, t->count)) return false;
  for (size_t i = 0; i < t->count; i++) {
    const uint32_t c = t->c[i];
    if (c == 0x3A3) {
      if (!qn_chars_put(next, ends_word(u, t, i) ? 0x3C2 : 0x3C3, 0, 0)) return false;
    } else if (!qn_chars_put(next, c == 0x130 ? 'i' : qn_unicode_lower(u, c), 0, 0) || (c == 0x130 && !qn_chars_put(next, 0x307, 0, 0))) {
      return false;
    }
  }
  const qn_chars old = *t;
  *t = *next, *next = old;
  return true;
}

static bool strip_accents(const qn_unicode *u, qn_accents how, qn_chars *t, qn_chars *next) {
  bool ascii = true;
  for (size_t i = 0; ascii && i < t->count; i++) ascii = t->c[i] < 0x80;
  if (ascii) return true;
  next->count = 0;
  if (!qn_normal_decompose(u, true, false, t, next)) return false;
  size_t n = 0;
  for (size_t i = 0; i < t->count; i++)
    if (how == QN_ACCENTS_ASCII ? t->c[i] < 0x80 : !qn_unicode_class(u, t->c[i])) t->c[n++] = t->c[i];
  t->count = n;
  return true;
}

/* ---- n-grams ---- */

static bool reserve(qn_terms_room *room, size_t bytes, size_t count) {
  if (bytes > room->byte_capacity) {
    qn_free(room->bytes);
    room->bytes = bytes < SIZE_MAX / 2 ? qn_alloc(2 * bytes) : NULL;
    room->byte_capacity = room->bytes ? 2 * bytes : 0;
    if (!room->bytes) return false;
  }
  if (count > room->capacity) {
    qn_free(room->begins);
    qn_free(room->ends);
    room->begins = qn_alloc(2 * count * sizeof *room->begins);
    room->ends = qn_alloc(2 * count * sizeof *room->ends);
    room->capacity = room->begins && room->ends ? 2 * count : 0;
    if (!room->capacity) return false;
  }
  return true;
}

static void grams(const qn_terms *t, const qn_terms_room *room, size_t count, qn_term_sink *sink, void *to) {
  for (int32_t n = t->least; n <= t->most && (size_t)n <= count; n++)
    for (size_t i = 0; i + (size_t)n <= count; i++) sink(to, room->bytes + room->begins[i], room->ends[i + (size_t)n - 1] - room->begins[i]);
}

/* Words with one blank between them: an n-gram is a piece of that. */
static void word_grams(const qn_terms *t, const qn_unicode *u, qn_terms_room *room, qn_term_sink *sink, void *to) {
  const qn_chars *c = &room->text;
  size_t count = 0, at = 0;
  for (size_t i = 0; i < c->count;) {
    if (!is_word(u, c->c[i])) {
      i++;
      continue;
    }
    const size_t begin = at, first = i;
    if (at) room->bytes[at++] = ' ';
    const size_t word = at;
    while (i < c->count && is_word(u, c->c[i])) at += qn_utf8_put(c->c[i++], room->bytes + at);
    const bool stopped = t->stop_words.slots && qn_vocab_find(&t->stop_words, room->bytes + word, at - word) >= 0;
    if (i - first < (size_t)t->shortest || stopped) {
      at = begin;
      continue;
    }
    room->begins[count] = word, room->ends[count++] = at;
  }
  grams(t, room, count, sink, to);
}

static void put(qn_terms_room *room, uint32_t c, size_t *count, size_t *at) {
  room->begins[*count] = *at;
  *at += qn_utf8_put(c, room->bytes + *at);
  room->ends[(*count)++] = *at;
}

/* Runs of two blanks or more are one. */
static void char_grams(const qn_terms *t, qn_terms_room *room, qn_term_sink *sink, void *to) {
  const qn_chars *c = &room->text;
  size_t count = 0, at = 0;
  for (size_t i = 0; i < c->count;) {
    size_t end = i;
    while (end < c->count && is_space(c->c[end])) end++;
    put(room, end - i > 1 ? ' ' : c->c[i], &count, &at);
    i = end > i ? end : i + 1;
  }
  grams(t, room, count, sink, to);
}

/* Each word with a blank before and behind it; one that is shorter than n is a term by itself, once. */
static void chars_in_words(const qn_terms *t, qn_terms_room *room, qn_term_sink *sink, void *to) {
  const qn_chars *c = &room->text;
  for (size_t i = 0; i < c->count;) {
    if (is_space(c->c[i])) {
      i++;
      continue;
    }
    size_t count = 0, at = 0;
    put(room, ' ', &count, &at);
    while (i < c->count && !is_space(c->c[i])) put(room, c->c[i++], &count, &at);
    put(room, ' ', &count, &at);
    for (int32_t n = t->least; n <= t->most; n++) {
      if ((size_t)n >= count) {
        sink(to, room->bytes, at);
        break;
      }
      for (size_t k = 0; k + (size_t)n <= count; k++) sink(to, room->bytes + room->begins[k], room->ends[k + (size_t)n - 1] - room->begins[k]);
    }
  }
}

bool qn_terms_each(const qn_terms *t, const qn_unicode *u, qn_terms_room *room, qn_string text, qn_term_sink *sink, void *to) {
  if (text.length > INT32_MAX / 64 || !qn_chars_read(&room->text, text.data, text.length)) return false;
  if (t->lowercase && !lowercase(u, &room->text, &room->next)) return false;
  if (t->accents && !strip_accents(u, t->accents, &room->text, &room->next)) return false;
  if (!reserve(room, 5 * room->text.count + 8, room->text.count + 2)) return false;
  switch (t->analyzer) {
    case QN_WORDS: word_grams(t, u, room, sink, to); break;
    case QN_CHARS: char_grams(t, room, sink, to); break;
    case QN_CHARS_IN_WORDS: chars_in_words(t, room, sink, to); break;
  }
  return true;
}
