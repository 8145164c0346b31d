/* Conv in float32 with constant weights and one or two spatial dimensions, channels-last, by XNNPACK. The pass that puts
 * it in place (graph/pass_target.c) has checked the weights; what depends on the input's shape is checked here. */
#include <math.h>
#include <string.h>

#include "op/conv_shape.h"
#include "xnn/weights.h"

typedef struct conv_kept {
  qn_tensor weights;     /* dtype and dims; the data is packed */
  qn_xnn_weights packed;
  float *kernel;         /* [maps, taps, channels / groups]: kept for depthwise, which XNNPACK packs for each operator */
  float *bias;           /* [maps] or NULL */
} conv_kept;

typedef struct conv_state {
  qn_conv geometry;
  xnn_operator_t op;
} conv_state;

static bool is_depthwise(const qn_tensor *w, int64_t groups) { return w->dims[1] == 1 && groups == w->dims[0]; }

static enum xnn_status create(const qn_step *s, const conv_kept *kept, const qn_conv *c, xnn_operator_t *op) {
  const qn_tensor *w = &kept->weights;
  bool flat = w->rank == 3; /* one spatial dimension is the width of a picture of height 1 */
  int x = flat ? 0 : 1;
  uint32_t groups = (uint32_t)c->groups;
  size_t in = (size_t)w->dims[1], out = (size_t)(w->dims[0] / c->groups);
  const qn_window *win = &c->window;
  return xnn_create_convolution2d_nhwc_f32(
      flat ? 0 : (uint32_t)win->pad[0], (uint32_t)win->pad_end[x], flat ? 0 : (uint32_t)win->pad_end[0], (uint32_t)win->pad[x],
      flat ? 1 : (uint32_t)win->kernel[0], (uint32_t)win->kernel[x], flat ? 1 : (uint32_t)win->stride[0], (uint32_t)win->stride[x],
      flat ? 1 : (uint32_t)win->dilation[0], (uint32_t)win->dilation[x], groups, in, out, in * groups, out * groups,
      kept->kernel ? kept->kernel : (const float *)(const void *)kept, kept->bias, s->clamp_min, s->clamp_max, 0, NULL,
      (xnn_weights_cache_t)(uintptr_t)&kept->packed.provider, op);
}

/* The window as the attributes give it, with automatic padding taken as none: packing does not depend on it. */
static void window_for_packing(const qn_step *s, const qn_tensor *w, qn_conv *c) {
  int spatial = w->rank - 2;
  int64_t pads[2 * QN_MAX_RANK] = {0}, strides[QN_MAX_RANK], dilations[QN_MAX_RANK];
  int n_pads = qn_attr_ints(s, "pads", pads, 2 * QN_MAX_RANK), n_strides = qn_attr_ints(s, "strides", strides, QN_MAX_RANK);
  int n_dilations = qn_attr_ints(s, "dilations", dilations, QN_MAX_RANK);
  memset(c, 0, sizeof *c);
  c->groups = qn_attr_int(s, "group", 1);
  for (int d = 0; d < spatial; d++) {
    c->window.kernel[d] = w->dims[d + 2];
    c->window.stride[d] = n_strides == spatial ? strides[d] : 1;
    c->window.dilation[d] = n_dilations == spatial ? dilations[d] : 1;
    c->window.pad[d] = n_pads == 2 * spatial ? pads[d] : 0;
    c->window.pad_end[d] = n_pads == 2 * spatial ? pads[d + spatial] : 0;
  }
}

