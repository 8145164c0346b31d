#include "feature/ocr.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "feature/image/image_tensor.h"
#include "feature/image/resize_image.h"
#include "feature/image/warp_image.h"
#include "feature/post/ctc.h"
#include "feature/post/dbnet.h"

enum {
  LINE_HEIGHT = 48,
  CLS_WIDTH = 192,
  REC_WIDTH = 320,                /* the least, which the recogniser was trained with */
  REC_BUCKET = 64,                /* widths are multiples of this, so that few plans serve all lines */
  MAX_PIXELS = 64 * 1024 * 1024,
  CROP_PIXELS = 2 * MAX_PIXELS    /* of one cut-out: a square on its corner has twice the area of the picture */
};

/* A text line: the cut-out is kept at the two sizes that the models take, not at its own. */
typedef struct line {
  qn_text_box box;
  float ratio;                    /* width / height */
  int32_t rec_width, cls_width;
  uint8_t *rec;                   /* [48, rec_width, 3], owned; `cls` [48, cls_width, 3] lies in the same block */
  uint8_t *cls;
  char *text;                     /* owned; NULL: not read yet */
  uint32_t length;
  float score;
  bool turned;
} line;

struct qn_ocr {
  qn_ocr_config config;
  qn_ctc_labels labels;
  int16_t *warp;                  /* [QN_WARP_TABLE], owned */
  uint8_t *image;                 /* [height, width, 3] BGR, owned */
  int32_t width, height;
  line *lines;                    /* [count], owned, in reading order */
  int32_t *order;                 /* [count], owned: lines by ratio, for batches of like width */
  int32_t count;
};

/* PP-OCR was trained on BGR as OpenCV loads it, with ImageNet's means in RGB order. */
static const qn_image_norm det_norm = {1 / 255.0f, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}, false, true};
static const qn_image_norm line_norm = {1 / 255.0f, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, false, true};

void qn_ocr_defaults(qn_ocr_config *config) {
#define DEFAULT(name, value, least, most) value,
  *config = (qn_ocr_config){QN_OCR_OPTIONS(DEFAULT)};
#undef DEFAULT
}

static qn_status check_option(const char *name, float value, float least, float most, qn_error *err) {
  if (value >= least && value <= most) return QN_OK;
  return qn_fail(err, QN_ERR_ARGUMENT, "The option %s is %g; it lies between %g and %g.", name, (double)value, (double)least, (double)most);
}

qn_status qn_ocr_create(qn_ocr **ocr, const qn_ocr_config *config, const char *labels, size_t labels_length, qn_error *err) {
  *ocr = NULL;
  if (config) {
#define CHECK_OPTION(name, value, least, most) QN_TRY(check_option(#name, config->name, least, most, err));
    QN_OCR_OPTIONS(CHECK_OPTION)
#undef CHECK_OPTION
  }
  qn_ocr *o = qn_alloc_zeroed(sizeof *o);
  if (!o) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for a text reader.");
  if (config) o->config = *config;
  else qn_ocr_defaults(&o->config);
  qn_status status = qn_ctc_labels_read(&o->labels, labels, labels_length, err);
  o->warp = qn_alloc(QN_WARP_TABLE * sizeof *o->warp);
  if (status == QN_OK && !o->warp) status = qn_fail(err, QN_ERR_MEMORY, "There is no memory for a text reader.");
  if (status != QN_OK) {
    qn_ocr_free(o);
    return status;
  }
  qn_warp_table(o->warp);
  *ocr = o;
  return QN_OK;
}

static void drop_lines(qn_ocr *o) {
  for (int32_t i = 0; i < o->count; i++) {
    qn_free(o->lines[i].rec);
    qn_free(o->lines[i].text);
  }
  qn_free(o->lines);
  qn_free(o->order);
  o->lines = NULL, o->order = NULL, o->count = 0;
}

void qn_ocr_free(qn_ocr *o) {
  if (!o) return;
  drop_lines(o);
  qn_free(o->image);
  qn_free(o->warp);
  qn_ctc_labels_free(&o->labels);
  qn_free(o);
}

qn_status qn_ocr_set_image(qn_ocr *o, const uint8_t *rgba, int32_t width, int32_t height, qn_error *err) {
  drop_lines(o);
  qn_free(o->image);
  o->image = NULL, o->width = o->height = 0;
  if (width < 1 || height < 1) return qn_fail(err, QN_ERR_SHAPE, "The picture is %d×%d pixels: there is nothing to read.", width, height);
  int64_t pixels = (int64_t)width * height;
  if (pixels > MAX_PIXELS)
    return qn_fail(err, QN_ERR_SHAPE, "The picture is %d×%d pixels; at most 64 megapixels can be read.", width, height);
  o->image = qn_alloc((size_t)pixels * 3);
  if (!o->image) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for a picture of %d×%d pixels.", width, height);
  qn_image_rgba_to_bgr(rgba, pixels, o->image);
  o->width = width, o->height = height;
  return QN_OK;
}

