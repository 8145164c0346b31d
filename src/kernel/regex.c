#include "kernel/regex.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/utf8.h"

enum { MAX_STEPS = 50000, MAX_REPEAT = 1000, MAX_DEPTH = 200 };

/* Jumps are relative, so that code can be moved and copied. */
enum {
  CHAR,    /* a: character */
  FOLDED,  /* a: character in lower case, matched in any */
  ANY,     /* a: one character that does not match, or QN_UTF8_BAD */
  CLASS,   /* a: ranges that follow, as RANGE from a to b; b: flags */
  RANGE,
  SPLIT,   /* goes on at +a and at +b */
  JUMP,    /* +a */
  ASSERT,  /* a: what must hold here */
  MATCH
};
enum { NEGATED = 1, FOLDS = 2 };                                                   /* of a class */
enum { TEXT_BEGIN, TEXT_END, LINE_BEGIN, LINE_END, WORD_BOUNDARY, NO_WORD_BOUNDARY };

/* ---- compiling ---- */

typedef struct compiler {
  const char *p, *end;
  qn_regex_step *code;
  size_t count, capacity;
  bool fold, lines, dot_all;   /* flags i, m, s */
  bool quoted;                 /* between \Q and \E */
  bool nothing;                /* what was read last cannot be repeated: flags */
  int depth;
  qn_error *err;
} compiler;

static qn_status bad(const compiler *c, const char *what) { return qn_fail(c->err, QN_ERR_ARGUMENT, "the pattern %s", what); }

static qn_status reserve(compiler *c, size_t more) {
  if (c->count + more <= c->capacity) return QN_OK;
  if (c->count + more > MAX_STEPS) return bad(c, "is too large");
  const size_t capacity = 2 * (c->count + more) + 16;
  qn_regex_step *code = qn_alloc(capacity * sizeof *code);
  if (!code) return qn_fail(c->err, QN_ERR_MEMORY, "no memory for the pattern");
  if (c->count) memcpy(code, c->code, c->count * sizeof *code);
  qn_free(c->code);
  c->code = code;
  c->capacity = capacity;
  return QN_OK;
}

static qn_status emit(compiler *c, uint32_t op, uint32_t a, uint32_t b) {
  QN_TRY(reserve(c, 1));
  c->code[c->count++] = (qn_regex_step){op, a, b};
  return QN_OK;
}

/* Puts a SPLIT before the code from `at`: into it, or past it and `behind` more steps. */
static qn_status split_before(compiler *c, size_t at, uint32_t behind) {
  QN_TRY(reserve(c, 1));
  memmove(c->code + at + 1, c->code + at, (c->count - at) * sizeof *c->code);
  c->count++;
  c->code[at] = (qn_regex_step){SPLIT, 1, (uint32_t)(c->count - at) + behind};
  return QN_OK;
}

static qn_status copy_block(compiler *c, size_t at, size_t n) {
  if (!n) return QN_OK;
  QN_TRY(reserve(c, n));
  memcpy(c->code + c->count, c->code + at, n * sizeof *c->code);
  c->count += n;
  return QN_OK;
}

static bool peek(const compiler *c, char what) { return c->p < c->end && *c->p == what; }
static bool take(compiler *c, const char *what) {
  const size_t n = strlen(what);
  if ((size_t)(c->end - c->p) < n || memcmp(c->p, what, n)) return false;
  c->p += n;
  return true;
}

static qn_status next_char(compiler *c, uint32_t *ch) {
  if (c->p >= c->end) return bad(c, "ends too early");
  *ch = qn_utf8_next(&c->p, c->end);
  return *ch == QN_UTF8_BAD ? bad(c, "is not UTF-8") : QN_OK;
}

