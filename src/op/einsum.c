/* Einsum. Two operands become one batched matrix product where every label has a part in it; all else is summed directly. */
#include <math.h>
#include <string.h>

#include "kernel/copy.h"
#include "kernel/gemm.h"
#include "op/scratch.h"

enum { LETTERS = 52, LABELS = LETTERS + QN_MAX_RANK /* the dimensions under an ellipsis */, OPERANDS = 16 };

typedef struct term {
  int rank, labels[QN_MAX_RANK];
} term;

/* One operand seen by label. */
typedef struct operand {
  int64_t stride[LABELS]; /* 0 where it lacks the label or repeats; a label that stands twice walks the diagonal */
  bool has[LABELS];
} operand;

typedef struct product { /* [batch, m, k] · [batch, k, n] */
  int rank_a, rank_b, rank_y;
  int64_t dims_a[QN_COPY_RANK], strides_a[QN_COPY_RANK], dims_b[QN_COPY_RANK], strides_b[QN_COPY_RANK];
  int64_t dims_y[QN_COPY_RANK], strides_y[QN_COPY_RANK];
  int64_t batch, m, n, k;
  bool copy_a, copy_b, copy_y;
} product;

typedef struct einsum {
  int n, n_out, n_sum;              /* operands; labels of the output and labels that go */
  int out[LABELS], sum[LABELS];
  int64_t dims[LABELS];
  operand in[OPERANDS];
  qn_dtype compute;                 /* QN_FLOAT, QN_DOUBLE, QN_INT64 */
  bool fast;
  product p;
} einsum;

