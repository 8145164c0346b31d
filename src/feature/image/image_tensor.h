/* 8-bit pixels to the float tensor that a vision model takes, and turning pictures. */
#ifndef QN_FEATURE_IMAGE_TENSOR_H
#define QN_FEATURE_IMAGE_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

/* value = (pixel · scale − mean[c]) / std[c], c counted in the tensor's order. */
typedef struct qn_image_norm {
  float scale, mean[3], std[3];
  bool swap;   /* the tensor's channels are the pixels' in reverse: RGB ↔ BGR */
  bool planar; /* [3, h, w]; else [h, w, 3] */
} qn_image_norm;

/* Normalised pixels in the top left corner of the tensor, `pad` elsewhere.
 * pixels: [h, w, channels], channels 3 or 4 (the fourth is ignored); out: [3, out_h, out_w] or [out_h, out_w, 3];
 * caller owns both; h ≤ out_h, w ≤ out_w. `turned`: the picture is read by 180°. */
void qn_image_tensor(const uint8_t *pixels, int32_t h, int32_t w, int32_t channels, const qn_image_norm *norm,
                     bool turned, float pad, float *out, int32_t out_h, int32_t out_w);

/* RGBA (not premultiplied) on white paper, as BGR. rgba: [count, 4], bgr: [count, 3], caller owns both. */
void qn_image_rgba_to_bgr(const uint8_t *rgba, int64_t count, uint8_t *bgr);

/* A quarter turn counter-clockwise, as numpy.rot90. src: [h, w, 3], dst: [w, h, 3], caller owns both. */
void qn_image_rotate_90(const uint8_t *src, int32_t h, int32_t w, uint8_t *dst);
/* Half a turn in place. pixels: [h, w, 3], caller owns. */
void qn_image_rotate_180(uint8_t *pixels, int32_t h, int32_t w);

#endif
