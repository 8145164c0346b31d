/* GridSample, AffineGrid: sampling at the places that a grid names, and making such a grid. */
#include <math.h>
#include <string.h>

#include "kernel/taps.h"
#include "op/wide.h"

enum { TOGETHER = 16 /* places whose results lie side by side in each channel */ };

static qn_status grid_of(const qn_step *s, qn_grid *g) {
  static const char *const MODES[] = {"nearest", "linear", "cubic", "nearest", "bilinear", "bicubic"}, *const PADDINGS[] = {"zeros", "border", "reflection"};
  const char *mode = qn_attr_text(s, "mode", "linear"), *padding = qn_attr_text(s, "padding_mode", "zeros");
  int m = 0, p = 0;
  while (m < 6 && strcmp(mode, MODES[m])) m++;
  while (p < 3 && strcmp(padding, PADDINGS[p])) p++;
  if (m == 6) return qn_step_fail(s, QN_ERR_ARGUMENT, "mode is '%s'; 'nearest', 'linear' or 'cubic' is expected", mode);
  if (p == 3) return qn_step_fail(s, QN_ERR_ARGUMENT, "padding_mode is '%s'; 'zeros', 'border' or 'reflection' is expected", padding);
  *g = (qn_grid){(qn_taps_mode)(m % 3), (qn_taps_padding)p, qn_attr_int(s, "align_corners", 0) != 0, qn_in(s, 0)->rank - 2, {0}};
  for (int d = 0; d < g->rank; d++) g->dims[d] = qn_in(s, 0)->dims[d + 2];
  return QN_OK;
}

static qn_status plan_sample(qn_step *s) {
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  qn_grid g;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  QN_TRY(qn_check_type(s, 1, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0), *grid = qn_in(s, 1);
  if (x->rank < 3 || grid->rank != x->rank || grid->dims[0] != x->dims[0] || grid->dims[x->rank - 1] != x->rank - 2)
    return qn_step_fail(s, QN_ERR_SHAPE, "an input of shape %s and a grid of %s; [batch, channels, points…] and [batch, places…, coordinates] are expected",
                        qn_shape_text(a, x->rank, x->dims), qn_shape_text(b, grid->rank, grid->dims));
  QN_TRY(grid_of(s, &g));
  if (qn_dtype_size(x->dtype) == 0 || (g.mode != QN_TAPS_NEAREST && !(QN_REAL_TYPES & QN_TYPE_BIT(x->dtype))))
    return qn_step_fail(s, QN_ERR_TYPE, "elements of type %s cannot be interpolated in mode '%s'", qn_dtype_name(x->dtype), qn_attr_text(s, "mode", "linear"));
  int64_t dims[QN_MAX_RANK] = {x->dims[0], x->dims[1]};
  for (int d = 2; d < x->rank; d++) dims[d] = grid->dims[d - 1];
  s->scratch_size = TOGETHER * qn_taps_most(&g) * sizeof(qn_tap);
  return qn_out_shape(s, 0, x->dtype, x->rank, dims);
}

static qn_status run_sample(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *grid = qn_in(s, 1);
  qn_tensor *y = qn_out(s, 0);
  qn_grid g;
  QN_TRY(grid_of(s, &g));
  if (y->count == 0) return QN_OK;
  const size_t most = qn_taps_most(&g), width = qn_dtype_size(x->dtype);
  const int64_t channels = x->dims[1], plane = qn_product(g.dims, g.rank), places = qn_product(y->dims + 2, g.rank);
  for (int64_t n = 0; n < y->dims[0]; n++)
    for (int64_t first = 0; first < places; first += TOGETHER) {
      const int64_t count = places - first < TOGETHER ? places - first : TOGETHER;
      size_t found[TOGETHER];
      for (int64_t i = 0; i < count; i++) {
        double at[QN_TAPS_RANK];
        for (int d = 0; d < g.rank; d++) { /* x comes first; in float32 for all but double, so that ties in 'nearest' fall as elsewhere */
          double v = qn_double_at(grid, (n * places + first + i + 1) * g.rank - 1 - d), size = (double)g.dims[d];
          if (grid->dtype == QN_DOUBLE) at[d] = g.corners ? (v + 1) / 2 * (size - 1) : ((v + 1) * size - 1) / 2;
          else at[d] = g.corners ? ((float)v + 1) / 2 * ((float)size - 1) : (((float)v + 1) * (float)size - 1) / 2;
        }
        found[i] = qn_taps_at(&g, at, (qn_tap *)s->scratch + (size_t)i * most);
      }
      for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < count; i++) {
          const qn_tap *taps = (const qn_tap *)s->scratch + (size_t)i * most;
          const int64_t from = (n * channels + c) * plane, to = (n * channels + c) * places + first + i;
          if (g.mode != QN_TAPS_NEAREST && x->dtype == QN_FLOAT) {
            const float *p = (const float *)x->data + from;
            double sum = 0;
            size_t k = found[i];
            for (; k >= 4; k -= 4, taps += 4) /* as 'linear' in two dimensions has, mostly */
              sum += taps[0].weight * (double)p[taps[0].at] + taps[1].weight * (double)p[taps[1].at] + (taps[2].weight * (double)p[taps[2].at] + taps[3].weight * (double)p[taps[3].at]);
            for (; k > 0; k--, taps++) sum += taps->weight * (double)p[taps->at];
            ((float *)y->data)[to] = (float)sum;
          } else if (g.mode != QN_TAPS_NEAREST) qn_put_double(y, to, qn_taps_sum(x->dtype, x->data, from, taps, found[i]));
          else if (found[i]) memcpy((uint8_t *)y->data + (size_t)to * width, (const uint8_t *)x->data + (size_t)(from + taps[0].at) * width, width);
          else memset((uint8_t *)y->data + (size_t)to * width, 0, width);
        }
    }
  return QN_OK;
}

