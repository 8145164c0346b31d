#include "kernel/attention.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/gemm.h"
#include "kernel/softmax.h"
#include "kernel/unary.h"

enum { ROWS = 36 /* queries whose scores are kept at a time: whole tiles of products */, CHUNK = 256 };

static size_t size_of(qn_dtype t) { return qn_dtype_size(t); }
static const void *at(const qn_heads *t, int64_t b, int64_t h, int64_t r) {
  return (const uint8_t *)t->data + (size_t)(b * t->batch + h * t->head + r * t->row) * size_of(t->dtype);
}

/* ---- scratch ---- */

typedef struct rooms {
  void *q, *scores, *y, *line, *k, *v, *packed_k, *packed_v;
} rooms;

typedef struct shape {
  qn_dtype type; /* float or double */
  size_t size;
  int64_t block; /* rows */
  int64_t pitch; /* of a row of scores: one more than keys, for the sink */
  bool packs, widens_k, widens_v;
} shape;

static shape shape_of(const qn_attention *a) {
  shape s = {.type = a->q.dtype == QN_DOUBLE ? QN_DOUBLE : QN_FLOAT, .block = a->rows < ROWS ? a->rows : ROWS, .pitch = a->keys + 1};
  s.size = size_of(s.type);
  s.packs = s.type == QN_FLOAT && a->rows > 2;
  s.widens_k = a->k.dtype != s.type;
  s.widens_v = a->v.dtype != s.type;
  return s;
}

static bool take(uint8_t *base, size_t *size, int64_t rows, int64_t columns, size_t width, void **out) {
  size_t n, bytes;
  *out = base ? base + *size : NULL;
  if ((uint64_t)rows > SIZE_MAX / 4 || (uint64_t)columns > SIZE_MAX / 4 || !qn_size_mul((size_t)rows, (size_t)columns, &n) ||
      !qn_size_mul(n, width, &bytes) || bytes > SIZE_MAX / 4 || !qn_size_add(*size, qn_align_up(bytes + QN_SLACK), size))
    return false;
  return *size < SIZE_MAX / 2;
}

static bool lay_out(const qn_attention *a, const shape *s, uint8_t *base, size_t *size, rooms *m) {
  *size = 0;
  size_t packed_k = s->packs && a->keys && a->width ? qn_gemm_packed_count(a->width, a->keys, sizeof(float)) : 0;
  size_t packed_v = s->packs && a->keys && a->v_width ? qn_gemm_packed_count(a->keys, a->v_width, sizeof(float)) : 0;
  if (s->packs && a->keys && ((a->width && !packed_k) || (a->v_width && !packed_v))) return false;
  return take(base, size, s->block, a->width, s->size, &m->q) && take(base, size, s->block, s->pitch, s->size, &m->scores) &&
         take(base, size, s->block, a->v_width, s->size, &m->y) && take(base, size, 2, s->pitch, s->size, &m->line) &&
         take(base, size, s->widens_k ? a->keys : 0, a->width, s->size, &m->k) &&
         take(base, size, s->widens_v ? a->keys : 0, a->v_width, s->size, &m->v) &&
         take(base, size, 1, (int64_t)packed_k, sizeof(float), &m->packed_k) && take(base, size, 1, (int64_t)packed_v, sizeof(float), &m->packed_v);
}

size_t qn_attention_room(const qn_attention *a) {
  shape s = shape_of(a);
  size_t size;
  rooms m;
  if (!lay_out(a, &s, NULL, &size, &m)) return 0;
  size = qn_parallel_room(size + QN_ALIGN);
  return size < SIZE_MAX / 2 ? size : 0;
}

/* ---- one row ---- */

/* The keys that query `row` may look at, without the masks that come as data. */
static void key_range(const qn_attention *a, int64_t b, int64_t row, int64_t *first, int64_t *end) {
  int64_t p = (a->position ? a->position[b] : 0) + row, low = 0, high = a->keys < a->bias_keys ? a->keys : a->bias_keys;
  if (a->used && a->used[b] < high) high = a->used[b];
  if (a->causal && p + 1 < high) high = p + 1;
  if (a->right >= 0 && p + a->right + 1 < high) high = p + a->right + 1;
  if (a->left >= 0 && p > a->left) low = p - a->left;
  if (high < 0) high = 0;
  *first = low < high ? low : high;
  *end = high;
}

