/* Pad: constant, reflect, edge, wrap; negative pads crop. */
#include <string.h>

#include "kernel/cast.h"
#include "op/axes.h"

enum { CONSTANT, REFLECT, EDGE, WRAP };

typedef struct pads {
  int mode;
  int64_t before[QN_MAX_RANK]; /* storage order */
} pads;

static qn_status mode_of(const qn_step *s, int *mode) {
  static const char *const NAMES[] = {"constant", "reflect", "edge", "wrap"};
  const char *text = qn_attr_text(s, "mode", "constant");
  for (*mode = 0; *mode < 4; ++*mode)
    if (strcmp(text, NAMES[*mode]) == 0) return QN_OK;
  return qn_step_fail(s, QN_ERR_ARGUMENT, "mode is '%s'; 'constant', 'reflect', 'edge' or 'wrap' is expected", text);
}

static qn_status plan(qn_step *s) {
  int64_t given[2 * QN_MAX_RANK], axes[QN_MAX_RANK], dims[QN_MAX_RANK];
  int count, n_axes = -1;
  unsigned mask;
  QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  const qn_tensor *x = qn_in(s, 0);
  if (qn_in(s, 1)) QN_TRY(qn_need_ints(s, 1, given, 2 * QN_MAX_RANK, &count));
  else count = qn_attr_ints(s, s->opset < 2 ? "paddings" : "pads", given, 2 * QN_MAX_RANK);
  if (qn_in(s, 3)) QN_TRY(qn_need_ints(s, 3, axes, QN_MAX_RANK, &n_axes));
  if (n_axes < 0)
    for (n_axes = 0; n_axes < x->rank; n_axes++) axes[n_axes] = n_axes;
  if (count != 2 * n_axes) return qn_step_fail(s, QN_ERR_ARGUMENT, "there are %d pads for %d axes; two for each are expected", count < 0 ? 0 : count, n_axes);
  if (qn_in(s, 2)) {
    QN_TRY(qn_check_type(s, 2, QN_ANY_TYPE));
    QN_TRY(qn_same_type(s, 0, 2));
    if (qn_in(s, 2)->count > 1) return qn_step_fail(s, QN_ERR_SHAPE, "the constant has %lld elements", (long long)qn_in(s, 2)->count);
  }
  QN_TRY(qn_axes_mask(s, axes, n_axes, x->rank, &mask));
  QN_TRY(qn_state(s, sizeof(pads)));
  pads *p = s->state;
  QN_TRY(mode_of(s, &p->mode));
  memcpy(dims, x->dims, sizeof dims);
  for (int i = 0; i < n_axes; i++) {
    int axis;
    QN_TRY(qn_axis(s, axes[i], x->rank, &axis));
    int64_t before = given[i], after = given[n_axes + i];
    p->before[axis] = before;
    bool fits = !__builtin_add_overflow(dims[axis], before, &dims[axis]) && !__builtin_add_overflow(dims[axis], after, &dims[axis]);
    const int64_t most = (int64_t)1 << 40;
    if (!fits || dims[axis] < 0 || before < -most || before > most || after < -most || after > most)
      return qn_step_fail(s, QN_ERR_SHAPE, "pads %lld and %lld do not fit a dimension of %lld", (long long)before, (long long)after,
                          (long long)x->dims[axis]);
    if (p->mode != CONSTANT && x->dims[axis] == 0 && dims[axis] > 0)
      return qn_step_fail(s, QN_ERR_SHAPE, "axis %lld is empty, only a constant can pad it", (long long)axes[i]);
  }
  QN_TRY(qn_out_shape(s, 0, x->dtype, x->rank, dims));
  if (p->mode != CONSTANT && qn_product(dims, x->rank) > 0) { /* where each index of each output dimension comes from */
    uint64_t total = 0;
    for (int i = 0; i < x->rank; i++) total += (uint64_t)dims[i];
    if (total > SIZE_MAX / sizeof(int64_t)) return qn_step_fail(s, QN_ERR_MEMORY, "the result is too large");
    s->scratch_size = (size_t)total * sizeof(int64_t);
  }
  return QN_OK;
}

