/* Texts to ids by a tokenizer.json. How many there are is known when they were made: the results lie in memory of the step that grows and is
 * kept, so that texts like those before allocate nothing. */
#include <string.h>

#include "feature/step.h"
#include "feature/text/tokenizer.h"

enum { TOKENIZER, MAX_LENGTH, PADDING, SPECIAL_TOKENS, OFFSETS, PARAMS };
enum { AS_FILE, LONGEST, TO_MAX_LENGTH, NONE };

static const qn_param params[PARAMS] = {
  [TOKENIZER] = {"tokenizer", QN_PARAM_FILE, .fallback = QN_REQUIRED},
  [MAX_LENGTH] = {"max_length", QN_PARAM_INT, 0, 1 << 24}, /* 0: as the file says */
  [PADDING] = {"padding", QN_PARAM_CHOICE, .choices = "file|longest|max_length|none"},
  [SPECIAL_TOKENS] = {"special_tokens", QN_PARAM_BOOL, .fallback = 1},
  [OFFSETS] = {"offsets", QN_PARAM_BOOL},
};

typedef struct tokenize {
  qn_tokenizer *tokenizer;
  qn_encoder encoder;
  size_t *ends;          /* [end_capacity] of each text's tokens in encoder.out */
  size_t end_capacity;
  void *block;           /* of the results */
  size_t capacity;
} tokenize;

static void release(qn_stage *s) {
  tokenize *own = s->own;
  if (!own) return;
  qn_tokenizer_free(own->tokenizer);
  qn_encoder_free(&own->encoder);
  qn_free(own->ends);
  qn_free(own->block);
  qn_free(own);
  s->own = NULL;
}

/* With the place of the step before a sentence that was made without it. */
static qn_status placed(const qn_stage *s, qn_error *err, const qn_error *inner) {
  return qn_stage_fail(s, err, inner->code, "%s", inner->text);
}

static qn_status prepare(qn_stage *s, qn_error *err) {
  tokenize *own = s->own = qn_alloc_zeroed(sizeof *own);
  qn_error inner = {0};
  if (!own) return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory");
  qn_tokenizer *t = own->tokenizer = qn_tokenizer_create(s->set[TOKENIZER].text, s->set[TOKENIZER].length, &inner);
  if (!t) return qn_stage_fail(s, err, inner.code, "the tokenizer cannot be used: %s", inner.text);
  const int32_t most = qn_stage_int(s, MAX_LENGTH), padding = qn_stage_int(s, PADDING);
  if (most) t->most = most;
  if (padding == TO_MAX_LENGTH && !t->most) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "padding to max_length needs a max_length");
  if (padding == NONE) t->pads = false;
  if (padding == LONGEST) t->pads = true, t->pad_to = 0;
  if (padding == TO_MAX_LENGTH) t->pads = true, t->pad_to = t->most;
  return QN_OK;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  QN_TRY(qn_stage_takes(s, 1, QN_STRING, -1, err));
  const qn_tensor *in = qn_stage_in(s, 0);
  char shape[QN_SHAPE_TEXT];
  if (in->rank < 1 || in->rank > 2 || (in->rank == 2 && in->dims[1] != 2))
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "it takes texts [n] or pairs [n, 2], got %s", qn_shape_text(shape, in->rank, in->dims));
  const int64_t dims[] = {in->dims[0], 0, 2};
  QN_TRY(qn_stage_result(s, "input_ids", QN_INT64, 2, dims, err));
  QN_TRY(qn_stage_result(s, "attention_mask", QN_INT64, 2, dims, err));
  QN_TRY(qn_stage_result(s, "token_type_ids", QN_INT64, 2, dims, err));
  return qn_stage_number(s, OFFSETS) ? qn_stage_result(s, "offsets", QN_INT64, 3, dims, err) : QN_OK;
}

static qn_status grow(const qn_stage *s, void **block, size_t *capacity, size_t wanted, size_t size, qn_error *err) {
  if (wanted <= *capacity) return QN_OK;
  qn_free(*block);
  size_t bytes;
  *block = qn_size_mul(wanted, size, &bytes) && bytes < UINT32_MAX / 2 ? qn_alloc(bytes) : NULL;
  *capacity = *block ? wanted : 0;
  return *block ? QN_OK : qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory for %zu tokens", wanted);
}

