/* Texts to texts by the normalizers that tokenizer.json has, given as parameters: {"step": "normalize_text", "normalizer": {"type": "NFKC"}}. */
#include <string.h>

#include "feature/step.h"
#include "feature/text/tokenizer.h"
#include "kernel/utf8.h"

enum { NORMALIZER, PARAMS };

static const qn_param params[PARAMS] = {[NORMALIZER] = {"normalizer", QN_PARAM_TREE, .fallback = QN_REQUIRED}};

typedef struct normalize {
  qn_unicode *unicode;
  qn_pool pool;
  qn_normals normals;
  qn_chars text, next;
  qn_texts all;
} normalize;

static void release(qn_stage *s) {
  normalize *own = s->own;
  if (!own) return;
  qn_unicode_free(own->unicode);
  qn_pool_free(&own->pool);
  qn_chars_free(&own->text);
  qn_chars_free(&own->next);
  qn_texts_free(&own->all);
  qn_free(own);
  s->own = NULL;
}

static qn_status prepare(qn_stage *s, qn_error *err) {
  normalize *own = s->own = qn_alloc_zeroed(sizeof *own);
  if (own) own->unicode = qn_unicode_create();
  if (!own || !own->unicode) return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory");
  qn_error inner = {0};
  const qn_status status = qn_normals_read(s->set[NORMALIZER].json, &own->pool, &own->normals, &inner);
  return status == QN_OK ? QN_OK : qn_stage_fail(s, err, status, "%s", inner.text);
}

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_STRING, -1, err));
  return qn_stage_result(s, s->inputs[0]->name, QN_STRING, qn_stage_in(s, 0)->rank, qn_stage_in(s, 0)->dims, err);
}

static qn_status run(qn_stage *s, qn_error *err) {
  normalize *own = s->own;
  const qn_tensor *in = qn_stage_in(s, 0);
  const qn_string *texts = in->data;
  qn_string *out = qn_stage_out(s, 0)->data;
  own->all.length = own->all.count = 0;
  for (int64_t i = 0; i < in->count; i++) {
    bool ok = texts[i].length < INT32_MAX / 16 && qn_chars_read(&own->text, texts[i].data, texts[i].length) && qn_normals_apply(&own->normals, own->unicode, &own->text, &own->next);
    const size_t begin = own->all.length;
    for (size_t k = 0; ok && k < own->text.count; k++) {
      char bytes[4];
      ok = qn_texts_put(&own->all, bytes, qn_utf8_put(own->text.c[k], bytes));
    }
    if (!ok) return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory for the texts");
    out[i].length = own->all.length - begin;
  }
  const char *at = own->all.bytes;
  for (int64_t i = 0; i < in->count; i++) out[i].data = at, at += out[i].length;
  return QN_OK;
}

const qn_step_type qn_step_normalize_text = {"normalize_text", params, PARAMS, QN_SOURCE_TEXT, QN_ANSWER_TENSORS, .prepare = prepare, .release = release, .plan = plan, .run = run};
