/* RoiAlign, MaxRoiPool: a grid of values out of each region of interest. */
#include <math.h>
#include <string.h>

#include "kernel/taps.h"
#include "op/wide.h"

enum { MOST_SAMPLES = 1024 }; /* of sampling_ratio, squared per value: more is a mistake, and a way to keep the page busy */

static qn_status plan_regions(qn_step *s, int columns, int64_t height, int64_t width) {
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  for (int i = 0; i < 2; i++) QN_TRY(qn_check_type(s, i, QN_FLOATS));
  QN_TRY(qn_same_type(s, 0, 1));
  const qn_tensor *x = qn_in(s, 0), *rois = qn_in(s, 1);
  if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != columns)
    return qn_step_fail(s, QN_ERR_SHAPE, "an input of shape %s and regions of %s; [batch, channels, height, width] and [regions, %d] are expected",
                        qn_shape_text(a, x->rank, x->dims), qn_shape_text(b, rois->rank, rois->dims), columns);
  if (height < 1 || width < 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "each region becomes %lld x %lld values; at least one is expected", (long long)height, (long long)width);
  s->scratch_size = (size_t)x->dims[1] * sizeof(double);
  int64_t dims[4] = {rois->dims[0], x->dims[1], height, width};
  return qn_out_shape(s, 0, x->dtype, 4, dims);
}

static qn_status batch_of(const qn_step *s, double given, int64_t *batch) {
  int64_t n = qn_in(s, 0)->dims[0];
  if (!(given >= 0 && given < (double)n)) return qn_step_fail(s, QN_ERR_RANGE, "a region lies in picture %g of %lld", given, (long long)n);
  *batch = (int64_t)given;
  return QN_OK;
}

static qn_status plan_align(qn_step *s) {
  const char *mode = qn_attr_text(s, "mode", "avg"), *way = qn_attr_text(s, "coordinate_transformation_mode", "half_pixel");
  if (strcmp(mode, "avg") && strcmp(mode, "max")) return qn_step_fail(s, QN_ERR_ARGUMENT, "mode is '%s'; 'avg' or 'max' is expected", mode);
  if (strcmp(way, "half_pixel") && strcmp(way, "output_half_pixel"))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "coordinate_transformation_mode is '%s'; 'half_pixel' or 'output_half_pixel' is expected", way);
  int64_t samples = qn_attr_int(s, "sampling_ratio", 0);
  if (samples > MOST_SAMPLES) return qn_step_fail(s, QN_ERR_ARGUMENT, "sampling_ratio is %lld; at most %d is expected", (long long)samples, MOST_SAMPLES);
  QN_TRY(plan_regions(s, 4, qn_attr_int(s, "output_height", 1), qn_attr_int(s, "output_width", 1)));
  QN_TRY(qn_check_type(s, 2, QN_INDEX_TYPES));
  if (qn_in(s, 2)->rank != 1 || qn_in(s, 2)->count != qn_in(s, 1)->dims[0])
    return qn_step_fail(s, QN_ERR_SHAPE, "batch_indices has %lld elements and rank %d; [%lld], one for each region, is expected", (long long)qn_in(s, 2)->count, qn_in(s, 2)->rank,
                        (long long)qn_in(s, 1)->dims[0]);
  return QN_OK;
}

/* Samples of one bin along one axis: `count` of them, of which only [first, last) can lie near the picture. */
typedef struct samples { double start, step, count; int64_t first, last; } samples;

static samples along(double start, double bin, int64_t ratio, double regions_per_axis, int64_t size) {
  samples a = {.start = start, .count = ratio > 0 ? (double)ratio : ceil(regions_per_axis)};
  if (!(a.count >= 1) || !(a.count < 1e15) || !(fabs(start) < 1e15)) return a; /* no samples: a region of no size, or no region at all */
  a.step = bin / a.count;
  double low = 0, high = a.count;
  if (a.step > 0) {
    low = floor((-1 - start) / a.step) - 1;
    high = ceil(((double)size - start) / a.step) + 1;
  }
  a.first = low > 0 ? (int64_t)(low < a.count ? low : a.count) : 0;
  a.last = high < a.count ? (int64_t)(high > 0 ? high : 0) : (int64_t)a.count;
  return a;
}

/* A sample's two neighbours along one axis; false outside. */
static bool neighbours(double v, int64_t size, int64_t at[2], double weight[2]) {
  if (!(v >= -1 && v <= (double)size)) return false;
  if (v < 0) v = 0;
  at[0] = (int64_t)v;
  if (at[0] >= size - 1) {
    at[0] = at[1] = size - 1;
    v = (double)at[0];
  } else at[1] = at[0] + 1;
  weight[1] = v - (double)at[0];
  weight[0] = 1 - weight[1];
  return true;
}

