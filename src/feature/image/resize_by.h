/* Resizing by the name of a library and of a filter. */
#ifndef QN_FEATURE_IMAGE_RESIZE_BY_H
#define QN_FEATURE_IMAGE_RESIZE_BY_H

#include "feature/image/picture.h"
#include "feature/image/resample.h"

enum { QN_LIKE_PILLOW, QN_LIKE_OPENCV, QN_LIKE_TORCH };
#define QN_RESIZE_LIKE "pillow|opencv|torch"

typedef struct qn_resize_by {
  int32_t like;   /* QN_LIKE_* */
  int32_t filter; /* qn_filter */
  bool antialias; /* torch alone: Pillow always does, OpenCV never but in "area" */
} qn_resize_by;

/* Bytes of scratch; fails when the library has no such filter. */
qn_status qn_resize_plan(const qn_stage *s, const qn_resize_by *how, const qn_picture *in, int32_t dh, int32_t dw, size_t *scratch, qn_error *err);
/* dst: [dh, dw, channels] of the picture's type. */
void qn_resize_run(const qn_resize_by *how, const qn_picture *in, void *dst, int32_t dh, int32_t dw, void *scratch);

#endif