static int letter(char c) { return c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' + 26 : -1; }

/* Reads a term up to ',' or '-' or the end; an ellipsis takes what is left of `rank` (for the output: `dots`). */
static qn_status read_term(const qn_step *s, const char **text, int rank, int dots, term *t) {
  const char *at = *text;
  int letters = 0;
  bool ellipsis = false;
  for (const char *c = at; *c && *c != ',' && *c != '-'; c++) letters += letter(*c) >= 0;
  t->rank = 0;
  for (; *at && *at != ',' && *at != '-'; at++) {
    if (*at == ' ') continue;
    int l = letter(*at), first = l, last = l;
    if (l < 0) {
      if (strncmp(at, "...", 3) || ellipsis) return qn_step_fail(s, QN_ERR_ARGUMENT, "the equation has an unexpected character at '%s'", at);
      ellipsis = true;
      at += 2;
      int covered = rank >= 0 ? rank - letters : dots;
      first = LABELS - covered; /* aligned at the right, as in broadcasting */
      last = LABELS - 1;
      if (covered < 0) return qn_step_fail(s, QN_ERR_SHAPE, "the equation has more labels than an operand has dimensions");
    }
    for (l = first; l <= last; l++) {
      if (t->rank == QN_MAX_RANK) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a term has more than %d labels", QN_MAX_RANK);
      t->labels[t->rank++] = l;
    }
  }
  *text = at;
  return QN_OK;
}

static qn_status read_operand(const qn_step *s, einsum *e, int i, const term *t) {
  const qn_tensor *x = qn_in(s, i);
  if (t->rank != x->rank) return qn_step_fail(s, QN_ERR_SHAPE, "operand %d has rank %d where the equation names %d dimensions", i, x->rank, t->rank);
  int64_t strides[QN_MAX_RANK];
  qn_strides(x->rank, x->dims, strides);
  for (int d = 0; d < x->rank; d++) {
    int l = t->labels[d];
    if (e->dims[l] < 0 || e->dims[l] == 1) e->dims[l] = x->dims[d];
    else if (x->dims[d] != e->dims[l] && x->dims[d] != 1)
      return qn_step_fail(s, QN_ERR_SHAPE, "operand %d has %lld where its label means %lld", i, (long long)x->dims[d], (long long)e->dims[l]);
    e->in[i].has[l] = true;
    if (x->dims[d] != 1) e->in[i].stride[l] += strides[d];
  }
  return QN_OK;
}

static qn_status read_equation(const qn_step *s, einsum *e) {
  const char *text = qn_attr_text(s, "equation", NULL);
  if (!text) return qn_step_fail(s, QN_ERR_ARGUMENT, "attribute equation is missing");
  term t;
  int uses[LABELS] = {0}, dots = 0;
  for (int l = 0; l < LABELS; l++) e->dims[l] = -1;
  for (int i = 0; i < e->n; i++) {
    QN_TRY(read_term(s, &text, qn_in(s, i)->rank, 0, &t));
    QN_TRY(read_operand(s, e, i, &t));
    int covered = 0;
    for (int d = 0; d < t.rank; d++) {
      uses[t.labels[d]]++;
      covered += t.labels[d] >= LETTERS;
    }
    dots = covered > dots ? covered : dots;
    if (i + 1 < e->n && *text++ != ',') return qn_step_fail(s, QN_ERR_ARGUMENT, "the equation names fewer operands than the %d there are", e->n);
  }
  if (*text == ',') return qn_step_fail(s, QN_ERR_ARGUMENT, "the equation names more operands than the %d there are", e->n);
  bool in_out[LABELS] = {0};
  if (*text == '-') {
    if (text[1] != '>') return qn_step_fail(s, QN_ERR_ARGUMENT, "the equation has a '-' without '>'");
    text += 2;
    QN_TRY(read_term(s, &text, -1, dots, &t));
    if (*text) return qn_step_fail(s, QN_ERR_ARGUMENT, "the equation goes on behind its output: '%s'", text);
    for (int d = 0; d < t.rank; d++) {
      if (in_out[t.labels[d]] || e->dims[t.labels[d]] < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "an output label is there twice, or in no operand");
      in_out[t.labels[d]] = true;
      e->out[e->n_out++] = t.labels[d];
    }
  } else { /* what stands under an ellipsis, then labels that are used once, in the alphabet's order: capitals come first */
    for (int k = 0; k < LABELS; k++) {
      int l = k < QN_MAX_RANK ? LETTERS + k : k < QN_MAX_RANK + 26 ? k - QN_MAX_RANK + 26 : k - QN_MAX_RANK - 26;
      if (uses[l] != 1 && !(l >= LETTERS && uses[l])) continue;
      in_out[l] = true;
      e->out[e->n_out++] = l;
    }
  }
  for (int l = 0; l < LABELS; l++)
    if (uses[l] && !in_out[l]) e->sum[e->n_sum++] = l;
  return QN_OK;
}

static bool is_dense(int rank, const int64_t *dims, const int64_t *strides) {
  int64_t step = 1;
  for (int d = rank - 1; d >= 0; d--) {
    if (dims[d] != 1 && strides[d] != step) return false;
    step *= dims[d];
  }
  return true;
}

/* Orders labels as batch, rows, columns, sums. False when a label is summed in one operand alone. */
static bool as_product(einsum *e) {
  const operand *a = &e->in[0], *b = &e->in[1];
  product *p = &e->p;
  int order[LABELS], n = 0, y_order[LABELS], n_y = 0;
  if (e->n != 2 || e->n_out > QN_MAX_RANK || e->n_out + e->n_sum > QN_COPY_RANK) return false;
  *p = (product){.batch = 1, .m = 1, .n = 1, .k = 1};
  for (int i = 0; i < e->n_sum; i++)
    if (!a->has[e->sum[i]] || !b->has[e->sum[i]]) return false;
  for (int kind = 0; kind < 4; kind++) {
    int count = kind == 3 ? e->n_sum : e->n_out;
    for (int i = 0; i < count; i++) {
      int l = kind == 3 ? e->sum[i] : e->out[i], is = kind == 3 ? 3 : a->has[l] && b->has[l] ? 0 : a->has[l] ? 1 : 2;
      if (is != kind) continue;
      int64_t d = e->dims[l];
      order[n++] = l;
      if (kind < 3) y_order[n_y++] = l;
      *(kind == 0 ? &p->batch : kind == 1 ? &p->m : kind == 2 ? &p->n : &p->k) *= d;
      if (kind != 2) {
        p->dims_a[p->rank_a] = d;
        p->strides_a[p->rank_a++] = a->stride[l];
      }
    }
  }
  for (int kind = 0; kind < 3; kind++) /* b: batch, sums, columns */
    for (int i = 0; i < n; i++) {
      int l = order[i];
      bool out = i < n_y;
      int is = !out ? 1 : a->has[l] && b->has[l] ? 0 : a->has[l] ? 3 : 2;
      if (is != kind) continue;
      p->dims_b[p->rank_b] = e->dims[l];
      p->strides_b[p->rank_b++] = b->stride[l];
    }
  int64_t strides[LABELS] = {0}, step = 1;
  for (int i = e->n_out - 1; i >= 0; i--) {
    strides[e->out[i]] = step;
    step *= e->dims[e->out[i]];
  }
  for (int i = 0; i < n_y; i++) {
    p->dims_y[i] = e->dims[y_order[i]];
    p->strides_y[i] = strides[y_order[i]];
  }
  p->rank_y = n_y;
  p->copy_a = !is_dense(p->rank_a, p->dims_a, p->strides_a);
  p->copy_b = !is_dense(p->rank_b, p->dims_b, p->strides_b);
  p->copy_y = !is_dense(p->rank_y, p->dims_y, p->strides_y);
  return true;
}

typedef struct rooms {
  const void *in[OPERANDS];
  void *y, *a, *b, *c;
  float *work;
} rooms;

static void lay_out(const qn_step *s, const einsum *e, qn_room *r, rooms *m) {
  const qn_tensor *y = qn_out(s, 0);
  size_t width = qn_dtype_size(e->compute);
  for (int i = 0; i < e->n; i++) {
    const qn_tensor *x = qn_in(s, i);
    m->in[i] = x->data;
    if (x->dtype == e->compute) continue;
    void *wide = qn_room_take(r, (size_t)x->count, width);
    if (wide) qn_cast(x->dtype, x->data, e->compute, wide, (size_t)x->count, (qn_cast_mode){0});
    m->in[i] = wide;
  }
  m->y = y->dtype == e->compute ? y->data : qn_room_take(r, (size_t)y->count, width);
  if (!e->fast) return;
  const product *p = &e->p;
  m->a = p->copy_a ? qn_room_take(r, (size_t)qn_product(p->dims_a, p->rank_a), width) : NULL;
  m->b = p->copy_b ? qn_room_take(r, (size_t)qn_product(p->dims_b, p->rank_b), width) : NULL;
  m->c = p->copy_y ? qn_room_take(r, (size_t)y->count, width) : NULL;
  m->work = e->compute == QN_FLOAT ? qn_room_take(r, qn_gemm_raw_room(p->k, p->n), sizeof(float)) : NULL;
}

static qn_status plan(qn_step *s) {
  if (s->n_in > OPERANDS) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "%d operands; at most %d are supported", s->n_in, OPERANDS);
  QN_TRY(qn_state(s, sizeof(einsum)));
  einsum *e = s->state;
  e->n = s->n_in;
  for (int i = 0; i < e->n; i++) {
    QN_TRY(qn_check_type(s, i, ~(QN_TYPE_BIT(QN_STRING) | QN_TYPE_BIT(QN_COMPLEX64) | QN_TYPE_BIT(QN_COMPLEX128) | QN_TYPE_BIT(QN_BOOL) | QN_TYPE_BIT(QN_UNDEFINED))));
    QN_TRY(qn_check_same(s, "an operand", qn_in(s, i), qn_in(s, 0)));
  }
  qn_dtype type = qn_in(s, 0)->dtype;
  e->compute = type == QN_DOUBLE ? QN_DOUBLE : qn_dtype_of(type)->is_float ? QN_FLOAT : QN_INT64;
  if (type == QN_UINT64) e->compute = QN_UINT64; /* sums wrap alike */
  QN_TRY(read_equation(s, e));
  int64_t dims[LABELS];
  for (int i = 0; i < e->n_out; i++) dims[i] = e->dims[e->out[i]];
  QN_TRY(qn_out_shape(s, 0, type, e->n_out, dims));
  uint64_t terms = (uint64_t)qn_out(s, 0)->count;
  for (int i = 0; i < e->n_sum; i++)
    if (__builtin_mul_overflow(terms, (uint64_t)e->dims[e->sum[i]], &terms)) return qn_step_fail(s, QN_ERR_SHAPE, "the sum has too many terms");
  e->fast = qn_out(s, 0)->count > 0 && as_product(e);
  qn_room r = {0};
  rooms m;
  lay_out(s, e, &r, &m);
  return qn_room_done(s, &r);
}