static qn_status run_align(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *rois = qn_in(s, 1);
  qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  double *value = s->scratch, scale = qn_attr_float(s, "spatial_scale", 1);
  bool max = qn_attr_text(s, "mode", "avg")[0] == 'm';
  bool half = s->opset >= 16 && qn_attr_text(s, "coordinate_transformation_mode", "half_pixel")[0] == 'h';
  int64_t ratio = qn_attr_int(s, "sampling_ratio", 0), channels = y->dims[1], h = x->dims[2], w = x->dims[3];
  for (int64_t r = 0; r < y->dims[0]; r++) {
    double corner[4], size[2];
    int64_t batch;
    QN_TRY(batch_of(s, (double)qn_index_at(qn_in(s, 2), r), &batch));
    for (int k = 0; k < 4; k++) corner[k] = qn_double_at(rois, 4 * r + k) * scale - (half ? 0.5 : 0);
    for (int k = 0; k < 2; k++) {
      size[k] = corner[k + 2] - corner[k];
      if (!half && !(size[k] > 1)) size[k] = 1; /* malformed regions become one point */
    }
    double bin_w = size[0] / (double)y->dims[3], bin_h = size[1] / (double)y->dims[2];
    for (int64_t bin = 0; bin < y->dims[2] * y->dims[3]; bin++) {
      samples v = along(corner[1] + (double)(bin / y->dims[3]) * bin_h, bin_h, ratio, bin_h, h);
      samples u = along(corner[0] + (double)(bin % y->dims[3]) * bin_w, bin_w, ratio, bin_w, w);
      bool first = v.first == 0 && u.first == 0 && (double)v.last >= v.count && (double)u.last >= u.count; /* else some samples are 0 */
      for (int64_t c = 0; c < channels; c++) value[c] = 0;
      for (int64_t j = v.first; j < v.last; j++)
        for (int64_t i = u.first; i < u.last; i++) {
          int64_t row[2], column[2];
          double of_row[2], of_column[2];
          bool inside = h && w && neighbours(v.start + ((double)j + 0.5) * v.step, h, row, of_row) &&
                        neighbours(u.start + ((double)i + 0.5) * u.step, w, column, of_column);
          qn_tap taps[4];
          for (int k = 0; inside && k < 4; k++) taps[k] = (qn_tap){row[k / 2] * w + column[k % 2], of_row[k / 2] * of_column[k % 2]};
          for (int64_t c = 0; (inside || max) && c < channels; c++) {
            int64_t base = (batch * channels + c) * h * w;
            double best = 0;
            if (!max) {
              value[c] += qn_taps_sum(x->dtype, x->data, base, taps, 4);
              continue;
            }
            for (int k = 0; inside && k < 4; k++) { /* as onnxruntime has it: the largest weighted neighbour, not interpolated value */
              double one = taps[k].weight * qn_double_at(x, base + taps[k].at);
              best = k == 0 || one > best ? one : best;
            }
            value[c] = first || best > value[c] ? best : value[c];
          }
          first = false;
        }
      double count = v.count * u.count;
      for (int64_t c = 0; c < channels; c++)
        qn_put_double(y, (r * channels + c) * y->dims[2] * y->dims[3] + bin, max || !(count > 1) ? value[c] : value[c] / count);
    }
  }
  return QN_OK;
}

static qn_status plan_max(qn_step *s) {
  int64_t shape[2];
  int n = qn_attr_ints(s, "pooled_shape", shape, 2);
  if (n != 2) return qn_step_fail(s, QN_ERR_ARGUMENT, "pooled_shape has %d numbers; 2 are expected", n < 0 ? 0 : n);
  return plan_regions(s, 5, shape[0], shape[1]);
}

/* Rows or columns of bin k out of n between two rounded corners, cut to the picture. */
static void bin_of(double from, double to, int64_t k, int64_t n, int64_t size, int64_t *first, int64_t *last) {
  double low = round(from), length = round(to) - low + 1, bin = (length > 1 ? length : 1) / (double)n;
  double a = floor((double)k * bin) + low, b = ceil((double)(k + 1) * bin) + low;
  *first = a > 0 ? (int64_t)(a < (double)size ? a : (double)size) : 0;
  *last = b > 0 ? (int64_t)(b < (double)size ? b : (double)size) : 0;
}

/* Girshick, "Fast R-CNN", 2015, section 2.1; corners inclusive, rounded, as in Caffe's layer. */
static qn_status run_max(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *rois = qn_in(s, 1);
  qn_tensor *y = qn_out(s, 0);
  double scale = qn_attr_float(s, "spatial_scale", 1);
  int64_t channels = y->dims[1], rows = y->dims[2], columns = y->dims[3], h = x->dims[2], w = x->dims[3];
  for (int64_t r = 0; r < y->dims[0]; r++) {
    double corner[4];
    int64_t batch;
    QN_TRY(batch_of(s, qn_double_at(rois, 5 * r), &batch));
    for (int k = 0; k < 4; k++) {
      corner[k] = qn_double_at(rois, 5 * r + 1 + k) * scale;
      if (!(fabs(corner[k]) < 1e15)) return qn_step_fail(s, QN_ERR_RANGE, "region %lld has a corner at %g", (long long)r, corner[k]);
    }
    for (int64_t bin = 0; bin < rows * columns; bin++) {
      int64_t top, bottom, left, right;
      bin_of(corner[1], corner[3], bin / columns, rows, h, &top, &bottom);
      bin_of(corner[0], corner[2], bin % columns, columns, w, &left, &right);
      for (int64_t c = 0; c < channels; c++) {
        double best = 0;
        for (int64_t j = top; j < bottom; j++)
          for (int64_t i = left; i < right; i++) {
            double v = qn_double_at(x, ((batch * channels + c) * h + j) * w + i);
            if ((j == top && i == left) || v > best) best = v;
          }
        qn_put_double(y, (r * channels + c) * rows * columns + bin, best);
      }
    }
  }
  return QN_OK;
}

const qn_op qn_op_roi_align = {.domain = "", .name = "RoiAlign", .since = 10, .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,
                               .plan = plan_align, .run = run_align};
const qn_op qn_op_max_roi_pool = {.domain = "", .name = "MaxRoiPool", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                                  .plan = plan_max, .run = run_max};
