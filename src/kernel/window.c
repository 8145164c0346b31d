#include "kernel/window.h"

/* Divisions are what takes the time here. */
static int64_t divide_up(int64_t n, int64_t step) { return step == 1 ? n : (n + step - 1) / step; }

int64_t qn_window_taps(const qn_window *w, int64_t point, qn_tap *taps, int64_t *padded) {
  int64_t first[QN_SPATIAL], low[QN_SPATIAL], high[QN_SPATIAL], k[QN_SPATIAL], all = 1, inside = 1;
  for (int d = w->rank - 1; d >= 0; d--) {
    int64_t o = (int64_t)((uint32_t)point % (uint32_t)w->out[d]), in = w->in[d], step = w->dilation[d], size = w->kernel[d];
    point = (int64_t)((uint32_t)point / (uint32_t)w->out[d]);
    first[d] = o * w->stride[d] - w->pad[d];
    low[d] = first[d] >= 0 ? 0 : divide_up(-first[d], step);
    high[d] = first[d] >= in ? 0 : divide_up(in - first[d], step);
    if (high[d] > size) high[d] = size;
    int64_t end = in + w->pad_end[d], within = first[d] >= end ? 0 : divide_up(end - first[d], step);
    all *= within < size ? within : size;
    inside *= high[d] > low[d] ? high[d] - low[d] : 0;
    k[d] = low[d];
  }
  if (padded) *padded = all;
  if (!taps) return inside;
  if (w->rank == 0) taps[0] = (qn_tap){0};
  const int last = w->rank - 1;
  for (int64_t n = 0; last >= 0 && n < inside;) {
    int64_t index = 0, at = 0;
    for (int d = 0; d <= last; d++) {
      index = index * w->kernel[d] + k[d];
      at = at * w->in[d] + first[d] + k[d] * w->dilation[d];
    }
    for (int64_t i = low[last]; i < high[last]; i++, index++, at += w->dilation[last]) taps[n++] = (qn_tap){(int32_t)index, (int32_t)at};
    for (int d = last - 1; d >= 0; d--) {
      if (++k[d] < high[d]) break;
      k[d] = low[d];
    }
  }
  return inside;
}
