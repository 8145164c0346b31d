/* BatchNormalization: per channel y = (x - mean) / sqrt(variance + epsilon) * scale + bias. */
#include <math.h>

#include "op/scratch.h"

static bool training(const qn_step *s) { return s->opset >= 14 ? qn_attr_int(s, "training_mode", 0) != 0 : s->opset < 7 && !qn_attr_int(s, "is_test", 0) && s->n_out > 1; }

static int64_t channels_of(const qn_step *s, const qn_tensor *x) {
  return x->rank < 2 ? 1 : x->dims[s->channels_last && x->rank >= 3 ? x->rank - 1 : 1];
}

/* Up to opset 8 spatial = 0 gives each point of each channel parameters of its own. */
static bool per_point(const qn_step *s) { return s->opset < 9 && qn_attr_int(s, "spatial", 1) == 0; }

static int64_t groups_of(const qn_step *s, const qn_tensor *x) {
  int64_t n = 1;
  if (!per_point(s)) return channels_of(s, x);
  for (int d = 1; d < x->rank; d++) n *= x->dims[d];
  return n;
}

static qn_status plan(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  for (int i = 0; i < 5; i++) {
    QN_TRY(qn_check_type(s, i, QN_FLOATS));
    if (i && ((qn_in(s, i)->rank != 1 && !per_point(s)) || qn_in(s, i)->count != groups_of(s, x)))
      return qn_step_fail(s, QN_ERR_SHAPE, "input %d has shape %s; [%lld], one number for each channel, is expected", i, qn_shape_text(text, qn_in(s, i)->rank, qn_in(s, i)->dims), (long long)groups_of(s, x));
  }
  QN_TRY(qn_out_like(s, 0, x));
  for (int i = 1; i < s->n_out; i++) QN_TRY(qn_out_like(s, i, qn_in(s, i < 3 ? i + 2 : i)));
  if (per_point(s) && training(s)) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "training with spatial = 0");
  qn_room r = {0};
  qn_room_take(&r, (size_t)groups_of(s, x), 2 * sizeof(double));
  return qn_room_done(s, &r);
}

static double at(const qn_tensor *t, int64_t i) {
  double v;
  qn_cast(t->dtype, (const uint8_t *)t->data + (size_t)i * qn_dtype_size(t->dtype), QN_DOUBLE, &v, 1, (qn_cast_mode){0});
  return v;
}
static void put(const qn_tensor *t, int64_t i, double v) {
  qn_cast(QN_DOUBLE, &v, t->dtype, (uint8_t *)t->data + (size_t)i * qn_dtype_size(t->dtype), 1, (qn_cast_mode){0});
}

/* Mean and (population) variance of channel c over batch and points. */
static void moments(const qn_tensor *x, int64_t c, int64_t channels, int64_t points, bool last, double *mean, double *variance) {
  int64_t batch = x->count / (channels * points), n = batch * points;
  double sum = 0, squares = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int64_t k = 0; k < n; k++) {
      int64_t b = k / points, p = k % points;
      double v = at(x, last ? (b * points + p) * channels + c : (b * channels + c) * points + p);
      if (pass == 0) sum += v;
      else squares += (v - sum / (double)n) * (v - sum / (double)n);
    }
  *mean = sum / (double)n;
  *variance = squares / (double)n;
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  if (x->count == 0) return QN_OK;
  int64_t channels = channels_of(s, x);
  bool last = s->channels_last && x->rank >= 3;
  int64_t points = 1;
  for (int d = 2; d < x->rank; d++) points *= x->dims[last ? d - 1 : d];
  double epsilon = qn_attr_float(s, "epsilon", 1e-5f), momentum = qn_attr_float(s, "momentum", 0.9f);
  int64_t groups = groups_of(s, x);
  double *factor = s->scratch, *shift = factor + groups;
  for (int64_t c = 0; c < groups; c++) {
    double mean = at(qn_in(s, 3), c), variance = at(qn_in(s, 4), c);
    if (training(s)) {
      double old_mean = mean, old_variance = variance;
      moments(x, c, channels, points, last, &mean, &variance);
      if (qn_out(s, 1)) put(qn_out(s, 1), c, old_mean * momentum + mean * (1 - momentum));
      if (qn_out(s, 2)) put(qn_out(s, 2), c, old_variance * momentum + variance * (1 - momentum));
    }
    factor[c] = at(qn_in(s, 1), c) / sqrt(variance + epsilon);
    shift[c] = at(qn_in(s, 2), c) - mean * factor[c];
  }
  if (per_point(s)) {
    for (int64_t i = 0; i < x->count; i++) {
      int64_t g = last ? i % channels * points + i / channels % points : i % groups;
      put(y, i, at(x, i) * factor[g] + shift[g]);
    }
    return QN_OK;
  }
  int64_t runs = last ? x->count / channels : x->count / points;
  if (x->dtype == QN_FLOAT) {
    const float *in = x->data;
    float *out = y->data;
    if (last) {
      for (int64_t r = 0; r < runs; r++)
        for (int64_t c = 0; c < channels; c++) out[r * channels + c] = (float)(in[r * channels + c] * factor[c] + shift[c]);
    } else {
      for (int64_t r = 0; r < runs; r++) {
        float f = (float)factor[r % channels], b = (float)shift[r % channels];
        for (int64_t p = 0; p < points; p++) out[r * points + p] = in[r * points + p] * f + b;
      }
    }
    return QN_OK;
  }
  for (int64_t i = 0; i < x->count; i++) {
    int64_t c = last ? i % channels : i / points % channels;
    put(y, i, at(x, i) * factor[c] + shift[c]);
  }
  return QN_OK;
}

const qn_op qn_op_batch_norm = {.domain = "", .name = "BatchNormalization", .since = 1, .min_in = 5, .max_in = 5, .min_out = 1, .max_out = 5,
                                .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
