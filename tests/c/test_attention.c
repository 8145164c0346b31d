/* kernel/attention.h against the definition in double precision. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/attention.h"
#include "kernel/cast.h"

static uint64_t state;
static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 33) / 2147483648.0;
}
static int64_t below(int64_t n) { return (int64_t)(uniform() * (double)n); }

/* A tensor of this type, and what it holds in double. */
typedef struct both {
  void *narrow;
  double *wide;
} both;
static both random_values(qn_dtype dtype, int64_t count) {
  both v = {calloc((size_t)count + 16, 8), malloc((size_t)count * sizeof(double) + 8)};
  for (int64_t i = 0; i < count; i++) v.wide[i] = 4 * uniform() - 2;
  qn_store(QN_IN_F64, dtype, v.narrow, 0, (size_t)count, v.wide, (qn_cast_mode){0});
  qn_load(QN_IN_F64, dtype, v.narrow, 0, (size_t)count, v.wide);
  return v;
}
static void drop(both v) {
  free(v.narrow);
  free(v.wide);
}

static void one_case(qn_dtype dtype) {
  qn_attention a = {.batch = 1 + below(2), .kv_heads = 1 + below(3), .rows = 1 + below(uniform() < 0.5 ? 3 : 70), .keys = 1 + below(uniform() < 0.5 ? 5 : 90),
                    .width = 1 + below(20), .v_width = 1 + below(20), .left = -1, .right = -1};
  a.heads = a.kv_heads * (1 + below(3));
  a.scale = (float)(0.2 + uniform());
  a.softcap = uniform() < 0.3 ? 3.0f : 0.0f;
  a.causal = uniform() < 0.5;
  if (uniform() < 0.3) a.left = below(10);
  if (uniform() < 0.3) a.right = below(10);
  a.bias_keys = uniform() < 0.2 ? below(a.keys) : a.keys;
  bool rows_first = uniform() < 0.5;
  int64_t nq = a.batch * a.heads * a.rows * a.width, nk = a.batch * a.kv_heads * a.keys * a.width, nv = a.batch * a.kv_heads * a.keys * a.v_width;
  int64_t ny = a.batch * a.heads * a.rows * a.v_width, ns = a.batch * a.heads * a.rows * a.keys;
  both q = random_values(dtype, nq), k = random_values(dtype, nk), v = random_values(dtype, nv), bias = random_values(QN_FLOAT, a.batch * a.rows * a.keys);
  both sink = random_values(dtype, a.heads);
  uint8_t *mask = malloc((size_t)(a.heads * a.keys));
  for (int64_t i = 0; i < a.heads * a.keys; i++) mask[i] = uniform() < 0.8;
#define VIEW(heads, rows, width, data)                                                                             \
  (rows_first ? (qn_heads){data, dtype, (heads) * (rows) * (width), width, (heads) * (width)} : (qn_heads){data, dtype, (heads) * (rows) * (width), (rows) * (width), width})
  a.q = VIEW(a.heads, a.rows, a.width, q.narrow);
  a.k = VIEW(a.kv_heads, a.keys, a.width, k.narrow);
  a.v = VIEW(a.kv_heads, a.keys, a.v_width, v.narrow);
  both y = random_values(dtype, ny);
  a.y = VIEW(a.heads, a.rows, a.v_width, y.narrow);
  if (uniform() < 0.5) a.bias[0] = (qn_attention_bias){.data = bias.narrow, .dtype = QN_FLOAT, .batch = a.rows * a.keys, .row = a.keys, .column = 1};
  bool hard = uniform() < 0.5;
  if (uniform() < 0.5)
    a.bias[1] = (qn_attention_bias){.data = mask, .dtype = QN_BOOL, .boolean = true, .head = a.keys, .column = 1, .masked = hard ? -INFINITY : -3.0f};
  int64_t position[2] = {below(20) - 5, below(20) - 5}, used[2] = {below(a.keys + 2), below(a.keys + 2)};
  if (uniform() < 0.5) a.position = position;
  if (uniform() < 0.3) a.used = used;
  if (uniform() < 0.3) a.sink = sink.narrow, a.sink_step = 1;
  else a.zero_sink = uniform() < 0.2;
  float *scores = malloc((size_t)ns * sizeof(float));
  a.scores_kind = (qn_scores_kind)below(4);
  a.scores_dtype = QN_FLOAT;
  if (uniform() < 0.5) a.scores = scores;
  size_t room = qn_attention_room(&a);
  void *scratch = aligned_alloc(QN_ALIGN, qn_align_up(room));
  memset(scratch, 0xff, room); /* NaN */
  qn_attention_run(&a, scratch);
  double *got = malloc((size_t)ny * sizeof(double)), *s = malloc((size_t)a.keys * sizeof(double));
  qn_load(QN_IN_F64, dtype, y.narrow, 0, (size_t)ny, got);
  double tolerance = dtype == QN_DOUBLE ? 1e-5 /* scale, softcap are float */ : dtype == QN_FLOAT ? 2e-5 : dtype == QN_FLOAT16 ? 2e-3 : 2e-2;
  bool ok = true, scores_ok = true;
  for (int64_t b = 0; b < a.batch; b++)
    for (int64_t h = 0; h < a.heads; h++)
      for (int64_t r = 0; r < a.rows; r++) {
        int64_t g = h / (a.heads / a.kv_heads), p = (a.position ? position[b] : 0) + r;
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < a.keys; j++) {
          double x = 0;
          for (int64_t i = 0; i < a.width; i++) x += q.wide[b * a.q.batch + h * a.q.head + r * a.q.row + i] * k.wide[b * a.k.batch + g * a.k.head + j * a.k.row + i];
          x *= (double)a.scale;
          float *out = scores + ((b * a.heads + h) * a.rows + r) * a.keys + j;
          if (a.scores && a.scores_kind == QN_SCORES_RAW) scores_ok = scores_ok && fabs((double)*out - x) <= 1e-4;
          if (a.softcap > 0) x = (double)a.softcap * tanh(x / (double)a.softcap);
          if (a.scores && a.scores_kind == QN_SCORES_CAPPED) scores_ok = scores_ok && fabs((double)*out - x) <= 1e-4;
          if (a.bias[0].data) x += bias.wide[(b * a.rows + r) * a.keys + j];
          if (a.bias[1].data && !mask[h * a.keys + j]) x += hard ? -INFINITY : -3.0;
          if (j >= a.bias_keys || (a.used && j >= used[b]) || (a.causal && j > p) || (a.left >= 0 && j < p - a.left) || (a.right >= 0 && j > p + a.right)) x = -INFINITY;
          if (a.scores && a.scores_kind == QN_SCORES_BIASED) scores_ok = scores_ok && (x == -INFINITY ? *out == -INFINITY : fabs((double)*out - x) <= 1e-4);
          s[j] = x;
          most = x > most ? x : most;
        }
        double extra = a.sink ? sink.wide[h] : 0;
        bool has_sink = a.sink || a.zero_sink;
        if (has_sink && extra > most) most = extra;
        for (int64_t j = 0; j < a.keys; j++) sum += s[j] = s[j] == -INFINITY ? 0 : exp(s[j] - most);
        if (has_sink) sum += exp(extra - most);
        for (int64_t j = 0; j < a.keys; j++) {
          s[j] = sum > 0 ? s[j] / sum : 0;
          if (a.scores && a.scores_kind == QN_SCORES_PROBABILITIES) scores_ok = scores_ok && fabs((double)scores[((b * a.heads + h) * a.rows + r) * a.keys + j] - s[j]) <= 1e-4;
        }
        for (int64_t i = 0; i < a.v_width; i++) {
          double want = 0;
          for (int64_t j = 0; j < a.keys; j++) want += s[j] * v.wide[b * a.v.batch + g * a.v.head + j * a.v.row + i];
          ok = ok && fabs(got[b * a.y.batch + h * a.y.head + r * a.y.row + i] - want) <= tolerance * (1 + fabs(want));
        }
      }
  CHECK(ok);
  CHECK(scores_ok);
  drop(q), drop(k), drop(v), drop(y), drop(bias), drop(sink);
  free(mask), free(scores), free(scratch), free(got), free(s);
}

