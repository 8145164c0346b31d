/* The recurrence for one element type: recurrent.c includes this with REAL, NAMED(), the scalar functions TANH() … and
 * NAMED(product) defined. Pointers to gates are [G, H] of one row of the batch. */

HEAT static void NAMED(activate)(qn_activation a, int64_t n, REAL *v) {
  const REAL alpha = (REAL)a.alpha, beta = (REAL)a.beta;
#define EACH(expression)                 \
  do {                                   \
    QN_SIMD for (int64_t i = 0; i < n; i++) { \
      REAL x = v[i];                     \
      v[i] = expression;                 \
    }                                    \
  } while (0)
  switch (a.kind) {
    case QN_ACT_SIGMOID: ALL_SIGMOID(n, v); break;
    case QN_ACT_TANH: ALL_TANH(n, v); break;
    case QN_ACT_RELU: EACH(x < 0 ? 0 : x); break;
    case QN_ACT_AFFINE: EACH(alpha * x + beta); break;
    case QN_ACT_LEAKY_RELU: EACH(x < 0 ? alpha * x : x); break;
    case QN_ACT_THRESHOLDED_RELU: EACH(x < alpha ? 0 : x); break;
    case QN_ACT_SCALED_TANH: EACH(alpha * TANH(beta * x)); break;
    case QN_ACT_HARD_SIGMOID: EACH(AT_LEAST(AT_MOST(alpha * x + beta, 1), 0)); break;
    case QN_ACT_ELU: EACH(x < 0 ? alpha * EXPM1(x) : x); break;
    case QN_ACT_SOFTSIGN: EACH(x / (1 + ABS(x))); break;
    case QN_ACT_SOFTPLUS: EACH(AT_LEAST(x, 0) + LOG1P(EXP(-ABS(x)))); break;
    case QN_ACT_COUNT: break;
  }
#undef EACH
}

HEAT static void NAMED(clip)(float limit, int64_t n, REAL *v) {
  const REAL high = (REAL)limit;
  if (limit == INFINITY) return;
  QN_SIMD for (int64_t i = 0; i < n; i++) v[i] = AT_LEAST(AT_MOST(v[i], high), -high);
}

HEAT static void NAMED(add)(int64_t n, const REAL *x, REAL *v) {
  QN_SIMD for (int64_t i = 0; i < n; i++) v[i] += x[i];
}
HEAT static void NAMED(add_product)(int64_t n, const REAL *x, const REAL *y, REAL *v) {
  QN_SIMD for (int64_t i = 0; i < n; i++) v[i] += x[i] * y[i];
}

/* v: the recurrent products; h, c: the row's state, updated. */
HEAT static void NAMED(rnn_row)(const qn_recurrent *p, const qn_activation *act, const REAL *x, REAL *v, REAL *h) {
  NAMED(add)(p->hidden, x, v);
  NAMED(clip)(p->clip, p->hidden, v);
  NAMED(activate)(act[0], p->hidden, v);
  memcpy(h, v, (size_t)p->hidden * sizeof(REAL));
}

/* Gates i, o, f, c. turned: [H] of working memory. */
HEAT static void NAMED(lstm_row)(const qn_recurrent *p, const qn_activation *act, const REAL *x, const REAL *peephole, REAL *v, REAL *h,
                            REAL *c, REAL *turned) {
  const int64_t n = p->hidden;
  REAL *in = v, *out = v + n, *forget = v + 2 * n, *cell = v + 3 * n;
  NAMED(add)(4 * n, x, v);
  if (peephole) {
    NAMED(add_product)(n, peephole, c, in);
    NAMED(add_product)(n, peephole + 2 * n, c, forget);
    NAMED(clip)(p->clip, n, in);
    NAMED(clip)(p->clip, 2 * n, forget);
    NAMED(activate)(act[0], n, in);
    NAMED(activate)(act[0], n, forget);
  } else {
    NAMED(clip)(p->clip, 4 * n, v);
    NAMED(activate)(act[0], 3 * n, v);
  }
  NAMED(activate)(act[1], n, cell);
  if (p->input_forget)
    QN_SIMD for (int64_t i = 0; i < n; i++) forget[i] = 1 - in[i];
  QN_SIMD for (int64_t i = 0; i < n; i++) turned[i] = c[i] = forget[i] * c[i] + in[i] * cell[i];
  if (peephole) { /* the output gate looks at the new cell */
    NAMED(add_product)(n, peephole + n, c, out);
    NAMED(clip)(p->clip, n, out);
    NAMED(activate)(act[0], n, out);
  }
  NAMED(activate)(act[2], n, turned);
  QN_SIMD for (int64_t i = 0; i < n; i++) h[i] = out[i] * turned[i];
}

