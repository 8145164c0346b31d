/* GatherBlockQuantized of com.microsoft: rows of a table whose blocks have a scale and a zero point each, as floats. */
#include <string.h>

#include "op/axes.h"
#include "op/scratch.h"

#define TABLE_TYPES                                                                                                                       \
  (QN_TYPE_BIT(QN_INT4) | QN_TYPE_BIT(QN_UINT4) | QN_TYPE_BIT(QN_UINT8) | QN_TYPE_BIT(QN_FLOAT8E4M3FN) | QN_TYPE_BIT(QN_FLOAT8E4M3FNUZ) | \
   QN_TYPE_BIT(QN_FLOAT8E5M2) | QN_TYPE_BIT(QN_FLOAT8E5M2FNUZ) | QN_TYPE_BIT(QN_FLOAT4E2M1))

typedef struct table {
  int64_t dims[QN_MAX_RANK]; /* of the numbers, which may be packed in bytes */
  int64_t scale_dims[QN_MAX_RANK];
  int rank, gather, quantize;
  int64_t block;
  int bits; /* of a number within a byte of uint8; else 8 */
} table;

static qn_status plan(qn_step *s) {
  QN_TRY(qn_state(s, sizeof(table)));
  table *t = s->state;
  QN_TRY(qn_check_type(s, 0, TABLE_TYPES));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  QN_TRY(qn_check_type(s, 2, QN_HALVES | QN_TYPE_BIT(QN_FLOAT)));
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1), *scales = qn_in(s, 2), *zeros = qn_in(s, 3);
  const bool whole = !qn_dtype_of(x->dtype)->is_float;
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "gather_axis", 0), x->rank, &t->gather));
  QN_TRY(qn_axis_plain(s, qn_attr_int(s, "quantize_axis", 1), x->rank, &t->quantize));
  int64_t bits = x->dtype == QN_UINT8 ? qn_attr_int(s, "bits", 4) : 8;
  if ((bits != 2 && bits != 4 && bits != 8) || (x->dtype == QN_UINT8 && t->gather != 0))
    return qn_step_fail(s, QN_ERR_UNSUPPORTED, "%lld bits gathered along axis %d; uint8 holds 2, 4 or 8 and is gathered along axis 0", (long long)bits, t->gather);
  t->bits = (int)bits;
  t->rank = x->rank;
  memcpy(t->dims, x->dims, sizeof t->dims);
  t->dims[x->rank - 1] *= 8 / bits;
  t->block = qn_attr_int(s, "block_size", 128);
  if (t->block == 0 && !whole) t->block = t->dims[t->quantize] ? t->dims[t->quantize] : 1;
  if (t->block < 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "block_size is %lld; 1 or more is expected", (long long)t->block);
  bool fits = scales->rank == x->rank;
  for (int d = 0; fits && d < x->rank; d++) {
    int64_t want = d != t->quantize ? t->dims[d] : t->dims[d] ? (t->dims[d] - 1) / t->block + 1 : 0;
    t->scale_dims[d] = scales->dims[d];
    fits = scales->dims[d] == want || (!whole && d != t->quantize && scales->dims[d] == 1);
  }
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  if (!fits)
    return qn_step_fail(s, QN_ERR_SHAPE, "scales of shape %s do not fit blocks of %lld in %s", qn_shape_text(a, scales->rank, scales->dims), (long long)t->block, qn_shape_text(b, t->rank, t->dims));
  if (zeros) {
    QN_TRY(qn_check_type(s, 3, QN_TYPE_BIT(x->dtype)));
    int64_t last = scales->dims[x->rank - 1], packed = (last + 8 / bits - 1) / (8 / bits);
    if (!whole || zeros->rank != x->rank || zeros->dims[x->rank - 1] != packed || zeros->count * last != scales->count * packed)
      return qn_step_fail(s, QN_ERR_SHAPE, "zero points of shape %s do not fit scales of shape %s", qn_shape_text(a, zeros->rank, zeros->dims), qn_shape_text(b, scales->rank, scales->dims));
  }
  int64_t dims[2 * QN_MAX_RANK];
  int rank = t->gather;
  memcpy(dims, t->dims, sizeof t->dims);
  for (int i = 0; i < index->rank; i++) dims[rank++] = index->dims[i];
  for (int i = t->gather + 1; i < t->rank; i++) dims[rank++] = t->dims[i];
  return qn_out_shape(s, 0, scales->dtype, rank, dims);
}

static float number_at(const qn_tensor *x, int bits, int64_t last, int64_t i) {
  float v;
  if (bits == 8) {
    qn_load(QN_IN_F32, x->dtype, x->data, (size_t)i, 1, &v);
    return v;
  }
  int64_t per = 8 / bits, packed = (last + per - 1) / per, column = i % last; /* each row starts a byte */
  return (float)(((const uint8_t *)x->data)[i / last * packed + column / per] >> (column % per * bits) & ((1 << bits) - 1));
}

static qn_status run(qn_step *s) {
  const table *t = s->state;
  const qn_tensor *x = qn_in(s, 0), *index = qn_in(s, 1), *scales = qn_in(s, 2), *zeros = qn_in(s, 3), *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  const int last = t->rank - 1;
  const int64_t outer = qn_product(t->dims, t->gather), size = t->dims[t->gather], inner = qn_product(t->dims + t->gather + 1, last - t->gather);
  const float middle = x->dtype == QN_UINT8 ? (float)(1 << (t->bits - 1)) : 0;
  int64_t strides[QN_MAX_RANK], to = 0;
  qn_strides(t->rank, t->scale_dims, strides);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t k = 0; k < index->count; k++) {
      int64_t at = qn_index_at(index, k);
      if (at < 0) at += size;
      const bool inside = at >= 0 && at < size; /* onnxruntime gives zeros for other rows */
      for (int64_t i = 0; i < inner; i++, to++) {
        float v = 0;
        if (inside) {
          int64_t from = (o * size + at) * inner + i, rest = from, scale_at = 0;
          for (int d = last; d >= 0; d--) {
            int64_t c = rest % t->dims[d];
            rest /= t->dims[d];
            if (d == t->quantize) c /= t->block;
            if (t->scale_dims[d] > 1) scale_at += c * strides[d];
          }
          float scale, zero = zeros ? number_at(zeros, t->bits, t->scale_dims[last], scale_at) : middle;
          qn_load(QN_IN_F32, scales->dtype, scales->data, (size_t)scale_at, 1, &scale);
          v = (number_at(x, t->bits, t->dims[last], from) - zero) * scale;
        }
        qn_store(QN_IN_F32, y->dtype, y->data, (size_t)to, 1, &v, (qn_cast_mode){0});
      }
    }
  return QN_OK;
}

const qn_op qn_op_gather_block_quantized = {.domain = "com.microsoft", .name = "GatherBlockQuantized", .since = 1, .min_in = 3, .max_in = 4, .min_out = 1, .max_out = 1,
                                            .plan = plan, .run = run};
