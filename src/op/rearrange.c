/* Trilu, ReverseSequence, DepthToSpace, SpaceToDepth. */
#include <string.h>

#include "op/axes.h"

static qn_status plan_trilu(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  if (x->rank < 2) return qn_step_fail(s, QN_ERR_SHAPE, "the input has rank %d, expected 2 or more", x->rank);
  if (qn_in(s, 1)) {
    QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(QN_INT64)));
    if (qn_in(s, 1)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "k is not a scalar");
  }
  return qn_out_like(s, 0, x);
}

static qn_status run_trilu(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  bool upper = qn_attr_int(s, "upper", 1) != 0;
  if (y->count == 0) return QN_OK;
  int64_t k = qn_in(s, 1) ? *(const int64_t *)qn_in(s, 1)->data : 0;
  int64_t rows = x->dims[x->rank - 2], n = x->dims[x->rank - 1], total = x->count / n;
  k = k > n ? n : k < -rows ? -rows : k;
  const uint64_t zero[2] = {0, 0}; /* of strings: empty */
  for (int64_t r = 0; r < total; r++) {
    /* The diagonal of row i is column i + k: an upper triangle keeps from there, a lower one up to and with it. */
    int64_t at = r * n, cut = r % rows + k + (upper ? 0 : 1);
    cut = cut < 0 ? 0 : cut > n ? n : cut;
    qn_copy_run(qn_bits(x), x->data, upper ? at + cut : at, y->data, upper ? at + cut : at, upper ? n - cut : cut);
    qn_fill_run(qn_bits(x), zero, 0, y->data, upper ? at : at + cut, upper ? cut : n - cut);
  }
  return QN_OK;
}

static qn_status plan_reverse(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(QN_INT64)));
  const qn_tensor *x = qn_in(s, 0), *lengths = qn_in(s, 1);
  int64_t batch = qn_attr_int(s, "batch_axis", 1), time = qn_attr_int(s, "time_axis", 0);
  if (x->rank < 2 || batch < 0 || batch > 1 || time != 1 - batch)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "batch_axis %lld and time_axis %lld must be the first two of an input of rank 2 or more",
                        (long long)batch, (long long)time);
  if (lengths->rank != 1 || lengths->dims[0] != x->dims[batch])
    return qn_step_fail(s, QN_ERR_SHAPE, "%lld lengths for a batch of %lld", (long long)lengths->count, (long long)x->dims[batch]);
  return qn_out_like(s, 0, x);
}

static qn_status run_reverse(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *lengths = qn_in(s, 1);
  bool batch_first = qn_attr_int(s, "batch_axis", 1) == 0;
  if (x->count == 0) return QN_OK;
  int64_t batches = x->dims[!batch_first], times = x->dims[batch_first], inner = qn_product(x->dims + 2, x->rank - 2);
  for (int64_t b = 0; b < batches; b++) {
    int64_t length = qn_index_at(lengths, b);
    if (length < 0 || length > times)
      return qn_step_fail(s, QN_ERR_RANGE, "length %lld of a sequence of %lld", (long long)length, (long long)times);
    for (int64_t t = 0; t < times; t++) {
      int64_t from = t < length ? length - 1 - t : t;
      int64_t x_at = batch_first ? b * times + from : from * batches + b, y_at = batch_first ? b * times + t : t * batches + b;
      qn_copy_run(qn_bits(x), x->data, x_at * inner, qn_out(s, 0)->data, y_at * inner, inner);
    }
  }
  return QN_OK;
}

static bool to_space(const qn_step *s) { return s->op->name[0] == 'D'; }

