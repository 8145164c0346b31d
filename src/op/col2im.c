/* Col2Im: blocks that overlap, added up where they lie in the image. CenterCropPad. ImageScaler. */
#include <string.h>

#include "op/wide.h"

typedef struct blocks {
  int rank;
  int64_t image[QN_MAX_RANK], block[QN_MAX_RANK], count[QN_MAX_RANK], stride[QN_MAX_RANK], dilation[QN_MAX_RANK], pad[2 * QN_MAX_RANK];
  int64_t points, n, plane;    /* of a block, blocks, of the image */
} blocks;

static qn_status blocks_of(const qn_step *s, const int64_t *image, const int64_t *block, int rank, blocks *b) {
  *b = (blocks){.rank = rank, .points = 1, .n = 1, .plane = 1};
  int strides = qn_attr_ints(s, "strides", b->stride, rank), dilations = qn_attr_ints(s, "dilations", b->dilation, rank), pads = qn_attr_ints(s, "pads", b->pad, 2 * rank);
  if ((strides >= 0 && strides != rank) || (dilations >= 0 && dilations != rank) || (pads >= 0 && pads != 2 * rank))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "strides, dilations or pads do not fit an image of %d dimensions", rank);
  for (int d = 0; d < rank; d++) {
    if (strides < 0) b->stride[d] = 1;
    if (dilations < 0) b->dilation[d] = 1;
    const int64_t all[] = {image[d], block[d], b->stride[d], b->dilation[d], b->pad[d] + 1, b->pad[d + rank] + 1};
    for (int k = 0; k < 6; k++)
      if (all[k] < 1 || all[k] > INT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "a size, stride, dilation or pad along dimension %d is out of range", d);
    b->image[d] = image[d];
    b->block[d] = block[d];
    int64_t room = image[d] + b->pad[d] + b->pad[d + rank] - (block[d] - 1) * b->dilation[d] - 1;
    b->count[d] = room < 0 ? 0 : room / b->stride[d] + 1;
    if (__builtin_mul_overflow(b->points, block[d], &b->points) || __builtin_mul_overflow(b->n, b->count[d], &b->n) || __builtin_mul_overflow(b->plane, image[d], &b->plane))
      return qn_step_fail(s, QN_ERR_SHAPE, "the image is too large");
  }
  return QN_OK;
}

static qn_status plan_col2im(qn_step *s) {
  int64_t image[QN_MAX_RANK - 2], block[QN_MAX_RANK - 2], dims[QN_MAX_RANK];
  int rank, again;
  char text[QN_SHAPE_TEXT];
  blocks b;
  QN_TRY(qn_check_type(s, 0, QN_REAL_TYPES));
  QN_TRY(qn_need_ints(s, 1, image, QN_MAX_RANK - 2, &rank));
  QN_TRY(qn_need_ints(s, 2, block, QN_MAX_RANK - 2, &again));
  const qn_tensor *x = qn_in(s, 0);
  if (rank < 1 || again < 1) return qn_step_fail(s, QN_ERR_SHAPE, "%s is missing or empty", rank < 1 ? "image_shape" : "block_shape");
  if (rank != again) return qn_step_fail(s, QN_ERR_SHAPE, "image_shape has %d numbers and block_shape %d", rank, again);
  QN_TRY(blocks_of(s, image, block, rank, &b));
  if (qn_dtype_size(x->dtype) == 0 || x->rank != 3 || x->dims[1] % b.points || x->dims[2] != b.n)
    return qn_step_fail(s, QN_ERR_SHAPE, "the input has shape %s; [batch, channels * %lld, %lld] is expected", qn_shape_text(text, x->rank, x->dims), (long long)b.points, (long long)b.n);
  dims[0] = x->dims[0];
  dims[1] = x->dims[1] / b.points;
  memcpy(dims + 2, image, (size_t)rank * sizeof(int64_t));
  qn_room r = {0};
  qn_room_take(&r, (size_t)b.plane, 8);
  qn_room_take(&r, (size_t)b.n, 8);
  QN_TRY(qn_room_done(s, &r));
  return qn_out_shape(s, 0, x->dtype, rank + 2, dims);
}

