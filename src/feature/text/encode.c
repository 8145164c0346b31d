/* From a text to ids: added tokens, normalization, pieces, the model, truncation, templates. */
#include <string.h>

#include "feature/text/tokenizer.h"
#include "kernel/utf8.h"

static qn_status no_memory(qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "there is no memory for a text"); }

void qn_encoder_free(qn_encoder *e) {
  qn_chars_free(&e->raw);
  qn_chars_free(&e->segment);
  qn_chars_free(&e->text);
  qn_chars_free(&e->next);
  qn_pieces_free(&e->pieces);
  qn_pieces_free(&e->more);
  qn_tokens_free(&e->tokens);
  qn_free(e->room.block);
  qn_free(e->bytes);
  qn_free(e->places);
  for (int i = 0; i < 2; i++) qn_free(e->texts[i].list);
  qn_free(e->out.list);
  *e = (qn_encoder){0};
}

static bool reserve(qn_coded_list *l, size_t more) {
  if (more <= l->capacity - l->count) return true;
  size_t wanted = l->capacity * 2 < 64 ? 64 : l->capacity * 2;
  if (wanted < l->count + more) wanted = l->count + more;
  qn_coded *list = wanted < INT32_MAX / 32 ? qn_alloc(wanted * sizeof *list) : NULL;
  if (!list) return false;
  if (l->count) memcpy(list, l->list, l->count * sizeof *list);
  qn_free(l->list);
  l->list = list, l->capacity = wanted;
  return true;
}

/* The characters of a piece as UTF-8, with the character that each byte is of. */
static bool bytes_of(qn_encoder *e, qn_piece p, size_t *length) {
  const size_t most = 4 * (size_t)(p.end - p.begin);
  if (most > e->byte_capacity) {
    qn_free(e->bytes);
    qn_free(e->places);
    e->bytes = qn_alloc(2 * most);
    e->places = qn_alloc(2 * most * sizeof *e->places);
    e->byte_capacity = e->bytes && e->places ? 2 * most : 0;
    if (!e->byte_capacity) return false;
  }
  size_t n = 0;
  for (int32_t i = p.begin; i < p.end; i++) {
    const uint32_t c = e->text.c[i];
    if (c < 0x80) {
      e->bytes[n] = (char)c, e->places[n++] = i;
    } else {
      const size_t more = qn_utf8_put(c, e->bytes + n);
      for (size_t k = 0; k < more; k++) e->places[n++] = i;
    }
  }
  *length = n;
  return true;
}

static bool blank(uint32_t c) { return c == 0x120 || qn_is_space(c); }

/* How many characters of the source lie before this offset. */
static int32_t index_of(const qn_chars *raw, int32_t offset) {
  size_t low = 0, high = raw->count;
  while (low < high) {
    const size_t mid = (low + high) / 2;
    if (raw->from[mid] < offset) low = mid + 1;
    else high = mid;
  }
  return (int32_t)low;
}
static int32_t offset_of(const qn_chars *raw, int32_t index) { return index < (int32_t)raw->count ? raw->from[index] : raw->count ? raw->to[raw->count - 1] : 0; }

/* Offsets of byte-level tokens leave out the blanks at their ends, but for a first one that was put in before the text. Counted in characters,
 * as the reference does also where a blank is not of the source. */
static void trim(const qn_tokenizer *t, const qn_encoder *e, int32_t first, int32_t last, bool begins, qn_coded *c) {
  int32_t leading = 0, trailing = 0;
  while (first + leading <= last && blank(e->text.c[first + leading])) leading++;
  while (trailing <= last - first && blank(e->text.c[last - trailing])) trailing++;
  if (leading == 1 && t->trims_prefixed && (begins || c->from == 0)) leading = 0;
  if (!leading && !trailing) return;
  int32_t from = index_of(&e->raw, c->from), to = index_of(&e->raw, c->to);
  from = from + leading < to ? from + leading : to;
  if (to >= trailing) to = to - trailing > from ? to - trailing : from;
  c->from = offset_of(&e->raw, from), c->to = offset_of(&e->raw, to);
}