/* Both move blocks between channels and space: six dimensions change places. */
static qn_status plan_blocks(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  int64_t b = qn_attr_int(s, "blocksize", 0), dims[4];
  if (x->rank != 4) return qn_step_fail(s, QN_ERR_SHAPE, "the input has rank %d, expected 4", x->rank);
  if (b < 1 || b > 65536) return qn_step_fail(s, QN_ERR_ARGUMENT, "blocksize is %lld; 1 to 65536 is expected", (long long)b);
  const char *mode = qn_attr_text(s, "mode", "DCR");
  if (strcmp(mode, "DCR") && strcmp(mode, "CRD")) return qn_step_fail(s, QN_ERR_ARGUMENT, "mode is '%s'; 'DCR' or 'CRD' is expected", mode);
  int c = s->channels_last ? 3 : 1, h = s->channels_last ? 1 : 2;
  memcpy(dims, x->dims, sizeof dims);
  bool fits = to_space(s) ? dims[c] % (b * b) == 0 : dims[h] % b == 0 && dims[h + 1] % b == 0;
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "%lld channels of %lld x %lld do not divide into blocks of %lld", (long long)dims[c],
                        (long long)dims[h], (long long)dims[h + 1], (long long)b);
  if (to_space(s)) {
    dims[c] /= b * b;
    fits = !__builtin_mul_overflow(dims[h], b, &dims[h]) && !__builtin_mul_overflow(dims[h + 1], b, &dims[h + 1]);
  } else {
    fits = !__builtin_mul_overflow(dims[c], b * b, &dims[c]);
    dims[h] /= b;
    dims[h + 1] /= b;
  }
  if (!fits) return qn_step_fail(s, QN_ERR_SHAPE, "the result is too large");
  return qn_out_shape(s, 0, x->dtype, 4, dims);
}

static qn_status run_blocks(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  /* Stated for the tensor with small channels and large space ("wide") and the one with large channels ("deep"). */
  const qn_tensor *wide = to_space(s) ? y : x, *deep = to_space(s) ? x : y;
  int64_t b = qn_attr_int(s, "blocksize", 1), ws[4], ds[4];
  int c = s->channels_last ? 3 : 1, h = s->channels_last ? 1 : 2, w = h + 1;
  bool column_row = strcmp(qn_attr_text(s, "mode", "DCR"), "CRD") == 0;
  int64_t channels = wide->dims[c];
  qn_strides(4, wide->dims, ws);
  qn_strides(4, deep->dims, ds);
  int64_t row = column_row ? b : b * channels, column = column_row ? 1 : channels, depth = column_row ? b * b : 1;
  int64_t dims[6], in_wide[6], in_deep[6];
  int k = 0;
#define DIM(n, wide_stride, deep_stride) dims[k] = n, in_wide[k] = wide_stride, in_deep[k++] = deep_stride
  DIM(wide->dims[0], ws[0], ds[0]);
  if (!s->channels_last) DIM(channels, ws[c], depth * ds[c]);
  DIM(deep->dims[h], b * ws[h], ds[h]);
  DIM(b, ws[h], row * ds[c]);
  DIM(deep->dims[w], b * ws[w], ds[w]);
  DIM(b, ws[w], column * ds[c]);
  if (s->channels_last) DIM(channels, ws[c], depth * ds[c]);
#undef DIM
  qn_copy_strided(qn_bits(x), 6, dims, x->data, 0, to_space(s) ? in_deep : in_wide, y->data, 0, to_space(s) ? in_wide : in_deep);
  return QN_OK;
}

const qn_op qn_op_trilu = {.domain = "", .name = "Trilu", .since = 14, .min_in = 1, .max_in = 2, .min_out = 1, .max_out = 1,
                           .plan = plan_trilu, .run = run_trilu};
const qn_op qn_op_reverse_sequence = {.domain = "", .name = "ReverseSequence", .since = 10, .min_in = 2, .max_in = 2, .min_out = 1,
                                      .max_out = 1, .plan = plan_reverse, .run = run_reverse};
const qn_op qn_op_depth_to_space = {.domain = "", .name = "DepthToSpace", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,
                                    .max_out = 1, .flags = QN_LAYOUT_FOLLOW, .plan = plan_blocks, .run = run_blocks};
const qn_op qn_op_space_to_depth = {.domain = "", .name = "SpaceToDepth", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,
                                    .max_out = 1, .flags = QN_LAYOUT_FOLLOW, .plan = plan_blocks, .run = run_blocks};
