/* StringConcat, StringSplit, RegexFullMatch. */
#include <string.h>

#include "kernel/broadcast.h"
#include "kernel/regex.h"
#include "kernel/utf8.h"
#include "op/op.h"

/* ---- StringConcat ---- */

static qn_status plan_concat(qn_step *s) {
  int rank;
  int64_t dims[QN_MAX_RANK];
  for (int i = 0; i < 2; i++) QN_TRY(qn_check_type(s, i, QN_TYPE_BIT(QN_STRING)));
  QN_TRY(qn_broadcast(s, 0, 2, &rank, dims));
  qn_tensor shape;
  qn_error inner;
  if (qn_tensor_shape(&shape, QN_STRING, rank, dims, &inner) != QN_OK) return qn_step_fail(s, QN_ERR_MEMORY, "%s", inner.text);
  s->dynamic = true; /* text of unknown length: the output gets a block of its own */
  return QN_OK;
}

static qn_status run_concat(qn_step *s) {
  int rank;
  int64_t dims[QN_MAX_RANK], count = 1;
  if (!s->out[0]) return QN_OK;
  QN_TRY(qn_broadcast(s, 0, 2, &rank, dims));
  for (int d = 0; d < rank; d++) count *= dims[d];
  qn_string a[QN_FEED_CHUNK], b[QN_FEED_CHUNK], *out = NULL;
  char *text = NULL;
  for (size_t pass = 0, total = 0; pass < 2; pass++) { /* lengths, then bytes */
    qn_feed left, right;
    qn_feed_init(&left, QN_IN_RAW, qn_in(s, 0), rank, dims);
    qn_feed_init(&right, QN_IN_RAW, qn_in(s, 1), rank, dims);
    if (pass) {
      QN_TRY(qn_value_reserve_strings(s->out[0], rank, dims, total, &text, s->err));
      out = s->out[0]->tensor.data;
    }
    for (size_t done = 0, n; done < (size_t)count; done += n) {
      n = (size_t)count - done < QN_FEED_CHUNK ? (size_t)count - done : QN_FEED_CHUNK;
      const qn_string *u = qn_feed_next(&left, n, a), *v = qn_feed_next(&right, n, b);
      for (size_t i = 0; i < n; i++) {
        if (!pass) {
          if (!qn_size_add(total, u[i].length, &total) || !qn_size_add(total, v[i].length, &total)) return qn_step_fail(s, QN_ERR_MEMORY, "the strings are too long");
          continue;
        }
        out[done + i] = (qn_string){text, u[i].length + v[i].length};
        if (u[i].length) memcpy(text, u[i].data, u[i].length);
        text += u[i].length;
        if (v[i].length) memcpy(text, v[i].data, v[i].length);
        text += v[i].length;
      }
    }
  }
  return QN_OK;
}

/* ---- StringSplit ---- */

/* Takes the next part off *rest, which is NULL behind the last. `splits` are left to make; without a delimiter it is white space.
 * False when there is no part any more. */
static bool next_part(qn_string delimiter, int64_t splits, const char **rest, const char *end, qn_string *part) {
  const char *p = *rest, *at, *stop;
  if (!p) return false;
  *rest = NULL;
  if (delimiter.length) {
    for (stop = p; splits > 0 && (size_t)(end - stop) >= delimiter.length; stop++)
      if (memcmp(stop, delimiter.data, delimiter.length) == 0) {
        *part = (qn_string){p, (size_t)(stop - p)};
        *rest = stop + delimiter.length;
        return true;
      }
    *part = (qn_string){p, (size_t)(end - p)};
    return true;
  }
  for (at = p; p < end && qn_is_space(qn_utf8_next(&at, end));) p = at;
  if (p >= end) return false;
  for (at = stop = p; at < end;) {
    if (!qn_is_space(qn_utf8_next(&at, end))) {
      stop = at; /* the last part keeps the white space inside it */
    } else if (splits > 0) {
      *rest = at;
      break;
    }
  }
  *part = (qn_string){p, (size_t)(stop - p)};
  return true;
}

