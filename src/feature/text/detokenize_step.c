/* Ids to texts by a tokenizer.json: what generating models answer. */
#include <string.h>

#include "feature/step.h"
#include "feature/text/tokenizer.h"

enum { TOKENIZER, SKIP_SPECIAL_TOKENS, PARAMS };

static const qn_param params[PARAMS] = {
  [TOKENIZER] = {"tokenizer", QN_PARAM_FILE, .fallback = QN_REQUIRED},
  [SKIP_SPECIAL_TOKENS] = {"skip_special_tokens", QN_PARAM_BOOL, .fallback = 1},
};

typedef struct detokenize {
  qn_tokenizer *tokenizer;
  qn_texts room, one, all; /* all: an entry for each text */
} detokenize;

static void release(qn_stage *s) {
  detokenize *own = s->own;
  if (!own) return;
  qn_tokenizer_free(own->tokenizer);
  qn_texts_free(&own->room);
  qn_texts_free(&own->one);
  qn_texts_free(&own->all);
  qn_free(own);
  s->own = NULL;
}

static qn_status prepare(qn_stage *s, qn_error *err) {
  detokenize *own = s->own = qn_alloc_zeroed(sizeof *own);
  qn_error inner = {0};
  if (!own) return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory");
  own->tokenizer = qn_tokenizer_create(s->set[TOKENIZER].text, s->set[TOKENIZER].length, &inner);
  return own->tokenizer ? QN_OK : qn_stage_fail(s, err, inner.code, "the tokenizer cannot be used: %s", inner.text);
}

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_INT64, -1, err));
  const qn_tensor *in = qn_stage_in(s, 0);
  if (in->rank < 1 || in->rank > 2) return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' has %d dimensions; it takes ids [length] or [texts, length]", s->inputs[0]->name, (int)in->rank);
  return qn_stage_result(s, "text", QN_STRING, 1, (int64_t[]){in->rank == 2 ? in->dims[0] : 1}, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  detokenize *own = s->own;
  const qn_tensor *in = qn_stage_in(s, 0);
  const int64_t texts = in->rank == 2 ? in->dims[0] : 1, length = in->dims[in->rank - 1];
  qn_string *out = qn_stage_out(s, 0)->data;
  qn_stage_rows(s, 0, texts);
  own->all.length = own->all.count = 0;
  for (int64_t i = 0; i < texts; i++) {
    qn_error inner = {0};
    if (qn_decode(own->tokenizer, (const int64_t *)in->data + i * length, (size_t)length, qn_stage_number(s, SKIP_SPECIAL_TOKENS), &own->room, &own->one, &inner) != QN_OK ||
        !qn_texts_put(&own->all, own->one.bytes, own->one.length))
      return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory for the texts");
    out[i].length = own->one.length;
  }
  const char *at = own->all.bytes;
  for (int64_t i = 0; i < texts; i++) out[i].data = at, at += out[i].length;
  return QN_OK;
}

const qn_step_type qn_step_detokenize = {"detokenize", params, PARAMS, QN_SOURCE_ANY, QN_ANSWER_ROWS, .prepare = prepare, .release = release, .plan = plan, .run = run};
