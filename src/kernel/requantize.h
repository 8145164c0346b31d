/* What becomes of the 32-bit sums of an 8-bit product. */
#ifndef QN_KERNEL_REQUANTIZE_H
#define QN_KERNEL_REQUANTIZE_H

#include "base/dtype.h"

/* int32: sum + offset, wrapping. float32: clamp(float(sum + offset) · scale + bias), each step rounded to float32.
 * uint8, int8: that without the clamp, held in [min, max], rounded half to even, plus zero. */
typedef struct qn_i8_out {
  qn_dtype dtype;        /* QN_INT32, QN_FLOAT, QN_INT8 or QN_UINT8 */
  const int32_t *offset; /* [N] or NULL */
  const float *scale;    /* [N]; not read for int32 */
  const float *bias;     /* [N] or NULL; not read for int32 */
  float min, max;        /* 8-bit: integers, the type's range less zero or within it */
  int32_t zero;
} qn_i8_out;

/* The sums hold the offset already. sums: [rows, sum_stride], column 0 of which is column `first` of the product; y: [rows, ldy] elements, at column `first` too.
 * Only `width` columns are stored. */
void qn_i8_finish(const qn_i8_out *o, int64_t first, int64_t width, int64_t rows, const int32_t *sums, int64_t sum_stride, void *y, int64_t ldy);

#endif