static void multiply(const einsum *e, rooms *m) {
  const product *p = &e->p;
  unsigned bits = qn_dtype_of(e->compute)->bits;
  size_t width = bits / 8;
  int64_t dense[QN_COPY_RANK];
  const uint8_t *a = m->in[0], *b = m->in[1];
  uint8_t *c = p->copy_y ? m->c : m->y;
  if (p->copy_a) {
    qn_strides(p->rank_a, p->dims_a, dense);
    qn_copy_strided(bits, p->rank_a, p->dims_a, a, 0, p->strides_a, m->a, 0, dense);
    a = m->a;
  }
  if (p->copy_b) {
    qn_strides(p->rank_b, p->dims_b, dense);
    qn_copy_strided(bits, p->rank_b, p->dims_b, b, 0, p->strides_b, m->b, 0, dense);
    b = m->b;
  }
  qn_epilogue none = {NULL, -INFINITY, INFINITY};
  for (int64_t i = 0; i < p->batch; i++) {
    const void *ai = a + (size_t)(i * p->m * p->k) * width, *bi = b + (size_t)(i * p->k * p->n) * width;
    void *ci = c + (size_t)(i * p->m * p->n) * width;
    if (e->compute == QN_FLOAT) qn_gemm_raw(p->m, p->n, p->k, ai, p->k, bi, p->n, 1, ci, p->n, &none, m->work);
    else qn_matmul_plain(e->compute, p->m, p->n, p->k, ai, p->k, 1, bi, p->n, 1, ci);
  }
  if (!p->copy_y) return;
  qn_strides(p->rank_y, p->dims_y, dense);
  qn_copy_strided(bits, p->rank_y, p->dims_y, c, 0, dense, m->y, 0, p->strides_y);
}

