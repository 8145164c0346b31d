/* Affine quantization: q = round(x / scale) + zero, x = (q - zero) * scale. */
#ifndef QN_KERNEL_QUANTIZE_H
#define QN_KERNEL_QUANTIZE_H

#include <stddef.h>

#include "base/dtype.h"

/* The range of a quantized integer type of at most 16 bits; false for other types. */
bool qn_quantized_range(qn_dtype dtype, float *low, float *high);
/* Rounds half to even and saturates to [low, high]; NaN gives low. All arrays [n]; y may be x. */
void qn_quantize(const float *x, const float *scale, const float *zero, size_t n, float low, float high, float *y);
void qn_dequantize(const float *q, const float *scale, const float *zero, size_t n, float *y);
/* The same with one scale and zero point for all, between float32 and uint8 or int8. */
void qn_quantize_bytes(const float *x, float scale, int32_t zero, size_t n, bool is_signed, uint8_t *y);
void qn_dequantize_bytes(const uint8_t *q, bool is_signed, float scale, int32_t zero, size_t n, float *y);
/* Integers in float to bytes; signed ones wrap into their two's complement. */
void qn_float_to_bytes(const float *x, size_t n, uint8_t *y);
/* Smallest and largest of x[n] and 0, NaN left out. */
void qn_range_with_zero(const float *x, size_t n, float *low, float *high);
/* DynamicQuantizeLinear's scale and zero point for uint8. */
void qn_dynamic_scale(float low, float high, float *scale, float *zero);

#endif
