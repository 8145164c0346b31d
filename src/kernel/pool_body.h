/* Any pool, point by point, for element type T: what pool_lines() in pool.c does not do. Included once a type. */
QN_COLD static T NAME(one)(const qn_pool_spec *p, const T *x, const qn_tap *taps, int64_t count, int64_t padded, int64_t *best) {
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

QN_COLD static void NAME(pool)(const qn_pool_spec *p, const T *x, T *y, int64_t *indices, qn_tap *taps) {
  const qn_window *w = &p->window;
  for (int64_t o = 0; o < w->out_points; o++) {
    int64_t padded, count = qn_window_taps(w, o, taps, &padded);
    for (int64_t n = 0; n < p->batch; n++) {
      for (int64_t c = 0; c < p->channels; c++) {
        int64_t best = 0, to = n * p->y.batch + c * p->y.channel + o * p->y.point;
        y[to] = NAME(one)(p, x + n * p->x.batch + c * p->x.channel, taps, count, padded, &best);
        if (indices) indices[to] = (n * p->channels + c) * w->in_points + (p->column_major ? column_major(w, best) : best);
      }
    }
  }
}
