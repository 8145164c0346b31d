#include "kernel/svm.h"

#include <math.h>

/* Four sums side by side, so that one addition need not wait for another. */
static float dot(const float *a, const float *b, int64_t n) {
  float s[4] = {0};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int k = 0; k < 4; k++) s[k] += a[i + k] * b[i + k];
  for (; i < n; i++) s[0] += a[i] * b[i];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

static float square_distance(const float *a, const float *b, int64_t n) {
  float s[4] = {0};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int k = 0; k < 4; k++) s[k] += (a[i + k] - b[i + k]) * (a[i + k] - b[i + k]);
  for (; i < n; i++) s[0] += (a[i] - b[i]) * (a[i] - b[i]);
  return (s[0] + s[1]) + (s[2] + s[3]);
}

void qn_svm_kernels(const qn_svm_kernel *k, const float *x, const float *vectors, int64_t n, int64_t features, float *out) {
  for (int64_t v = 0; v < n; v++, vectors += features) {
    if (k->kind == QN_SVM_RBF) {
      out[v] = (float)exp((double)(-k->gamma * square_distance(x, vectors, features)));
      continue;
    }
    const float y = dot(x, vectors, features), z = k->gamma * y + k->coef0;
    if (k->kind == QN_SVM_LINEAR) out[v] = y;
    else if (k->kind == QN_SVM_SIGMOID) out[v] = (float)tanh((double)z);
    else out[v] = k->degree == 2 ? z * z : k->degree == 3 ? z * z * z : (float)pow((double)z, (double)k->degree);
  }
}

void qn_svm_couple(int64_t n, const float *r, float *p, double *work) {
  double *q = work, *qp = q + n * n, *x = qp + n;
  for (int64_t i = 0; i < n; i++) {
    x[i] = 1.0 / (double)n;
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
      if (j == i) continue;
      sum += (double)r[j * n + i] * (double)r[j * n + i];
      q[i * n + j] = -(double)r[j * n + i] * (double)r[i * n + j];
    }
    q[i * n + i] = sum;
  }
  for (int64_t loop = 0, most = n > 100 ? n : 100; loop < most; loop++) {
    double pqp = 0, error = 0;
    for (int64_t i = 0; i < n; i++) {
      qp[i] = 0;
      for (int64_t j = 0; j < n; j++) qp[i] += q[i * n + j] * x[j];
      pqp += x[i] * qp[i];
    }
    for (int64_t i = 0; i < n; i++) error = fmax(error, fabs(qp[i] - pqp));
    if (error < 0.005 / (double)n) break;
    for (int64_t i = 0; i < n; i++) {
      const double diff = (pqp - qp[i]) / q[i * n + i];
      x[i] += diff;
      pqp = (pqp + diff * (diff * q[i * n + i] + 2 * qp[i])) / (1 + diff) / (1 + diff);
      for (int64_t j = 0; j < n; j++) {
        qp[j] = (qp[j] + diff * q[i * n + j]) / (1 + diff);
        x[j] /= 1 + diff;
      }
    }
  }
  for (int64_t i = 0; i < n; i++) p[i] = (float)x[i];
}
