/* The 8-bit kernels: sums against 64-bit integers, what becomes of them against the definition step by step in float32. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness.h"
#include "kernel/conv_i8.h"
#include "kernel/quantize.h"

static uint32_t seed = 3;
static uint32_t next(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }
static int64_t below(int64_t n) { return (int64_t)(next() % (uint32_t)n); }
static float real(void) { return (float)next() / 8388608.0f - 1.0f; }

/* Random ways out for n columns; the arrays are static. */
static qn_i8_out random_out(int64_t n, double spread) {
  static const qn_dtype types[4] = {QN_INT32, QN_FLOAT, QN_UINT8, QN_INT8};
  static int32_t offset[512];
  static float scale[512], bias[512];
  qn_i8_out o = {.dtype = types[below(4)], .offset = below(2) ? offset : NULL, .scale = scale, .bias = below(2) ? bias : NULL, .min = -INFINITY, .max = INFINITY};
  for (int64_t i = 0; i < n; i++) {
    offset[i] = (int32_t)below(2001) - 1000;
    scale[i] = (float)((0.2 + fabs(real())) * 100 / spread);
    bias[i] = real() * 20;
  }
  if (o.dtype == QN_FLOAT && below(2)) o.min = -3, o.max = 60.5f;
  if (o.dtype != QN_UINT8 && o.dtype != QN_INT8) return o;
  const int low = o.dtype == QN_INT8 ? -128 : 0;
  o.zero = low + (int32_t)below(256);
  o.min = (float)(low - o.zero + (int)below(20));
  o.max = (float)(low + 255 - o.zero);
  return o;
}

static double wanted(const qn_i8_out *o, int64_t column, int64_t sum) {
  const int64_t total = sum + (o->offset ? o->offset[column] : 0);
  if (o->dtype == QN_INT32) return (double)total;
  volatile float v = (float)total;
  v = v * o->scale[column];
  if (o->bias) v = v + o->bias[column];
  if (o->dtype == QN_FLOAT) return v < o->min ? o->min : v > o->max ? o->max : v;
  const double q = rint((double)v) + o->zero, low = o->min + o->zero, high = o->max + o->zero;
  return q < low ? low : q > high ? high : q;
}

static double element(qn_dtype t, const void *y, int64_t i) {
  return t == QN_INT32 ? ((const int32_t *)y)[i] : t == QN_FLOAT ? (double)((const float *)y)[i] : t == QN_INT8 ? ((const int8_t *)y)[i] : ((const uint8_t *)y)[i];
}

static void one_product(int64_t m, int64_t n, int64_t k, bool is_signed, bool with_zero) {
  const int64_t lda = qn_gemm_i8_depth(k), ldy = n + below(3);
  int16_t *a = qn_alloc_zeroed((size_t)(m * lda) * sizeof(int16_t));
  uint8_t *b = qn_alloc((size_t)(k * n));
  int8_t *packed = qn_alloc(qn_gemm_packed_count(lda, n, 1));
  int32_t *zero = qn_alloc((size_t)n * sizeof(int32_t));
  const qn_i8_out o = random_out(n, 20000 * sqrt((double)k));
  const size_t size = (size_t)(m * ldy) * qn_dtype_size(o.dtype);
  uint8_t *y = qn_alloc(size), *poison = qn_alloc(size);
  memset(y, 0x5a, size), memset(poison, 0x5a, size);
  for (int64_t i = 0; i < m; i++)
    for (int64_t l = 0; l < k; l++) a[i * lda + l] = (int16_t)(below(511) - 255);
  for (int64_t i = 0; i < k * n; i++) b[i] = (uint8_t)next();
  for (int64_t j = 0; j < n; j++) zero[j] = (int32_t)below(256) - 128;
  qn_gemm_i8_pack(k, n, b, is_signed, n, 1, packed);
  qn_gemm_i8(m, n, k, a, lda, packed, with_zero ? zero : NULL, &o, y, ldy);
  int bad = 0;
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < ldy; j++) {
      if (j >= n) {
        bad += element(o.dtype, y, i * ldy + j) != element(o.dtype, poison, i * ldy + j);
        continue;
      }
      int64_t sum = 0;
      for (int64_t l = 0; l < k; l++) sum += a[i * lda + l] * ((is_signed ? (int8_t)b[l * n + j] : b[l * n + j] - 128) - (with_zero ? zero[j] : 0));
      bad += element(o.dtype, y, i * ldy + j) != wanted(&o, j, sum);
    }
  CHECK(bad == 0);
  qn_free(a), qn_free(b), qn_free(packed), qn_free(zero), qn_free(y), qn_free(poison);
}

