#include "feature/text/split_pattern.h"

#include <string.h>

#include "cJSON.h"
#include "kernel/utf8.h"

typedef struct named { const char *regex; qn_pattern_kind kind; } named;

#define CL100K_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define MARKS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
/* As they stand in the files that GPT-2, GPT-4, Llama 3, Qwen 2, GPT-4o and CLIP were published with; tiktoken's own way to write one matches
 * the same. */
static const named regexes[] = {
  {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", QN_BY_GPT2},
  {"'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", QN_BY_GPT2},
  {MARKS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" CL100K_TAIL, QN_BY_CL100K},
  {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+", QN_BY_CL100K},
  {MARKS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" CL100K_TAIL, QN_BY_QWEN2},
  {"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" MARKS "?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
   "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" MARKS "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", QN_BY_O200K},
  {"'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+", QN_BY_CLIP},
  {"<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+", QN_BY_CLIP_MARKS},
  {"\\s+", QN_BY_SPACES}, {" {2,}", QN_BY_BLANKS}, {"\\p{N}{1,3}", QN_BY_DIGITS3}, {"[\\r\\n]", QN_BY_NEWLINES}, {"\\w+|[^\\w\\s]+", QN_BY_WORDS},
};

qn_status qn_pattern_read(const cJSON *json, qn_pool *pool, qn_pattern *out, qn_error *err) {
  const cJSON *regex = cJSON_GetObjectItemCaseSensitive(json, "Regex"), *string = cJSON_IsString(json) ? json : cJSON_GetObjectItemCaseSensitive(json, "String");
  if (cJSON_IsString(regex)) {
    for (size_t i = 0; i < sizeof regexes / sizeof *regexes; i++)
      if (!strcmp(regexes[i].regex, regex->valuestring)) {
        *out = (qn_pattern){.kind = regexes[i].kind};
        return QN_OK;
      }
    return qn_fail(err, QN_ERR_UNSUPPORTED,
                   "the regular expression '%s' is none of those that tokenizers are read with: GPT-2's, cl100k's (Llama 3), o200k's, Qwen 2's, CLIP's, \\s+, ' {2,}', \\p{N}{1,3}, [\\r\\n]",
                   regex->valuestring);
  }
  if (!cJSON_IsString(string) || !string->valuestring[0]) return qn_fail(err, QN_ERR_FORMAT, "a pattern is neither a String nor a Regex");
  const size_t bytes = strlen(string->valuestring);
  uint32_t *text = qn_pool_alloc(pool, bytes * sizeof *text);
  if (!text) return qn_fail(err, QN_ERR_MEMORY, "there is no memory for a pattern");
  *out = (qn_pattern){QN_BY_TEXT, text, 0};
  for (const char *p = string->valuestring, *end = p + bytes; p < end;) text[out->length++] = qn_utf8_next(&p, end);
  return QN_OK;
}

/* ---- matching ---- */

typedef struct view {
  const qn_unicode *u;
  const uint32_t *c;
  size_t end;
} view;

static bool in(const view *v, size_t at, uint32_t set) { return at < v->end && qn_unicode_is(v->u, v->c[at], set); }
static bool space(const view *v, size_t at) { return at < v->end && qn_is_space(v->c[at]); }
static bool newline(const view *v, size_t at) { return at < v->end && (v->c[at] == '\r' || v->c[at] == '\n'); }
/* [^\s\p{L}\p{N}] */
static bool other(const view *v, size_t at) { return at < v->end && !qn_is_space(v->c[at]) && !qn_unicode_is(v->u, v->c[at], QN_LETTER | QN_NUMBER); }

static size_t run_in(const view *v, size_t at, uint32_t set) {
  while (in(v, at, set)) at++;
  return at;
}
static size_t run_other(const view *v, size_t at) {
  while (other(v, at)) at++;
  return at;
}
static size_t run_spaces(const view *v, size_t at) {
  while (space(v, at)) at++;
  return at;
}

/* 's 't 're 've 'm 'll 'd; any_case also folds, so that the long s counts. */
static size_t contraction(const view *v, size_t at, bool any_case) {
  if (at >= v->end || v->c[at] != '\'' || at + 1 >= v->end) return at;
  uint32_t a = v->c[at + 1], b = at + 2 < v->end ? v->c[at + 2] : 0;
  if (any_case) {
    if (a == 0x17F) a = 's';
    a = a < 0x80 ? a | 32 : a, b = b < 0x80 ? b | 32 : b;
  }
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? at + 3 : at;
}

/* \s+(?!\S)|\s+ : all spaces but the one that the next word takes along. */
static size_t spaces(const view *v, size_t at) {
  const size_t end = run_spaces(v, at);
  return end == v->end || end - at < 2 ? end : end - 1;
}

static size_t gpt2(const view *v, size_t at) {
  size_t end = contraction(v, at, false);
  if (end > at) return end;
  const size_t word = at + (v->c[at] == ' ');
  if ((end = run_in(v, word, QN_LETTER)) > word || (end = run_in(v, word, QN_NUMBER)) > word || (end = run_other(v, word)) > word) return end;
  return spaces(v, at);
}

/* What the newer expressions have in common behind words and numbers. slash: also takes / behind signs. */
static size_t signs_and_spaces(const view *v, size_t at, bool slash) {
  const size_t word = at + (v->c[at] == ' ');
  size_t end = run_other(v, word);
  if (end > word) {
    while (newline(v, end) || (slash && end < v->end && v->c[end] == '/')) end++;
    return end;
  }
  end = run_spaces(v, at);
  for (size_t k = end; k > at; k--)
    if (newline(v, k - 1)) return k; /* \s*[\r\n]+ */
  return spaces(v, at);
}

static size_t some_numbers(const view *v, size_t at, size_t most) {
  size_t end = at;
  while (end - at < most && in(v, end, QN_NUMBER)) end++;
  return end;
}

static size_t cl100k(const view *v, size_t at, size_t most_numbers) {
  size_t end = contraction(v, at, true);
  if (end > at) return end;
  const size_t word = at + !(newline(v, at) || in(v, at, QN_LETTER | QN_NUMBER));
  if ((end = run_in(v, word, QN_LETTER)) > word) return end;
  if ((end = some_numbers(v, at, most_numbers)) > at) return end;
  return signs_and_spaces(v, at, false);
}

#define CASELESS (QN_IN(QN_LM) | QN_IN(QN_LO) | QN_MARK)
#define UPPER (QN_IN(QN_LU) | QN_IN(QN_LT) | CASELESS)
#define LOWER (QN_IN(QN_LL) | CASELESS)

/* upper* lower+, or upper+ lower*; `at` when there is none. */
static size_t lower_word(const view *v, size_t at) {
  const size_t upper = run_in(v, at, UPPER), end = run_in(v, upper, LOWER);
  if (end > upper) return end;
  for (size_t k = upper; k > at; k--) /* gives back up to the last one that is both */
    if (in(v, k - 1, LOWER)) return k;
  return at;
}
static size_t upper_word(const view *v, size_t at) {
  const size_t upper = run_in(v, at, UPPER);
  return upper > at ? run_in(v, upper, LOWER) : at;
}

static size_t o200k(const view *v, size_t at) {
  const bool sign = !(newline(v, at) || in(v, at, QN_LETTER | QN_NUMBER)); /* marks are signs here too */
  size_t end = at;
  if (sign && (end = lower_word(v, at + 1)) > at + 1) return contraction(v, end, true);
  if ((end = lower_word(v, at)) > at) return contraction(v, end, true);
  if (sign && (end = upper_word(v, at + 1)) > at + 1) return contraction(v, end, true);
  if ((end = upper_word(v, at)) > at) return contraction(v, end, true);
  if ((end = some_numbers(v, at, 3)) > at) return end;
  return signs_and_spaces(v, at, true);
}

static size_t literal(const view *v, size_t at, const char *text) {
  size_t n = 0;
  while (text[n] && at + n < v->end && v->c[at + n] == (uint8_t)text[n]) n++;
  return text[n] ? at : at + n;
}

static size_t clip(const view *v, size_t at) {
  size_t end = contraction(v, at, false);
  if (end > at || (end = run_in(v, at, QN_LETTER)) > at || (end = some_numbers(v, at, 1)) > at) return end;
  return run_other(v, at);
}

static bool is_word(const view *v, size_t at) { return at < v->end && qn_unicode_is_word(v->u, v->c[at]); }

size_t qn_pattern_match(const qn_pattern *p, const qn_unicode *u, const uint32_t *c, size_t at, size_t end) {
  const view v = {u, c, end};
  size_t n = at;
  if (at >= end) return at;
  switch (p->kind) {
    case QN_BY_TEXT:
      for (size_t i = 0; i < p->length; i++)
        if (at + i >= end || c[at + i] != p->text[i]) return at;
      return at + p->length;
    case QN_BY_SPACE: return at + qn_is_space(c[at]);
    case QN_BY_NUMBER: return at + qn_unicode_is(u, c[at], QN_NUMBER);
    case QN_BY_BERT_PUNCTUATION:
      if (c[at] < 0x80) return at + ((c[at] > 32 && c[at] < 48) || (c[at] > 57 && c[at] < 65) || (c[at] > 90 && c[at] < 97) || (c[at] > 122 && c[at] < 127));
      return at + qn_unicode_is(u, c[at], QN_PUNCTUATION);
    case QN_BY_WORDS:
      while (is_word(&v, n)) n++;
      if (n == at)
        while (n < end && !is_word(&v, n) && !space(&v, n)) n++;
      return n;
    case QN_BY_GPT2: return gpt2(&v, at);
    case QN_BY_CL100K: return cl100k(&v, at, 3);
    case QN_BY_QWEN2: return cl100k(&v, at, 1);
    case QN_BY_O200K: return o200k(&v, at);
    case QN_BY_CLIP_MARKS:
      if ((n = literal(&v, at, "<|startoftext|>")) > at || (n = literal(&v, at, "<|endoftext|>")) > at) return n;
      return clip(&v, at);
    case QN_BY_CLIP: return clip(&v, at);
    case QN_BY_SPACES: return run_spaces(&v, at);
    case QN_BY_BLANKS:
      while (n < end && c[n] == ' ') n++;
      return n - at >= 2 ? n : at;
    case QN_BY_DIGITS3: return some_numbers(&v, at, 3);
    case QN_BY_NEWLINES: return at + newline(&v, at);
  }
  return at;
}
