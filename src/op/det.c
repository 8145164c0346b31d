/* Det: Gaussian elimination with partial pivoting, in double. */
#include <math.h>
#include <string.h>

#include "op/scratch.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0);
  char text[QN_SHAPE_TEXT];
  if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
    return qn_step_fail(s, QN_ERR_SHAPE, "the input has shape %s; square matrices are expected", qn_shape_text(text, x->rank, x->dims));
  QN_TRY(qn_out_shape(s, 0, x->dtype, x->rank - 2, x->dims));
  qn_room r = {0};
  size_t n = (size_t)x->dims[x->rank - 1];
  qn_room_take(&r, n * n, sizeof(double));
  return qn_room_done(s, &r);
}

static double determinant(double *a, int64_t n) {
  double det = 1;
  for (int64_t c = 0; c < n; c++) {
    int64_t pivot = c;
    for (int64_t r = c + 1; r < n; r++)
      if (fabs(a[r * n + c]) > fabs(a[pivot * n + c])) pivot = r;
    double p = a[pivot * n + c];
    if (p == 0) return 0;
    det *= pivot == c ? p : -p;
    for (int64_t i = c; i < n && pivot != c; i++) {
      double t = a[c * n + i];
      a[c * n + i] = a[pivot * n + i];
      a[pivot * n + i] = t;
    }
    for (int64_t r = c + 1; r < n; r++) {
      double f = a[r * n + c] / p;
      for (int64_t i = c + 1; i < n; i++) a[r * n + i] -= f * a[c * n + i];
    }
  }
  return det;
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  int64_t n = x->dims[x->rank - 1];
  size_t width = qn_dtype_size(x->dtype);
  for (int64_t i = 0; i < y->count; i++) {
    qn_cast(x->dtype, (const uint8_t *)x->data + (size_t)(i * n * n) * width, QN_DOUBLE, s->scratch, (size_t)(n * n), (qn_cast_mode){0});
    double det = determinant(s->scratch, n);
    qn_cast(QN_DOUBLE, &det, y->dtype, (uint8_t *)y->data + (size_t)i * width, 1, (qn_cast_mode){0});
  }
  return QN_OK;
}

const qn_op qn_op_det = {.domain = "", .name = "Det", .since = 11, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