static int64_t modulo(int64_t a, int64_t n) { return (a % n + n) % n; }

static int64_t source(int mode, int64_t i, int64_t dim) {
  if (mode == EDGE) return i < 0 ? 0 : i >= dim ? dim - 1 : i;
  if (mode == WRAP) return modulo(i, dim);
  if (dim == 1) return 0;
  i = modulo(i, 2 * (dim - 1));
  return i < dim ? i : 2 * (dim - 1) - i;
}

static void fill(const qn_step *s, qn_tensor *y) {
  union { uint64_t words[2]; qn_string text; } value = {{0, 0}};
  const void *from = &value;
  const qn_tensor *given = qn_in(s, 2);
  if (given && given->count) from = given->data;
  else if (y->dtype != QN_STRING && qn_compute_of(y->dtype) != QN_IN_RAW && y->dtype != QN_COMPLEX64 && y->dtype != QN_COMPLEX128) {
    float v = qn_attr_float(s, "value", 0);
    if (v != 0) qn_store(QN_IN_F32, y->dtype, &value, 0, 1, &v, (qn_cast_mode){0});
  }
  qn_fill_run(qn_bits(y), from, 0, y->data, 0, y->count);
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  const pads *p = s->state;
  qn_tensor *y = qn_out(s, 0);
  int64_t from[QN_MAX_RANK], to[QN_MAX_RANK], at[QN_MAX_RANK] = {0};
  if (y->count == 0) return QN_OK;
  qn_strides(x->rank, x->dims, from);
  qn_strides(y->rank, y->dims, to);
  if (p->mode == CONSTANT) {
    int64_t dims[QN_MAX_RANK], x_at = 0, y_at = 0;
    bool whole = true;
    for (int i = 0; i < x->rank; i++) {
      int64_t before = p->before[i], skip = before < 0 ? -before : 0, room = y->dims[i] - (before > 0 ? before : 0);
      dims[i] = x->dims[i] - skip < room ? x->dims[i] - skip : room;
      whole = whole && dims[i] == y->dims[i];
      if (dims[i] <= 0) {
        dims[i] = 0;
        continue;
      }
      x_at += skip * from[i];
      y_at += (before > 0 ? before : 0) * to[i];
    }
    if (!whole) fill(s, y);
    if (qn_product(dims, x->rank)) qn_copy_strided(qn_bits(x), x->rank, dims, x->data, x_at, from, y->data, y_at, to);
    return QN_OK;
  }
  int64_t *maps[QN_MAX_RANK], *map = s->scratch, zero = 0;
  for (int i = 0; i < x->rank; i++) {
    maps[i] = map;
    for (int64_t k = 0; k < y->dims[i]; k++) *map++ = source(p->mode, k - p->before[i], x->dims[i]);
  }
  int last = x->rank - 1;
  int64_t n = last < 0 ? 1 : y->dims[last];
  const int64_t *inner = last < 0 ? &zero : maps[last];
  for (int64_t row = 0; row < y->count; row += n) {
    int64_t base = 0;
    for (int i = 0; i < last; i++) base += maps[i][at[i]] * from[i];
    for (int64_t k = 0; k < n;) { /* runs that are consecutive in x */
      int64_t run_length = 1;
      while (k + run_length < n && inner[k + run_length] == inner[k] + run_length) run_length++;
      if (run_length == 1 && qn_bits(x) == 32) ((uint32_t *)y->data)[row + k] = ((const uint32_t *)x->data)[base + inner[k]];
      else qn_copy_run(qn_bits(x), x->data, base + inner[k], y->data, row + k, run_length);
      k += run_length;
    }
    for (int i = last - 1; i >= 0; i--) {
      if (++at[i] < y->dims[i]) break;
      at[i] = 0;
    }
  }
  return QN_OK;
}

const qn_op qn_op_pad = {.domain = "", .name = "Pad", .since = 1, .min_in = 1, .max_in = 4, .min_out = 1, .max_out = 1,
                         .flags = QN_LAYOUT_FOLLOW, .plan = plan, .run = run};