/* Python's round(side / 32) · 32, at least 32. */
static int32_t round_side(int32_t side) {
  int32_t n = (int32_t)rint(side / 32.0) * 32;
  return n < 32 ? 32 : n;
}

void qn_ocr_det_shape(const qn_ocr *o, int32_t dims[4]) {
  memset(dims, 0, 4 * sizeof *dims);
  if (!o->image) return;
  int32_t longer = o->width > o->height ? o->width : o->height, limit = (int32_t)o->config.limit_side_len;
  double ratio = longer > limit ? (double)limit / longer : 1;
  dims[0] = 1, dims[1] = 3;
  dims[2] = round_side((int32_t)(o->height * ratio));
  dims[3] = round_side((int32_t)(o->width * ratio));
}

static qn_status check_room(const char *what, const int32_t dims[4], size_t floats, qn_error *err) {
  size_t need = (size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2] * (size_t)dims[3];
  if (!need) return qn_fail(err, QN_ERR_STATE, "There is no such %s batch now.", what);
  if (floats >= need) return QN_OK;
  return qn_fail(err, QN_ERR_SHAPE, "The %s input [%d, %d, %d, %d] does not fit into %zu floats.", what, dims[0], dims[1], dims[2], dims[3], floats);
}

qn_status qn_ocr_det_input(qn_ocr *o, float *tensor, size_t floats, qn_error *err) {
  int32_t dims[4];
  qn_ocr_det_shape(o, dims);
  QN_TRY(check_room("detector", dims, floats, err));
  uint8_t *small = qn_alloc((size_t)dims[2] * (size_t)dims[3] * 3);
  if (!small) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for the detector's input of %d×%d.", dims[3], dims[2]);
  qn_status status = qn_resize_u8(o->image, o->height, o->width, 3, small, dims[2], dims[3], err);
  if (status == QN_OK) qn_image_tensor(small, dims[2], dims[3], 3, &det_norm, false, 0, tensor, dims[2], dims[3]);
  qn_free(small);
  return status;
}

static int32_t side(const qn_text_box *b, int i, int j) {
  return (int32_t)qn_length(b->x[i] - b->x[j], b->y[i] - b->y[j]);
}

/* Cuts the line out as PaddleOCR's get_rotate_crop_image, then keeps it at the models' sizes. */
static qn_status cut_line(qn_ocr *o, line *l, qn_error *err) {
  const qn_text_box *b = &l->box;
  int32_t w = side(b, 0, 1), h = side(b, 0, 3);
  if (side(b, 2, 3) > w) w = side(b, 2, 3);
  if (side(b, 1, 2) > h) h = side(b, 1, 2);
  if ((int64_t)w * h > CROP_PIXELS) return qn_fail(err, QN_ERR_SHAPE, "A text line of %d×%d pixels is too large.", w, h);
  bool upright = (double)h / w >= 1.5;
  size_t pixels = (size_t)w * (size_t)h * 3;
  uint8_t *crop = qn_alloc(pixels * (upright ? 2 : 1));
  if (!crop) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for a text line of %d×%d pixels.", w, h);
  float from[8], to[8] = {0, 0, (float)w, 0, (float)w, (float)h, 0, (float)h};
  for (int i = 0; i < 4; i++) from[2 * i] = (float)b->x[i], from[2 * i + 1] = (float)b->y[i];
  double matrix[9], inverse[9];
  if (!qn_perspective(from, to, matrix) || !qn_matrix_invert(matrix, inverse)) memset(inverse, 0, sizeof inverse);
  qn_warp_perspective(o->image, o->height, o->width, inverse, o->warp, crop, h, w);
  uint8_t *picture = crop;
  if (upright) {
    picture = crop + pixels;
    qn_image_rotate_90(crop, h, w, picture);
    int32_t t = w;
    w = h, h = t;
  }
  double ratio = (double)w / h, width = ceil(LINE_HEIGHT * ratio), most = o->config.max_width;
  l->ratio = (float)ratio;
  l->rec_width = (int32_t)fmin(width, (int32_t)most / REC_BUCKET * REC_BUCKET);
  l->cls_width = (int32_t)fmin(width, CLS_WIDTH);
  size_t rec_size = (size_t)l->rec_width * LINE_HEIGHT * 3, cls_size = (size_t)l->cls_width * LINE_HEIGHT * 3;
  l->rec = qn_alloc(rec_size + cls_size);
  qn_status status = QN_OK;
  if (!l->rec) status = qn_fail(err, QN_ERR_MEMORY, "There is no memory for a text line of %d×%d pixels.", w, h);
  if (status == QN_OK) {
    l->cls = l->rec + rec_size;
    status = qn_resize_u8(picture, h, w, 3, l->rec, LINE_HEIGHT, l->rec_width, err);
  }
  if (status == QN_OK) status = qn_resize_u8(picture, h, w, 3, l->cls, LINE_HEIGHT, l->cls_width, err);
  qn_free(crop);
  return status;
}

