/* DeformConv: a convolution whose kernel points are moved by offsets, one per place (Dai et al., "Deformable convolutional
 * networks", 2017), and weighted by a mask (Zhu et al., "Deformable ConvNets v2", 2018). */
#include <string.h>

#include "kernel/taps.h"
#include "op/wide.h"

typedef struct geometry {
  int rank;                     /* spatial dimensions */
  int64_t group, offset_group, points, places; /* kernel points, output places */
  int64_t kernel[QN_TAPS_RANK], stride[QN_TAPS_RANK], dilation[QN_TAPS_RANK], pad[2 * QN_TAPS_RANK], out[QN_TAPS_RANK];
} geometry;

static qn_status list(const qn_step *s, const char *name, int64_t otherwise, int64_t least, int n, int64_t *values) {
  int got = qn_attr_ints(s, name, values, n);
  for (int i = 0; got < 0 && i < n; i++) values[i] = otherwise;
  if (got >= 0 && got != n) return qn_step_fail(s, QN_ERR_ARGUMENT, "%s has %d numbers; %d are expected", name, got, n);
  for (int i = 0; i < n; i++)
    if (values[i] < least || values[i] > INT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "%s is %lld; at least %lld is expected", name, (long long)values[i], (long long)least);
  return QN_OK;
}

static qn_status geometry_of(const qn_step *s, geometry *g) {
  char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
  const qn_tensor *x = qn_in(s, 0), *w = qn_in(s, 1), *offset = qn_in(s, 2), *bias = qn_in(s, 3), *mask = qn_in(s, 4);
  *g = (geometry){.rank = x->rank - 2, .group = qn_attr_int(s, "group", 1), .offset_group = qn_attr_int(s, "offset_group", 1), .points = 1, .places = 1};
  if (g->rank < 1 || w->rank != x->rank || offset->rank != x->rank || (mask && mask->rank != x->rank))
    return qn_step_fail(s, QN_ERR_SHAPE, "the ranks of the inputs differ, or are below 3");
  if (g->group < 1 || g->offset_group < 1 || x->dims[1] % g->group || w->dims[0] % g->group || x->dims[1] / g->group != w->dims[1] || x->dims[1] % g->offset_group)
    return qn_step_fail(s, QN_ERR_SHAPE, "an input of shape %s and weights of %s do not fit %lld groups and %lld offset groups", qn_shape_text(a, x->rank, x->dims),
                        qn_shape_text(b, w->rank, w->dims), (long long)g->group, (long long)g->offset_group);
  QN_TRY(list(s, "kernel_shape", 1, 1, g->rank, g->kernel));
  QN_TRY(list(s, "strides", 1, 1, g->rank, g->stride));
  QN_TRY(list(s, "dilations", 1, 1, g->rank, g->dilation));
  QN_TRY(list(s, "pads", 0, 0, 2 * g->rank, g->pad));
  for (int d = 0; d < g->rank; d++) {
    if (qn_attr_ints(s, "kernel_shape", g->kernel, g->rank) >= 0 && g->kernel[d] != w->dims[d + 2])
      return qn_step_fail(s, QN_ERR_SHAPE, "kernel_shape does not fit weights of shape %s", qn_shape_text(b, w->rank, w->dims));
    g->kernel[d] = w->dims[d + 2];
    int64_t room = x->dims[d + 2] + g->pad[d] + g->pad[d + g->rank] - (g->kernel[d] - 1) * g->dilation[d] - 1;
    g->out[d] = room < 0 ? 0 : room / g->stride[d] + 1;
    g->points *= g->kernel[d];
    g->places *= g->out[d];
    if (offset->dims[d + 2] != g->out[d] || (mask && mask->dims[d + 2] != g->out[d]))
      return qn_step_fail(s, QN_ERR_SHAPE, "offset has shape %s where %lld places along dimension %d are expected", qn_shape_text(a, offset->rank, offset->dims), (long long)g->out[d], d + 2);
  }
  if (offset->dims[0] != x->dims[0] || offset->dims[1] != g->offset_group * g->points * g->rank ||
      (mask && (mask->dims[0] != x->dims[0] || mask->dims[1] != g->offset_group * g->points)) || (bias && (bias->rank != 1 || bias->dims[0] != w->dims[0])))
    return qn_step_fail(s, QN_ERR_SHAPE, "offset of shape %s, mask or bias do not fit %lld kernel points, %lld offset groups and %lld maps", qn_shape_text(a, offset->rank, offset->dims),
                        (long long)g->points, (long long)g->offset_group, (long long)w->dims[0]);
  return QN_OK;
}