/* Lays the tokens out as [texts, length]. */
static void lay_out(qn_stage *s, const tokenize *own, int64_t texts, int64_t length) {
  const qn_tokenizer *t = own->tokenizer;
  int64_t *ids = own->block, *mask = ids + texts * length, *types = mask + texts * length, *offsets = types + texts * length;
  const bool with_offsets = s->result_count == 4;
  for (int64_t i = 0; i < texts; i++) {
    const size_t begin = i ? own->ends[i - 1] : 0, count = own->ends[i] - begin, before = t->pad_left ? (size_t)length - count : 0;
    const qn_coded *list = own->encoder.out.list + begin;
    for (size_t k = 0; k < (size_t)length; k++) {
      const size_t at = (size_t)i * (size_t)length + k;
      const bool real = k - before < count; /* unsigned: also false before */
      const qn_coded c = real ? list[k - before] : (qn_coded){t->pad_id, t->pad_type, 0, 0};
      ids[at] = c.id, mask[at] = real, types[at] = c.type;
      if (with_offsets) offsets[2 * at] = c.from, offsets[2 * at + 1] = c.to;
    }
  }
  void *const data[] = {ids, mask, types, offsets};
  for (int r = 0; r < s->result_count; r++) {
    qn_tensor *out = qn_stage_out(s, r);
    out->data = data[r];
    out->dims[0] = texts, out->dims[1] = length;
    out->count = texts * length * (r == 3 ? 2 : 1);
  }
}

static qn_status run(qn_stage *s, qn_error *err) {
  tokenize *own = s->own;
  const qn_tensor *in = qn_stage_in(s, 0);
  const qn_string *texts = in->data;
  const bool pairs = in->rank == 2, special = qn_stage_number(s, SPECIAL_TOKENS);
  const int64_t count = in->dims[0];
  void *ends = own->ends;
  for (int r = 0; r < s->result_count; r++) qn_stage_out(s, r)->dims[1] = qn_stage_out(s, r)->count = 0;
  const qn_status grown = grow(s, &ends, &own->end_capacity, (size_t)count + 1, sizeof *own->ends, err);
  own->ends = ends;
  QN_TRY(grown);
  own->encoder.out.count = 0;
  size_t length = 0, least = SIZE_MAX;
  for (int64_t i = 0; i < count; i++) {
    const size_t before = own->encoder.out.count;
    qn_error inner = {0};
    const qn_string *text = &texts[pairs ? 2 * i : i];
    if (qn_encode(own->tokenizer, &own->encoder, text[0], pairs ? text + 1 : NULL, special, &inner) != QN_OK) return placed(s, err, &inner);
    own->ends[i] = own->encoder.out.count;
    const size_t n = own->ends[i] - before;
    length = n > length ? n : length, least = n < least ? n : least;
  }
  const qn_tokenizer *t = own->tokenizer;
  if (count && least != length && !t->pads && qn_stage_int(s, PADDING) == NONE)
    return qn_stage_fail(s, err, QN_ERR_SHAPE, "the texts have from %zu to %zu tokens, and padding is none", least, length);
  if (t->pads) {
    if ((size_t)t->pad_to > length) length = (size_t)t->pad_to;
    if (t->pad_multiple > 1 && length % (size_t)t->pad_multiple) length += (size_t)t->pad_multiple - length % (size_t)t->pad_multiple;
  }
  size_t elements;
  if (!qn_size_mul((size_t)count, length, &elements) || elements > UINT32_MAX / 64) return qn_stage_fail(s, err, QN_ERR_MEMORY, "%lld texts of %zu tokens are too many", (long long)count, length);
  QN_TRY(grow(s, &own->block, &own->capacity, elements * (s->result_count == 4 ? 5 : 3) + 1, sizeof(int64_t), err));
  lay_out(s, own, count, (int64_t)length);
  return QN_OK;
}

const qn_step_type qn_step_tokenize = {"tokenize", params, PARAMS, QN_SOURCE_TEXT, QN_ANSWER_TENSORS, .prepare = prepare, .release = release, .plan = plan, .run = run};
