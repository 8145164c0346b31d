/* Bags of words: how often each term of a vocabulary occurs in a text, weighted, as scikit-learn's CountVectorizer, TfidfVectorizer and
 * HashingVectorizer give it. Computed in double, given as float32. */
#include <math.h>
#include <string.h>

#include "feature/step.h"
#include "feature/text/terms.h"
#include "kernel/murmur3.h"

enum { VOCABULARY, HASH, ANALYZER, NGRAMS, LOWERCASE, STRIP_ACCENTS, WORD_LENGTH, STOP_WORDS, BINARY, SUBLINEAR, IDF, NORM, ALTERNATE_SIGN, PARAMS };
enum { NO_NORM, L1, L2 };

static const qn_param params[PARAMS] = {
  [VOCABULARY] = {"vocabulary", QN_PARAM_TEXTS},
  [HASH] = {"hash", QN_PARAM_INT, 0, 1 << 24}, /* so many features without a vocabulary */
  [ANALYZER] = {"analyzer", QN_PARAM_CHOICE, .choices = "word|char|char_wb"},
  [NGRAMS] = {"ngrams", QN_PARAM_NUMBERS, 1, 64, .least_count = 2, .most_count = 2},
  [LOWERCASE] = {"lowercase", QN_PARAM_BOOL, .fallback = 1},
  [STRIP_ACCENTS] = {"strip_accents", QN_PARAM_CHOICE, .choices = "none|ascii|unicode"},
  [WORD_LENGTH] = {"word_length", QN_PARAM_INT, 1, 64, .fallback = 2},
  [STOP_WORDS] = {"stop_words", QN_PARAM_TEXTS},
  [BINARY] = {"binary", QN_PARAM_BOOL},
  [SUBLINEAR] = {"sublinear", QN_PARAM_BOOL},
  [IDF] = {"idf", QN_PARAM_FILE},
  [NORM] = {"norm", QN_PARAM_CHOICE, .choices = "none|l1|l2"},
  [ALTERNATE_SIGN] = {"alternate_sign", QN_PARAM_BOOL, .fallback = 1},
};

typedef struct vectorize {
  qn_pool pool;
  qn_unicode *unicode;
  qn_terms terms;
  qn_terms_room room;
  qn_vocab vocabulary;
  const float *idf; /* [features] or NULL */
  int64_t features;
  bool hashes, signs, binary;
  double *row;      /* [features] while a text is read */
} vectorize;

static void release(qn_stage *s) {
  vectorize *own = s->own;
  if (!own) return;
  qn_unicode_free(own->unicode);
  qn_terms_room_free(&own->room);
  qn_pool_free(&own->pool);
  qn_free(own);
  s->own = NULL;
}

static bool read_texts(qn_pool *pool, const qn_setting *set, qn_vocab *out) {
  if (!qn_vocab_open(out, pool, (size_t)set->count, (size_t)set->count)) return false;
  for (int32_t i = 0; i < set->count; i++) qn_vocab_put(out, set->texts[i], i);
  return true;
}