/* Steps an odometer of labels; false after the last position. */
static bool advance(const einsum *e, const int *labels, int n, int64_t *index, int64_t *at) {
  for (int d = n - 1; d >= 0; d--) {
    int l = labels[d];
    for (int i = 0; i < e->n; i++) at[i] += e->in[i].stride[l];
    if (++index[d] < e->dims[l]) return true;
    for (int i = 0; i < e->n; i++) at[i] -= e->in[i].stride[l] * e->dims[l];
    index[d] = 0;
  }
  return false;
}

static void sum_directly(const einsum *e, rooms *m, int64_t count) {
  int64_t index[LABELS] = {0}, inner[LABELS] = {0}, at[OPERANDS] = {0};
  bool empty = false;
  for (int i = 0; i < e->n_sum; i++) empty = empty || e->dims[e->sum[i]] == 0;
  for (int64_t o = 0; o < count; o++) {
    double total = 0;
    uint64_t whole = 0;
    bool more = !empty;
    while (more) {
      double x = 1;
      uint64_t u = 1;
      for (int i = 0; i < e->n; i++) {
        if (e->compute == QN_FLOAT) x *= ((const float *)m->in[i])[at[i]];
        else if (e->compute == QN_DOUBLE) x *= ((const double *)m->in[i])[at[i]];
        else u *= ((const uint64_t *)m->in[i])[at[i]];
      }
      total += x;
      whole += u;
      more = advance(e, e->sum, e->n_sum, inner, at);
    }
    if (e->compute == QN_FLOAT) ((float *)m->y)[o] = (float)total;
    else if (e->compute == QN_DOUBLE) ((double *)m->y)[o] = total;
    else ((uint64_t *)m->y)[o] = whole;
    advance(e, e->out, e->n_out, index, at);
  }
}

static qn_status run(qn_step *s) {
  const einsum *e = s->state;
  const qn_tensor *y = qn_out(s, 0);
  if (y->count == 0) return QN_OK;
  qn_room r = {.base = s->scratch};
  rooms m = {0};
  lay_out(s, e, &r, &m);
  if (e->fast) multiply(e, &m);
  else sum_directly(e, &m, y->count);
  if (y->dtype != e->compute) qn_cast(e->compute, m.y, y->dtype, y->data, (size_t)y->count, (qn_cast_mode){0});
  return QN_OK;
}

const qn_op qn_op_einsum = {.domain = "", .name = "Einsum", .since = 12, .min_in = 1, .max_in = -1, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
