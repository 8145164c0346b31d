#include "feature/image/filter_taps.h"

#include <math.h>
#include <string.h>

static double support_of(qn_filter f) {
  switch (f) {
    case QN_FILTER_BICUBIC: return 2;
    case QN_FILTER_LANCZOS: return 3;
    case QN_FILTER_AREA: return 0.5;
    default: return 1;
  }
}

static double sinc(double x) {
  if (x == 0) return 1;
  x *= 3.14159265358979323846;
  return sin(x) / x;
}

/* Keys 1981, "Cubic convolution interpolation"; a: −0.5 in Pillow and in torch with antialiasing, −0.75 in OpenCV and in torch without. */
static double cubic(double x, double a) {
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double weight_of(qn_filter filter, double x) {
  if (filter == QN_FILTER_AREA) return x > -0.5 && x <= 0.5 ? 1 : 0;
  if (filter == QN_FILTER_BICUBIC) return cubic(x, -0.5);
  x = fabs(x);
  switch (filter) {
    case QN_FILTER_LANCZOS: return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case QN_FILTER_HAMMING: return x == 0 ? 1 : x < 1 ? sinc(x) * (0.54 + 0.46 * cos(3.14159265358979323846 * x)) : 0;
    default: return x < 1 ? 1 - x : 0;
  }
}

static int32_t neighbours(const qn_filter_how *how) {
  return how->kind == QN_TAPS_OPENCV_AREA ? 2 : how->filter == QN_FILTER_BICUBIC ? 4 : how->filter == QN_FILTER_LANCZOS ? 8 : 2;
}

static double reach(const qn_filter_how *how, double scale, double *widened) {
  *widened = how->widen && scale > 1 ? scale : 1;
  return support_of(how->filter) * *widened;
}

static double stride_of(const qn_filter_how *how, int32_t from, int32_t to) {
  double widened;
  const double scale = (double)from / to;
  if (how->kind == QN_TAPS_SUPPORT) return ceil(reach(how, scale, &widened)) * 2 + 2;
  return how->kind == QN_TAPS_POOL ? ceil(scale) + 2 : neighbours(how);
}

bool qn_taps_size(const qn_filter_how *how, int32_t from, int32_t to, size_t *size) {
  const double bytes = ((double)to + 4) * (stride_of(how, from, to) * 12 + 8) + 256;
  if (!(bytes < 2e9)) return false;
  *size = qn_align_up((size_t)bytes) + QN_ALIGN;
  return true;
}

static void under_filter(const qn_filter_how *how, double scale, int32_t i, int32_t from, qn_taps *t) {
  double widened, sum = 0;
  const double support = reach(how, scale, &widened), center = (i + 0.5) * scale, unit = 1 / widened;
  int32_t first = (int32_t)(center - support + 0.5), end = (int32_t)(center + support + 0.5);
  if (first < 0) first = 0;
  if (end > from) end = from;
  if (end - first > t->stride) end = first + t->stride;
  double *w = t->exact + (size_t)i * (size_t)t->stride;
  for (int32_t k = 0; k < end - first; k++) sum += w[k] = weight_of(how->filter, (k + first - center + 0.5) * unit);
  for (int32_t k = 0; sum != 0 && k < end - first; k++) w[k] /= sum;
  t->from[i] = first, t->count[i] = end - first;
}

static void pool(int32_t i, int32_t from, int32_t to, qn_taps *t) {
  const int32_t first = (int32_t)((int64_t)i * from / to), end = (int32_t)((((int64_t)i + 1) * from + to - 1) / to);
  for (int32_t k = 0; k < end - first; k++) t->exact[(size_t)i * (size_t)t->stride + (size_t)k] = 1.0 / (end - first);
  t->from[i] = first, t->count[i] = end - first;
}

int32_t qn_taps_position(const qn_filter_how *how, int32_t i, int32_t from, int32_t to, double *fraction) {
  const double scale = 1 / ((double)to / from);
  double at;
  if (how->kind == QN_TAPS_OPENCV_AREA) {
    const double left = floor(i * scale), f = (float)((i + 1) - (left + 1) / scale);
    *fraction = f <= 0 ? 0 : f - floor(f);
    return (int32_t)left;
  }
  if (how->kind == QN_TAPS_OPENCV) at = (float)((i + 0.5) * scale - 0.5);
  else if (how->kind == QN_TAPS_NEIGHBOURS_F) at = (float)from / (float)to * ((float)i + 0.5f) - 0.5f;
  else at = (double)from / to * (i + 0.5) - 0.5;
  const double left = floor(at);
  *fraction = at - left;
  return (int32_t)left;
}

static void beside(const qn_filter_how *how, int32_t i, int32_t from, int32_t to, qn_taps *t) {
  const int32_t n = neighbours(how);
  double f, w[8], sum = 0;
  const int32_t left = qn_taps_position(how, i, from, to, &f) - (n / 2 - 1);
  for (int32_t k = 0; k < n; k++) {
    const double x = k - (n / 2 - 1) - f;
    sum += w[k] = n == 2 ? 1 - fabs(x) : n == 4 ? cubic(x, -0.75) : sinc(x) * sinc(x / 4);
  }
  const int32_t first = left < 0 ? 0 : left > from - 1 ? from - 1 : left;
  double *exact = t->exact + (size_t)i * (size_t)n;
  int32_t *fixed = t->fixed + (size_t)i * (size_t)n;
  memset(exact, 0, (size_t)n * sizeof *exact);
  memset(fixed, 0, (size_t)n * sizeof *fixed);
  t->from[i] = first, t->count[i] = 0;
  for (int32_t k = 0; k < n; k++) {
    const int32_t at = left + k < 0 ? 0 : left + k > from - 1 ? from - 1 : left + k;
    exact[at - first] += w[k] / sum;
    fixed[at - first] += (int32_t)rint((float)(w[k] / sum) * 2048);
    if (at - first >= t->count[i]) t->count[i] = at - first + 1;
  }
}

static void round_weights(const qn_filter_how *how, int32_t to, qn_taps *t) {
  double most = 0;
  const size_t stride = (size_t)t->stride;
  t->bits = how->round == QN_ROUND_11 ? 11 : 22;
  if (t->bits == 11) return; /* done */
  for (size_t i = 0; i < (size_t)to; i++)
    for (int32_t k = 0; k < t->count[i]; k++) most = t->exact[i * stride + (size_t)k] > most ? t->exact[i * stride + (size_t)k] : most;
  if (how->round == QN_ROUND_16)
    for (t->bits = 0; t->bits < 22 && (int32_t)(0.5 + most * (double)(1 << (t->bits + 1))) < 1 << 15;) t->bits++;
  const double one = (double)(1 << t->bits);
  for (size_t i = 0; i < (size_t)to; i++)
    for (size_t k = i * stride; k < i * stride + (size_t)t->count[i]; k++) t->fixed[k] = (int32_t)(t->exact[k] * one + (t->exact[k] < 0 ? -0.5 : 0.5));
}

void *qn_taps_make(const qn_filter_how *how, int32_t from, int32_t to, qn_taps *t, void *at) {
  const double scale = (double)from / to;
  t->stride = (int32_t)stride_of(how, from, to);
  t->exact = at;
  t->fixed = (int32_t *)(t->exact + (size_t)to * (size_t)t->stride);
  t->from = t->fixed + (size_t)to * (size_t)t->stride;
  t->count = t->from + to;
  for (int32_t i = 0; i < to; i++) {
    if (how->kind == QN_TAPS_SUPPORT) under_filter(how, scale, i, from, t);
    else if (how->kind == QN_TAPS_POOL) pool(i, from, to, t);
    else beside(how, i, from, to, t);
  }
  round_weights(how, to, t);
  return (void *)(((uintptr_t)(t->count + to) + QN_ALIGN - 1) & ~(uintptr_t)(QN_ALIGN - 1));
}
