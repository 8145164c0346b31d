/* The body of recurrent.c for element type T; included once a type. */
static void NAME(apply)(const qn_activation *f, T *x, int64_t n, float clip) {
  if (clip < INFINITY)
    for (int64_t i = 0; i < n; i++) x[i] = x[i] < (T)-clip ? (T)-clip : x[i] > (T)clip ? (T)clip : x[i];
  if (f->pre != 1.0f)
    for (int64_t i = 0; i < n; i++) x[i] *= (T)f->pre;
  qn_unary_run(f->f, TYPE, x, x, (size_t)n, f->a, f->b);
  if (f->scale != 1.0f || f->shift != 0.0f)
    for (int64_t i = 0; i < n; i++) x[i] = x[i] * (T)f->scale + (T)f->shift;
}

/* g: the gates' sums [gates·hidden], overwritten; each function leaves the new state in h (and c). */
static void NAME(rnn)(const qn_recurrent *k, const qn_recurrent_pass *p, T *g, T *h) {
  NAME(apply)(&p->act[0], g, k->hidden, k->clip);
  for (int64_t i = 0; i < k->hidden; i++) h[i] = g[i];
}

static void NAME(lstm)(const qn_recurrent *k, const qn_recurrent_pass *p, T *g, T *h, T *c) {
  int64_t n = k->hidden;
  const T *peep = p->peepholes;
  T *in = g, *out = g + n, *forget = g + 2 * n, *cell = g + 3 * n;
  for (int64_t i = 0; peep && i < n; i++) {
    in[i] += peep[i] * c[i];
    forget[i] += peep[2 * n + i] * c[i];
  }
  NAME(apply)(&p->act[0], in, n, k->clip);
  if (k->couple)
    for (int64_t i = 0; i < n; i++) forget[i] = 1 - in[i];
  else
    NAME(apply)(&p->act[0], forget, n, k->clip);
  NAME(apply)(&p->act[1], cell, n, k->clip);
  for (int64_t i = 0; i < n; i++) h[i] = c[i] = forget[i] * c[i] + in[i] * cell[i];
  for (int64_t i = 0; peep && i < n; i++) out[i] += peep[n + i] * c[i];
  NAME(apply)(&p->act[0], out, n, k->clip);
  NAME(apply)(&p->act[2], h, n, INFINITY);
  for (int64_t i = 0; i < n; i++) h[i] *= out[i];
}

/* The hidden gate: hr is the state's part of it when reset comes after the product. */
static void NAME(gru)(const qn_recurrent *k, const qn_recurrent_pass *p, T *g, T *h, const T *hr, T *reset_h) {
  int64_t n = k->hidden;
  T *z = g, *r = g + n, *candidate = g + 2 * n;
  const T *bias = p->bias ? (const T *)p->bias + 5 * n : NULL;
  if (k->reset_after)
    for (int64_t i = 0; i < n; i++) candidate[i] += r[i] * (hr[i] + (bias ? bias[i] : 0));
  else {
    for (int64_t i = 0; i < n; i++) reset_h[i] = r[i] * h[i];
    NAME(product)(1, n, n, reset_h, n, (const T *)p->r + NAME(gate_offset)(k), reset_h + n, n, NULL);
    for (int64_t i = 0; i < n; i++) candidate[i] += reset_h[n + i];
  }
  NAME(apply)(&p->act[1], candidate, n, k->clip);
  for (int64_t i = 0; i < n; i++) h[i] = (1 - z[i]) * candidate[i] + z[i] * h[i];
}

/* Time steps [t0, t0 + n) of all sequences through W, into rows [n][batch][gates·hidden]. */
static void NAME(project)(const qn_recurrent *k, const qn_recurrent_pass *p, const T *x, int64_t t0, int64_t n, const T *bias, T *out) {
  int64_t width = k->gates * k->hidden;
  const T *from = x + t0 * k->x_time * k->inputs;
  if (k->x_batch == 1) {
    NAME(product)(n * k->batch, width, k->inputs, from, k->inputs, p->w, out, width, bias);
    return;
  }
  for (int64_t b = 0; b < k->batch; b++)
    NAME(product)(n, width, k->inputs, from + b * k->x_batch * k->inputs, k->x_time * k->inputs, p->w, out + b * width, k->batch * width, bias);
}

