/* TfIdfVectorizer. The pool's n-grams become a trie: a node is a number that stands for a sequence of tokens, and each level has a
 * lookup from (node, next token) to the node one token longer. */
#include <string.h>

#include "op/ml.h"

enum { MAX_LENGTH = 1000 };

typedef struct level {
  qn_lookup next;          /* numbers: parent node << 32 | token */
  int32_t *gram;           /* [next.count] index of the n-gram that ends in this node, or -1 */
} level;

typedef struct vectorizer {
  qn_lookup tokens;        /* the pool */
  level *levels;           /* [max_length] */
  int64_t min_length, max_length, max_skip, width;
  const int64_t *columns;  /* [n_grams] ngram_indexes */
  const float *weights;    /* [n_grams] or NULL */
  size_t n_grams;
  bool presence;           /* IDF: how often does not count */
} vectorizer;

static int64_t token_of(const vectorizer *v, const qn_tensor *x, int64_t i) {
  if (x->dtype == QN_STRING) return qn_lookup_text(&v->tokens, ((const qn_string *)x->data)[i]);
  return qn_lookup_number(&v->tokens, (uint64_t)(x->dtype == QN_INT64 ? ((const int64_t *)x->data)[i] : ((const int32_t *)x->data)[i]));
}

/* Where the n-grams of `length` tokens lie in the pool. */
static qn_status section(const qn_step *s, size_t pool_count, size_t length, size_t *from, size_t *n) {
  size_t n_counts;
  const int64_t *counts = qn_ml_ints(s, "ngram_counts", &n_counts);
  const int64_t start = counts[length - 1], end = length < n_counts ? counts[length] : (int64_t)pool_count;
  if (start < 0 || end < start || (uint64_t)end > pool_count || (size_t)(end - start) % length)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "ngram_counts puts the %zu-grams from %lld to %lld of a pool of %zu", length, (long long)start, (long long)end, pool_count);
  *from = (size_t)start;
  *n = (size_t)(end - start) / length;
  return QN_OK;
}

/* Level k: every n-gram of more than k tokens moves on from its node by its token k. */
static qn_status build_level(qn_step *s, vectorizer *v, size_t pool_count, size_t n_lengths, size_t k, uint32_t *node, const uint32_t *token) {
  size_t count = 0, from, n, at = 0;
  for (size_t length = k + 1; length <= n_lengths; length++) {
    QN_TRY(section(s, pool_count, length, &from, &n));
    count += n;
  }
  uint64_t *keys = qn_keep_block(s, count * sizeof *keys);
  level *l = &v->levels[k];
  l->gram = qn_keep_block(s, count * sizeof *l->gram);
  if (!keys || !l->gram) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for %zu n-grams", count);
  for (int pass = 0; pass < 2; pass++) {
    size_t gram = 0;
    at = 0;
    for (size_t length = 1; length <= n_lengths; length++) {
      QN_TRY(section(s, pool_count, length, &from, &n));
      for (size_t g = 0; g < n; g++, gram++) {
        if (length <= k) continue;
        const uint64_t key = (uint64_t)node[gram] << 32 | token[from + g * length + k];
        if (!pass) {
          keys[at] = key;
          l->gram[at++] = -1;
          continue;
        }
        const int64_t to = qn_lookup_number(&l->next, key);
        node[gram] = (uint32_t)to;
        if (length == k + 1) l->gram[to] = (int32_t)gram;
      }
    }
    if (!pass) QN_TRY(qn_ml_lookup(s, NULL, keys, count, &l->next));
  }
  return QN_OK;
}

static qn_status build(qn_step *s, vectorizer *v, size_t pool_count, size_t n_lengths) {
  size_t from, n, grams = 0;
  for (size_t length = 1; length <= n_lengths; length++) {
    QN_TRY(section(s, pool_count, length, &from, &n));
    grams += n;
  }
  if (grams > v->n_grams) return qn_step_fail(s, QN_ERR_ARGUMENT, "the pool has %zu n-grams, ngram_indexes %zu elements", grams, v->n_grams);
  uint32_t *node = qn_alloc_zeroed((grams + pool_count) * sizeof *node), *token = node + grams;
  if (!node) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for %zu n-grams", grams);
  for (size_t i = 0; i < pool_count; i++)
    token[i] = (uint32_t)(v->tokens.text ? qn_lookup_text(&v->tokens, v->tokens.text[i]) : qn_lookup_number(&v->tokens, v->tokens.numbers[i]));
  qn_status status = QN_OK;
  for (size_t k = 0; k < n_lengths && status == QN_OK; k++) status = build_level(s, v, pool_count, n_lengths, k, node, token);
  qn_free(node);
  return status;
}

