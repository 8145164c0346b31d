/* Reading text in pictures: what happens before, between and after the three models of PP-OCR. No model runs here; the
 * caller moves tensors between this object and its sessions. In this order:
 *
 *   qn_ocr_create(&ocr, NULL, labels, labels_length, err)           once; the labels file is the models' dictionary
 *   per picture:
 *     qn_ocr_set_image(ocr, rgba, width, height, err)
 *     qn_ocr_det_shape(ocr, dims)                                   [1, 3, H, W], sides multiples of 32
 *     qn_ocr_det_input(ocr, tensor, floats, err)                    → run det: map [1, 1, H, W]
 *     qn_ocr_det_output(ocr, map, H, W, err)
 *     qn_ocr_box_count(ocr)                                         0: finished, no text
 *     for b in 0 … qn_ocr_cls_batches(ocr) − 1:                     optional: without it no line counts as upside down
 *       qn_ocr_cls_shape(ocr, b, dims)                              [n, 3, 48, 192]
 *       qn_ocr_cls_input(ocr, b, tensor, floats, err)               → run cls: [n, 2]
 *       qn_ocr_cls_output(ocr, b, probabilities, n, 2, err)
 *     for b in 0 … qn_ocr_rec_batches(ocr) − 1:
 *       qn_ocr_rec_shape(ocr, b, dims)                              [n, 3, 48, W], W a multiple of 64
 *       qn_ocr_rec_input(ocr, b, tensor, floats, err)               → run rec: [n, steps, classes]
 *       qn_ocr_rec_output(ocr, b, probabilities, n, steps, classes, err)
 *     for i in 0 … qn_ocr_result_count(ocr) − 1: qn_ocr_result_at(ocr, i, &result)
 *   qn_ocr_free(ocr)
 *
 * Every parameter is a pointer or an integer, so a wasm export per function forwards them as they are; dims, tensors and
 * results lie in the heap. A tensor may be the session's own input block. Batches may come in any order, and again.
 * A call at the wrong time fails with QN_ERR_STATE. `float *` tensors: caller owns; `floats`: their room. */
#ifndef QN_FEATURE_OCR_H
#define QN_FEATURE_OCR_H

#include "base/status.h"
#include <stdint.h>

typedef struct qn_ocr qn_ocr;

/* Options: name, default, least, most. The defaults are PaddleOCR's for PP-OCRv4. All are floats, so that a flat array
 * in this order is the struct. */
#define QN_OCR_OPTIONS(X)                                                                                 \
  X(limit_side_len, 960, 32, 8192)   /* detector: the longer side is scaled down to this */              \
  X(threshold, 0.3f, 0, 1)           /* detector: a pixel is text above this */                           \
  X(box_threshold, 0.6f, 0, 1)       /* detector: mean probability inside a box, at least */             \
  X(unclip_ratio, 1.5f, 0.1f, 10)    /* detector: how far boxes grow */                                   \
  X(max_candidates, 1000, 1, 10000)  /* detector: regions looked at */                                    \
  X(cls_threshold, 0.9f, 0, 1)       /* classifier: a line is turned when 180° is more probable than this */ \
  X(batch, 6, 1, 64)                 /* lines per run of classifier and recogniser */                     \
  X(max_width, 2432, 320, 16384)     /* recogniser: longer lines are squeezed to this */                  \
  X(drop_score, 0.5f, 0, 1)          /* results below this are left out */

typedef struct qn_ocr_config {
#define QN_OCR_FIELD(name, value, least, most) float name;
  QN_OCR_OPTIONS(QN_OCR_FIELD)
#undef QN_OCR_FIELD
} qn_ocr_config;

typedef struct qn_ocr_result {
  const char *text;   /* UTF-8, NUL-terminated; owned by the object, valid until its next set_image or rec_output */
  uint32_t length;    /* bytes of text */
  float score;        /* mean probability of its characters */
  float box_score;    /* the detector's */
  int32_t turned;     /* 1: the line is upside down */
  int32_t box[8];     /* x, y of top left, top right, bottom right, bottom left, in pixels of the picture */
} qn_ocr_result;

void qn_ocr_defaults(qn_ocr_config *config);
/* config: copied, NULL for the defaults. labels: UTF-8 lines, [labels_length] bytes, copied. Free with qn_ocr_free. */
qn_status qn_ocr_create(qn_ocr **ocr, const qn_ocr_config *config, const char *labels, size_t labels_length, qn_error *err);
void qn_ocr_free(qn_ocr *ocr); /* NULL is legal */

/* Starts over with a picture. rgba: [height, width, 4] u8, not premultiplied, shown on white; copied. At most 64 Mpx. */
qn_status qn_ocr_set_image(qn_ocr *ocr, const uint8_t *rgba, int32_t width, int32_t height, qn_error *err);

/* Shapes are [n, channels, height, width]; all 0 when there is no such batch, or no picture. */
void qn_ocr_det_shape(const qn_ocr *ocr, int32_t dims[4]);
qn_status qn_ocr_det_input(qn_ocr *ocr, float *tensor, size_t floats, qn_error *err);
/* map: [height, width], the probabilities; height and width are those of the input. */
qn_status qn_ocr_det_output(qn_ocr *ocr, const float *map, int32_t height, int32_t width, qn_error *err);

int32_t qn_ocr_box_count(const qn_ocr *ocr);
/* Corners as in qn_ocr_result, of box i below box_count. */
void qn_ocr_box_at(const qn_ocr *ocr, int32_t i, int32_t box[8]);

int32_t qn_ocr_cls_batches(const qn_ocr *ocr);
void qn_ocr_cls_shape(const qn_ocr *ocr, int32_t batch, int32_t dims[4]);
qn_status qn_ocr_cls_input(qn_ocr *ocr, int32_t batch, float *tensor, size_t floats, qn_error *err);
/* probabilities: [n, classes], classes 2: upright, 180°. */
qn_status qn_ocr_cls_output(qn_ocr *ocr, int32_t batch, const float *probabilities, int32_t n, int32_t classes, qn_error *err);

int32_t qn_ocr_rec_batches(const qn_ocr *ocr);
void qn_ocr_rec_shape(const qn_ocr *ocr, int32_t batch, int32_t dims[4]);
qn_status qn_ocr_rec_input(qn_ocr *ocr, int32_t batch, float *tensor, size_t floats, qn_error *err);
/* probabilities: [n, steps, classes], softmax done (PP-OCR's models end in it). */
qn_status qn_ocr_rec_output(qn_ocr *ocr, int32_t batch, const float *probabilities, int32_t n, int32_t steps,
                            int32_t classes, qn_error *err);

/* Lines read so far with a score of at least drop_score, in reading order. */
int32_t qn_ocr_result_count(const qn_ocr *ocr);
/* False when there is no such result. */
int32_t qn_ocr_result_at(const qn_ocr *ocr, int32_t i, qn_ocr_result *result);

#endif