static qn_compute compute_of(const shape *s) { return s->type == QN_DOUBLE ? QN_IN_F64 : QN_IN_F32; }

/* Elements [first, first + n) of a line of the bias, as what is added to the scores. */
static void bias_line(const qn_attention_bias *t, const shape *s, int64_t offset, int64_t first, int64_t n, void *line) {
  qn_compute c = compute_of(s);
  offset += first * t->column;
  if (t->column == 1) qn_load(c, t->dtype, t->data, (size_t)offset, (size_t)n, line);
  else
    for (int64_t i = 0; i < n; i++) qn_load(c, t->dtype, t->data, (size_t)(offset + i * t->column), 1, (uint8_t *)line + (size_t)i * s->size);
  if (!t->boolean) return;
  if (s->type == QN_DOUBLE)
    for (int64_t i = 0; i < n; i++) ((double *)line)[i] = ((double *)line)[i] != 0 ? 0 : t->masked;
  else
    for (int64_t i = 0; i < n; i++) ((float *)line)[i] = ((float *)line)[i] != 0 ? 0 : t->masked;
}

/* A masked key stays masked whatever its score is, infinities included. */
static void add_bias(const shape *s, void *row, const void *line, int64_t n) {
  if (s->type == QN_DOUBLE) {
    double *y = row;
    const double *x = line;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] == -INFINITY ? x[i] : y[i] + x[i];
  } else {
    float *y = row;
    const float *x = line;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] == -INFINITY ? x[i] : y[i] + x[i];
  }
}

static void scale_line(const shape *s, void *row, int64_t n, float factor) {
  if (s->type == QN_DOUBLE)
    for (int64_t i = 0; i < n; i++) ((double *)row)[i] *= (double)factor;
  else
    for (int64_t i = 0; i < n; i++) ((float *)row)[i] *= factor;
}

static void fill(const shape *s, void *row, int64_t first, int64_t end, float value) {
  for (int64_t i = first; i < end; i++) {
    if (s->type == QN_DOUBLE) ((double *)row)[i] = (double)value;
    else ((float *)row)[i] = value;
  }
}

static double element(const shape *s, const void *row, int64_t i) { return s->type == QN_DOUBLE ? ((const double *)row)[i] : (double)((const float *)row)[i]; }

static void round_line(const shape *s, qn_dtype to, void *row, int64_t n) {
  uint64_t narrow[CHUNK];
  for (int64_t i = 0; i < n; i += CHUNK) {
    size_t part = (size_t)(n - i < CHUNK ? n - i : CHUNK);
    qn_cast(s->type, (uint8_t *)row + (size_t)i * s->size, to, narrow, part, (qn_cast_mode){0});
    qn_cast(to, narrow, s->type, (uint8_t *)row + (size_t)i * s->size, part, (qn_cast_mode){0});
  }
}

static void store_scores(const qn_attention *a, const shape *s, qn_scores_kind kind, int64_t b, int64_t h, int64_t r, const void *row) {
  if (!a->scores || a->scores_kind != kind) return;
  qn_store(compute_of(s), a->scores_dtype, a->scores, (size_t)(((b * a->heads + h) * a->rows + r) * a->keys), (size_t)a->keys, row, (qn_cast_mode){0});
}

/* The line of a bias as it lies there, where that can be read at once. */
static const float *direct_line(const qn_attention_bias *t, const shape *s, int64_t offset) {
  return s->type == QN_FLOAT && t->dtype == QN_FLOAT && !t->boolean && t->column == 1 ? (const float *)t->data + offset : NULL;
}