static void sort_by_ratio(qn_ocr *o) {
  for (int32_t i = 0; i < o->count; i++) {
    int32_t k = i;
    for (; k > 0 && o->lines[o->order[k - 1]].ratio > o->lines[i].ratio; k--) o->order[k] = o->order[k - 1];
    o->order[k] = i;
  }
}

qn_status qn_ocr_det_output(qn_ocr *o, const float *map, int32_t height, int32_t width, qn_error *err) {
  int32_t dims[4], capacity = (int32_t)o->config.max_candidates, count;
  drop_lines(o);
  qn_ocr_det_shape(o, dims);
  if (!dims[0]) return qn_fail(err, QN_ERR_STATE, "The detector's output came before a picture.");
  if (height != dims[2] || width != dims[3])
    return qn_fail(err, QN_ERR_SHAPE, "The detector's map is %d×%d; its input was %d×%d.", width, height, dims[3], dims[2]);
  qn_text_box *boxes = qn_alloc((size_t)capacity * sizeof *boxes);
  if (!boxes) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for %d text boxes.", capacity);
  qn_dbnet_options options = {o->config.threshold, o->config.box_threshold, o->config.unclip_ratio, capacity};
  qn_status status = qn_dbnet_boxes(map, height, width, o->height, o->width, &options, boxes, capacity, &count, err);
  if (status == QN_OK && count) {
    o->lines = qn_alloc_zeroed((size_t)count * sizeof *o->lines);
    o->order = qn_alloc((size_t)count * sizeof *o->order);
    if (!o->lines || !o->order) status = qn_fail(err, QN_ERR_MEMORY, "There is no memory for %d text lines.", count);
    else o->count = count;
  }
  for (int32_t i = 0; status == QN_OK && i < count; i++) {
    o->lines[i].box = boxes[i];
    status = cut_line(o, &o->lines[i], err);
  }
  qn_free(boxes);
  if (status == QN_OK) sort_by_ratio(o);
  else drop_lines(o);
  return status;
}

int32_t qn_ocr_box_count(const qn_ocr *o) { return o->count; }

static void copy_corners(const qn_text_box *b, int32_t box[8]) {
  for (int k = 0; k < 4; k++) box[2 * k] = b->x[k], box[2 * k + 1] = b->y[k];
}

void qn_ocr_box_at(const qn_ocr *o, int32_t i, int32_t box[8]) {
  memset(box, 0, 8 * sizeof *box);
  if (i >= 0 && i < o->count) copy_corners(&o->lines[i].box, box);
}

static int32_t batches(const qn_ocr *o) {
  int32_t batch = (int32_t)o->config.batch;
  return (o->count + batch - 1) / batch;
}

int32_t qn_ocr_cls_batches(const qn_ocr *o) { return batches(o); }
int32_t qn_ocr_rec_batches(const qn_ocr *o) { return batches(o); }

/* Lines of a batch; *first: place of its first one in `order`. */
static int32_t batch_lines(const qn_ocr *o, int32_t batch, int32_t *first) {
  int32_t size = (int32_t)o->config.batch;
  *first = 0;
  if (batch < 0 || batch >= batches(o)) return 0;
  *first = batch * size;
  return o->count - *first < size ? o->count - *first : size;
}

void qn_ocr_cls_shape(const qn_ocr *o, int32_t batch, int32_t dims[4]) {
  int32_t first, n = batch_lines(o, batch, &first);
  dims[0] = n, dims[1] = n ? 3 : 0, dims[2] = n ? LINE_HEIGHT : 0, dims[3] = n ? CLS_WIDTH : 0;
}

void qn_ocr_rec_shape(const qn_ocr *o, int32_t batch, int32_t dims[4]) {
  int32_t first, n = batch_lines(o, batch, &first), width = REC_WIDTH;
  for (int32_t i = first; i < first + n; i++)
    if (o->lines[o->order[i]].rec_width > width) width = o->lines[o->order[i]].rec_width;
  width = (width + REC_BUCKET - 1) / REC_BUCKET * REC_BUCKET;
  dims[0] = n, dims[1] = n ? 3 : 0, dims[2] = n ? LINE_HEIGHT : 0, dims[3] = n ? width : 0;
}

