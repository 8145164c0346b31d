/* The body of pool.c for element type T; included once a type. */
HEAT static T NAME(one)(const qn_pool_spec *p, const T *x, const qn_tap *taps, int64_t count, int64_t padded, int64_t *best) {
  int64_t step = p->x.point;
  T sum = 0;
  if (p->kind == QN_POOL_MAX) {
    sum = (T)-INFINITY;
    *best = count ? taps[0].at : 0;
    for (int64_t t = 0; t < count; t++) {
      T v = x[taps[t].at * step];
      if (v > sum || (v != v && sum == sum)) sum = v, *best = taps[t].at;
    }
    return sum;
  }
  if (p->kind == QN_POOL_AVERAGE) {
    int64_t over = p->count_padding ? padded : count;
    for (int64_t t = 0; t < count; t++) sum += x[taps[t].at * step];
    return over ? sum / (T)over : 0;
  }
  for (int64_t t = 0; t < count; t++) {
    double v = fabs((double)x[taps[t].at * step]);
    sum += (T)(p->p == 1 ? v : p->p == 2 ? v * v : pow(v, p->p));
  }
  return (T)(p->p == 1 ? sum : p->p == 2 ? sqrt((double)sum) : pow((double)sum, 1 / p->p));
}

/* Channels innermost: one pass per tap over consecutive memory. */
HEAT static void NAME(rows)(const qn_pool_spec *p, const T *x, const qn_tap *taps, int64_t count, int64_t padded, T *y) {
  int64_t channels = p->channels;
  bool max = p->kind == QN_POOL_MAX;
  for (int64_t c = 0; c < channels; c++) y[c] = max ? (T)-INFINITY : 0;
  for (int64_t t = 0; t < count; t++) {
    const T *from = x + taps[t].at * channels;
    if (max)
      for (int64_t c = 0; c < channels; c++) y[c] = from[c] > y[c] || from[c] != from[c] ? from[c] : y[c];
    else
      for (int64_t c = 0; c < channels; c++) y[c] += from[c];
  }
  int64_t over = p->count_padding ? padded : count;
  if (max || over == 0) return;
  T scale = (T)over;
  for (int64_t c = 0; c < channels; c++) y[c] /= scale;
}

HEAT void NAME(qn_pool)(const qn_pool_spec *p, const T *x, T *y, int64_t *indices, qn_tap *taps) {
  const qn_window *w = &p->window;
  bool rows = p->x.channel == 1 && p->y.channel == 1 && p->kind != QN_POOL_LP && !indices;
  for (int64_t o = 0; o < w->out_points; o++) {
    int64_t padded, count = qn_window_taps(w, o, taps, &padded);
    for (int64_t n = 0; n < p->batch; n++) {
      if (rows) {
        NAME(rows)(p, x + n * p->x.batch, taps, count, padded, y + n * p->y.batch + o * p->y.point);
        continue;
      }
      for (int64_t c = 0; c < p->channels; c++) {
        int64_t best = 0, to = n * p->y.batch + c * p->y.channel + o * p->y.point;
        y[to] = NAME(one)(p, x + n * p->x.batch + c * p->x.channel, taps, count, padded, &best);
        if (indices) indices[to] = (n * p->channels + c) * w->in_points + (p->column_major ? column_major(w, best) : best);
      }
    }
  }
}
