/* Det, and Inverse of com.microsoft: Gaussian elimination with partial pivoting, in double. */
#include <math.h>
#include <string.h>

#include "op/axes.h"
#include "op/scratch.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
    return qn_step_fail(s, QN_ERR_SHAPE, "the input has shape %s; square matrices are expected", qn_shape_text(text, x->rank, x->dims));
  const bool inverts = s->op->domain[0] != 0;
  QN_TRY(qn_out_shape(s, 0, x->dtype, inverts ? x->rank : x->rank - 2, x->dims));
  qn_room r = {0};
  size_t n = (size_t)x->dims[x->rank - 1];
  for (int i = 0; i <= inverts; i++) qn_room_take(&r, n * n, sizeof(double));
  return qn_room_done(s, &r);
}

static void swap_rows(double *a, int64_t n, int64_t p, int64_t q) {
  for (int64_t i = 0; i < n; i++) {
    double t = a[p * n + i];
    a[p * n + i] = a[q * n + i];
    a[q * n + i] = t;
  }
}

/* The determinant of a[n, n], which is destroyed. b[n, n], or NULL, is multiplied by the inverse; without one it is not finite. */
static double eliminate(double *a, double *b, int64_t n) {
  double det = 1;
  for (int64_t c = 0; c < n; c++) {
    int64_t pivot = c;
    for (int64_t r = c + 1; r < n; r++)
      if (fabs(a[r * n + c]) > fabs(a[pivot * n + c])) pivot = r;
    double p = a[pivot * n + c];
    if (p == 0 && !b) return 0;
    det *= pivot == c ? p : -p;
    if (pivot != c) swap_rows(a, n, c, pivot);
    if (b && pivot != c) swap_rows(b, n, c, pivot);
    for (int64_t r = b ? 0 : c + 1; r < n; r++) {
      if (r == c) continue;
      double f = a[r * n + c] / p;
      for (int64_t i = c + 1; i < n; i++) a[r * n + i] -= f * a[c * n + i];
      for (int64_t i = 0; b && i < n; i++) b[r * n + i] -= f * b[c * n + i];
    }
  }
  for (int64_t i = 0; b && i < n * n; i++) b[i] /= a[i / n * (n + 1)];
  return det;
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const int64_t n = x->dims[x->rank - 1], each = n * n, matrices = qn_product(x->dims, x->rank - 2);
  const size_t width = qn_dtype_size(x->dtype);
  const bool inverts = s->op->domain[0] != 0;
  double *a = s->scratch, *b = inverts ? a + each : NULL;
  for (int64_t m = 0; m < matrices && (each || !inverts); m++) {
    qn_cast(x->dtype, (const uint8_t *)x->data + (size_t)(m * each) * width, QN_DOUBLE, a, (size_t)each, (qn_cast_mode){0});
    for (int64_t i = 0; b && i < each; i++) b[i] = i % (n + 1) == 0;
    const double det = eliminate(a, b, n);
    if (b) qn_cast(QN_DOUBLE, b, y->dtype, (uint8_t *)y->data + (size_t)(m * each) * width, (size_t)each, (qn_cast_mode){0});
    else qn_cast(QN_DOUBLE, &det, y->dtype, (uint8_t *)y->data + (size_t)m * width, 1, (qn_cast_mode){0});
  }
  return QN_OK;
}

const qn_op qn_op_det = {.domain = "", .name = "Det", .since = 11, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
const qn_op qn_op_inverse = {.domain = "com.microsoft", .name = "Inverse", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