static qn_status prepare(qn_step *s) {
  static const char *const MODES[] = {"TF", "IDF", "TFIDF"};
  int mode;
  size_t n_counts, n_weights;
  qn_labels pool;
  QN_TRY(qn_keep(s, sizeof(vectorizer)));
  vectorizer *v = s->kept;
  QN_TRY(qn_ml_choice(s, "mode", MODES, 3, &mode));
  QN_TRY(qn_ml_labels(s, "pool_strings", "pool_int64s", &pool));
  v->min_length = qn_attr_int(s, "min_gram_length", 0);
  v->max_length = qn_attr_int(s, "max_gram_length", 0);
  v->max_skip = qn_attr_int(s, "max_skip_count", 0);
  v->columns = qn_ml_ints(s, "ngram_indexes", &v->n_grams);
  v->weights = mode ? qn_ml_floats(s, "weights", &n_weights) : NULL;
  v->presence = mode == 1;
  qn_ml_ints(s, "ngram_counts", &n_counts);
  if (n_counts > MAX_LENGTH) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "n-grams of up to %zu tokens; at most %d are supported", n_counts, MAX_LENGTH);
  if (v->min_length < 1 || v->max_length < v->min_length || (uint64_t)v->max_length > n_counts)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "n-grams of %lld to %lld tokens are asked for, ngram_counts has %zu elements", (long long)v->min_length,
                        (long long)v->max_length, n_counts);
  if (v->max_skip < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "max_skip_count is %lld; 0 or more is expected", (long long)v->max_skip);
  if (!v->n_grams || v->n_grams > INT32_MAX || pool.count > INT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "ngram_indexes has %zu elements", v->n_grams);
  for (size_t i = 0; i < v->n_grams; i++) {
    if (v->columns[i] < 0 || v->columns[i] >= UINT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "ngram_indexes[%zu] is %lld", i, (long long)v->columns[i]);
    if (v->columns[i] >= v->width) v->width = v->columns[i] + 1;
  }
  if (v->weights) QN_TRY(qn_ml_expect(s, "weights", n_weights, v->n_grams));
  QN_TRY(qn_ml_lookup_labels(s, &pool, &v->tokens));
  v->levels = qn_keep_block(s, n_counts * sizeof *v->levels);
  if (!v->levels) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the n-grams");
  return build(s, v, (size_t)pool.count, n_counts);
}

static qn_status plan(qn_step *s) {
  if (!s->kept) QN_TRY(prepare(s)); /* folding of constants comes before packing */
  const vectorizer *v = s->kept;
  QN_TRY(qn_check_type(s, 0, v->tokens.text ? QN_TYPE_BIT(QN_STRING) : QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_INT64)));
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  if (x->rank > 2) return qn_step_fail(s, QN_ERR_SHAPE, "input 0 has shape %s; [C] or [N, C] is expected", qn_shape_text(text, x->rank, x->dims));
  const int64_t dims[2] = {x->rank == 2 ? x->dims[0] : v->width, v->width}, columns = x->rank ? x->dims[x->rank - 1] : 1;
  s->scratch_size = (size_t)columns * sizeof(int32_t); /* one row's tokens */
  return qn_out_shape(s, 0, QN_FLOAT, x->rank == 2 ? 2 : 1, dims);
}

/* n-grams of one row whose tokens are `distance` apart, `least` or more of them. */
static void count_row(const vectorizer *v, const int32_t *token, int64_t columns, int64_t distance, int64_t least, float *y) {
  for (int64_t start = 0; least - 1 <= (columns - 1 - start) / distance && start < columns; start++) {
    uint64_t node = 0;
    for (int64_t length = 1, at = start; length <= v->max_length && at < columns && token[at] >= 0; length++, at += distance) {
      const level *l = &v->levels[length - 1];
      const int64_t next = qn_lookup_number(&l->next, node << 32 | (uint32_t)token[at]);
      if (next < 0) break;
      node = (uint64_t)next;
      const int32_t gram = l->gram[next];
      if (gram < 0 || length < least) continue;
      float *to = y + v->columns[gram];
      const float weight = v->weights ? v->weights[gram] : 1;
      *to = v->presence ? weight : *to + weight;
    }
  }
}

static qn_status run(qn_step *s) {
  const vectorizer *v = s->kept;
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const int64_t columns = x->rank ? x->dims[x->rank - 1] : 1, rows = x->rank == 2 ? x->dims[0] : 1;
  const int64_t reach = v->max_skip < columns ? v->max_skip + 1 : columns; /* distances beyond the row find nothing */
  int32_t *token = s->scratch;
  if (!y) return QN_OK;
  memset(y->data, 0, qn_tensor_bytes(y));
  for (int64_t r = 0; r < rows; r++) {
    float *out = (float *)y->data + r * v->width;
    for (int64_t i = 0; i < columns; i++) token[i] = (int32_t)token_of(v, x, r * columns + i);
    for (int64_t distance = 1; distance <= reach; distance++) /* single tokens know no distance: they are counted once */
      count_row(v, token, columns, distance, distance > 1 && v->min_length == 1 ? 2 : v->min_length, out);
  }
  return QN_OK;
}

const qn_op qn_op_tfidf_vectorizer = {.domain = "", .name = "TfIdfVectorizer", .since = 9, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                      .plan = plan, .run = run, .prepare = prepare};
