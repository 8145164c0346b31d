/* Pictures out of files: BMP, PNG, PNM and uncompressed TIFF. */
#ifndef QN_KERNEL_PICTURE_FILE_H
#define QN_KERNEL_PICTURE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum qn_picture_kind { QN_PICTURE_UNKNOWN, QN_PICTURE_BMP, QN_PICTURE_PNG, QN_PICTURE_PNM, QN_PICTURE_TIFF } qn_picture_kind;

typedef struct qn_picture {
  qn_picture_kind kind;
  uint32_t width, height;      /* at least 1; at most 2^26 pixels */
  size_t scratch;              /* bytes that qn_picture_decode works with */
  /* what the decoders keep of the header */
  uint32_t depth, channels, color, interlace, palette_at, palette_size, data_at, row_bytes;
  bool top_down, big_endian, white_is_zero;
} qn_picture;

/* Reads the header; NULL, or what is wrong or not supported as the end of a sentence. */
const char *qn_picture_open(const uint8_t *file, size_t size, qn_picture *p);
/* The pixels as [height, width, 3] in red, green, blue; alpha is dropped, 16 bits are cut to 8. NULL or what is wrong. */
const char *qn_picture_decode(const uint8_t *file, size_t size, const qn_picture *p, uint8_t *rgb, uint8_t *scratch);

#endif