static qn_status plan_affine(qn_step *s) {
  char text[QN_SHAPE_TEXT];
  int64_t size[5], dims[5];
  int count;
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  QN_TRY(qn_need_ints(s, 1, size, 5, &count));
  const qn_tensor *theta = qn_in(s, 0);
  int r = count - 2;
  if (count < 4 || theta->rank != 3 || theta->dims[0] != size[0] || theta->dims[1] != r || theta->dims[2] != r + 1)
    return qn_step_fail(s, QN_ERR_SHAPE, "theta has shape %s for a size of %d numbers and a batch of %lld; [batch, 2, 3] and 4, or [batch, 3, 4] and 5 are expected",
                        qn_shape_text(text, theta->rank, theta->dims), count, (long long)(count > 0 ? size[0] : 0));
  dims[0] = size[0];
  for (int d = 0; d < r; d++) dims[d + 1] = size[d + 2];
  dims[r + 1] = r;
  return qn_out_shape(s, 0, theta->dtype, r + 2, dims);
}

static qn_status run_affine(qn_step *s) {
  const qn_tensor *theta = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  int r = y->rank - 2;
  bool corners = qn_attr_int(s, "align_corners", 0) != 0;
  int64_t places = qn_product(y->dims + 1, r);
  for (int64_t i = 0; i < y->count / r; i++) {
    double at[4];
    int64_t rest = i % places;
    for (int d = r; d-- > 0; rest /= y->dims[d + 1]) { /* the last dimension is x, which comes first */
      double n = (double)y->dims[d + 1], k = (double)(rest % y->dims[d + 1]);
      at[r - 1 - d] = !corners ? (2 * k + 1) / n - 1 : n > 1 ? 2 * k / (n - 1) - 1 : -1;
    }
    at[r] = 1;
    for (int row = 0; row < r; row++) {
      double sum = 0;
      for (int k = 0; k <= r; k++) sum += at[k] * qn_double_at(theta, (i / places * r + row) * (r + 1) + k);
      qn_put_double(y, i * r + row, sum);
    }
  }
  return QN_OK;
}

const qn_op qn_op_grid_sample = {.domain = "", .name = "GridSample", .since = 16, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                                 .plan = plan_sample, .run = run_sample};
const qn_op qn_op_affine_grid = {.domain = "", .name = "AffineGrid", .since = 20, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,
                                 .plan = plan_affine, .run = run_affine};
