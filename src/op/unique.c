/* Unique. Positions are merge-sorted by the order keys of their elements, then grouped. */
#include <string.h>

#include "kernel/order.h"
#include "op/axes.h"

typedef struct items {
  const qn_tensor *x;
  const int64_t *keys;         /* NULL for strings */
  int64_t n, dim, outer, inner; /* n items, each of outer × inner elements, or of as many real and imaginary parts */
  int parts;                   /* 2 of complex numbers, which NumPy sorts by the real one first */
} items;

static qn_status view(const qn_step *s, items *v) {
  const qn_tensor *x = qn_in(s, 0);
  const qn_attr *a = qn_attr_find(s, "axis", QN_ATTR_INT);
  int axis;
  const int parts = x->dtype == QN_COMPLEX64 || x->dtype == QN_COMPLEX128 ? 2 : 1;
  *v = (items){.x = x, .n = x->count, .dim = x->count, .outer = 1, .inner = parts, .parts = parts};
  if (!a) return QN_OK;
  QN_TRY(qn_axis_plain(s, a->i, x->rank, &axis));
  v->n = v->dim = x->dims[axis];
  v->outer = qn_product(x->dims, axis);
  v->inner = qn_product(x->dims + axis + 1, x->rank - axis - 1) * parts;
  return QN_OK;
}

static int compare_strings(const qn_string *a, const qn_string *b) {
  size_t n = a->length < b->length ? a->length : b->length;
  int order = n ? memcmp(a->data, b->data, n) : 0;
  return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare(const items *v, int64_t a, int64_t b) {
  for (int64_t o = 0; o < v->outer; o++)
    for (int64_t i = 0; i < v->inner; i++) {
      int64_t p = (o * v->dim + a) * v->inner + i, q = (o * v->dim + b) * v->inner + i;
      int order;
      if (v->keys) order = (v->keys[p] > v->keys[q]) - (v->keys[p] < v->keys[q]);
      else order = compare_strings((const qn_string *)v->x->data + p, (const qn_string *)v->x->data + q);
      if (order) return order;
    }
  return 0;
}

/* Sorts order[n] stably; other: [n]. Returns whichever holds the result. */
static int64_t *sort(const items *v, int64_t *order, int64_t *other) {
  for (int64_t width = 1; width < v->n; width *= 2) {
    for (int64_t start = 0; start < v->n; start += 2 * width) {
      int64_t middle = start + width < v->n ? start + width : v->n, end = middle + width < v->n ? middle + width : v->n;
      int64_t a = start, b = middle;
      for (int64_t k = start; k < end; k++) {
        bool left = a < middle && (b >= end || compare(v, order[a], order[b]) <= 0);
        other[k] = left ? order[a++] : order[b++];
      }
    }
    int64_t *swap = order;
    order = other;
    other = swap;
  }
  return order;
}

static qn_status plan(qn_step *s) {
  items v;
  QN_TRY(qn_check_type(s, 0, QN_REAL_TYPES | QN_TYPE_BIT(QN_STRING) | QN_TYPE_BIT(QN_COMPLEX64) | QN_TYPE_BIT(QN_COMPLEX128)));
  QN_TRY(view(s, &v));
  uint64_t want = ((uint64_t)v.n * 4 + (v.x->dtype == QN_STRING ? 0 : (uint64_t)v.x->count * (unsigned)v.parts)) * sizeof(int64_t);
  if (want > SIZE_MAX / 2) return qn_step_fail(s, QN_ERR_MEMORY, "%lld items need too much memory", (long long)v.n);
  s->scratch_size = (size_t)want;
  s->dynamic = true;
  return QN_OK;
}

static qn_status run(qn_step *s) {
  items v;
  QN_TRY(view(s, &v));
  int64_t n = v.n, *order = s->scratch, *other = order + n, *group = other + n, *first = group + n, *keys = first + n, groups = 0;
  if (v.x->dtype != QN_STRING) {
    const qn_dtype type = v.x->dtype == QN_COMPLEX64 ? QN_FLOAT : v.x->dtype == QN_COMPLEX128 ? QN_DOUBLE : v.x->dtype;
    qn_order_keys(type, v.x->data, 0, v.x->count * v.parts, keys);
    v.keys = keys;
  }
  for (int64_t i = 0; i < n; i++) order[i] = i;
  int64_t *sorted = sort(&v, order, other), *spare = sorted == order ? other : order;
  /* group[i]: which unique value item i has; first[g]: where it is first seen (the sort is stable) */
  for (int64_t i = 0; i < n; i++) {
    if (i == 0 || compare(&v, sorted[i - 1], sorted[i]) != 0) first[groups++] = sorted[i];
    group[sorted[i]] = groups - 1;
  }
  if (!qn_attr_int(s, "sorted", 1)) { /* number the groups by first appearance */
    int64_t *renamed = spare, next = 0;
    for (int64_t g = 0; g < groups; g++) renamed[g] = -1;
    for (int64_t i = 0; i < n; i++) {
      if (renamed[group[i]] < 0) {
        sorted[next] = i; /* next <= i, and sorted is no longer read */
        renamed[group[i]] = next++;
      }
      group[i] = renamed[group[i]];
    }
    memcpy(first, sorted, (size_t)groups * sizeof *first);
  }
  const qn_tensor *x = v.x;
  const qn_attr *a = qn_attr_find(s, "axis", QN_ATTR_INT);
  int64_t dims[QN_MAX_RANK];
  int axis = 0, rank = a ? x->rank : 1;
  if (a) QN_TRY(qn_axis_plain(s, a->i, x->rank, &axis));
  for (int i = 0; i < rank; i++) dims[i] = i == axis ? groups : x->dims[i];
  if (qn_out(s, 0)) {
    QN_TRY(qn_out_dynamic(s, 0, x->dtype, rank, dims));
    qn_tensor *y = qn_out(s, 0);
    for (int64_t o = 0; y->count && o < v.outer; o++)
      for (int64_t g = 0; g < groups; g++)
        qn_copy_run(qn_bits(x) / v.parts, x->data, (o * v.dim + first[g]) * v.inner, y->data, (o * groups + g) * v.inner, v.inner);
  }
  for (int k = 1; k < 4; k++) {
    if (!qn_out(s, k)) continue;
    QN_TRY(qn_out_dynamic(s, k, QN_INT64, 1, k == 2 ? &n : &groups));
    int64_t *y = qn_out(s, k)->data;
    if (k == 3) {
      for (int64_t g = 0; g < groups; g++) y[g] = 0;
      for (int64_t i = 0; i < n; i++) y[group[i]]++;
    } else if (k == 2 ? n : groups) {
      memcpy(y, k == 1 ? first : group, (size_t)(k == 1 ? groups : n) * sizeof *y);
    }
  }
  return QN_OK;
}

const qn_op qn_op_unique = {.domain = "", .name = "Unique", .since = 11, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 4,
                            .plan = plan, .run = run};
