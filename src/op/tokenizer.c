/* Tokenizer of com.microsoft, which skl2onnx writes for CountVectorizer and TfidfVectorizer: texts are cut at separators, or into
 * the matches of one expression, or into characters. */
#include <string.h>

#include "kernel/regex.h"
#include "kernel/utf8.h"
#include "op/scratch.h"

typedef struct tokenizer {
  int count;      /* of expressions; 0: characters */
  bool separates; /* the expressions are what lies between the tokens, each one for what the one before has left */
  size_t room;    /* words of the largest */
  qn_regex regex[];
} tokenizer;

/* A text that is being cut by separator number `level`. */
typedef struct piece {
  qn_string text;
  size_t from;
} piece;

static qn_status prepare(qn_step *s) {
  const qn_attr *list = qn_attr_find(s, "separators", QN_ATTR_STRINGS), *one = qn_attr_find(s, "tokenexp", QN_ATTR_STRING);
  if (!list == !one) return qn_step_fail(s, QN_ERR_ARGUMENT, "either separators or tokenexp is expected");
  const qn_string *patterns = list ? list->strings : &one->s;
  size_t count = list ? list->count : 1;
  if (count > INT16_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "%zu separators are too many", count);
  if (count == 1 && (list ? patterns->length == 0 : patterns->length == 1 && *patterns->data == '.')) count = 0;
  QN_TRY(qn_keep(s, sizeof(tokenizer) + count * sizeof(qn_regex)));
  tokenizer *t = s->kept;
  t->separates = list != NULL;
  for (size_t i = 0; i < count; i++) {
    qn_error inner;
    qn_regex *r = &t->regex[i];
    const qn_status status = qn_regex_compile(patterns[i].data, patterns[i].length, r, &inner);
    if (status != QN_OK) return qn_step_fail(s, status, "%s", inner.text);
    if (!qn_keep_adopt(s, r->code)) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the pattern");
    t->room = qn_regex_room(r) > t->room ? qn_regex_room(r) : t->room;
    t->count++;
  }
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  const tokenizer *t = s->kept;
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_STRING)));
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  if (x->rank != 1 && x->rank != 2) return qn_step_fail(s, QN_ERR_SHAPE, "the input has shape %s; [C] or [N, C] is expected", qn_shape_text(text, x->rank, x->dims));
  qn_room r = {0};
  qn_room_take(&r, (size_t)t->count + 1, sizeof(piece));
  qn_room_take(&r, t->room, sizeof(uint32_t));
  s->dynamic = true;
  return qn_room_done(s, &r);
}

static int64_t characters(qn_string t) {
  int64_t n = 0;
  for (const char *p = t.data, *end = p + t.length; p < end; n++) qn_utf8_next(&p, end);
  return n;
}

/* The next token of the text in stack[0], for which *depth is 1 at first. */
static bool next_token(const tokenizer *t, int64_t shortest, piece *stack, int *depth, uint32_t *room, qn_string *token) {
  while (*depth) {
    piece *at = &stack[*depth - 1];
    const size_t length = at->text.length, begin = at->from;
    size_t from = begin, to = begin;
    if (begin >= length) {
      --*depth;
      continue;
    }
    bool found = true;
    if (t->count) found = qn_regex_find(&t->regex[*depth - 1], at->text.data, length, &from, &to, room);
    if (!found) from = to = length;
    if (from == to && from < length) { /* a character; an empty match takes one with it, as onnxruntime's does */
      const char *p = at->text.data + from;
      qn_utf8_next(&p, at->text.data + length);
      to = (size_t)(p - at->text.data);
      if (t->count && !t->separates) from = to;
    }
    at->from = to;
    *token = t->count && t->separates ? (qn_string){at->text.data + begin, from - begin} : (qn_string){at->text.data + from, to - from};
    if (token->length == 0 || characters(*token) < shortest) continue;
    if (!t->separates || *depth >= t->count) return true;
    stack[(*depth)++] = (piece){.text = *token};
  }
  return false;
}

static qn_status run(qn_step *s) {
  const tokenizer *t = s->kept;
  const qn_tensor *x = qn_in(s, 0);
  const qn_string *in = x->data;
  const qn_attr *pad = qn_attr_find(s, "pad_value", QN_ATTR_STRING);
  const qn_string padding = pad ? pad->s : (qn_string){"", 0}, marks[2] = {{"\002", 1}, {"\003", 1}};
  const int64_t shortest = qn_attr_int(s, "mincharnum", 1), marked = qn_attr_int(s, "mark", 0) ? 2 : 0;
  int64_t dims[3] = {x->dims[0], x->dims[1]}, widest = 0;
  qn_room r = {.base = s->scratch};
  piece *stack = qn_room_take(&r, (size_t)t->count + 1, sizeof *stack);
  uint32_t *room = qn_room_take(&r, t->room, sizeof *room);
  if (!s->out[0]) return QN_OK;
  for (int pass = 0; pass < 2; pass++) { /* how many tokens, then the tokens */
    dims[x->rank] = widest ? widest + marked : 0;
    if (pass) QN_TRY(qn_out_dynamic(s, 0, QN_STRING, x->count ? x->rank + 1 : x->rank, dims));
    qn_string *out = pass ? qn_out(s, 0)->data : NULL, token;
    for (int64_t i = 0; i < x->count; i++) {
      int64_t n = 0;
      int depth = 1;
      stack[0] = (piece){.text = in[i]};
      if (out && marked && widest) *out++ = marks[0];
      for (; next_token(t, shortest, stack, &depth, room, &token); n++)
        if (out) *out++ = token;
      if (out && marked && widest) *out++ = marks[1];
      if (n > widest && !pass) widest = n;
      for (; out && n < widest; n++) *out++ = padding;
    }
  }
  return QN_OK;
}

const qn_op qn_op_tokenizer = {.domain = "com.microsoft", .name = "Tokenizer", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .plan = plan, .run = run, .prepare = prepare};
