#include "kernel/window.h"

int64_t qn_window_taps(const qn_window *w, int64_t point, qn_tap *taps, int64_t *padded) {
  int64_t first[QN_SPATIAL], low[QN_SPATIAL], high[QN_SPATIAL], k[QN_SPATIAL], all = 1, inside = 1;
  for (int d = w->rank - 1; d >= 0; d--) {
    int64_t o = point % w->out[d], in = w->in[d], step = w->dilation[d], size = w->kernel[d];
    point /= w->out[d];
    first[d] = o * w->stride[d] - w->pad[d];
    low[d] = first[d] >= 0 ? 0 : (-first[d] + step - 1) / step;
    high[d] = first[d] >= in ? 0 : (in - first[d] + step - 1) / step;
    if (high[d] > size) high[d] = size;
    int64_t end = in + w->pad_end[d], within = first[d] >= end ? 0 : (end - first[d] + step - 1) / step;
    all *= within < size ? within : size;
    inside *= high[d] > low[d] ? high[d] - low[d] : 0;
    k[d] = low[d];
  }
  if (padded) *padded = all;
  if (!taps) return inside;
  for (int64_t n = 0; n < inside; n++) {
    int64_t index = 0, at = 0;
    for (int d = 0; d < w->rank; d++) {
      index = index * w->kernel[d] + k[d];
      at = at * w->in[d] + first[d] + k[d] * w->dilation[d];
    }
    taps[n] = (qn_tap){(int32_t)index, (int32_t)at};
    for (int d = w->rank - 1; d >= 0; d--) {
      if (++k[d] < high[d]) break;
      k[d] = low[d];
    }
  }
  return inside;
}
