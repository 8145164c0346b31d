#include "op/conv_shape.h"

#include <string.h>

qn_status qn_planes_shape(const qn_step *s, const qn_tensor *x, int *spatial, int64_t *channels, int64_t *in) {
  char text[QN_SHAPE_TEXT];
  if (x->rank < 3 || x->rank > QN_SPATIAL + 2)
    return qn_step_fail(s, QN_ERR_SHAPE, "the input has shape %s; [N, C, spatial...] is expected", qn_shape_text(text, x->rank, x->dims));
  *spatial = x->rank - 2;
  *channels = x->dims[s->channels_last ? x->rank - 1 : 1];
  for (int d = 0; d < *spatial; d++) in[d] = x->dims[d + (s->channels_last ? 1 : 2)];
  for (int d = 0; d < x->rank; d++)
    if (x->dims[d] > INT32_MAX) return qn_step_fail(s, QN_ERR_SHAPE, "dimension %d is too large", d);
  return QN_OK;
}

void qn_planes_dims(const qn_step *s, int spatial, int64_t batch, int64_t channels, const int64_t *points, int64_t *dims) {
  dims[0] = batch;
  dims[s->channels_last ? spatial + 1 : 1] = channels;
  for (int d = 0; d < spatial; d++) dims[d + (s->channels_last ? 1 : 2)] = points[d];
}

/* A list attribute of `count` integers within [low, INT32_MAX]. Missing: all `otherwise`. */
static qn_status list(const qn_step *s, const char *name, int count, int64_t low, int64_t otherwise, int64_t *out) {
  int n = qn_attr_ints(s, name, out, count);
  if (n < 0) {
    for (int i = 0; i < count; i++) out[i] = otherwise;
    return QN_OK;
  }
  if (n != count) return qn_step_fail(s, QN_ERR_ARGUMENT, "%s has %d entries; the input's rank wants %d", name, n, count);
  for (int i = 0; i < count; i++)
    if (out[i] < low || out[i] > INT32_MAX)
      return qn_step_fail(s, QN_ERR_ARGUMENT, "%s has the entry %lld; %lld or more is expected", name, (long long)out[i], (long long)low);
  return QN_OK;
}

typedef enum auto_pad { PAD_GIVEN, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER } auto_pad;

static qn_status attributes(const qn_step *s, const int64_t *kernel, qn_window *w, auto_pad *mode) {
  int64_t pads[2 * QN_SPATIAL];
  QN_TRY(list(s, "kernel_shape", w->rank, 1, 0, w->kernel));
  for (int d = 0; d < w->rank; d++) {
    if (kernel && w->kernel[d] == 0) w->kernel[d] = kernel[d];
    if (kernel && w->kernel[d] != kernel[d])
      return qn_step_fail(s, QN_ERR_SHAPE, "kernel_shape says %lld where the weights have %lld", (long long)w->kernel[d], (long long)kernel[d]);
    if (w->kernel[d] < 1 || w->kernel[d] > INT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "kernel_shape is missing or has an empty side");
  }
  QN_TRY(list(s, "strides", w->rank, 1, 1, w->stride));
  QN_TRY(list(s, "dilations", w->rank, 1, 1, w->dilation));
  for (int d = 0; d < w->rank; d++)
    if (w->dilation[d] * (w->kernel[d] - 1) >= INT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "the dilated kernel is too large");
  const char *text = qn_attr_text(s, "auto_pad", "NOTSET");
  *mode = !strcmp(text, "SAME_UPPER") ? PAD_SAME_UPPER : !strcmp(text, "SAME_LOWER") ? PAD_SAME_LOWER : !strcmp(text, "VALID") ? PAD_VALID : PAD_GIVEN;
  if (*mode == PAD_GIVEN && *text && strcmp(text, "NOTSET")) return qn_step_fail(s, QN_ERR_ARGUMENT, "auto_pad is '%s'; 'NOTSET', 'SAME_UPPER', 'SAME_LOWER' or 'VALID' is expected", text);
  memset(pads, 0, sizeof pads);
  if (*mode == PAD_GIVEN) QN_TRY(list(s, "pads", 2 * w->rank, 0, 0, pads));
  for (int d = 0; d < w->rank; d++) {
    w->pad[d] = pads[d];
    w->pad_end[d] = pads[w->rank + d];
  }
  return QN_OK;
}