static void NAME(step)(const qn_recurrent *k, const qn_recurrent_pass *p, int64_t t, T *sums, T *h, T *c, T *hr, T *reset_h) {
  int64_t n = k->hidden, width = k->gates * n;
  if (k->cell == QN_GRU) { /* update and reset gates; the hidden gate too when its product does not wait for the reset */
    NAME(product)(k->batch, 2 * n, n, h, n, p->r, hr, width, NULL);
    if (k->reset_after) NAME(product)(k->batch, n, n, h, n, (const T *)p->r + NAME(gate_offset)(k), hr + 2 * n, width, NULL);
  } else {
    NAME(product)(k->batch, width, n, h, n, p->r, hr, width, NULL);
  }
  for (int64_t b = 0; b < k->batch; b++) {
    T *g = sums + b * width, *add = hr + b * width, *y = p->y ? (T *)p->y + (t * k->y_time + b * k->y_batch) * n : NULL;
    if (p->lengths && t >= p->lengths[b]) {
      for (int64_t i = 0; y && i < n; i++) y[i] = 0;
      continue;
    }
    for (int64_t i = 0, end = k->cell == QN_GRU ? 2 * n : width; i < end; i++) g[i] += add[i];
    if (k->cell == QN_GRU) {
      NAME(apply)(&p->act[0], g, 2 * n, k->clip);
      NAME(gru)(k, p, g, h + b * n, add + 2 * n, reset_h);
    } else if (k->cell == QN_LSTM) {
      NAME(lstm)(k, p, g, h + b * n, c + b * n);
    } else {
      NAME(rnn)(k, p, g, h + b * n);
    }
    for (int64_t i = 0; y && i < n; i++) y[i] = h[b * n + i];
  }
}

static void NAME(run)(const qn_recurrent *k, const qn_recurrent_pass *p, const T *x, T *scratch) {
  int64_t n = k->hidden, width = k->gates * n, block = block_of(k);
  T *bias = scratch, *h = bias + width, *c = h + k->batch * n, *reset_h = c + k->batch * n, *hr = reset_h + 2 * n, *sums = hr + k->batch * width;
  for (int64_t i = 0; i < width; i++) {
    const T *both = p->bias;
    bool apart = k->cell == QN_GRU && k->reset_after && i >= 2 * n;
    bias[i] = both ? both[i] + (apart ? 0 : both[width + i]) : 0;
  }
  for (int64_t b = 0; b < k->batch; b++)
    for (int64_t i = 0; i < n; i++) {
      h[b * n + i] = p->h0 ? ((const T *)p->h0)[b * k->state_batch * n + i] : 0;
      c[b * n + i] = p->c0 ? ((const T *)p->c0)[b * k->state_batch * n + i] : 0;
    }
  for (int64_t done = 0; done < k->steps; done += block) {
    int64_t count = k->steps - done < block ? k->steps - done : block;
    int64_t first = p->reverse ? k->steps - done - count : done;
    NAME(project)(k, p, x, first, count, bias, sums);
    for (int64_t i = 0; i < count; i++) {
      int64_t at = p->reverse ? count - 1 - i : i;
      NAME(step)(k, p, first + at, sums + at * k->batch * width, h, c, hr, reset_h);
    }
  }
  for (int64_t b = 0; b < k->batch; b++)
    for (int64_t i = 0; i < n; i++) {
      ((T *)p->h)[b * k->state_batch * n + i] = h[b * n + i];
      if (p->c) ((T *)p->c)[b * k->state_batch * n + i] = c[b * n + i];
    }
}