TEST(products) {
  for (int i = 0; i < 160; i++) one_product(1 + below(11), 1 + below(40), 1 + below(50), i & 1, i & 2);
  one_product(131, 24, 66, true, true); /* more than one block of rows */
  one_product(1, 17, 333, false, true);
  one_product(70, 9, 1601, true, false); /* a panel widened in parts */
  one_product(7, 11, 770, false, true);
}

TEST(extreme_sums_do_not_saturate) { /* all products at their largest, as dot instructions on 8 bits would clip them */
  enum { K = 512 };
  int16_t a[K];
  int8_t b[K * 8], packed[K * 8];
  int32_t y[8];
  for (int i = 0; i < K; i++) a[i] = -255;
  memset(b, 0x80, sizeof b);
  qn_gemm_i8_pack(K, 8, b, true, 8, 1, packed);
  qn_gemm_i8(1, 8, K, a, K, packed, NULL, &(qn_i8_out){.dtype = QN_INT32}, y, 8);
  CHECK(y[0] == 255 * 128 * K && y[7] == y[0]);
}

static qn_window random_window(void) {
  qn_window w = {.rank = 1 + (int)below(3), .in_points = 1, .out_points = 1, .taps = 1};
  for (int d = 0; d < w.rank; d++) {
    w.kernel[d] = 1 + below(3);
    w.stride[d] = 1 + below(3);
    w.dilation[d] = 1 + below(2);
    w.pad[d] = below(3);
    w.pad_end[d] = below(3);
    const int64_t reach = (w.kernel[d] - 1) * w.dilation[d] + 1;
    w.in[d] = 1 + below(9);
    while (w.in[d] + w.pad[d] + w.pad_end[d] < reach) w.in[d]++;
    w.out[d] = (w.in[d] + w.pad[d] + w.pad_end[d] - reach) / w.stride[d] + 1;
    w.in_points *= w.in[d];
    w.out_points *= w.out[d];
    w.taps *= w.kernel[d];
  }
  return w;
}