/* Scores in row[from, to) become probabilities but for the factor that is returned; outside the row's own keys they become 0. */
static float finish_row(const qn_attention *a, const shape *s, int64_t b, int64_t h, int64_t r, int64_t from, int64_t to, void *row, void *line) {
  int64_t first, end;
  key_range(a, b, r, &first, &end);
  store_scores(a, s, QN_SCORES_RAW, b, h, r, row);
  if (a->softcap > 0) {
    uint8_t *cap = (uint8_t *)row + (size_t)from * s->size;
    scale_line(s, cap, to - from, 1.0f / a->softcap);
    qn_unary_run(QN_TANH, s->type, cap, cap, (size_t)(to - from), 0, 0);
    scale_line(s, cap, to - from, a->softcap);
  }
  store_scores(a, s, QN_SCORES_CAPPED, b, h, r, row);
  uint8_t *own = (uint8_t *)row + (size_t)first * s->size;
  const int64_t n = end - first;
  const bool sink = a->sink || a->zero_sink, plain = s->type == QN_FLOAT && !a->scores && !a->round && !sink;
  const void *last_line = NULL;
  for (int k = 0; k < 2; k++) {
    const qn_attention_bias *t = &a->bias[k];
    if (!t->data || n == 0) continue;
    const int64_t offset = b * t->batch + h * t->head + r * t->row;
    const float *direct = direct_line(t, s, offset + first);
    if (last_line) add_bias(s, own, last_line, n);
    if (!direct) bias_line(t, s, offset, first, n, line);
    last_line = direct ? (const void *)direct : line;
  }
  if (plain) {
    fill(s, row, from, first < to ? first : to, 0);
    fill(s, row, end > from ? end : from, to, 0);
    return qn_softmax_powers((float *)(void *)own, n, last_line);
  }
  if (last_line) add_bias(s, own, last_line, n);
  fill(s, row, from, first < to ? first : to, -INFINITY);
  fill(s, row, end > from ? end : from, to, -INFINITY);
  store_scores(a, s, QN_SCORES_BIASED, b, h, r, row);
  if (a->scores_only) return 1;
  bool any = sink;
  for (int64_t i = 0; i < n && !any; i++) any = element(s, own, i) != -INFINITY;
  if (!any) {
    fill(s, row, from, to, 0);
  } else {
    if (sink) { /* one more element, which is then overwritten or left out */
      double value = 0;
      if (a->sink) qn_load(QN_IN_F64, a->q.dtype, a->sink, (size_t)(h * a->sink_step), 1, &value);
      fill(s, own, n, n + 1, (float)value);
    }
    if (a->round) round_line(s, a->round, own, n);
    qn_softmax(QN_SOFTMAX, s->type, 1, n + sink, 1, own, own, NULL);
    if (a->round) round_line(s, a->round, own, n);
    fill(s, row, from, first, 0);
    fill(s, row, end, to, 0);
  }
  store_scores(a, s, QN_SCORES_PROBABILITIES, b, h, r, row);
  return 1;
}

/* ---- a head ---- */

static void load_rows(const shape *s, const qn_heads *t, int64_t b, int64_t h, int64_t row, int64_t rows, int64_t width, uint8_t *out) {
  for (int64_t r = 0; r < rows; r++, out += (size_t)width * s->size)
    qn_cast(t->dtype, at(t, b, h, row + r), s->type, out, (size_t)width, (qn_cast_mode){0});
}

typedef struct matrix { /* one head of K or V, of the compute type */
  const void *data;
  int64_t row;
  const float *packed;
} matrix;

static const qn_epilogue NO_EPILOGUE = {NULL, -INFINITY, INFINITY};

static matrix head_of(const shape *s, const qn_heads *t, int64_t b, int64_t h, int64_t rows, int64_t width, bool widens, void *room, float *packed, bool columns) {
  matrix m = {at(t, b, h, 0), t->row, NULL};
  if (widens) {
    load_rows(s, t, b, h, 0, rows, width, room);
    m = (matrix){room, width, NULL};
  }
  if (!s->packs || rows == 0 || width == 0) return m;
  if (columns) qn_gemm_pack(width, rows, m.data, 1, m.row, packed);
  else qn_gemm_pack(rows, width, m.data, m.row, 1, packed);
  m.packed = packed;
  return m;
}

