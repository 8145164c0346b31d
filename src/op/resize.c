/* Resize (10 and up) and Upsample (1, 7, 9). */
#include "kernel/resize.h"

#include <math.h>
#include <string.h>

#include "op/elementwise.h"
#include "op/scratch.h"

typedef struct resize_state {
  qn_resize_spec spec;
  qn_resize_axis axes[QN_MAX_RANK];  /* storage order */
  int order[QN_MAX_RANK], count;     /* axes that change, shrinking ones first */
  float outside_value;
  size_t room;                       /* elements of the largest intermediate tensor */
} resize_state;

/* The position of text in a list, or an error that shows the list. */
static qn_status choice(const qn_step *s, const char *attr, const char *otherwise, const char *const *names, int count, int *out) {
  const char *text = qn_attr_text(s, attr, otherwise);
  for (*out = 0; *out < count; (*out)++)
    if (!strcmp(text, names[*out])) return QN_OK;
  return qn_step_fail(s, QN_ERR_ARGUMENT, "%s is '%s', which Resize does not know", attr, text);
}

static qn_status read_spec(const qn_step *s, qn_resize_spec *spec) {
  static const char *const modes[] = {"nearest", "linear", "cubic", "bilinear"};
  static const char *const coordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                                            "tf_half_pixel_for_nn", "tf_crop_and_resize"};
  static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"};
  int mode, where, rounding;
  bool old = s->op->name[0] == 'U' || s->opset < 11;
  QN_TRY(choice(s, "mode", "nearest", modes, 4, &mode));
  QN_TRY(choice(s, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", coordinates, 7, &where));
  QN_TRY(choice(s, "nearest_mode", old ? "simple" : "round_prefer_floor", nearest, 5, &rounding));
  *spec = (qn_resize_spec){.mode = mode == 3 ? QN_RESIZE_LINEAR : (qn_resize_mode)mode, .coordinates = (qn_coordinates)where, .nearest = (qn_nearest)rounding,
                           .antialias = qn_attr_int(s, "antialias", 0) != 0, .exclude_outside = qn_attr_int(s, "exclude_outside", 0) != 0,
                           .cubic_a = qn_attr_float(s, "cubic_coeff_a", -0.75f)};
  return QN_OK;
}

/* A list of numbers from input i (or attribute `scales`), as doubles; *count -1 when absent or empty. */
static qn_status numbers(const qn_step *s, int i, double *values, int *count) {
  const qn_tensor *t;
  *count = -1;
  QN_TRY(qn_need(s, i, &t));
  if (!t || t->count == 0) return QN_OK;
  if (t->rank != 1 || t->count > 2 * QN_MAX_RANK) return qn_step_fail(s, QN_ERR_SHAPE, "input %d is not a list of at most %d numbers", i, 2 * QN_MAX_RANK);
  QN_TRY(qn_check_type(s, i, QN_NUMERIC_TYPES));
  qn_cast(t->dtype, t->data, QN_DOUBLE, values, (size_t)t->count, (qn_cast_mode){0});
  *count = (int)t->count;
  return QN_OK;
}

static qn_status set_scale(const qn_step *s, qn_resize_axis *a, double scale) {
  double out = floor((double)a->in * scale);
  if (!(scale > 0) || !(out < 2147483648.0)) return qn_step_fail(s, QN_ERR_ARGUMENT, "the scale %g is not usable on a dimension of %lld", scale, (long long)a->in);
  a->scale = scale;
  a->out = (int64_t)out;
  return QN_OK;
}

static qn_status set_sizes(const qn_step *s, resize_state *r, const int *axes, int n, const double *sizes) {
  static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
  int policy;
  QN_TRY(choice(s, "keep_aspect_ratio_policy", "stretch", policies, 3, &policy));
  double common = 0;
  for (int i = 0; i < n; i++) {
    qn_resize_axis *a = &r->axes[axes[i]];
    if (!(sizes[i] >= 0 && sizes[i] < 2147483648.0)) return qn_step_fail(s, QN_ERR_ARGUMENT, "the size %g is not usable", sizes[i]);
    double scale = a->in ? sizes[i] / (double)a->in : 1;
    if (i == 0 || (policy == 1 ? scale < common : scale > common)) common = scale;
    a->out = (int64_t)sizes[i];
    a->scale = scale > 0 ? scale : 1;
  }
  for (int i = 0; i < n && policy; i++) {
    qn_resize_axis *a = &r->axes[axes[i]];
    a->scale = common > 0 ? common : 1;
    a->out = (int64_t)floor(common * (double)a->in + 0.5);
  }
  return QN_OK;
}

static qn_status read_axes(qn_step *s, const qn_tensor *x, int *axes, int *n) {
  int64_t list[QN_MAX_RANK];
  int count = qn_attr_ints(s, "axes", list, QN_MAX_RANK);
  *n = count < 0 ? x->rank : count;
  if (*n > x->rank) return qn_step_fail(s, QN_ERR_ARGUMENT, "%d axes for a tensor of rank %d", *n, x->rank);
  for (int i = 0; i < *n; i++) QN_TRY(qn_axis(s, count < 0 ? i : list[i], x->rank, &axes[i]));
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  bool upsample = s->op->name[0] == 'U', ten = !upsample && s->opset < 11;
  QN_TRY(qn_state(s, sizeof(resize_state)));
  resize_state *r = s->state;
  QN_TRY(read_spec(s, &r->spec));
  r->outside_value = qn_attr_float(s, "extrapolation_value", 0);
  if (r->spec.mode != QN_RESIZE_NEAREST) QN_TRY(qn_check_type(s, 0, QN_NUMERIC_TYPES));
  int axes[QN_MAX_RANK], n, n_scales = -1, n_sizes = -1, n_roi = -1;
  double scales[2 * QN_MAX_RANK], sizes[2 * QN_MAX_RANK], roi[2 * QN_MAX_RANK];
  for (int d = 0; d < x->rank; d++) {
    if (x->dims[d] >= 1 << 30) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a dimension of %lld", (long long)x->dims[d]);
    r->axes[d] = (qn_resize_axis){.in = x->dims[d], .out = x->dims[d], .scale = 1, .end = 1};
  }
  QN_TRY(read_axes(s, x, axes, &n));
  if (upsample && s->opset < 9) {
    const qn_attr *a = qn_attr_find(s, "scales", QN_ATTR_FLOATS);
    for (size_t i = 0; a && i < a->count && i < QN_MAX_RANK; i++) scales[i] = a->floats[i];
    n_scales = a ? (int)a->count : -1;
    if (s->opset < 7 && x->rank == 4) { /* then only pictures could be enlarged */
      scales[0] = scales[1] = 1;
      scales[2] = qn_attr_float(s, "height_scale", 1);
      scales[3] = qn_attr_float(s, "width_scale", 1);
      n_scales = 4;
    }
  } else {
    if (!upsample && !ten && r->spec.coordinates == QN_TF_CROP_AND_RESIZE) QN_TRY(numbers(s, 1, roi, &n_roi));
    QN_TRY(numbers(s, upsample || ten ? 1 : 2, scales, &n_scales));
    if (!upsample && !ten) QN_TRY(numbers(s, 3, sizes, &n_sizes));
  }
  if (n_scales >= 0 ? n_scales != n : n_sizes != n)
    return qn_step_fail(s, QN_ERR_SHAPE, "it needs scales or sizes for %d axes and has %d", n, n_scales >= 0 ? n_scales : n_sizes < 0 ? 0 : n_sizes);
  for (int i = 0; i < n && n_scales >= 0; i++) QN_TRY(set_scale(s, &r->axes[axes[i]], scales[i]));
  if (n_scales < 0) QN_TRY(set_sizes(s, r, axes, n, sizes));
  if (n_roi >= 0 && n_roi != 2 * n) return qn_step_fail(s, QN_ERR_SHAPE, "roi has %d numbers for %d axes", n_roi, n);
  for (int i = 0; i < n && n_roi >= 0; i++) {
    r->axes[axes[i]].start = roi[i];
    r->axes[axes[i]].end = roi[n + i];
  }
  int64_t dims[QN_MAX_RANK];
  for (int d = 0; d < x->rank; d++) dims[d] = r->axes[d].out;
  QN_TRY(qn_out_shape(s, 0, x->dtype, x->rank, dims));
  if (x->count == 0 && qn_out(s, 0) && qn_out(s, 0)->count) return qn_step_fail(s, QN_ERR_SHAPE, "an empty input cannot be enlarged");
  for (int d = 0; d < x->rank; d++) {
    qn_resize_axis *a = &r->axes[d];
    /* As onnxruntime has it: interpolation leaves batch and channels alone, whatever their region of interest. */
    bool crops = r->spec.coordinates == QN_TF_CROP_AND_RESIZE && (r->spec.mode == QN_RESIZE_NEAREST || (d != 0 && d != (s->channels_last ? x->rank - 1 : 1)) || x->rank < 4);
    if (a->in == a->out && a->scale == 1 && !crops) continue;
    a->taps = qn_resize_taps(&r->spec, a);
    int k = r->count++;
    for (; k > 0 && r->axes[r->order[k - 1]].scale > a->scale; k--) r->order[k] = r->order[k - 1];
    r->order[k] = d;
  }
  qn_room room = {0};
  size_t elements = (size_t)x->count, largest = elements, tables = 0;
  for (int k = 0; k < r->count; k++) {
    const qn_resize_axis *a = &r->axes[r->order[k]];
    elements = a->in ? elements / (size_t)a->in * (size_t)a->out : 0;
    if (elements > largest) largest = elements;
    tables += ((size_t)a->out * (size_t)a->taps * 8 + (size_t)a->out + 3 * QN_ALIGN);
  }
  r->room = largest;
  qn_room_take(&room, tables, 1);
  qn_room_take(&room, largest, r->spec.mode == QN_RESIZE_NEAREST ? qn_dtype_size(x->dtype) : 4);
  qn_room_take(&room, largest, r->spec.mode == QN_RESIZE_NEAREST ? qn_dtype_size(x->dtype) : 4);
  return qn_room_done(s, &room);
}

/* Points off the input get the extrapolation value. */
static void fill_outside(const qn_step *s, const resize_state *r, uint8_t *const *outside) {
  qn_tensor *y = qn_out(s, 0);
  size_t width = qn_dtype_size(y->dtype), inner = 1;
  uint8_t value[16];
  qn_cast(QN_FLOAT, &r->outside_value, y->dtype, value, 1, (qn_cast_mode){0});
  for (int k = y->rank - 1; k >= 0; k--) {
    for (int64_t i = 0; outside[k] && i < y->count; i++)
      if (outside[k][(size_t)i / inner % (size_t)y->dims[k]]) memcpy((uint8_t *)y->data + (size_t)i * width, value, width);
    inner *= (size_t)y->dims[k];
  }
  (void)r;
}

static qn_status run(qn_step *s) {
  const resize_state *r = s->state;
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  bool nearest = r->spec.mode == QN_RESIZE_NEAREST, wide = !nearest && x->dtype != QN_FLOAT;
  size_t width = nearest ? qn_dtype_size(x->dtype) : 4;
  qn_room room = {.base = s->scratch};
  uint8_t *outside[QN_MAX_RANK] = {0};
  int32_t *index[QN_MAX_RANK];
  float *weight[QN_MAX_RANK];
  for (int k = 0; k < r->count; k++) {
    const qn_resize_axis *a = &r->axes[r->order[k]];
    index[k] = qn_room_take(&room, (size_t)a->out * (size_t)a->taps, 4);
    weight[k] = qn_room_take(&room, (size_t)a->out * (size_t)a->taps, 4);
    uint8_t *off = qn_room_take(&room, (size_t)a->out, 1);
    qn_resize_table(&r->spec, a, index[k], weight[k], off);
    if (r->spec.coordinates == QN_TF_CROP_AND_RESIZE) outside[r->order[k]] = off;
  }
  uint8_t *buffers[2];
  buffers[0] = qn_room_take(&room, r->room, width);
  buffers[1] = qn_room_take(&room, r->room, width);
  const uint8_t *from = x->data;
  int next = 0;
  if (wide) {
    qn_cast(x->dtype, x->data, QN_FLOAT, buffers[0], (size_t)x->count, (qn_cast_mode){0});
    from = buffers[0];
    next = 1;
  }
  int64_t dims[QN_MAX_RANK];
  memcpy(dims, x->dims, sizeof dims);
  for (int k = 0; k < r->count; k++) {
    int d = r->order[k];
    const qn_resize_axis *a = &r->axes[d];
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < d; i++) outer *= dims[i];
    for (int i = d + 1; i < x->rank; i++) inner *= dims[i];
    uint8_t *to = k == r->count - 1 && !wide ? y->data : buffers[next];
    if (nearest) qn_resize_pick(a, index[k], outer, (size_t)inner * width, from, to);
    else qn_resize_apply(a, index[k], weight[k], outer, inner, (const float *)(const void *)from, (float *)(void *)to);
    dims[d] = a->out;
    from = to;
    next = !next;
  }
  if (wide) qn_cast(QN_FLOAT, from, y->dtype, y->data, (size_t)y->count, (qn_cast_mode){0});
  else if (r->count == 0) memcpy(y->data, x->data, qn_tensor_bytes(y));
  if (r->spec.coordinates == QN_TF_CROP_AND_RESIZE) fill_outside(s, r, outside);
  return QN_OK;
}

const qn_op qn_op_resize = {.domain = "", .name = "Resize", .since = 10, .min_in = 1, .max_in = 4, .min_out = 1, .max_out = 1,
                            .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
const qn_op qn_op_upsample_1 = {.domain = "", .name = "Upsample", .since = 1, .until = 6, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                .plan = plan, .run = run};
const qn_op qn_op_upsample = {.domain = "", .name = "Upsample", .since = 7, .until = 9, .min_in = 1, .max_in = 2, .min_out = 1, .max_out = 1,
                              .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