static qn_status encode_one(const qn_tokenizer *t, qn_encoder *e, qn_string source, size_t enough, qn_coded_list *out, qn_error *err) {
  out->count = 0;
  if (source.length > INT32_MAX / 16) return qn_fail(err, QN_ERR_ARGUMENT, "a text of %zu bytes is too long", source.length);
  if (!qn_chars_read(&e->raw, source.data, source.length) || !qn_added_extract(t, e) ||
      !qn_cutters_apply(&t->cutters, t->unicode, &e->text, &e->next, &e->pieces, &e->more))
    return no_memory(err);
  for (size_t i = 0; i < e->pieces.count && out->count < enough; i++) {
    const qn_piece p = e->pieces.list[i];
    if (p.token >= 0) {
      if (!reserve(out, 1)) return no_memory(err);
      qn_coded *c = &out->list[out->count];
      *c = (qn_coded){p.token, 0, e->text.from[p.begin], e->text.to[p.end - 1]};
      if (t->trims) trim(t, e, p.begin, p.end - 1, out->count == 0, c);
      out->count++;
      continue;
    }
    size_t length;
    e->tokens.count = 0;
    if (!bytes_of(e, p, &length)) return no_memory(err);
    QN_TRY(qn_model_cut(&t->model, &e->room, e->bytes, length, &e->tokens, err));
    if (!reserve(out, e->tokens.count)) return no_memory(err);
    for (size_t k = 0; k < e->tokens.count; k++) {
      const qn_token token = e->tokens.list[k];
      const size_t from = (size_t)token.from < length ? (size_t)token.from : length - 1, to = (size_t)token.to <= length && token.to > 0 ? (size_t)token.to : length;
      const int32_t first = e->places[from], last = e->places[to - 1];
      qn_coded *c = &out->list[out->count];
      *c = (qn_coded){token.id, 0, e->text.from[first], e->text.to[last]};
      if (t->trims) trim(t, e, first, last, out->count == 0, c);
      out->count++;
    }
  }
  return QN_OK;
}

static void shorten(const qn_tokenizer *t, qn_coded_list *l, size_t count) {
  if (count >= l->count) return;
  if (t->cut_left && count) memmove(l->list, l->list + (l->count - count), count * sizeof *l->list);
  l->count = count;
}

static qn_status truncate(const qn_tokenizer *t, qn_encoder *e, bool pair, size_t most, qn_error *err) {
  const size_t a = e->texts[0].count, b = pair ? e->texts[1].count : 0;
  if (a + b <= most) return QN_OK;
  if (t->truncation == QN_LONGEST_FIRST || !most) {
    if (!pair || !most) {
      shorten(t, &e->texts[0], most);
      if (pair) shorten(t, &e->texts[1], 0);
      return QN_OK;
    }
    size_t low = a < b ? a : b, high = low > most ? low : low > most - low ? low : most - low;
    if (low + high > most) low = most / 2, high = low + most % 2;
    shorten(t, &e->texts[0], a > b ? high : low);
    shorten(t, &e->texts[1], a > b ? low : high);
    return QN_OK;
  }
  const int which = t->truncation == QN_ONLY_SECOND;
  if (which && !pair) return qn_fail(err, QN_ERR_ARGUMENT, "truncation is of the second text only, and there is no second text");
  qn_coded_list *l = &e->texts[which];
  const size_t over = a + b - most;
  if (l->count <= over) return qn_fail(err, QN_ERR_ARGUMENT, "the %s text has %zu tokens, and %zu are too many in all", which ? "second" : "first", l->count, over);
  shorten(t, l, l->count - over);
  return QN_OK;
}

qn_status qn_encode(const qn_tokenizer *t, qn_encoder *e, qn_string first, const qn_string *second, bool special, qn_error *err) {
  const qn_template *template = second ? &t->pair : &t->single;
  const size_t added = special ? (size_t)template->added : 0;
  if (t->most && (size_t)t->most < added) return qn_fail(err, QN_ERR_ARGUMENT, "max_length is %d, and %zu tokens are put around each text", (int)t->most, added);
  const size_t most = t->most ? (size_t)t->most - added : SIZE_MAX;
  QN_TRY(encode_one(t, e, first, second || t->cut_left || t->truncation != QN_LONGEST_FIRST ? SIZE_MAX : most, &e->texts[0], err));
  if (second) QN_TRY(encode_one(t, e, *second, SIZE_MAX, &e->texts[1], err));
  QN_TRY(truncate(t, e, second, most, err));
  for (int32_t i = 0; i < template->count; i++) {
    const qn_template_part *p = &template->parts[i];
    if (p->which < 0 && !special) continue;
    if (p->which == 1 && !second) continue;
    const qn_coded_list *from = p->which < 0 ? NULL : &e->texts[p->which];
    const size_t n = from ? from->count : (size_t)p->count;
    if (!reserve(&e->out, n)) return no_memory(err);
    for (size_t k = 0; k < n; k++) {
      qn_coded c = from ? from->list[k] : (qn_coded){.id = p->ids[k]};
      c.type = p->type;
      e->out.list[e->out.count++] = c;
    }
  }
  return QN_OK;
}