static void fill_batch(const qn_ocr *o, int32_t batch, const int32_t dims[4], bool rec, float *tensor) {
  int32_t first, n = batch_lines(o, batch, &first);
  size_t size = 3 * (size_t)dims[2] * (size_t)dims[3];
  for (int32_t i = 0; i < n; i++) {
    const line *l = &o->lines[o->order[first + i]];
    qn_image_tensor(rec ? l->rec : l->cls, LINE_HEIGHT, rec ? l->rec_width : l->cls_width, 3, &line_norm,
                    rec && l->turned, 0, tensor + size * (size_t)i, dims[2], dims[3]);
  }
}

qn_status qn_ocr_cls_input(qn_ocr *o, int32_t batch, float *tensor, size_t floats, qn_error *err) {
  int32_t dims[4];
  qn_ocr_cls_shape(o, batch, dims);
  QN_TRY(check_room("classifier", dims, floats, err));
  fill_batch(o, batch, dims, false, tensor);
  return QN_OK;
}

qn_status qn_ocr_rec_input(qn_ocr *o, int32_t batch, float *tensor, size_t floats, qn_error *err) {
  int32_t dims[4];
  qn_ocr_rec_shape(o, batch, dims);
  QN_TRY(check_room("recogniser", dims, floats, err));
  fill_batch(o, batch, dims, true, tensor);
  return QN_OK;
}

static qn_status check_output(const qn_ocr *o, const char *what, int32_t batch, int32_t n, int32_t classes, int32_t want,
                              int32_t *first, qn_error *err) {
  int32_t lines = batch_lines(o, batch, first);
  if (!lines) return qn_fail(err, QN_ERR_STATE, "There is no such %s batch now.", what);
  if (n != lines) return qn_fail(err, QN_ERR_SHAPE, "The %s answered for %d lines; the batch has %d.", what, n, lines);
  if (classes != want) return qn_fail(err, QN_ERR_SHAPE, "The %s has %d classes; %d are expected.", what, classes, want);
  return QN_OK;
}

qn_status qn_ocr_cls_output(qn_ocr *o, int32_t batch, const float *probabilities, int32_t n, int32_t classes, qn_error *err) {
  int32_t first;
  QN_TRY(check_output(o, "classifier", batch, n, classes, 2, &first, err));
  for (int32_t i = 0; i < n; i++, probabilities += 2)
    o->lines[o->order[first + i]].turned = probabilities[1] > probabilities[0] && probabilities[1] > o->config.cls_threshold;
  return QN_OK;
}

qn_status qn_ocr_rec_output(qn_ocr *o, int32_t batch, const float *probabilities, int32_t n, int32_t steps,
                            int32_t classes, qn_error *err) {
  int32_t first;
  QN_TRY(check_output(o, "recogniser", batch, n, classes, o->labels.classes, &first, err));
  if (steps < 1) return qn_fail(err, QN_ERR_SHAPE, "The recogniser's output has %d steps.", steps);
  for (int32_t i = 0; i < n; i++, probabilities += (size_t)steps * (size_t)classes) {
    line *l = &o->lines[o->order[first + i]];
    qn_free(l->text);
    size_t room = (size_t)steps * 4, length; /* enough unless labels are longer than a character */
    for (;;) {
      l->text = qn_alloc(room + 1);
      if (!l->text) return qn_fail(err, QN_ERR_MEMORY, "There is no memory for a text of %zu bytes.", room);
      length = qn_ctc_decode(&o->labels, probabilities, steps, l->text, room, &l->score);
      if (length <= room) break;
      qn_free(l->text);
      room = length;
    }
    l->length = (uint32_t)length;
    l->text[length] = 0;
  }
  return QN_OK;
}

static bool counts(const qn_ocr *o, const line *l) { return l->text && l->length && l->score >= o->config.drop_score; }

int32_t qn_ocr_result_count(const qn_ocr *o) {
  int32_t n = 0;
  for (int32_t i = 0; i < o->count; i++) n += counts(o, &o->lines[i]);
  return n;
}

int32_t qn_ocr_result_at(const qn_ocr *o, int32_t i, qn_ocr_result *result) {
  for (int32_t k = 0; k < o->count; k++) {
    const line *l = &o->lines[k];
    if (!counts(o, l) || i--) continue;
    *result = (qn_ocr_result){l->text, l->length, l->score, l->box.score, l->turned, {0}};
    copy_corners(&l->box, result->box);
    return 1;
  }
  *result = (qn_ocr_result){0};
  return 0;
}
