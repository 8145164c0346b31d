/* What detectors' steps share: rows of candidates, each with a box (x0, y0, x1, y1), a score, and whatever else belongs to it. */
#ifndef QN_FEATURE_POST_BOXES_H
#define QN_FEATURE_POST_BOXES_H

#include "feature/step.h"

/* The size of the picture that the model saw: `width` and `height` where the step gives them, else what the features made. Fails when neither is known. */
qn_status qn_seen_size(const qn_stage *s, double width, double height, double *w, double *h, qn_error *err);

/* The numbers of a tensor as rows [n, size], whatever dimensions of 1 there are: its last dimension is `size`. */
qn_status qn_rows_of(const qn_stage *s, int input, int64_t *rows, int64_t *size, qn_error *err);

/* Area of the overlap over that of the union; 0 for empty ones and for NaN. */
float qn_box_iou(const float a[4], const float b[4]);

static inline float qn_sigmoid(float x) { return (float)(1 / (1 + exp(-(double)x))); }

#endif