static qn_status run_col2im(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  int64_t block[QN_MAX_RANK];
  blocks b;
  if (y->count == 0) return QN_OK;
  for (int d = 0; d < y->rank - 2; d++) block[d] = qn_index_at(qn_in(s, 2), d);
  QN_TRY(blocks_of(s, y->dims + 2, block, y->rank - 2, &b));
  bool whole = !qn_dtype_of(x->dtype)->is_float;
  qn_compute c = whole ? QN_IN_I64 : QN_IN_F64;
  qn_room r = {.base = s->scratch};
  void *sum = qn_room_take(&r, (size_t)b.plane, 8), *row = qn_room_take(&r, (size_t)b.n, 8);
  for (int64_t plane = 0; plane < y->dims[0] * y->dims[1]; plane++) {
    memset(sum, 0, (size_t)b.plane * 8);
    for (int64_t k = 0; k < b.points; k++) {
      qn_load(c, x->dtype, x->data, (size_t)((plane * b.points + k) * b.n), (size_t)b.n, row);
      for (int64_t i = 0; i < b.n; i++) {
        int64_t point = k, number = i, at = 0, step = 1;
        bool inside = true;
        for (int d = b.rank; d-- > 0; point /= b.block[d], number /= b.count[d]) {
          int64_t index = number % b.count[d] * b.stride[d] - b.pad[d] + point % b.block[d] * b.dilation[d];
          inside = inside && index >= 0 && index < b.image[d];
          at += index * step;
          step *= b.image[d];
        }
        if (!inside) continue;
        if (whole) ((uint64_t *)sum)[at] += ((const uint64_t *)row)[i];
        else ((double *)sum)[at] += ((const double *)row)[i];
      }
    }
    qn_store(c, y->dtype, y->data, (size_t)(plane * b.plane), (size_t)b.plane, sum, (qn_cast_mode){0});
  }
  return QN_OK;
}

static qn_status plan_center(qn_step *s) {
  int64_t axes[QN_MAX_RANK], shape[QN_MAX_RANK], dims[QN_MAX_RANK];
  int count, sizes;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  QN_TRY(qn_axes(s, "axes", -1, axes, &count));
  QN_TRY(qn_need_ints(s, 1, shape, QN_MAX_RANK, &sizes));
  if (sizes != (count < 0 ? x->rank : count)) return qn_step_fail(s, QN_ERR_SHAPE, "the shape has %d sizes for %d axes", sizes, count < 0 ? x->rank : count);
  memcpy(dims, x->dims, sizeof dims);
  for (int i = 0; i < sizes; i++) {
    int axis;
    QN_TRY(qn_axis_plain(s, count < 0 ? i : axes[i], x->rank, &axis));
    dims[axis] = shape[i];
  }
  return qn_out_shape(s, 0, x->dtype, x->rank, dims);
}

static qn_status run_center(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  int64_t from[QN_MAX_RANK], to[QN_MAX_RANK], dims[QN_MAX_RANK], x_at = 0, y_at = 0;
  if (y->count == 0) return QN_OK;
  memset(y->data, 0, qn_tensor_bytes(y));
  qn_strides(x->rank, x->dims, from);
  qn_strides(y->rank, y->dims, to);
  for (int d = 0; d < x->rank; d++) {
    int64_t more = y->dims[d] - x->dims[d];
    dims[d] = more > 0 ? x->dims[d] : y->dims[d];
    if (more > 0) y_at += more / 2 * to[d];
    else x_at += -more / 2 * from[d];
  }
  if (x->count) qn_copy_strided(qn_bits(x), x->rank, dims, x->data, x_at, from, y->data, y_at, to);
  return QN_OK;
}

static qn_status plan_scaler(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0);
  const qn_attr *bias = qn_attr_find(s, "bias", QN_ATTR_FLOATS);
  if (x->rank != 4 || (bias && (int64_t)bias->count < x->dims[1]))
    return qn_step_fail(s, QN_ERR_SHAPE, "an input of rank %d with a bias of %zu numbers; [batch, channels, height, width] and one per channel are expected", x->rank,
                        bias ? bias->count : 0);
  return qn_out_like(s, 0, x);
}

static qn_status run_scaler(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const qn_attr *bias = qn_attr_find(s, "bias", QN_ATTR_FLOATS);
  float scale = qn_attr_float(s, "scale", 1);
  int64_t plane = qn_product(x->dims + 2, 2);
  for (int64_t i = 0; i < x->count; i++) qn_put_double(qn_out(s, 0), i, qn_double_at(x, i) * scale + (bias ? bias->floats[i / plane % x->dims[1]] : 0.0f));
  return QN_OK;
}

const qn_op qn_op_col2im = {.domain = "", .name = "Col2Im", .since = 18, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                            .plan = plan_col2im, .run = run_col2im};
const qn_op qn_op_center_crop_pad = {.domain = "", .name = "CenterCropPad", .since = 18, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                                     .plan = plan_center, .run = run_center};
const qn_op qn_op_image_scaler = {.domain = "", .name = "ImageScaler", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                  .plan = plan_scaler, .run = run_scaler};