/* Gates z, r of a GRU; reset: [H], the reset state, which the candidate's weights are applied to. */
HEAT static void NAMED(gru_gates)(const qn_recurrent *p, const qn_activation *act, const REAL *x, REAL *v, const REAL *h, REAL *reset) {
  const int64_t n = p->hidden;
  const REAL *r = v + n;
  NAMED(add)(2 * n, x, v);
  NAMED(clip)(p->clip, 2 * n, v);
  NAMED(activate)(act[0], 2 * n, v);
  QN_SIMD for (int64_t i = 0; i < n; i++) reset[i] = r[i] * h[i];
}

/* x: the candidate's part of the input products; v: gates z, r; candidate: [H], its recurrent product. */
HEAT static void NAMED(gru_row)(const qn_recurrent *p, const qn_activation *act, const REAL *x, const REAL *v, REAL *candidate, REAL *h) {
  const int64_t n = p->hidden;
  const REAL *z = v, *r = v + n;
  if (p->linear_before_reset)
    QN_SIMD for (int64_t i = 0; i < n; i++) candidate[i] = x[i] + r[i] * candidate[i];
  else
    NAMED(add)(n, x, candidate);
  NAMED(clip)(p->clip, n, candidate);
  NAMED(activate)(act[1], n, candidate);
  QN_SIMD for (int64_t i = 0; i < n; i++) h[i] = (1 - z[i]) * candidate[i] + z[i] * h[i];
}

/* Where a direction's rows are: index (b, direction) of [D, B, H] or [B, D, H], in elements. */
HEAT static int64_t NAMED(state_at)(const qn_recurrent *p, int direction, int64_t b) {
  return (p->batch_first ? b * p->directions + direction : direction * p->batch + b) * p->hidden;
}

/* A direction's part of the work. */
typedef struct NAMED(room) {
  REAL *projected;                /* [T, B, G·H]: the inputs' products and the bias */
  REAL *v, *h, *c, *extra, *bias; /* [B, G·H], then [B, H] each, and [G·H] */
} NAMED(room);

HEAT static NAMED(room) NAMED(room_of)(const qn_recurrent *p, const qn_recurrent_data *d, int k) {
  const size_t state = (size_t)(p->batch * p->hidden), gates = (size_t)qn_cell_gates(p->cell) * state;
  REAL *at = (REAL *)d->work + (size_t)k % room_sets(p) * room_of_one(p), *v = at + (size_t)p->steps * gates, *h = v + gates;
  return (NAMED(room)){at, v, h, h + state, h + 2 * state, h + 3 * state};
}

/* The inputs of all steps at once. */
HEAT static void NAMED(project)(const qn_recurrent *p, const qn_recurrent_data *d, int k, const REAL *w) {
  const NAMED(room) m = NAMED(room_of)(p, d, k);
  const int64_t n = p->hidden, all = qn_cell_gates(p->cell) * n;
  if (d->bias) {
    const REAL *wb = (const REAL *)d->bias + k * 2 * all, *rb = wb + all;
    /* linear_before_reset: the recurrent bias of the candidate is reset along with its product */
    int64_t both = p->linear_before_reset ? 2 * n : all;
    for (int64_t i = 0; i < all; i++) m.bias[i] = i < both ? wb[i] + rb[i] : wb[i];
  }
  NAMED(product)(p->steps * p->batch, all, p->inputs, d->x, w, d->bias ? m.bias : NULL, m.projected);
}