/* scores[r, from … to) = q · kᵀ */
static void multiply_keys(const qn_attention *a, const shape *s, int64_t rows, const void *q, const matrix *k, int64_t from, int64_t to, void *scores) {
  uint8_t *out = (uint8_t *)scores + (size_t)from * s->size;
  if (s->type == QN_DOUBLE) {
    for (int64_t r = 0; r < rows; r++)
      qn_matmul_plain(QN_DOUBLE, 1, to - from, a->width, (const double *)q + r * a->width, a->width, 1, (const double *)k->data + from * k->row, 1, k->row,
                      (double *)(void *)out + r * s->pitch);
    return;
  }
  if (k->packed) qn_gemm(rows, to - from, a->width, q, a->width, k->packed + from * a->width, (float *)(void *)out, s->pitch, &NO_EPILOGUE);
  else qn_gemm_raw(rows, to - from, a->width, q, a->width, (const float *)k->data + from * k->row, 1, k->row, (float *)(void *)out, s->pitch, &NO_EPILOGUE, NULL);
}

/* y = p[from … to) · v */
static void multiply_values(const qn_attention *a, const shape *s, int64_t rows, const void *p, const matrix *v, int64_t from, int64_t to, void *y) {
  if (s->type == QN_DOUBLE) {
    qn_matmul_plain(QN_DOUBLE, rows, a->v_width, to - from, (const double *)p + from, s->pitch, 1, (const double *)v->data + from * v->row, v->row, 1, y);
    return;
  }
  if (v->packed && to - from == a->keys) {
    qn_gemm(rows, a->v_width, a->keys, p, s->pitch, v->packed, y, a->v_width, &NO_EPILOGUE);
    return;
  }
  if (!v->packed) {
    qn_gemm_raw(rows, a->v_width, to - from, (const float *)p + from, s->pitch, (const float *)v->data + from * v->row, v->row, 1, y, a->v_width, &NO_EPILOGUE, NULL);
    return;
  }
  for (int64_t j = 0; j < a->v_width; j += QN_PANEL) /* a panel at a time: a part of its rows is still a panel */
    qn_gemm(rows, a->v_width - j < QN_PANEL ? a->v_width - j : QN_PANEL, to - from, (const float *)p + from, s->pitch,
            v->packed + j * a->keys + from * QN_PANEL, (float *)y + j, a->v_width, &NO_EPILOGUE);
}

static void run_block(const qn_attention *a, const shape *s, const rooms *m, int64_t b, int64_t h, int64_t row, const matrix *k, const matrix *v) {
  int64_t rows = a->rows - row < s->block ? a->rows - row : s->block, from = 0, to = a->keys;
  if (!a->scores) { /* only what some row of the block looks at */
    from = a->keys;
    to = 0;
    for (int64_t r = 0; r < rows; r++) {
      int64_t first, end;
      key_range(a, b, row + r, &first, &end);
      if (first < from) from = first;
      if (end > to) to = end;
    }
    from = from < to ? from & ~(int64_t)(QN_PANEL - 1) : to;
  }
  size_t pitch = (size_t)s->pitch * s->size;
  uint8_t *scores = m->scores;
  float factors[ROWS];
  if (a->past_softmax) {
    for (int64_t r = 0; r < rows; r++) factors[r] = 1;
    for (int64_t r = 0; r < rows; r++)
      qn_load(compute_of(s), a->scores_dtype, a->scores, (size_t)(((b * a->heads + h) * a->rows + row + r) * a->keys), (size_t)a->keys, scores + (size_t)r * pitch);
  } else {
    if (a->q.dtype == QN_FLOAT) {
      for (int64_t r = 0; r < rows; r++) qn_scaled_copy(at(&a->q, b, h, row + r), a->width, a->scale, (float *)m->q + r * a->width);
    } else {
      load_rows(s, &a->q, b, h, row, rows, a->width, m->q);
      scale_line(s, m->q, rows * a->width, a->scale);
    }
    if (to > from) multiply_keys(a, s, rows, m->q, k, from, to, scores);
    for (int64_t r = 0; r < rows; r++) factors[r] = finish_row(a, s, b, h, row + r, from, to, scores + (size_t)r * pitch, m->line);
    if (a->scores_only) return;
  }
  if (to > from) multiply_values(a, s, rows, scores, v, from, to, m->y);
  else memset(m->y, 0, (size_t)(rows * a->v_width) * s->size);
  for (int64_t r = 0; r < rows; r++) {
    uint8_t *from_y = (uint8_t *)m->y + (size_t)(r * a->v_width) * s->size, *to_y = (uint8_t *)a->y.data + (size_t)(b * a->y.batch + h * a->y.head + (row + r) * a->y.row) * size_of(a->y.dtype);
    if (a->y.dtype == QN_FLOAT) {
      qn_scaled_copy((const float *)(void *)from_y, a->v_width, factors[r], (float *)(void *)to_y);
      continue;
    }
    if (factors[r] != 1) scale_line(s, from_y, a->v_width, factors[r]);
    qn_cast(s->type, from_y, a->y.dtype, to_y, (size_t)a->v_width, (qn_cast_mode){0});
  }
}