static qn_status products(const qn_step *s, qn_window *w) {
  w->in_points = w->out_points = w->taps = 1;
  bool in_empty = false, out_empty = false;
  for (int d = 0; d < w->rank; d++) {
    in_empty = in_empty || w->in[d] == 0;
    out_empty = out_empty || w->out[d] == 0;
    if (w->out[d] < 0 || w->out[d] > INT32_MAX || w->in[d] > INT32_MAX || w->pad[d] < 0 || w->pad_end[d] < 0 || w->pad[d] > INT32_MAX || w->pad_end[d] > INT32_MAX)
      return qn_step_fail(s, QN_ERR_SHAPE, "spatial dimension %d would have %lld points", d, (long long)w->out[d]);
    if (!in_empty) w->in_points *= w->in[d];
    if (!out_empty) w->out_points *= w->out[d];
    w->taps *= w->kernel[d];
    if (w->in_points > INT32_MAX || w->out_points > INT32_MAX || w->taps > INT32_MAX)
      return qn_step_fail(s, QN_ERR_SHAPE, "the spatial dimensions would have %lld points, the output %lld, the kernel %lld: more than 2,147,483,647", (long long)w->in_points,
                          (long long)w->out_points, (long long)w->taps);
  }
  if (in_empty) w->in_points = 0;
  if (out_empty) w->out_points = 0;
  return QN_OK;
}

static void split_pad(qn_window *w, int d, int64_t total, bool more_at_end) {
  total = total < 0 ? 0 : total;
  w->pad[d] = more_at_end ? total / 2 : total - total / 2;
  w->pad_end[d] = total - w->pad[d];
}

qn_status qn_window_shape(const qn_step *s, const int64_t *kernel, qn_window *w, int64_t *channels) {
  memset(w, 0, sizeof *w);
  auto_pad mode;
  QN_TRY(qn_planes_shape(s, qn_in(s, 0), &w->rank, channels, w->in));
  QN_TRY(attributes(s, kernel, w, &mode));
  bool ceil_mode = qn_attr_int(s, "ceil_mode", 0) != 0 && mode == PAD_GIVEN;
  for (int d = 0; d < w->rank; d++) {
    int64_t reach = w->dilation[d] * (w->kernel[d] - 1) + 1, in = w->in[d], stride = w->stride[d];
    if (mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER) {
      w->out[d] = (in + stride - 1) / stride;
      if (w->out[d] > 0) split_pad(w, d, (w->out[d] - 1) * stride + reach - in, mode == PAD_SAME_UPPER);
      continue;
    }
    int64_t room = in + w->pad[d] + w->pad_end[d] - reach;
    if (room < 0) {
      if (in == 0) continue; /* nothing in, nothing out */
      return qn_step_fail(s, QN_ERR_SHAPE, "a kernel that spans %lld does not fit spatial dimension %d, %lld with its padding", (long long)reach, d,
                          (long long)(room + reach));
    }
    w->out[d] = (ceil_mode ? (room + stride - 1) / stride : room / stride) + 1;
    /* A last window that would start in the padding behind the input is left out. */
    if (ceil_mode && (w->out[d] - 1) * stride >= in + w->pad[d]) w->out[d]--;
  }
  return products(s, w);
}

static qn_status channel_counts(const qn_step *s, const qn_tensor *weights, int rank, bool transposed, qn_conv *c) {
  char text[QN_SHAPE_TEXT];
  c->groups = qn_attr_int(s, "group", 1);
  if (weights->rank != rank) return qn_step_fail(s, QN_ERR_SHAPE, "the weights have shape %s; rank %d is expected", qn_shape_text(text, weights->rank, weights->dims), rank);
  int64_t first = weights->dims[0], second = weights->dims[1];
  if (c->groups < 1 || c->groups > INT32_MAX || first > INT32_MAX || second > INT32_MAX)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "group is %lld; 1 or more is expected", (long long)c->groups);
  c->maps = transposed ? second * c->groups : first;
  int64_t wanted = transposed ? first : second * c->groups;
  if (wanted != c->channels || c->channels % c->groups || c->maps % c->groups || c->maps > INT32_MAX)
    return qn_step_fail(s, QN_ERR_SHAPE, "weights of shape %s in %lld groups do not fit %lld input channels", qn_shape_text(text, weights->rank, weights->dims),
                        (long long)c->groups, (long long)c->channels);
  return QN_OK;
}