TEST(attention) {
  static const qn_dtype TYPES[] = {QN_FLOAT, QN_FLOAT, QN_DOUBLE, QN_FLOAT16, QN_BFLOAT16};
  state = 3;
  for (int i = 0; i < 400; i++) one_case(TYPES[i % 5]);
}

/* A masked key whose score is not a number does not spoil the row. */
TEST(masked_nan) {
  float q[2] = {1, 1}, k[4] = {1, 0, INFINITY, -INFINITY}, v[2] = {3, 5}, y[1];
  uint8_t mask[2] = {1, 0};
  qn_attention a = {.batch = 1, .heads = 1, .kv_heads = 1, .rows = 1, .keys = 2, .width = 2, .v_width = 1, .scale = 1, .bias_keys = 2, .left = -1, .right = -1,
                    .q = {q, QN_FLOAT, 2, 2, 2}, .k = {k, QN_FLOAT, 4, 4, 2}, .v = {v, QN_FLOAT, 2, 2, 1}, .y = {y, QN_FLOAT, 1, 1, 1},
                    .bias = {{.data = mask, .dtype = QN_BOOL, .boolean = true, .column = 1, .masked = -INFINITY}}};
  void *scratch = aligned_alloc(QN_ALIGN, qn_align_up(qn_attention_room(&a)));
  qn_attention_run(&a, scratch);
  CHECK(y[0] == 3);
  free(scratch);
}

TEST(too_large) {
  qn_attention a = {.batch = 1, .heads = 1, .kv_heads = 1, .rows = 40, .keys = INT64_MAX / 4, .width = 64, .v_width = 64, .q = {.dtype = QN_FLOAT}, .k = {.dtype = QN_FLOAT}, .v = {.dtype = QN_FLOAT}};
  CHECK(qn_attention_room(&a) == 0);
}

TEST(rotation) {
  state = 5;
  for (int interleaved = 0; interleaved < 2; interleaved++)
    for (int64_t half = 1; half < 20; half++) {
      float x[40], c[20], s[20], y[40];
      for (int64_t i = 0; i < 2 * half; i++) x[i] = (float)uniform();
      for (int64_t i = 0; i < half; i++) c[i] = cosf((float)i), s[i] = sinf((float)i);
      qn_rotate_pairs(x, c, s, half, interleaved, y);
      bool ok = true;
      for (int64_t i = 0; i < half; i++) {
        int64_t u = interleaved ? 2 * i : i, v = interleaved ? 2 * i + 1 : i + half;
        double angle = (double)i, re = (double)x[u] * cos(angle) - (double)x[v] * sin(angle), im = (double)x[u] * sin(angle) + (double)x[v] * cos(angle);
        ok = ok && fabs((double)y[u] - re) < 1e-5 && fabs((double)y[v] - im) < 1e-5;
      }
      CHECK(ok);
    }
}

int main(void) {
  RUN(attention);
  RUN(masked_nan);
  RUN(too_large);
  RUN(rotation);
  return DONE();
}