static int digit(char ch, int base) {
  const int n = ch >= '0' && ch <= '9' ? ch - '0' : (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10 : 16;
  return n < base ? n : -1;
}

/* Behind a backslash: one character. */
static qn_status escaped_char(compiler *c, uint32_t *ch) {
  static const char FROM[] = "aftnrv", TO[] = "\a\f\t\n\r\v";
  QN_TRY(next_char(c, ch));
  const char *known = *ch < 128 && *ch ? strchr(FROM, (int)*ch) : NULL;
  if (known) {
    *ch = (uint32_t)TO[known - FROM];
  } else if (*ch == '0' || (*ch > '0' && *ch < '8' && c->p < c->end && digit(*c->p, 8) >= 0)) {
    *ch -= '0';
    for (int i = 0; i < 2 && c->p < c->end && digit(*c->p, 8) >= 0; i++) *ch = *ch * 8 + (uint32_t)digit(*c->p++, 8);
  } else if (*ch == 'x') {
    const bool braces = take(c, "{");
    const int most = braces ? 8 : 2;
    int n = 0;
    *ch = 0;
    for (; n < most && c->p < c->end && digit(*c->p, 16) >= 0 && *ch <= 0x10FFFF; n++) *ch = *ch * 16 + (uint32_t)digit(*c->p++, 16);
    if (*ch > 0x10FFFF || (braces ? n == 0 || !take(c, "}") : n != 2)) return bad(c, "has a malformed \\x");
  } else if ((*ch < 128 && ((*ch | 32) - 'a' < 26u || *ch - '0' < 10u)) || *ch >= 128) {
    return qn_fail(c->err, QN_ERR_ARGUMENT, *ch == 'p' || *ch == 'P' ? "the pattern has a Unicode class \\%c, which is not supported" : "the pattern has an unknown escape \\%c",
                   *ch < 128 ? (int)*ch : '?');
  }
  return QN_OK;
}

/* Named sets of ASCII characters: pairs of first and last. */
static const struct { const char *name, *ranges; } SETS[] = {
    {"d", "09"}, {"s", "\t\n\f\r  "}, {"w", "09AZ__az"}, {"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\1\x7f"}, {"blank", "\t\t  "},
    {"cntrl", "\1\x1f\x7f\x7f"}, {"digit", "09"}, {"graph", "!~"}, {"lower", "az"}, {"print", " ~"}, {"punct", "!/:@[`{~"}, {"space", "\t\r  "},
    {"upper", "AZ"}, {"word", "09AZ__az"}, {"xdigit", "09AFaf"}};

static const char *set_named(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++)
    if (strlen(SETS[i].name) == length && !memcmp(SETS[i].name, name, length)) return SETS[i].ranges;
  return NULL;
}

static uint32_t first_of(const char *ranges) { return *ranges == 1 ? 0 : (uint32_t)(uint8_t)*ranges; } /* NUL cannot stand in a string */

static qn_status emit_set(compiler *c, const char *ranges, bool negated) {
  uint32_t from = 0;
  for (; *ranges; ranges += 2) {
    if (!negated) QN_TRY(emit(c, RANGE, first_of(ranges), (uint32_t)(uint8_t)ranges[1]));
    else if (first_of(ranges) > from) QN_TRY(emit(c, RANGE, from, first_of(ranges) - 1));
    from = (uint32_t)(uint8_t)ranges[1] + 1;
  }
  return negated ? emit(c, RANGE, from, 0x10FFFF) : QN_OK;
}

/* \d, \D and so on, the backslash not yet read; NULL when there is none. */
static const char *perl_set(compiler *c, bool *negated) {
  if (c->end - c->p < 2 || *c->p != '\\') return NULL;
  const char name = (char)(c->p[1] | 32);
  if (name != 'd' && name != 's' && name != 'w') return NULL;
  *negated = c->p[1] != name;
  c->p += 2;
  return set_named(&name, 1);
}

static qn_status class_end(compiler *c, size_t at, uint32_t flags) {
  c->code[at] = (qn_regex_step){CLASS, (uint32_t)(c->count - at - 1), flags | (c->fold ? FOLDS : 0)};
  return QN_OK;
}

