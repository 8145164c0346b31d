/* ImageDecoder: the pixels of an encoded picture. */
#include <string.h>

#include "kernel/picture_file.h"
#include "op/op.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_UINT8)));
  if (qn_in(s, 0)->rank != 1) return qn_step_fail(s, QN_ERR_SHAPE, "the encoded picture has rank %d; a list of bytes is expected", qn_in(s, 0)->rank);
  const char *format = qn_attr_text(s, "pixel_format", "RGB");
  if (strcmp(format, "RGB") && strcmp(format, "BGR") && strcmp(format, "Grayscale"))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "pixel_format is '%s'; 'RGB', 'BGR' or 'Grayscale' is expected", format);
  s->dynamic = true;
  return QN_OK;
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  char format = qn_attr_text(s, "pixel_format", "RGB")[0];
  qn_picture p;
  const char *wrong = qn_picture_open(x->data, (size_t)x->count, &p);
  if (wrong) return qn_step_fail(s, QN_ERR_RANGE, "the picture %s", wrong);
  int64_t dims[3] = {p.height, p.width, format == 'G' ? 1 : 3};
  QN_TRY(qn_out_dynamic(s, 0, QN_UINT8, 3, dims));
  if (!qn_out(s, 0)) return QN_OK;
  size_t pixels = (size_t)p.width * p.height;
  uint8_t *y = qn_out(s, 0)->data, *work = qn_alloc(p.scratch + (format == 'G' ? 3 * pixels : 0)), *rgb = format == 'G' ? work + p.scratch : y;
  if (!work) return qn_step_fail(s, QN_ERR_MEMORY, "no memory to decode %u x %u pixels", p.width, p.height);
  wrong = qn_picture_decode(x->data, (size_t)x->count, &p, rgb, work);
  for (size_t i = 0; !wrong && i < pixels; i++) {
    uint8_t *pixel = rgb + 3 * i, red = pixel[0];
    if (format == 'B') pixel[0] = pixel[2], pixel[2] = red;
    if (format == 'G') y[i] = (uint8_t)((19595u * red + 38470u * pixel[1] + 7471u * pixel[2] + 32768u) >> 16); /* ITU-R BT.601, as Pillow rounds */
  }
  qn_free(work);
  return wrong ? qn_step_fail(s, QN_ERR_RANGE, "the picture %s", wrong) : QN_OK;
}

const qn_op qn_op_image_decoder = {.domain = "", .name = "ImageDecoder", .since = 20, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1,
                                   .plan = plan, .run = run};