/* Columns of one batch element for one place after another: [channels, points, places], and a row of sums. */
static double *take_columns(qn_room *r, const qn_step *s, const geometry *g, double **sums) {
  size_t rows;
  if (!qn_size_mul((size_t)qn_in(s, 0)->dims[1], (size_t)g->points, &rows) || !qn_size_mul(rows, (size_t)g->places, &rows)) r->overflow = true;
  double *columns = qn_room_take(r, rows, sizeof(double));
  *sums = qn_room_take(r, (size_t)g->places, sizeof(double));
  return columns;
}

static qn_status plan(qn_step *s) {
  geometry g;
  double *sums;
  for (int i = 0; i < s->n_in; i++) {
    if (i > 2 && !qn_in(s, i)) continue;
    QN_TRY(qn_check_type(s, i, QN_FLOATS));
    QN_TRY(qn_same_type(s, 0, i));
  }
  QN_TRY(geometry_of(s, &g));
  qn_room r = {0};
  take_columns(&r, s, &g, &sums);
  QN_TRY(qn_room_done(s, &r));
  int64_t dims[QN_MAX_RANK] = {qn_in(s, 0)->dims[0], qn_in(s, 1)->dims[0]};
  for (int d = 0; d < g.rank; d++) dims[d + 2] = g.out[d];
  return qn_out_shape(s, 0, qn_in(s, 0)->dtype, g.rank + 2, dims);
}

static void sample_columns(const qn_step *s, const geometry *g, const qn_grid *grid, int64_t batch, double *columns) {
  const qn_tensor *x = qn_in(s, 0), *offset = qn_in(s, 2), *mask = qn_in(s, 4);
  int64_t channels = x->dims[1], plane = qn_product(grid->dims, g->rank), per_group = channels / g->offset_group;
  for (int64_t og = 0; og < g->offset_group; og++)
    for (int64_t k = 0; k < g->points; k++)
      for (int64_t p = 0; p < g->places; p++) {
        qn_tap taps[1 << QN_TAPS_RANK];
        double at[QN_TAPS_RANK];
        int64_t row = (batch * g->offset_group + og) * g->points + k, kernel = k, place = p;
        for (int d = g->rank; d-- > 0; kernel /= g->kernel[d], place /= g->out[d])
          at[d] = (double)(place % g->out[d] * g->stride[d] - g->pad[d] + kernel % g->kernel[d] * g->dilation[d]) + qn_double_at(offset, (row * g->rank + d) * g->places + p);
        size_t n = qn_taps_at(grid, at, taps);
        double weight = mask ? qn_double_at(mask, row * g->places + p) : 1;
        for (int64_t c = og * per_group; c < (og + 1) * per_group; c++)
          columns[(c * g->points + k) * g->places + p] = weight * qn_taps_sum(x->dtype, x->data, (batch * channels + c) * plane, taps, n);
      }
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *w = qn_in(s, 1), *bias = qn_in(s, 3);
  qn_tensor *y = qn_out(s, 0);
  geometry g;
  QN_TRY(geometry_of(s, &g));
  if (y->count == 0) return QN_OK;
  double *sums;
  qn_room r = {.base = s->scratch};
  double *columns = take_columns(&r, s, &g, &sums);
  qn_grid grid = {QN_TAPS_LINEAR, QN_TAPS_ZEROS, true, g.rank, {0}};
  memcpy(grid.dims, x->dims + 2, (size_t)g.rank * sizeof(int64_t));
  int64_t maps = w->dims[0], depth = w->dims[1] * g.points;
  for (int64_t b = 0; b < x->dims[0]; b++) {
    sample_columns(s, &g, &grid, b, columns);
    for (int64_t m = 0; m < maps; m++) {
      const double *from = columns + m / (maps / g.group) * depth * g.places;
      for (int64_t p = 0; p < g.places; p++) sums[p] = bias ? qn_double_at(bias, m) : 0;
      for (int64_t k = 0; k < depth; k++) {
        double weight = qn_double_at(w, m * depth + k);
        for (int64_t p = 0; p < g.places; p++) sums[p] += weight * from[k * g.places + p];
      }
      qn_store(QN_IN_F64, y->dtype, y->data, (size_t)((b * maps + m) * g.places), (size_t)g.places, sums, (qn_cast_mode){0});
    }
  }
  return QN_OK;
}

const qn_op qn_op_deform_conv = {.domain = "", .name = "DeformConv", .since = 19, .min_in = 3, .max_in = 5, .min_out = 1, .max_out = 1,
                                 .plan = plan, .run = run};
