#include "kernel/conv.h"

static double clamp(double x, const qn_conv *c) { return x < c->min ? c->min : x > c->max ? c->max : x; }

void qn_conv_ref(const qn_conv *c, const double *x, const double *w, const double *bias, double *y, qn_tap *taps) {
  int64_t group_channels = c->channels / c->groups, group_maps = c->maps / c->groups;
  for (int64_t n = 0; n < c->batch; n++)
    for (int64_t p = 0; p < c->window.out_points; p++) {
      int64_t count = qn_window_taps(&c->window, p, taps, NULL);
      for (int64_t m = 0; m < c->maps; m++) {
        int64_t first = m / group_maps * group_channels;
        double sum = bias ? bias[m] : 0;
        for (int64_t i = 0; i < group_channels; i++)
          for (int64_t t = 0; t < count; t++)
            sum += x[n * c->x.batch + (first + i) * c->x.channel + taps[t].at * c->x.point] *
                   w[(m * group_channels + i) * c->window.taps + taps[t].index];
        y[n * c->y.batch + m * c->y.channel + p * c->y.point] = clamp(sum, c);
      }
    }
}

void qn_conv_transpose_ref(const qn_conv *c, const double *x, const double *w, const double *bias, double *y, qn_tap *taps) {
  int64_t group_channels = c->channels / c->groups, group_maps = c->maps / c->groups;
  for (int64_t n = 0; n < c->batch; n++) {
    double *to = y + n * c->y.batch;
    for (int64_t m = 0; m < c->maps; m++)
      for (int64_t q = 0; q < c->window.in_points; q++) to[m * c->y.channel + q * c->y.point] = bias ? bias[m] : 0;
    for (int64_t p = 0; p < c->window.out_points; p++) {
      int64_t count = qn_window_taps(&c->window, p, taps, NULL);
      for (int64_t i = 0; i < c->channels; i++) {
        double value = x[n * c->x.batch + i * c->x.channel + p * c->x.point];
        for (int64_t m = 0; m < group_maps; m++)
          for (int64_t t = 0; t < count; t++)
            to[(i / group_channels * group_maps + m) * c->y.channel + taps[t].at * c->y.point] +=
                value * w[(i * group_maps + m) * c->window.taps + taps[t].index];
      }
    }
    for (int64_t m = 0; m < c->maps; m++)
      for (int64_t q = 0; q < c->window.in_points; q++) {
        double *v = &to[m * c->y.channel + q * c->y.point];
        *v = clamp(*v, c);
      }
  }
}