qn_status qn_conv_geometry(const qn_step *s, const qn_tensor *weights, qn_conv *c, int64_t *dims) {
  const qn_tensor *x = qn_in(s, 0);
  memset(c, 0, sizeof *c);
  int spatial;
  int64_t in[QN_SPATIAL];
  QN_TRY(qn_planes_shape(s, x, &spatial, &c->channels, in));
  QN_TRY(channel_counts(s, weights, x->rank, false, c));
  QN_TRY(qn_window_shape(s, weights->dims + 2, &c->window, &c->channels));
  c->batch = x->dims[0];
  c->x = qn_planes_of(s->channels_last, c->channels, c->window.in_points);
  c->y = qn_planes_of(s->channels_last, c->maps, c->window.out_points);
  c->min = s->clamp_min;
  c->max = s->clamp_max;
  qn_planes_dims(s, spatial, c->batch, c->maps, c->window.out, dims);
  return QN_OK;
}

qn_status qn_conv_transpose_geometry(const qn_step *s, const qn_tensor *weights, qn_conv *c, int64_t *dims) {
  const qn_tensor *x = qn_in(s, 0);
  memset(c, 0, sizeof *c);
  qn_window *w = &c->window;
  auto_pad mode;
  int64_t extra[QN_SPATIAL], shape[QN_MAX_RANK];
  QN_TRY(qn_planes_shape(s, x, &w->rank, &c->channels, w->out));
  QN_TRY(channel_counts(s, weights, x->rank, true, c));
  QN_TRY(attributes(s, weights->dims + 2, w, &mode));
  QN_TRY(list(s, "output_padding", w->rank, 0, 0, extra));
  int given = qn_attr_ints(s, "output_shape", shape, QN_MAX_RANK);
  if (given > 0 && given != w->rank && given != w->rank + 2)
    return qn_step_fail(s, QN_ERR_ARGUMENT, "output_shape has %d entries; the input's rank wants %d", given, w->rank);
  for (int d = 0; d < w->rank; d++) {
    int64_t full = w->out[d] == 0 ? 0 : (w->out[d] - 1) * w->stride[d] + w->dilation[d] * (w->kernel[d] - 1) + 1 + extra[d];
    if (given > 0) {
      w->in[d] = shape[given - w->rank + d];
      if (w->in[d] < 0 || w->in[d] > INT32_MAX) return qn_step_fail(s, QN_ERR_ARGUMENT, "output_shape has the entry %lld", (long long)w->in[d]);
      split_pad(w, d, full - w->in[d], mode == PAD_SAME_UPPER); /* else the odd one goes to the front */
    } else if (mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER) {
      w->in[d] = w->out[d] * w->stride[d];
      split_pad(w, d, full - w->in[d], mode == PAD_SAME_UPPER);
    } else {
      w->in[d] = full - w->pad[d] - w->pad_end[d];
      if (w->in[d] < 0) w->in[d] = w->out[d] == 0 ? 0 : -1;
      if (w->in[d] < 0) return qn_step_fail(s, QN_ERR_SHAPE, "padding leaves nothing of spatial dimension %d", d);
    }
  }
  QN_TRY(products(s, w));
  c->batch = x->dims[0];
  c->x = qn_planes_of(s->channels_last, c->channels, w->out_points);
  c->y = qn_planes_of(s->channels_last, c->maps, w->in_points);
  c->min = s->clamp_min;
  c->max = s->clamp_max;
  qn_planes_dims(s, w->rank, c->batch, c->maps, w->in, dims);
  return QN_OK;
}
