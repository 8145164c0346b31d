/* Convolutions that follow one another, depth first: a strip of rows through all of them, so that what lies between stays in the second-level
 * cache instead of going to memory and back. The results are the same to the bit. */
#ifndef QN_KERNEL_CONV_STRIPS_H
#define QN_KERNEL_CONV_STRIPS_H

#include "kernel/conv_nhwc.h"

#define QN_STRIP_STAGES 3

typedef struct qn_conv_stage {
  qn_conv c;                  /* two spatial dimensions; each stage reads what the one before makes */
  const float *packed, *bias; /* as qn_conv_nhwc() or qn_depthwise_f32() want them */
  qn_conv_tail tail;          /* a residual only of the last stage */
  bool depthwise;
} qn_conv_stage;

/* Bytes of scratch; SIZE_MAX on overflow. Pointers within the stages are not read. */
size_t qn_conv_strips_room(int stages, const qn_conv_stage *stage);
void qn_conv_strips(int stages, const qn_conv_stage *stage, const float *x, float *y, void *scratch);

#endif