/* [:name:] inside a class; its ranges, or NULL. */
static qn_status posix_set(compiler *c, const char **ranges, bool *negated) {
  *ranges = NULL;
  if (c->end - c->p < 2 || c->p[0] != '[' || c->p[1] != ':') return QN_OK;
  const char *name = c->p + 2, *close = name;
  while (close + 1 < c->end && !(close[0] == ':' && close[1] == ']')) close++;
  if (close + 1 >= c->end) return QN_OK; /* a bracket like any other */
  *negated = *name == '^';
  name += *negated;
  *ranges = close - name > 1 ? set_named(name, (size_t)(close - name)) : NULL;
  c->p = close + 2;
  return *ranges ? QN_OK : bad(c, "has an unknown class [:name:]");
}

static qn_status class_char(compiler *c, uint32_t *ch) { return take(c, "\\") ? escaped_char(c, ch) : next_char(c, ch); }

static qn_status bracket(compiler *c) {
  const size_t at = c->count;
  const uint32_t flags = take(c, "^") ? NEGATED : 0;
  QN_TRY(emit(c, CLASS, 0, 0));
  for (bool first = true; first || !peek(c, ']'); first = false) {
    const char *ranges;
    bool negated = false;
    uint32_t from, to;
    if (c->p >= c->end) return bad(c, "has a [ without ]");
    QN_TRY(posix_set(c, &ranges, &negated));
    if (!ranges) ranges = perl_set(c, &negated);
    if (ranges) {
      QN_TRY(emit_set(c, ranges, negated));
      continue;
    }
    QN_TRY(class_char(c, &from));
    to = from;
    if (c->end - c->p >= 2 && c->p[0] == '-' && c->p[1] != ']') {
      c->p++;
      QN_TRY(class_char(c, &to));
      if (to < from) return bad(c, "has a range that runs backwards");
    }
    QN_TRY(emit(c, RANGE, from, to));
  }
  c->p++;
  return class_end(c, at, flags);
}

static qn_status emit_char(compiler *c, uint32_t ch) { return c->fold ? emit(c, FOLDED, qn_to_lower(ch), 0) : emit(c, CHAR, ch, 0); }

static qn_status alternation(compiler *c);

/* Behind "(?": flags. *group: a group begins here, else the flags hold from here on. */
static qn_status flags_of(compiler *c, bool *group) {
  bool on = true;
  *group = true;
  if (take(c, "P<") || take(c, "<")) {
    const char *name = c->p;
    while (c->p < c->end && (*c->p == '_' || ((*c->p | 32) >= 'a' && (*c->p | 32) <= 'z') || digit(*c->p, 10) >= 0)) c->p++;
    return c->p > name && take(c, ">") ? QN_OK : bad(c, "has a malformed name of a group");
  }
  while (c->p < c->end) {
    switch (*c->p++) {
      case 'i': c->fold = on; break;
      case 'm': c->lines = on; break;
      case 's': c->dot_all = on; break;
      case 'U': break; /* which way is tried first does not change whether the whole matches */
      case '-': on = false; break;
      case ':': return QN_OK;
      case ')': *group = false; return QN_OK;
      default: return bad(c, "has unknown flags behind (?");
    }
  }
  return bad(c, "has a ( without )");
}

static qn_status group(compiler *c) {
  const bool fold = c->fold, lines = c->lines, dot_all = c->dot_all;
  bool opens = true;
  if (take(c, "?")) QN_TRY(flags_of(c, &opens));
  c->nothing = !opens;
  if (!opens) return QN_OK;
  if (++c->depth > MAX_DEPTH) return bad(c, "is nested too deep");
  QN_TRY(alternation(c));
  c->depth--;
  if (!take(c, ")")) return bad(c, "has a ( without )");
  c->fold = fold, c->lines = lines, c->dot_all = dot_all, c->nothing = false;
  return QN_OK;
}

