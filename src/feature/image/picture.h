/* What the steps for pictures share: a picture is a tensor [height, width, channels], uint8 or float32, of 1 to 4 channels. */
#ifndef QN_FEATURE_IMAGE_PICTURE_H
#define QN_FEATURE_IMAGE_PICTURE_H

#include "feature/step.h"

typedef struct qn_picture {
  int32_t height, width, channels;
  bool bytes; /* uint8, else float32 */
  const void *data;
} qn_picture;

/* The only input as a picture; fails when it is none. */
qn_status qn_picture_in(const qn_stage *s, qn_picture *picture, qn_error *err);
/* The result is a picture of this size, of the type and channels of `like`. */
qn_status qn_picture_result(qn_stage *s, const qn_picture *like, int32_t height, int32_t width, int32_t channels, qn_error *err);
/* The view becomes one of this size; `m` takes its pixels to those of the view before. */
void qn_view_change(qn_facts *facts, int32_t width, int32_t height, const double m[6]);

#define QN_MOST_SIDE 32768 /* pixels of a side */

#endif
