/* What classical models do to their raw scores, as in onnxruntime 1.2x (core/providers/cpu/ml/ml_common.h). */
#ifndef QN_KERNEL_SCORE_H
#define QN_KERNEL_SCORE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum qn_score { QN_SCORE_NONE, QN_SCORE_SOFTMAX, QN_SCORE_LOGISTIC, QN_SCORE_SOFTMAX_ZERO, QN_SCORE_PROBIT } qn_score;

float qn_logistic(float x);
/* z: [n] scores of one row, in place. A single score is changed by PROBIT only. */
void qn_score_row(qn_score how, float *z, int64_t n);
/* One score decides between two classes: z: [2]. LOGISTIC gives both probabilities; otherwise the first class gets the opposite
 * number if `mirrored`, else what is missing to 1. */
void qn_score_pair(qn_score how, float score, bool mirrored, float *z);

#endif