static qn_status escape(compiler *c) {
  static const char NAMES[] = "AzbB";
  static const uint32_t WHAT[] = {TEXT_BEGIN, TEXT_END, WORD_BOUNDARY, NO_WORD_BOUNDARY};
  bool negated;
  uint32_t ch;
  const char *set = perl_set(c, &negated);
  if (set) {
    const size_t at = c->count;
    QN_TRY(emit(c, CLASS, 0, 0));
    QN_TRY(emit_set(c, set, false));
    return class_end(c, at, negated ? NEGATED : 0);
  }
  c->p++;
  const char *name = c->p < c->end && *c->p ? strchr(NAMES, *c->p) : NULL;
  if (name) {
    c->p++;
    return emit(c, ASSERT, WHAT[name - NAMES], 0);
  }
  QN_TRY(escaped_char(c, &ch));
  return emit_char(c, ch);
}

static bool number(const char **p, const char *end, int *n) {
  const char *start = *p;
  for (*n = 0; *p < end && digit(**p, 10) >= 0; ++*p) *n = *n > MAX_REPEAT ? *n : *n * 10 + digit(**p, 10);
  return *p > start;
}

/* {n}, {n,}, {n,m}; false when it is something else, which then stands for itself. most -1: any number */
static bool braces(compiler *c, int *least, int *most) {
  const char *p = c->p;
  if (p >= c->end || *p++ != '{' || !number(&p, c->end, least)) return false;
  *most = *least;
  if (p < c->end && *p == ',') {
    p++;
    if (!number(&p, c->end, most)) *most = -1;
  }
  if (p >= c->end || *p != '}') return false;
  c->p = p + 1;
  return true;
}

static qn_status atom(compiler *c) {
  uint32_t ch;
  int least, most;
  if (!c->quoted) {
    switch (*c->p) {
      case '(': c->p++; return group(c);
      case '[': c->p++; return bracket(c);
      case '\\': return escape(c);
      case '.': c->p++; return emit(c, ANY, c->dot_all ? QN_UTF8_BAD : '\n', 0);
      case '^': c->p++; return emit(c, ASSERT, c->lines ? LINE_BEGIN : TEXT_BEGIN, 0);
      case '$': c->p++; return emit(c, ASSERT, c->lines ? LINE_END : TEXT_END, 0);
      case '*': case '+': case '?': return bad(c, "repeats nothing");
      case '{':
        if (braces(c, &least, &most)) return bad(c, "repeats nothing");
        break;
      default: break;
    }
  }
  QN_TRY(next_char(c, &ch));
  return emit_char(c, ch);
}

static bool quantifier(compiler *c, int *least, int *most) {
  *least = peek(c, '+');
  *most = peek(c, '?') ? 1 : -1;
  if (peek(c, '*') || peek(c, '+') || peek(c, '?')) c->p++;
  else if (!braces(c, least, most)) return false;
  if (peek(c, '?')) c->p++; /* not greedy: the same for a whole match */
  return true;
}

static qn_status repeat(compiler *c, size_t at, int least, int most) {
  const size_t n = c->count - at;
  if (least > MAX_REPEAT || most > MAX_REPEAT || (most >= 0 && most < least)) return bad(c, "has a repetition that is out of order or above 1000");
  if (most == 0) {
    c->count = at;
    return QN_OK;
  }
  size_t last = at;
  for (int i = 1; i < least; i++) {
    last = c->count;
    QN_TRY(copy_block(c, at, n));
  }
  if (most < 0 && least) return emit(c, SPLIT, (uint32_t)(last - c->count), 1);
  if (most < 0) {
    QN_TRY(split_before(c, at, 1));
    return emit(c, JUMP, (uint32_t)(at - c->count), 0);
  }
  if (least == 0) QN_TRY(split_before(c, at, 0));
  for (int i = least ? least : 1; i < most; i++) {
    const size_t from = c->count;
    QN_TRY(copy_block(c, least ? at : at + 1, n));
    QN_TRY(split_before(c, from, 0));
  }
  return QN_OK;
}