static qn_status plan_split(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_STRING)));
  if (qn_in(s, 0)->rank == QN_MAX_RANK) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "the output would have %d dimensions", QN_MAX_RANK + 1);
  s->dynamic = true;
  return QN_OK;
}

static qn_status run_split(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const qn_string *in = x->data;
  const qn_attr *a = qn_attr_find(s, "delimiter", QN_ATTR_STRING);
  const qn_string delimiter = a ? a->s : (qn_string){"", 0};
  const int64_t given = qn_attr_int(s, "maxsplit", -1), most = given < 0 ? INT64_MAX : given;
  int64_t dims[QN_MAX_RANK + 1], widest = 0;
  for (int d = 0; d < x->rank; d++) dims[d] = x->dims[d];
  QN_TRY(qn_out_dynamic(s, 1, QN_INT64, x->rank, x->dims));
  for (int pass = 0; pass < 2; pass++) { /* how many parts, then the parts */
    dims[x->rank] = widest;
    if (pass) QN_TRY(qn_out_dynamic(s, 0, QN_STRING, x->rank + 1, dims));
    qn_string *out = pass && qn_out(s, 0) ? qn_out(s, 0)->data : NULL;
    for (int64_t i = 0; i < x->count; i++) {
      const char *rest = in[i].length ? in[i].data : "", *end = rest + in[i].length;
      int64_t n = 0;
      qn_string part;
      for (; next_part(delimiter, most - n, &rest, end, &part); n++)
        if (out) out[i * widest + n] = part;
      if (n > widest && !pass) widest = n;
      if (!pass && qn_out(s, 1)) ((int64_t *)qn_out(s, 1)->data)[i] = n;
      for (; out && n < widest; n++) out[i * widest + n] = (qn_string){"", 0};
    }
  }
  return QN_OK;
}

/* ---- RegexFullMatch ---- */

static qn_status prepare_regex(qn_step *s) {
  const qn_attr *a = qn_attr_find(s, "pattern", QN_ATTR_STRING);
  if (!a) return qn_step_fail(s, QN_ERR_ARGUMENT, "attribute pattern is missing");
  QN_TRY(qn_keep(s, sizeof(qn_regex)));
  qn_regex *r = s->kept;
  qn_error inner;
  const qn_status status = qn_regex_compile(a->s.data, a->s.length, r, &inner);
  if (status != QN_OK) return qn_step_fail(s, status, "%s", inner.text);
  return qn_keep_adopt(s, r->code) ? QN_OK : qn_step_fail(s, QN_ERR_MEMORY, "no memory for the pattern");
}

static qn_status plan_regex(qn_step *s) {
  if (!s->kept) QN_TRY(prepare_regex(s)); /* folding of constants comes before packing */
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_STRING)));
  s->scratch_size = qn_regex_room(s->kept) * sizeof(uint32_t);
  return qn_out_shape(s, 0, QN_BOOL, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status run_regex(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const qn_string *in = x->data;
  for (int64_t i = 0; y && i < x->count; i++)
    ((uint8_t *)y->data)[i] = qn_regex_full_match(s->kept, in[i].length ? in[i].data : "", in[i].length, s->scratch);
  return QN_OK;
}

const qn_op qn_op_string_concat = {.domain = "", .name = "StringConcat", .since = 20, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                                   .plan = plan_concat, .run = run_concat};
const qn_op qn_op_string_split = {.domain = "", .name = "StringSplit", .since = 20, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 2,
                                  .plan = plan_split, .run = run_split};
const qn_op qn_op_regex_full_match = {.domain = "", .name = "RegexFullMatch", .since = 20, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                      .plan = plan_regex, .run = run_regex, .prepare = prepare_regex};