typedef struct job {
  const qn_attention *a;
  uint8_t *scratch;
} job;

/* Heads of K and V, over the whole batch. */
static void attend(const void *argument, int64_t first, int64_t last, int worker) {
  const qn_attention *a = ((const job *)argument)->a;
  shape s = shape_of(a);
  rooms m;
  size_t size;
  lay_out(a, &s, NULL, &size, &m);
  lay_out(a, &s, ((const job *)argument)->scratch + (size_t)worker * qn_parallel_part(size + QN_ALIGN), &size, &m);
  int64_t group = a->heads / a->kv_heads;
  for (int64_t i = first; i < last; i++) {
    const int64_t b = i / a->kv_heads, g = i % a->kv_heads;
    matrix k = {0}, v = {0};
    if (!a->past_softmax) k = head_of(&s, &a->k, b, g, a->keys, a->width, s.widens_k, m.k, m.packed_k, true);
    if (!a->scores_only) v = head_of(&s, &a->v, b, g, a->keys, a->v_width, s.widens_v, m.v, m.packed_v, false);
    for (int64_t h = g * group; h < (g + 1) * group; h++)
      for (int64_t row = 0; row < a->rows; row += s.block) run_block(a, &s, &m, b, h, row, &k, &v);
  }
}

void qn_attention_run(const qn_attention *a, void *scratch) {
  const job j = {a, scratch};
  if (a->kv_heads) qn_parallel(a->batch * a->kv_heads, a->heads / a->kv_heads * a->rows * a->keys * (a->width + a->v_width + 16), attend, &j);
}

/* ---- around it ---- */

void qn_heads_copy(int64_t batch, int64_t heads, int64_t rows, int64_t width, const qn_heads *from, const void *bias, const qn_heads *to) {
  qn_compute c = from->dtype == QN_DOUBLE ? QN_IN_F64 : QN_IN_F32;
  for (int64_t b = 0; b < batch; b++)
    for (int64_t h = 0; h < heads; h++)
      for (int64_t r = 0; r < rows; r++) {
        const void *x = at(from, b, h, r);
        uint8_t *y = (uint8_t *)to->data + (size_t)(b * to->batch + h * to->head + r * to->row) * size_of(to->dtype);
        if (!bias) {
          qn_cast(from->dtype, x, to->dtype, y, (size_t)width, (qn_cast_mode){0});
          continue;
        }
        double sum[CHUNK], add[CHUNK];
        for (int64_t i = 0; i < width; i += CHUNK) {
          size_t n = (size_t)(width - i < CHUNK ? width - i : CHUNK);
          qn_load(c, from->dtype, x, (size_t)i, n, sum);
          qn_load(c, from->dtype, bias, (size_t)(h * width + i), n, add);
          for (size_t j = 0; j < n; j++) {
            if (c == QN_IN_F64) sum[j] += add[j];
            else ((float *)sum)[j] += ((float *)add)[j];
          }
          qn_store(c, to->dtype, y, (size_t)i, n, sum, (qn_cast_mode){0});
        }
      }
}

void qn_rotate_pairs(const float *x, const float *cosines, const float *sines, int64_t half, bool interleaved, float *y) {
  int64_t apart = interleaved ? 1 : half, step = interleaved ? 2 : 1;
  for (int64_t i = 0; i < half; i++) {
    float u = x[i * step], v = x[i * step + apart];
    y[i * step] = u * cosines[i] - v * sines[i];
    y[i * step + apart] = u * sines[i] + v * cosines[i];
  }
}
