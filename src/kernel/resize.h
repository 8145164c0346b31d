/* Resampling one axis by a table of taps; Resize applies it axis by axis. Coordinates and weights follow ONNX's reference
 * (Resize-19: onnx/reference/ops/op_resize.py). */
#ifndef QN_KERNEL_RESIZE_H
#define QN_KERNEL_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum qn_resize_mode { QN_RESIZE_NEAREST, QN_RESIZE_LINEAR, QN_RESIZE_CUBIC } qn_resize_mode;
typedef enum qn_coordinates {
  QN_HALF_PIXEL, QN_HALF_PIXEL_SYMMETRIC, QN_PYTORCH_HALF_PIXEL, QN_ALIGN_CORNERS, QN_ASYMMETRIC, QN_TF_HALF_PIXEL_FOR_NN, QN_TF_CROP_AND_RESIZE
} qn_coordinates;
typedef enum qn_nearest { QN_ROUND_PREFER_FLOOR, QN_ROUND_PREFER_CEIL, QN_FLOOR, QN_CEIL, QN_SIMPLE /* up to opset 10: down on enlarging, up on shrinking */ } qn_nearest;

typedef struct qn_resize_axis {
  int64_t in, out;
  double scale;            /* out / in as the model states it */
  double start, end;       /* region of interest, in fractions of the axis */
  int taps;                /* per output point */
} qn_resize_axis;

typedef struct qn_resize_spec {
  qn_resize_mode mode;
  qn_coordinates coordinates;
  qn_nearest nearest;
  bool antialias, exclude_outside;
  double cubic_a;
} qn_resize_spec;

/* Taps that the axis needs. */
int qn_resize_taps(const qn_resize_spec *spec, const qn_resize_axis *axis);
/* index, weight: [out, taps]; outside: [out], 1 where the point lies off the input (crop-and-resize). */
void qn_resize_table(const qn_resize_spec *spec, const qn_resize_axis *axis, int32_t *index, float *weight, uint8_t *outside);
/* in: [outer, axis->in, inner], out: [outer, axis->out, inner] */
void qn_resize_apply(const qn_resize_axis *axis, const int32_t *index, const float *weight, int64_t outer, int64_t inner, const float *in, float *out);
/* The first tap alone, on elements of `width` bytes. */
void qn_resize_pick(const qn_resize_axis *axis, const int32_t *index, int64_t outer, size_t inner_bytes, const uint8_t *in, uint8_t *out);

#endif
