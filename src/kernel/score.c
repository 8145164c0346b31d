#include "kernel/score.h"

#include <math.h>

float qn_logistic(float x) {
  const float y = 1 / (1 + (float)exp(-(double)fabsf(x)));
  return x < 0 ? 1 - y : y;
}

/* Winitzki's approximation of the inverse error function, as in ONNX's reference; in double, since near 1/2 single precision leaves two digits. */
static float probit(float p) {
  const double x = 2 * (double)p - 1, l = log((1 - x) * (1 + x)), v = 2 / (3.14159265358979 * 0.147) + 0.5 * l;
  const double y = sqrt(-v + sqrt(v * v - l / 0.147));
  return (float)(1.41421356 * (x < 0 ? -y : y));
}

/* SOFTMAX_ZERO leaves scores of zero where they are. */
static void softmax(float *z, int64_t n, bool keep_zero) {
  float most = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; i++) most = z[i] > most ? z[i] : most;
  for (int64_t i = 0; i < n; i++) {
    if (keep_zero && fabsf(z[i]) <= 0.0000001f) {
      z[i] *= (float)exp(-(double)most);
      continue;
    }
    z[i] = (float)exp((double)(z[i] - most));
    sum += z[i];
  }
  for (int64_t i = 0; i < n; i++) z[i] /= sum;
}

void qn_score_row(qn_score how, float *z, int64_t n) {
  if (how == QN_SCORE_NONE || (n < 2 && how != QN_SCORE_PROBIT)) return;
  if (how == QN_SCORE_SOFTMAX || how == QN_SCORE_SOFTMAX_ZERO) softmax(z, n, how == QN_SCORE_SOFTMAX_ZERO);
  else
    for (int64_t i = 0; i < n; i++) z[i] = how == QN_SCORE_LOGISTIC ? qn_logistic(z[i]) : probit(z[i]);
}

void qn_score_pair(qn_score how, float score, bool mirrored, float *z) {
  z[1] = score;
  z[0] = (mirrored && how != QN_SCORE_PROBIT) || how == QN_SCORE_LOGISTIC ? -score : 1 - score;
  if (how == QN_SCORE_LOGISTIC || how == QN_SCORE_PROBIT) qn_score_row(how, z, 2);
}
