/* Support vector machines: kernels, and probabilities of several classes from pairs of them. */
#ifndef QN_KERNEL_SVM_H
#define QN_KERNEL_SVM_H

#include <stdint.h>

typedef enum qn_svm_kind { QN_SVM_LINEAR, QN_SVM_POLY, QN_SVM_RBF, QN_SVM_SIGMOID } qn_svm_kind;

typedef struct qn_svm_kernel {
  qn_svm_kind kind;
  float gamma, coef0, degree;
} qn_svm_kernel;

/* out[v] = K(x, vectors[v]). x: [features], vectors: [n, features], out: [n] */
void qn_svm_kernels(const qn_svm_kernel *k, const float *x, const float *vectors, int64_t n, int64_t features, float *out);
/* T.-F. Wu, C.-J. Lin, R. Weng: Probability estimates for multi-class classification by pairwise coupling (JMLR 2004), second
 * method, as in libsvm. r: [classes, classes], r[i][j] the probability of i against j; p: [classes]; work: [classes * (classes + 2)] */
void qn_svm_couple(int64_t classes, const float *r, float *p, double *work);

#endif
