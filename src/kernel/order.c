#include "kernel/order.h"

#include "kernel/cast.h"

enum { TILE = 64 };

static int64_t double_key(double x) {
  if (x != x) return INT64_MAX;
  union { double d; int64_t i; } v = {.d = x == 0 ? 0 : x};
  return v.i >= 0 ? v.i : v.i ^ INT64_MAX;
}

void qn_order_keys(qn_dtype dtype, const void *x, int64_t first, int64_t n, int64_t *keys) {
  qn_compute c = qn_compute_of(dtype);
  if (c == QN_IN_F32) {
    float part[TILE];
    for (int64_t at = 0; at < n; at += TILE) {
      int64_t m = n - at < TILE ? n - at : TILE;
      qn_load(c, dtype, x, (size_t)(first + at), (size_t)m, part);
      for (int64_t i = 0; i < m; i++) keys[at + i] = double_key((double)part[i]);
    }
    return;
  }
  qn_load(c, dtype, x, (size_t)first, (size_t)n, keys); /* the others are 64 bits wide */
  if (c == QN_IN_U64)
    for (int64_t i = 0; i < n; i++) keys[i] = keys[i] ^ INT64_MIN;
  if (c == QN_IN_F64)
    for (int64_t i = 0; i < n; i++) {
      union { int64_t i; double d; } v = {.i = keys[i]};
      keys[i] = double_key(v.d);
    }
}

/* Does position a come before b? */
static inline bool before(const int64_t *keys, int64_t a, int64_t b) {
  return keys[a] != keys[b] ? keys[a] > keys[b] : a < b;
}

/* order[0 … n) is a heap with the last of its members at the top; restores it below `i`. */
static void sift(const int64_t *keys, int64_t *order, int64_t n, int64_t i) {
  int64_t moving = order[i];
  for (;;) {
    int64_t child = 2 * i + 1;
    if (child >= n) break;
    if (child + 1 < n && before(keys, order[child], order[child + 1])) child++;
    if (!before(keys, moving, order[child])) break;
    order[i] = order[child];
    i = child;
  }
  order[i] = moving;
}

void qn_top_k(int64_t *keys, int64_t n, int64_t k, bool largest, int64_t *order) {
  if (k <= 0) return;
  if (!largest)
    for (int64_t i = 0; i < n; i++) keys[i] = ~keys[i];
  for (int64_t i = 0; i < k; i++) order[i] = i;
  for (int64_t i = k / 2 - 1; i >= 0; i--) sift(keys, order, k, i);
  for (int64_t i = k; i < n; i++) {
    if (keys[i] <= keys[order[0]]) continue; /* a tie loses: its position is later */
    order[0] = i;
    sift(keys, order, k, 0);
  }
  for (int64_t m = k - 1; m > 0; m--) {
    int64_t worst = order[0];
    order[0] = order[m];
    order[m] = worst;
    sift(keys, order, m, 0);
  }
}

static void best_f32(const float *x, int64_t n, int64_t inner, int64_t width, bool largest, bool last, int64_t *y) {
  float best[TILE];
  int32_t at[TILE];
  float sign = largest ? 1.0f : -1.0f;
  for (int64_t j = 0; j < width; j++) {
    best[j] = x[j] * sign;
    at[j] = 0;
  }
  for (int64_t i = 1; i < n; i++) {
    const float *row = x + i * inner;
    for (int64_t j = 0; j < width; j++) {
      float v = row[j] * sign;
      bool better = v > best[j] || (v != v && best[j] == best[j]) || (last && v == best[j]);
      best[j] = better ? v : best[j];
      at[j] = better ? (int32_t)i : at[j];
    }
  }
  for (int64_t j = 0; j < width; j++) y[j] = at[j];
}

static void best_any(qn_dtype dtype, const void *x, int64_t first, int64_t n, int64_t inner, int64_t width, bool largest,
                     bool last, int64_t *y) {
  int64_t best[TILE], key[TILE];
  for (int64_t i = 0; i < n; i++) {
    qn_order_keys(dtype, x, first + i * inner, width, key);
    for (int64_t j = 0; j < width; j++) {
      bool better = i == 0 || (largest ? key[j] > best[j] : key[j] < best[j]) || (last && key[j] == best[j]);
      if (!better) continue;
      best[j] = key[j];
      y[j] = i;
    }
  }
}

/* One long line: eight running winners hide the latency of the comparison. */
static int64_t best_line(const float *x, int64_t n, bool largest, bool last) {
  enum { LANES = 8 };
  if (n < 4 * LANES || last) {
    int64_t at;
    best_f32(x, n, 1, 1, largest, last, &at);
    return at;
  }
  float sign = largest ? 1.0f : -1.0f, best = x[0] * sign;
  for (int64_t i = 0; i < n;) { /* the maximum of a block first; its place is looked up only when it wins */
    int64_t end = i + 256 < n ? i + 256 : n, k = i;
    float lane[LANES];
    for (int j = 0; j < LANES; j++) lane[j] = best;
    bool odd = false;
    for (; k + LANES <= end; k += LANES)
      for (int j = 0; j < LANES; j++) {
        float v = x[k + j] * sign;
        odd |= v != v;
        lane[j] = v > lane[j] ? v : lane[j];
      }
    for (; k < end; k++) {
      float v = x[k] * sign;
      odd |= v != v;
      lane[0] = v > lane[0] ? v : lane[0];
    }
    if (odd || best != best) {
      int64_t at;
      best_f32(x, n, 1, 1, largest, last, &at);
      return at;
    }
    for (int j = 0; j < LANES; j++) best = lane[j] > best ? lane[j] : best;
    i = end;
  }
  for (int64_t i = 0; i < n; i++)
    if (x[i] * sign == best) return i;
  return 0;
}

void qn_arg_best(qn_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, bool largest, bool last, int64_t *y) {
  for (int64_t o = 0; o < outer; o++)
    for (int64_t j = 0; j < inner; j += TILE) {
      int64_t width = inner - j < TILE ? inner - j : TILE, first = o * n * inner + j;
      if (dtype != QN_FLOAT) best_any(dtype, x, first, n, inner, width, largest, last, y + o * inner + j);
      else if (inner == 1) y[o] = best_line((const float *)x + first, n, largest, last);
      else best_f32((const float *)x + first, n, inner, width, largest, last, y + o * inner + j);
    }
}