HEAT static void NAMED(recur)(const qn_recurrent *p, const qn_recurrent_data *d, int k, const REAL *r, const REAL *r_candidate) {
  const int64_t n = p->hidden, batch = p->batch, steps = p->steps, all = qn_cell_gates(p->cell) * n;
  const bool gru = p->cell == QN_CELL_GRU, lstm = p->cell == QN_CELL_LSTM, backward = p->backward || k == 1;
  const int64_t products = gru ? 2 * n : all; /* columns of the first recurrent product */
  const NAMED(room) m = NAMED(room_of)(p, d, k);
  REAL *v = m.v, *candidate = v + batch * products, *h = m.h, *c = m.c, *extra = m.extra;
  const REAL *peephole = d->peephole ? (const REAL *)d->peephole + k * 3 * n : NULL;
  const REAL *late = d->bias && p->linear_before_reset ? (const REAL *)d->bias + k * 2 * all + all + 2 * n : NULL;
  int64_t longest = d->lengths ? 0 : steps;
  for (int64_t b = 0; b < batch; b++) {
    int64_t from = NAMED(state_at)(p, k, b);
    if (d->lengths && d->lengths[b] > longest) longest = d->lengths[b];
    if (d->h0) memcpy(h + b * n, (const REAL *)d->h0 + from, (size_t)n * sizeof(REAL));
    else memset(h + b * n, 0, (size_t)n * sizeof(REAL));
    if (lstm && d->c0) memcpy(c + b * n, (const REAL *)d->c0 + from, (size_t)n * sizeof(REAL));
    else memset(c + b * n, 0, (size_t)n * sizeof(REAL));
  }
#define INPUT_ROW (m.projected + (p->batch_first ? b * steps + t : t * batch + b) * all)
#define EACH_ROW                                                                        \
  for (int64_t b = 0, length, t; b < batch; b++)                                        \
    if (length = d->lengths ? d->lengths[b] : steps, t = backward ? length - 1 - step : step, step < length)
  for (int64_t step = 0; step < longest; step++) {
    NAMED(product)(batch, products, n, h, r, NULL, v);
    if (gru) {
      EACH_ROW NAMED(gru_gates)(p, p->act[k], INPUT_ROW, v + b * products, h + b * n, extra + b * n);
      NAMED(product)(batch, n, n, p->linear_before_reset ? h : extra, r_candidate, late, candidate);
    }
    EACH_ROW {
      const REAL *x = INPUT_ROW;
      if (gru) NAMED(gru_row)(p, p->act[k], x + 2 * n, v + b * products, candidate + b * n, h + b * n);
      else if (lstm) NAMED(lstm_row)(p, p->act[k], x, peephole, v + b * all, h + b * n, c + b * n, extra + b * n);
      else NAMED(rnn_row)(p, p->act[k], x, v + b * all, h + b * n);
      if (!d->y) continue;
      int64_t row = p->batch_first ? (b * steps + t) * p->directions + k : (t * p->directions + k) * batch + b;
      memcpy((REAL *)d->y + row * n, h + b * n, (size_t)n * sizeof(REAL));
    }
  }
#undef EACH_ROW
#undef INPUT_ROW
  for (int64_t b = 0; b < batch; b++) {
    int64_t to = NAMED(state_at)(p, k, b);
    if (d->y_h) memcpy((REAL *)d->y_h + to, h + b * n, (size_t)n * sizeof(REAL));
    if (d->y_c) memcpy((REAL *)d->y_c + to, c + b * n, (size_t)n * sizeof(REAL));
  }
}

#undef REAL
#undef NAMED
#undef ALL_SIGMOID
#undef ALL_TANH
#undef TANH
#undef EXP
#undef EXPM1
#undef LOG1P
#undef ABS
#undef AT_LEAST
#undef AT_MOST
