/* ai.onnx.ml FeatureVectorizer, ArrayFeatureExtractor: columns put together, columns taken out. */
#include <string.h>

#include "kernel/cast.h"
#include "op/ml.h"

/* ---- FeatureVectorizer: as in onnxruntime, an input wider than its entry in inputdimensions is cut off, a narrower one is
 * followed by zeros ---- */

static int64_t rows_of(const qn_tensor *x) { return x->rank <= 1 ? 1 : x->dims[0]; }
static int64_t width_of(const qn_step *s, int i) {
  const qn_tensor *x = qn_in(s, i);
  size_t count;
  const int64_t *widths = qn_ml_ints(s, "inputdimensions", &count);
  if (widths) return widths[i];
  return x->rank <= 1 ? x->count : rows_of(x) ? x->count / rows_of(x) : 0;
}

static qn_status plan_vectorizer(qn_step *s) {
  int64_t dims[2] = {0, 0};
  size_t count;
  if (qn_ml_ints(s, "inputdimensions", &count)) QN_TRY(qn_ml_expect(s, "inputdimensions", count, (size_t)s->n_in));
  for (int i = 0; i < s->n_in; i++) {
    QN_TRY(qn_check_type(s, i, QN_ML_TYPES));
    const int64_t rows = rows_of(qn_in(s, i)), width = width_of(s, i);
    if (i == 0) dims[0] = rows;
    if (rows != dims[0]) return qn_step_fail(s, QN_ERR_SHAPE, "input %d has %lld rows, input 0 has %lld", i, (long long)rows, (long long)dims[0]);
    if (width < 0 || __builtin_add_overflow(dims[1], width, &dims[1])) return qn_step_fail(s, QN_ERR_ARGUMENT, "inputdimensions[%d] is %lld", i, (long long)width);
  }
  return qn_out_shape(s, 0, QN_FLOAT, 2, dims);
}

static qn_status run_vectorizer(qn_step *s) {
  const qn_tensor *y = qn_out(s, 0);
  if (!y || y->count == 0) return QN_OK;
  memset(y->data, 0, qn_tensor_bytes(y));
  int64_t offset = 0;
  for (int i = 0; i < s->n_in; i++) {
    const qn_tensor *x = qn_in(s, i);
    const int64_t rows = y->dims[0], columns = x->count / rows, width = width_of(s, i);
    for (int64_t r = 0; r < rows; r++)
      qn_cast(x->dtype, (const char *)x->data + (size_t)(r * columns) * qn_dtype_size(x->dtype), QN_FLOAT, (float *)y->data + r * y->dims[1] + offset,
              (size_t)(columns < width ? columns : width), (qn_cast_mode){0});
    offset += width;
  }
  return QN_OK;
}

/* ---- ArrayFeatureExtractor ---- */

static qn_status plan_extractor(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ML_TYPES | QN_TYPE_BIT(QN_STRING)));
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(QN_INT64)));
  const qn_tensor *x = qn_in(s, 0);
  if (x->rank == 0 || qn_in(s, 1)->count == 0) return qn_step_fail(s, QN_ERR_SHAPE, x->rank ? "there are no indices" : "input 0 is a scalar");
  int64_t dims[QN_MAX_RANK] = {1};
  for (int d = 0; d < x->rank - 1; d++) dims[d] = x->dims[d];
  const int rank = x->rank == 1 ? 2 : x->rank;
  dims[rank - 1] = qn_in(s, 1)->count;
  return qn_out_shape(s, 0, x->dtype, rank, dims);
}

static qn_status run_extractor(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const int64_t *index = qn_in(s, 1)->data, n = qn_in(s, 1)->count, columns = x->dims[x->rank - 1];
  for (int64_t i = 0; i < n; i++)
    if (index[i] < 0 || index[i] >= columns)
      return qn_step_fail(s, QN_ERR_RANGE, "index %lld is out of range for %lld columns", (long long)index[i], (long long)columns);
  if (!y) return QN_OK;
  const size_t size = qn_dtype_size(x->dtype);
  const char *from = x->data;
  char *to = y->data;
  for (int64_t rows = y->count / n; rows > 0; rows--, from += (size_t)columns * size)
    for (int64_t i = 0; i < n; i++, to += size) memcpy(to, from + (size_t)index[i] * size, size);
  return QN_OK;
}

const qn_op qn_op_feature_vectorizer = {.domain = "ai.onnx.ml", .name = "FeatureVectorizer", .since = 1, .min_in = 1, .max_in = -1, .min_out = 1, .max_out = 1,
                                        .plan = plan_vectorizer, .run = run_vectorizer};
const qn_op qn_op_array_feature_extractor = {.domain = "ai.onnx.ml", .name = "ArrayFeatureExtractor", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1,
                                             .max_out = 1, .plan = plan_extractor, .run = run_extractor};