static qn_status concatenation(compiler *c) {
  int least, most;
  size_t at = SIZE_MAX;
  while (c->p < c->end && (c->quoted || (*c->p != '|' && *c->p != ')'))) {
    if (!c->quoted && take(c, "\\Q")) { c->quoted = true; continue; }
    if (take(c, "\\E")) { c->quoted = false; continue; }
    const size_t start = c->count;
    c->nothing = false;
    QN_TRY(atom(c));
    if (!c->nothing) at = start;
    else if (at == SIZE_MAX) continue; /* a quantifier behind flags is for what was before them */
    if (c->quoted && take(c, "\\E")) c->quoted = false;
    if (c->quoted || !quantifier(c, &least, &most)) continue;
    QN_TRY(repeat(c, at, least, most));
    if (quantifier(c, &least, &most)) return bad(c, "repeats a repetition");
  }
  return QN_OK;
}

static qn_status alternation(compiler *c) {
  size_t chain = SIZE_MAX; /* JUMPs to the end, each with the one before in b */
  for (;;) {
    const size_t at = c->count;
    QN_TRY(concatenation(c));
    if (!peek(c, '|')) break;
    c->p++;
    QN_TRY(split_before(c, at, 1));
    QN_TRY(emit(c, JUMP, 0, (uint32_t)chain));
    chain = c->count - 1;
  }
  while ((uint32_t)chain != UINT32_MAX) {
    const size_t before = c->code[chain].b;
    c->code[chain] = (qn_regex_step){JUMP, (uint32_t)(c->count - chain), 0};
    chain = before;
  }
  return QN_OK;
}

qn_status qn_regex_compile(const char *pattern, size_t length, qn_regex *r, qn_error *err) {
  compiler c = {.p = pattern, .end = pattern + length, .err = err};
  qn_status status = alternation(&c);
  if (status == QN_OK && c.p < c.end) status = bad(&c, "has a ) without (");
  if (status == QN_OK) status = emit(&c, MATCH, 0, 0);
  if (status != QN_OK) qn_free(c.code);
  else *r = (qn_regex){c.code, c.count};
  return status;
}

/* ---- matching ---- */

typedef struct matcher {
  const qn_regex_step *code;
  uint32_t *now, *next;                /* [2 · count]: states, and where in the text each began, the earliest first */
  uint32_t *stack, *seen;              /* [count]; seen: the position at which a state was last entered */
  size_t count, n_next;
  uint32_t before, after;              /* characters around the position, QN_UTF8_BAD outside the text */
  bool begin, end;
} matcher;

static bool is_word(uint32_t c) { return (c < 128 && ((c | 32) - 'a' < 26u || c - '0' < 10u)) || c == '_'; }

static bool holds(const matcher *m, uint32_t what) {
  switch (what) {
    case TEXT_BEGIN: return m->begin;
    case TEXT_END: return m->end;
    case LINE_BEGIN: return m->begin || m->before == '\n';
    case LINE_END: return m->end || m->after == '\n';
    default: return (is_word(m->before) != is_word(m->after)) == (what == WORD_BOUNDARY);
  }
}

/* Enters a state and all that follow from it without a character. */
static void enter(matcher *m, uint32_t state, uint32_t position, uint32_t began) {
  size_t depth = 0;
  if (m->seen[state] == position) return;
  m->seen[state] = position;
  m->stack[depth++] = state;
  while (depth) {
    const uint32_t at = m->stack[--depth];
    const qn_regex_step *s = m->code + at;
    uint32_t to[2] = {at + s->a, at + s->b};
    int n = s->op == SPLIT ? 2 : s->op == JUMP;
    if (s->op == ASSERT && holds(m, s->a)) to[0] = at + 1, n = 1;
    if (s->op < SPLIT || s->op == MATCH) {
      m->next[m->count + m->n_next] = began;
      m->next[m->n_next++] = at;
    }
    for (int i = 0; i < n; i++) {
      if (m->seen[to[i]] == position) continue;
      m->seen[to[i]] = position;
      m->stack[depth++] = to[i];
    }
  }
}