static void one_conv(bool last, bool x_signed, bool w_signed, bool depthwise, bool pointwise) {
  qn_conv c = {.window = random_window(), .batch = 1 + below(2), .groups = depthwise ? 2 + below(40) : 1 + below(3), .min = -INFINITY, .max = INFINITY};
  if (pointwise) c.window = (qn_window){.rank = 2, .in = {5, 17}, .out = {5, 17}, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .in_points = 85, .out_points = 85, .taps = 1};
  if (pointwise && !depthwise) c.groups = 1;
  c.channels = c.groups * (depthwise ? 1 : 1 + below(9));
  c.maps = c.groups * (depthwise ? 1 : 1 + below(19));
  c.x = qn_planes_of(last, c.channels, c.window.in_points);
  c.y = qn_planes_of(last, c.maps, c.window.out_points);
  const int64_t each = c.channels / c.groups, taps = c.window.taps, n_x = c.batch * c.x.batch, n_w = c.maps * each * taps, n_y = c.batch * c.y.batch;
  const qn_i8_out o = random_out(c.maps, 20000 * sqrt((double)(each * taps)));
  double *x = qn_alloc((size_t)n_x * sizeof *x), *w = qn_alloc((size_t)n_w * sizeof *w), *want = qn_alloc((size_t)n_y * sizeof *want);
  uint8_t *xb = qn_alloc((size_t)n_x), *wb = qn_alloc((size_t)n_w), *y = qn_alloc((size_t)n_y * qn_dtype_size(o.dtype));
  int32_t *zero = qn_alloc((size_t)c.maps * sizeof *zero), x_zero = x_signed ? (int32_t)below(256) - 128 : (int32_t)below(256);
  const bool with_zero = below(2);
  for (int64_t m = 0; m < c.maps; m++) zero[m] = with_zero ? (int32_t)below(256) - 128 : 0;
  for (int64_t i = 0; i < n_x; i++) {
    xb[i] = (uint8_t)next();
    x[i] = (x_signed ? (int8_t)xb[i] : xb[i]) - x_zero;
  }
  for (int64_t i = 0; i < n_w; i++) {
    wb[i] = (uint8_t)next();
    w[i] = (w_signed ? (int8_t)wb[i] : wb[i] - 128) - zero[i / (each * taps)];
  }
  void *packed = qn_alloc(qn_conv_i8_packed_size(c.groups, c.maps, each, taps)), *room = qn_alloc(qn_conv_i8_room(&c));
  void *taps_room = qn_alloc((size_t)qn_conv_tap_room(&c.window) * sizeof(qn_tap));
  qn_conv_i8_pack(c.groups, c.maps, each, taps, wb, w_signed, with_zero ? zero : NULL, packed);
  qn_conv_i8(&c, xb, x_signed, x_zero, packed, with_zero ? zero : NULL, &o, y, room);
  qn_conv_ref(&c, x, w, NULL, want, taps_room);
  int bad = 0;
  for (int64_t n = 0; n < c.batch; n++)
    for (int64_t m = 0; m < c.maps; m++)
      for (int64_t p = 0; p < c.window.out_points; p++) {
        const int64_t at = n * c.y.batch + m * c.y.channel + p * c.y.point;
        bad += element(o.dtype, y, at) != wanted(&o, m, (int64_t)want[at]);
      }
  CHECK(bad == 0);
  qn_free(x), qn_free(w), qn_free(want), qn_free(xb), qn_free(wb), qn_free(y), qn_free(zero), qn_free(packed), qn_free(room), qn_free(taps_room);
}

TEST(convolutions) {
  for (int i = 0; i < 320; i++) one_conv(i & 1, i & 2, i & 4, i & 8, (i & 48) == 48);
}

TEST(bytes_and_floats) {
  enum { N = 61 };
  for (int round = 0; round < 40; round++) {
    const bool is_signed = round & 1;
    const int32_t low = is_signed ? -128 : 0, zero = low + (int32_t)below(256);
    const float scale = 0.01f + fabsf(real());
    float x[N], back[N];
    uint8_t q[N];
    for (int i = 0; i < N; i++) x[i] = below(3) ? real() * 200 : ((float)below(300) - 150 + 0.5f) * scale; /* many halves */
    x[3] = INFINITY, x[4] = -INFINITY, x[5] = NAN, x[60] = NAN;
    qn_quantize_bytes(x, scale, zero, N, is_signed, q);
    qn_dequantize_bytes(q, is_signed, scale, zero, N, back);
    int bad = 0;
    for (int i = 0; i < N; i++) {
      double want = isnan(x[i]) ? low : rint((double)(x[i] / scale)) + zero;
      want = want < low ? low : want > low + 255 ? low + 255 : want;
      bad += (is_signed ? (int8_t)q[i] : q[i]) != want || back[i] != (float)(want - zero) * scale;
    }
    CHECK(bad == 0);
  }
}

int main(void) {
  RUN(products);
  RUN(extreme_sums_do_not_saturate);
  RUN(convolutions);
  RUN(bytes_and_floats);
  return DONE();
}