static qn_status prepare(qn_step *s) {
  const qn_tensor *w = qn_const(s, 1), *b = qn_const(s, 2);
  int64_t maps = w->dims[0], inner = w->dims[1], taps = w->count / (maps * inner);
  QN_TRY(qn_keep(s, sizeof(conv_kept)));
  conv_kept *kept = s->kept;
  kept->weights = *w;
  kept->weights.data = NULL;
  if (!qn_xnn_ready()) return qn_step_fail(s, QN_ERR_MEMORY, "no memory to start XNNPACK");
  qn_xnn_weights_init(&kept->packed);
  qn_conv c;
  window_for_packing(s, w, &c);
  bool depthwise = is_depthwise(w, c.groups);
  size_t bytes = (size_t)w->count * sizeof(float);
  kept->kernel = depthwise ? qn_keep_block(s, bytes) : taps == 1 ? w->data : qn_alloc(bytes);
  if (!kept->kernel) return qn_step_fail(s, QN_ERR_MEMORY, "no memory to pack the weights");
  const float *from = w->data;
  for (int64_t m = 0; m < maps && kept->kernel != from; m++)
    for (int64_t t = 0; t < taps; t++)
      for (int64_t i = 0; i < inner; i++) kept->kernel[(m * taps + t) * inner + i] = from[(m * inner + i) * taps + t];
  if (taps > 1 || depthwise) qn_release_const(s, 1); /* before packing, so that two forms are alive at a time, not three */
  if (b) {
    kept->bias = qn_keep_block(s, (size_t)maps * sizeof(float));
    if (!kept->bias) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the bias");
    memcpy(kept->bias, b->data, (size_t)maps * sizeof(float));
    qn_release_const(s, 2);
  }
  xnn_operator_t op = NULL;
  enum xnn_status status = create(s, kept, &c, &op);
  if (op) xnn_delete_operator(op);
  if (taps > 1 && !depthwise) qn_free(kept->kernel);
  if (!depthwise) kept->kernel = NULL;
  if (taps == 1 && !depthwise) qn_release_const(s, 1);
  if (status != xnn_status_success || !kept->packed.packed)
    return qn_step_fail(s, status == xnn_status_out_of_memory ? QN_ERR_MEMORY : QN_ERR_ARGUMENT, "the weights could not be packed");
  if (!qn_keep_adopt(s, kept->packed.packed)) return qn_step_fail(s, QN_ERR_MEMORY, "no memory for the packed weights");
  return QN_OK;
}

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_FLOAT)));
  const conv_kept *kept = s->kept;
  const qn_tensor *x = qn_in(s, 0), *w = &kept->weights;
  int64_t dims[QN_MAX_RANK];
  QN_TRY(qn_state(s, sizeof(conv_state)));
  conv_state *state = s->state;
  QN_TRY(qn_conv_geometry(s, w, &state->geometry, dims));
  QN_TRY(qn_out_shape(s, 0, QN_FLOAT, x->rank, dims));
  if (!s->channels_last) return qn_step_fail(s, QN_ERR_STATE, "the input is not channels-last");
  int64_t points = 1;
  for (int d = 0; d < x->rank; d++) points *= dims[d];
  if (points == 0 || x->count == 0) return QN_OK;
  enum xnn_status status = create(s, kept, &state->geometry, &state->op);
  size_t room = 0, alignment = 0;
  bool flat = x->rank == 3;
  if (status == xnn_status_success)
    status = xnn_reshape_convolution2d_nhwc_f32(state->op, (size_t)x->dims[0], flat ? 1 : (size_t)x->dims[1], (size_t)x->dims[flat ? 1 : 2], &room,
                                                &alignment, NULL, NULL, NULL);
  if (status != xnn_status_success)
    return qn_step_fail(s, status == xnn_status_out_of_memory ? QN_ERR_MEMORY : QN_ERR_ARGUMENT, "XNNPACK refused the convolution (status %d)", (int)status);
  s->scratch_size = room;
  return QN_OK;
}

static qn_status run(qn_step *s) {
  conv_state *state = s->state;
  qn_tensor *y = qn_out(s, 0);
  if (!state->op) { /* no points, or no channels: what is left is the bias */
    if (y->count) memset(y->data, 0, qn_tensor_bytes(y));
    return QN_OK;
  }
  enum xnn_status status = xnn_setup_convolution2d_nhwc_f32(state->op, s->scratch, qn_in(s, 0)->data, y->data);
  if (status == xnn_status_success) status = xnn_run_operator(state->op, NULL);
  return status == xnn_status_success ? QN_OK : qn_step_fail(s, QN_ERR_STATE, "XNNPACK failed with status %d", (int)status);
}

static void release(qn_step *s) {
  conv_state *state = s->state;
  if (state->op) xnn_delete_operator(state->op);
  state->op = NULL;
}

const qn_op qn_op_xnn_conv = {.domain = "quern", .name = "XnnConv", .since = 1, .min_in = 2, .max_in = 3, .min_out = 1, .max_out = 1,
                              .flags = QN_LAYOUT_CHANNELS_LAST | QN_CLAMPS, .plan = plan, .run = run, .prepare = prepare, .release = release};