static bool in_ranges(const qn_regex_step *s, uint32_t c) {
  for (uint32_t i = 1; i <= s->a; i++)
    if (c >= s[i].a && c <= s[i].b) return true;
  return false;
}

static bool accepts(const qn_regex_step *s, uint32_t c) {
  switch (s->op) {
    case CHAR: return c == s->a;
    case FOLDED: return c == s->a || qn_to_lower(c) == s->a || qn_to_lower(qn_to_upper(c)) == s->a;
    case ANY: return c != s->a;
    default: { /* CLASS */
      bool in = in_ranges(s, c);
      if (!in && (s->b & FOLDS)) in = in_ranges(s, qn_to_lower(c)) || in_ranges(s, qn_to_upper(c)) || in_ranges(s, qn_to_upper(qn_to_lower(c)));
      return in != ((s->b & NEGATED) != 0);
    }
  }
}

/* Anchored: only what begins at text[*from]. */
static bool search(const qn_regex *r, const char *text, size_t length, bool anchored, size_t *from, size_t *to, uint32_t *room) {
  const char *const start = text + *from, *const end = text + length, *at = start, *p = at;
  matcher m = {.code = r->code, .count = r->count, .now = room, .next = room + 2 * r->count, .stack = room + 4 * r->count, .seen = room + 5 * r->count,
               .before = *from ? (uint8_t)at[-1] : QN_UTF8_BAD, .begin = *from == 0};
  bool found = false;
  uint32_t position = 1;
  if (length >= UINT32_MAX) return false;
  memset(m.seen, 0, r->count * sizeof *m.seen);
  m.end = p == end;
  m.after = m.end ? QN_UTF8_BAD : qn_utf8_next(&p, end);
  for (;;) {
    if (!found && (!anchored || at == start)) enter(&m, 0, position, (uint32_t)(at - text));
    for (size_t i = 0; i < m.n_next; i++) {
      if (m.code[m.next[i]].op != MATCH) continue;
      found = true;
      *from = m.next[m.count + i];
      *to = (size_t)(at - text);
    }
    while (found && m.n_next && m.next[m.count + m.n_next - 1] > *from) m.n_next--;
    if (m.end || (!m.n_next && (found || anchored))) return found;
    const uint32_t c = m.after;
    uint32_t *swap = m.now;
    const size_t n = c == QN_UTF8_BAD ? 0 : m.n_next; /* nothing matches a byte that is not UTF-8 */
    m.now = m.next, m.next = swap, m.n_next = 0;
    m.begin = false;
    m.before = c;
    at = p;
    m.end = p == end;
    m.after = m.end ? QN_UTF8_BAD : qn_utf8_next(&p, end);
    if (++position == 0) { /* once in 2^32 characters */
      memset(m.seen, 0, r->count * sizeof *m.seen);
      position = 1;
    }
    for (size_t i = 0; i < n; i++) {
      const qn_regex_step *s = m.code + m.now[i];
      if (s->op != MATCH && accepts(s, c)) enter(&m, m.now[i] + 1 + (s->op == CLASS ? s->a : 0), position, m.now[m.count + i]);
    }
  }
}

bool qn_regex_find(const qn_regex *r, const char *text, size_t length, size_t *from, size_t *to, uint32_t *room) {
  return search(r, text, length, false, from, to, room);
}

bool qn_regex_full_match(const qn_regex *r, const char *text, size_t length, uint32_t *room) {
  size_t from = 0, to = 0;
  return search(r, text, length, true, &from, &to, room) && to == length;
}
