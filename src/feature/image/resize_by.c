#include "feature/image/resize_by.h"

#include <string.h>

#include "feature/image/opencv_resize.h"
#include "feature/settings.h"

static const char *const library[] = {"Pillow", "OpenCV", "torch"};
static const char *const filters[] = {"nearest", "bilinear", "bicubic", "lanczos", "area", "hamming", "nearest_exact"};

/* Filters of each library, as bits. */
static const int32_t known[] = {
  [QN_LIKE_PILLOW] = 1 << QN_FILTER_NEAREST | 1 << QN_FILTER_BILINEAR | 1 << QN_FILTER_BICUBIC | 1 << QN_FILTER_LANCZOS | 1 << QN_FILTER_AREA | 1 << QN_FILTER_HAMMING,
  [QN_LIKE_OPENCV] = 1 << QN_FILTER_NEAREST | 1 << QN_FILTER_BILINEAR | 1 << QN_FILTER_BICUBIC | 1 << QN_FILTER_LANCZOS | 1 << QN_FILTER_AREA,
  [QN_LIKE_TORCH] = 1 << QN_FILTER_NEAREST | 1 << QN_FILTER_BILINEAR | 1 << QN_FILTER_BICUBIC | 1 << QN_FILTER_AREA | 1 << QN_FILTER_NEAREST_EXACT,
};

typedef enum way { NEAREST, FILTERED, OPENCV_BYTES, OPENCV_SHRINK } way;

static way way_of(const qn_resize_by *how, const qn_picture *in, int32_t dh, int32_t dw, qn_filter_how *filter) {
  const bool pillow = how->like == QN_LIKE_PILLOW, opencv = how->like == QN_LIKE_OPENCV, area = how->filter == QN_FILTER_AREA;
  if (how->filter == QN_FILTER_NEAREST || how->filter == QN_FILTER_NEAREST_EXACT) return NEAREST;
  *filter = (qn_filter_how){how->filter, QN_TAPS_SUPPORT, pillow ? QN_ROUND_22 : opencv ? QN_ROUND_11 : QN_ROUND_16, true};
  if (pillow) return FILTERED;
  if (opencv) {
    if (area && dw <= in->width && dh <= in->height) return OPENCV_SHRINK;
    if (how->filter == QN_FILTER_BILINEAR && 2 * (int64_t)dw == in->width && 2 * (int64_t)dh == in->height) return OPENCV_SHRINK; /* a special case of OpenCV's */
    filter->kind = area ? QN_TAPS_OPENCV_AREA : QN_TAPS_OPENCV;
    return in->bytes ? OPENCV_BYTES : FILTERED;
  }
  if (area) filter->kind = QN_TAPS_POOL;
  else if (!how->antialias) filter->kind = in->bytes ? QN_TAPS_NEIGHBOURS : QN_TAPS_NEIGHBOURS_F;
  return FILTERED;
}

qn_status qn_resize_plan(const qn_stage *s, const qn_resize_by *how, const qn_picture *in, int32_t dh, int32_t dw, size_t *scratch, qn_error *err) {
  if (!(known[how->like] >> how->filter & 1)) {
    char words[96] = "";
    for (int f = 0; f < 7; f++)
      if (known[how->like] >> f & 1) qn_words_add(words, sizeof words, filters[f], strlen(filters[f]));
    return qn_stage_fail(s, err, QN_ERR_UNSUPPORTED, "%s has no filter '%s'; it has %s", library[how->like], filters[how->filter], words);
  }
  if (how->like == QN_LIKE_TORCH && how->filter == QN_FILTER_AREA && in->bytes)
    return qn_stage_fail(s, err, QN_ERR_UNSUPPORTED, "torch's area takes floats: put the step normalize before it");
  qn_filter_how filter;
  bool fits = true;
  *scratch = 0;
  switch (way_of(how, in, dh, dw, &filter)) {
    case NEAREST: break;
    case FILTERED: fits = qn_resample_scratch(&filter, in->height, in->width, in->channels, dh, dw, scratch); break;
    case OPENCV_BYTES: fits = qn_opencv_scratch(&filter, in->height, in->width, in->channels, dh, dw, scratch); break;
    case OPENCV_SHRINK: *scratch = (size_t)dw * (size_t)in->channels * 8; break;
  }
  if (!fits) return qn_stage_fail(s, err, QN_ERR_MEMORY, "no memory for resizing %d×%d to %d×%d", in->width, in->height, dw, dh);
  return QN_OK;
}

void qn_resize_run(const qn_resize_by *how, const qn_picture *in, void *dst, int32_t dh, int32_t dw, void *scratch) {
  static const qn_nearest nearest[] = {QN_NEAREST_PILLOW, QN_NEAREST_OPENCV, QN_NEAREST_TORCH};
  qn_filter_how filter;
  const int32_t h = in->height, w = in->width, n = in->channels;
  switch (way_of(how, in, dh, dw, &filter)) {
    case NEAREST:
      qn_resize_nearest(how->filter == QN_FILTER_NEAREST_EXACT ? QN_NEAREST_EXACT : nearest[how->like], in->data, h, w, (size_t)n * (in->bytes ? 1 : 4), dst, dh, dw);
      break;
    case FILTERED:
      if (in->bytes) qn_resample_u8(&filter, in->data, h, w, n, dst, dh, dw, scratch);
      else qn_resample_f32(&filter, in->data, h, w, n, dst, dh, dw, scratch);
      break;
    case OPENCV_BYTES: qn_opencv_u8(&filter, in->data, h, w, n, dst, dh, dw, scratch); break;
    case OPENCV_SHRINK: qn_opencv_shrink(in->bytes, in->data, h, w, n, dst, dh, dw, scratch); break;
  }
}
