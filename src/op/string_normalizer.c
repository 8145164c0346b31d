/* StringNormalizer. Case is changed by Unicode's simple mappings, whatever the locale. */
#include <string.h>

#include "kernel/lookup.h"
#include "kernel/utf8.h"
#include "op/op.h"

typedef enum action { KEEP, LOWER, UPPER } action;

typedef struct normalizer {
  action change, compare;   /* compare: what stop words and elements are brought to before they are compared */
  qn_lookup stop;
} normalizer;

/* Writes the mapped text, at most twice as long, to `to`; bytes that are not UTF-8 stay as they are. */
static qn_string mapped(action how, qn_string text, char *to) {
  qn_string out = {to, 0};
  for (const char *p = text.data, *end = p + text.length; text.length && p < end;) {
    const char *at = p;
    const uint32_t c = how == KEEP ? QN_UTF8_BAD : qn_utf8_next(&p, end);
    if (how == KEEP) p++;
    if (c == QN_UTF8_BAD) to[out.length++] = *at;
    else out.length += qn_utf8_put(how == LOWER ? qn_to_lower(c) : qn_to_upper(c), to + out.length);
  }
  return out;
}

static qn_status room_for(const qn_step *s, const qn_string *text, int64_t count, size_t *room) {
  *room = 0;
  for (int64_t i = 0; i < count; i++)
    if (!qn_size_add(*room, text[i].length, room) || *room > SIZE_MAX / 4) return qn_step_fail(s, QN_ERR_MEMORY, "the strings are too long");
  *room *= 2;
  return QN_OK;
}

static qn_status prepare(qn_step *s) {
  static const char *const ACTIONS[] = {"NONE", "LOWER", "UPPER"};
  const char *change = qn_attr_text(s, "case_change_action", "NONE");
  const qn_attr *stop = qn_attr_find(s, "stopwords", QN_ATTR_STRINGS);
  const size_t count = stop ? stop->count : 0;
  size_t room;
  QN_TRY(qn_keep(s, sizeof(normalizer)));
  normalizer *n = s->kept;
  int which = 0;
  while (which < 3 && strcmp(ACTIONS[which], change)) which++;
  if (which == 3) return qn_step_fail(s, QN_ERR_ARGUMENT, "case_change_action is '%s'; NONE, LOWER or UPPER is expected", change);
  n->change = (action)which;
  n->compare = qn_attr_int(s, "is_case_sensitive", 0) ? KEEP : n->change == UPPER ? UPPER : LOWER;
  QN_TRY(room_for(s, stop ? stop->strings : NULL, (int64_t)count, &room));
  char *text = qn_keep_block(s, room);
  qn_string *table = qn_keep_block(s, count * sizeof *table);
  uint32_t *order = qn_keep_block(s, 2 * count * sizeof *order);
  if (!text || !table || !order) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for %zu stop words", count);
  for (size_t i = 0; i < count; i++) {
    table[i] = mapped(n->compare, stop->strings[i], text);
    text += table[i].length;
  }
  n->stop = (qn_lookup){.text = table, .count = count};
  qn_lookup_sort(&n->stop, order, order + count);
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_STRING)));
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  if (x->rank < 1 || x->rank > 2 || (x->rank == 2 && x->dims[0] != 1))
    return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has shape %s; [C] or [1, C] is expected", qn_shape_text(text, x->rank, x->dims));
  s->dynamic = true; /* stop words drop out */
  return QN_OK;
}

static qn_status run(qn_step *s) {
  const normalizer *n = s->kept;
  const qn_tensor *x = qn_in(s, 0);
  const qn_string *in = x->data;
  int64_t dims[2] = {1, 1}, kept = 0;
  size_t room;
  char *text;
  if (!s->out[0]) return QN_OK;
  dims[x->rank - 1] = x->count ? x->count : 1;
  QN_TRY(room_for(s, in, x->count, &room));
  QN_TRY(qn_value_reserve_strings(s->out[0], x->rank, dims, room, &text, s->err));
  qn_tensor *y = qn_out(s, 0);
  qn_string *out = y->data;
  for (int64_t i = 0; i < x->count; i++) {
    if (n->stop.count && qn_lookup_text(&n->stop, mapped(n->compare, in[i], text)) >= 0) continue;
    out[kept] = mapped(n->change, in[i], text);
    text += out[kept++].length;
  }
  if (kept == 0) out[kept++] = (qn_string){"", 0}; /* never empty */
  y->dims[x->rank - 1] = y->count = kept;
  return QN_OK;
}

const qn_op qn_op_string_normalizer = {.domain = "", .name = "StringNormalizer", .since = 10, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                       .plan = plan, .run = run, .prepare = prepare};