static qn_status prepare(qn_stage *s, qn_error *err) {
  vectorize *own = s->own = qn_alloc_zeroed(sizeof *own);
  if (own) own->unicode = qn_unicode_create();
  if (!own || !own->unicode) return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory");
  const qn_setting *words = &s->set[VOCABULARY], *stop = &s->set[STOP_WORDS], *grams = &s->set[NGRAMS], *idf = &s->set[IDF];
  own->hashes = qn_stage_int(s, HASH) > 0;
  if (own->hashes == (words->json != NULL)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it takes a vocabulary or hash, how many features there are, one of the two");
  if (words->count > QN_MOST_IDS || stop->count > QN_MOST_IDS) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "more than %d words", QN_MOST_IDS);
  own->features = own->hashes ? qn_stage_int(s, HASH) : words->count;
  own->signs = own->hashes && qn_stage_number(s, ALTERNATE_SIGN), own->binary = qn_stage_number(s, BINARY);
  if (own->signs && qn_stage_number(s, SUBLINEAR)) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "sublinear takes the logarithm of counts, which alternate_sign makes negative");
  own->terms = (qn_terms){.analyzer = (qn_analyzer)qn_stage_int(s, ANALYZER), .accents = (qn_accents)qn_stage_int(s, STRIP_ACCENTS), .lowercase = qn_stage_number(s, LOWERCASE),
                          .least = grams->count ? (int32_t)grams->list[0] : 1, .most = grams->count ? (int32_t)grams->list[1] : 1, .shortest = qn_stage_int(s, WORD_LENGTH)};
  if (own->terms.least > own->terms.most) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "ngrams is from %d to %d", (int)own->terms.least, (int)own->terms.most);
  if (stop->json && own->terms.analyzer != QN_WORDS) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "stop_words are for the analyzer word");
  if ((stop->count && !read_texts(&own->pool, stop, &own->terms.stop_words)) || (!own->hashes && !read_texts(&own->pool, words, &own->vocabulary)))
    return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory for the vocabulary");
  if (idf->text) {
    if (idf->length != (size_t)own->features * sizeof(float))
      return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "the file of idf has %zu bytes; %lld float32 are %zu", idf->length, (long long)own->features, (size_t)own->features * sizeof(float));
    own->idf = (const float *)idf->text;
  }
  return QN_OK;
}

static qn_status plan(qn_stage *s, qn_error *err) {
  const vectorize *own = s->own;
  QN_TRY(qn_stage_takes(s, 1, QN_STRING, 1, err));
  s->scratch_size = (size_t)own->features * sizeof(double);
  return qn_stage_result(s, "vector", QN_FLOAT, 2, (int64_t[]){qn_stage_in(s, 0)->dims[0], own->features}, err);
}

static void count_term(void *to, const char *term, size_t length) {
  vectorize *own = to;
  if (!own->hashes) {
    const int32_t id = qn_vocab_find(&own->vocabulary, term, length);
    if (id >= 0) own->row[id] = own->binary ? 1 : own->row[id] + 1;
    return;
  }
  qn_murmur3 hash = {0};
  qn_murmur3_add(&hash, term, length);
  const int32_t h = (int32_t)qn_murmur3_end(&hash);
  const int64_t place = (h < 0 ? -(int64_t)h : h), n = own->features;
  /* the one hash whose absolute value is no int32: as scikit-learn places it */
  double *at = &own->row[h == INT32_MIN ? (INT32_MAX - (n - 1)) % n : place % n];
  *at = own->binary ? 1 : *at + (own->signs && h < 0 ? -1 : 1);
}

static void weigh(const qn_stage *s, const vectorize *own, float *out) {
  const int norm = qn_stage_int(s, NORM);
  const bool sublinear = qn_stage_number(s, SUBLINEAR);
  double sum = 0;
  for (int64_t i = 0; i < own->features; i++) {
    double v = own->row[i];
    if (sublinear && v > 0) v = log(v) + 1;
    if (own->idf) v *= own->idf[i];
    own->row[i] = v;
    sum += norm == L2 ? v * v : fabs(v);
  }
  const double by = norm == NO_NORM || sum == 0 ? 1 : norm == L2 ? sqrt(sum) : sum;
  for (int64_t i = 0; i < own->features; i++) out[i] = (float)(own->row[i] / by);
}

static qn_status run(qn_stage *s, qn_error *err) {
  vectorize *own = s->own;
  const qn_tensor *in = qn_stage_in(s, 0);
  const qn_string *texts = in->data;
  float *out = qn_stage_out(s, 0)->data;
  own->row = s->scratch;
  for (int64_t i = 0; i < in->count; i++) {
    memset(own->row, 0, (size_t)own->features * sizeof *own->row);
    if (!qn_terms_each(&own->terms, own->unicode, &own->room, texts[i], count_term, own)) return qn_stage_fail(s, err, QN_ERR_MEMORY, "there is no memory for a text of %zu bytes", texts[i].length);
    weigh(s, own, out + i * own->features);
  }
  return QN_OK;
}

const qn_step_type qn_step_vectorize = {"vectorize", params, PARAMS, QN_SOURCE_TEXT, QN_ANSWER_TENSORS, .prepare = prepare, .release = release, .plan = plan, .run = run};
