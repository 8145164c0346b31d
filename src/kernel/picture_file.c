#include "kernel/picture_file.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/inflate.h"

static uint32_t big32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static uint32_t little32(const uint8_t *p) { return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]; }
static uint32_t little16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }

static bool fits(const qn_picture *p) { return p->width && p->height && (uint64_t)p->width * p->height < (uint64_t)1 << 26; }

/* Sample i of a row of `depth` bits each, high bits first; 16 bits give the upper byte. */
static uint32_t sample(const uint8_t *row, size_t i, uint32_t depth) {
  if (depth >= 8) return row[i * (depth / 8)];
  return (uint32_t)(row[i / (8 / depth)] >> (8 - depth - i % (8 / depth) * depth)) & ((1u << depth) - 1);
}

/* ---- BMP ---- */

static const char *open_bmp(const uint8_t *f, size_t size, qn_picture *p) {
  if (size < 54) return "is cut off";
  uint32_t header = little32(f + 14), compression = little32(f + 30);
  int32_t height = (int32_t)little32(f + 22);
  p->width = little32(f + 18);
  p->top_down = height < 0;
  p->height = height < 0 ? 0u - (uint32_t)height : (uint32_t)height;
  p->depth = little16(f + 28);
  p->data_at = little32(f + 10);
  if (header < 40) return "is a BMP of a kind that is not supported (a header older than Windows 3)";
  if (compression != 0 && !(compression == 3 && p->depth == 32)) return "is a compressed BMP, which is not supported";
  if (p->depth != 1 && p->depth != 4 && p->depth != 8 && p->depth != 24 && p->depth != 32) return "is a BMP of 16 or an odd number of bits a pixel, which is not supported";
  if (!fits(p)) return "has no pixels, or too many";
  if (p->depth <= 8) {
    uint32_t colors = little32(f + 46);
    p->palette_size = colors && colors <= 1u << p->depth ? colors : 1u << p->depth;
    if (header > size || 14 + (uint64_t)header + 4 * (uint64_t)p->palette_size > size) return "is cut off";
    p->palette_at = 14 + header;
  }
  p->row_bytes = (uint32_t)(((uint64_t)p->width * p->depth + 31) / 32 * 4);
  return p->data_at > size || (uint64_t)p->row_bytes * p->height > size - p->data_at ? "is cut off" : NULL;
}

static const char *decode_bmp(const uint8_t *f, const qn_picture *p, uint8_t *rgb) {
  for (uint32_t y = 0; y < p->height; y++) {
    const uint8_t *row = f + p->data_at + (size_t)(p->top_down ? y : p->height - 1 - y) * p->row_bytes;
    for (uint32_t x = 0; x < p->width; x++, rgb += 3) {
      const uint8_t *bgr = row + (size_t)x * (p->depth / 8);
      if (p->depth <= 8) {
        uint32_t color = sample(row, x, p->depth);
        if (color >= p->palette_size) return "uses a color that its palette does not have";
        bgr = f + p->palette_at + 4 * color;
      }
      rgb[0] = bgr[2], rgb[1] = bgr[1], rgb[2] = bgr[0];
    }
  }
  return NULL;
}

/* ---- PNG: ISO/IEC 15948 ---- */

static const uint8_t PNG_NAME[8] = {137, 'P', 'N', 'G', 13, 10, 26, 10};

/* The next chunk at *at; false at the end or when it is cut off. */
static bool chunk(const uint8_t *f, size_t size, size_t *at, const uint8_t **data, uint32_t *length, const char **name) {
  if (size - *at < 12) return false;
  *length = big32(f + *at);
  *name = (const char *)f + *at + 4;
  *data = f + *at + 8;
  if (*length > size - *at - 12) return false;
  *at += 12 + (size_t)*length;
  return true;
}

/* Columns and rows of a pass; pass 7 is the whole picture. */
static const uint8_t ADAM7[8][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}, {0, 0, 1, 1}};
static void pass_size(const qn_picture *p, int pass, uint32_t *width, uint32_t *height, size_t *row) {
  const uint8_t *a = ADAM7[pass];
  *width = p->width > a[0] ? (p->width - a[0] + a[2] - 1) / a[2] : 0;
  *height = p->height > a[1] ? (p->height - a[1] + a[3] - 1) / a[3] : 0;
  *row = (size_t)(((uint64_t)*width * p->channels * p->depth + 7) / 8);
}

static size_t png_raw_size(const qn_picture *p) {
  size_t total = 0, row;
  uint32_t width, height;
  for (int pass = p->interlace ? 0 : 7; pass < (p->interlace ? 7 : 8); pass++) {
    pass_size(p, pass, &width, &height, &row);
    if (width) total += height * (row + 1);
  }
  return total;
}

static const char *open_png(const uint8_t *f, size_t size, qn_picture *p) {
  static const uint8_t CHANNELS[7] = {1, 0, 3, 1, 2, 0, 4};
  if (size < 33 || memcmp(f + 12, "IHDR", 4)) return "is cut off";
  p->width = big32(f + 16);
  p->height = big32(f + 20);
  p->depth = f[24];
  p->color = f[25];
  p->interlace = f[28];
  p->channels = p->color < 7 ? CHANNELS[p->color] : 0;
  bool depth_fits = p->depth == 8 || (p->depth == 16 && p->color != 3) || ((p->depth == 1 || p->depth == 2 || p->depth == 4) && p->channels == 1);
  if (!p->channels || !depth_fits || f[26] || f[27] || p->interlace > 1) return "is a damaged PNG";
  if (!fits(p)) return "has no pixels, or too many";
  size_t at = 8, compressed = 0;
  const uint8_t *data;
  const char *name;
  uint32_t length;
  while (chunk(f, size, &at, &data, &length, &name)) {
    if (!memcmp(name, "IDAT", 4)) compressed += length;
    if (!memcmp(name, "PLTE", 4)) p->palette_at = (uint32_t)(data - f), p->palette_size = length / 3;
  }
  size_t raw = png_raw_size(p);
  if (raw / 1032 > compressed) return "is cut off"; /* deflate makes nothing smaller than that */
  p->scratch = raw + compressed;
  return NULL;
}

static uint8_t paeth(int a, int b, int c) {
  int to_a = abs(b - c), to_b = abs(a - c), to_c = abs(a + b - 2 * c);
  return (uint8_t)(to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c);
}

/* Undoes the filter of a row; `above` is the row before or NULL. Section 9.2. */
static bool unfilter(uint8_t kind, uint8_t *row, const uint8_t *above, size_t n, size_t pixel) {
  for (size_t i = 0; i < n; i++) {
    int a = i >= pixel ? row[i - pixel] : 0, b = above ? above[i] : 0, c = above && i >= pixel ? above[i - pixel] : 0;
    row[i] = (uint8_t)(row[i] + (kind == 1 ? a : kind == 2 ? b : kind == 3 ? (a + b) / 2 : kind == 4 ? paeth(a, b, c) : 0));
  }
  return kind <= 4;
}

static const char *decode_png(const uint8_t *f, size_t size, const qn_picture *p, uint8_t *rgb, uint8_t *raw) {
  size_t at = 8, raw_size = png_raw_size(p), compressed = 0;
  const uint8_t *data;
  const char *name;
  uint32_t length;
  while (chunk(f, size, &at, &data, &length, &name)) {
    if (memcmp(name, "IDAT", 4)) continue;
    memcpy(raw + raw_size + compressed, data, length);
    compressed += length;
  }
  if (!qn_inflate_zlib(raw + raw_size, compressed, raw, raw_size)) return "is a damaged PNG";
  for (int pass = p->interlace ? 0 : 7; pass < (p->interlace ? 7 : 8); pass++) {
    uint32_t width, height;
    size_t row_bytes, pixel = p->channels * p->depth >= 8 ? p->channels * p->depth / 8 : 1;
    pass_size(p, pass, &width, &height, &row_bytes);
    const uint8_t *above = NULL;
    for (uint32_t y = 0; width && y < height; y++) {
      uint8_t *row = raw + 1;
      if (!unfilter(raw[0], row, above, row_bytes, pixel)) return "is a damaged PNG";
      for (uint32_t x = 0; x < width; x++) {
        const uint8_t *a = ADAM7[pass];
        uint8_t *to = rgb + 3 * ((size_t)(a[1] + y * a[3]) * p->width + a[0] + (size_t)x * a[2]);
        for (uint32_t k = 0; k < 3; k++) {
          uint32_t v = sample(row, (size_t)x * p->channels + (p->channels > 2 ? k : 0), p->depth);
          if (p->color == 3) {
            if (v >= p->palette_size) return "uses a color that its palette does not have";
            v = f[p->palette_at + 3 * v + k];
          } else if (p->depth < 8) {
            v = v * 255 / ((1u << p->depth) - 1);
          }
          to[k] = (uint8_t)v;
        }
      }
      above = row;
      raw = row + row_bytes;
    }
  }
  return NULL;
}

/* ---- PNM: binary grey (P5) and color (P6) ---- */

static const char *open_pnm(const uint8_t *f, size_t size, qn_picture *p) {
  uint32_t number[3] = {0};
  size_t at = 2;
  for (int k = 0; k < 3; k++) {
    while (at < size && (f[at] == '#' || f[at] == ' ' || (f[at] >= 9 && f[at] <= 13))) {
      if (f[at] == '#')
        while (at < size && f[at] != '\n') at++;
      else at++;
    }
    for (; at < size && f[at] >= '0' && f[at] <= '9' && number[k] < 100000000; at++) number[k] = number[k] * 10 + f[at] - '0';
  }
  p->width = number[0];
  p->height = number[1];
  p->channels = f[1] == '6' ? 3 : 1;
  p->depth = 8;
  if (number[2] != 255) return "is a PNM of other than 8 bits, which is not supported";
  if (!fits(p)) return "has no pixels, or too many";
  p->row_bytes = p->width * p->channels;
  p->data_at = (uint32_t)at + 1;
  return at + 1 > size || (uint64_t)p->row_bytes * p->height > size - at - 1 ? "is cut off" : NULL;
}

/* ---- TIFF 6.0, uncompressed strips of 8 bits ---- */

static uint32_t tiff32(const qn_picture *p, const uint8_t *at) { return p->big_endian ? big32(at) : little32(at); }
static uint32_t tiff16(const qn_picture *p, const uint8_t *at) { return p->big_endian ? (uint32_t)at[0] << 8 | at[1] : little16(at); }

/* Value i of a field of the first directory; `otherwise` when there is none. */
static uint32_t tiff_field(const uint8_t *f, size_t size, const qn_picture *p, uint32_t tag, uint32_t i, uint32_t otherwise) {
  uint32_t at = tiff32(p, f + 4);
  if (at > size || size - at < 2) return otherwise;
  uint32_t n = tiff16(p, f + at);
  for (uint32_t k = 0; k < n && (uint64_t)at + 14 + 12 * (uint64_t)k <= size; k++) {
    const uint8_t *entry = f + at + 2 + 12 * (size_t)k;
    if (tiff16(p, entry) != tag) continue;
    uint32_t width = tiff16(p, entry + 2) == 3 ? 2 : 4, count = tiff32(p, entry + 4);
    uint64_t where = (uint64_t)count * width <= 4 ? (uint64_t)(entry + 8 - f) : tiff32(p, entry + 8);
    where += (uint64_t)i * width;
    if (i >= count || where + width > size) return otherwise;
    return width == 2 ? tiff16(p, f + where) : tiff32(p, f + where);
  }
  return otherwise;
}

static const char *open_tiff(const uint8_t *f, size_t size, qn_picture *p) {
  if (size < 8) return "is cut off";
  p->big_endian = f[0] == 'M';
  p->width = tiff_field(f, size, p, 256, 0, 0);
  p->height = tiff_field(f, size, p, 257, 0, 0);
  p->channels = tiff_field(f, size, p, 277, 0, 1);
  p->depth = tiff_field(f, size, p, 258, 0, 1);
  uint32_t color = tiff_field(f, size, p, 262, 0, 9);
  p->white_is_zero = color == 0;
  if (tiff_field(f, size, p, 259, 0, 1) != 1) return "is a compressed TIFF, which is not supported";
  if (p->depth != 8 || color > 2 || p->channels < (color == 2 ? 3u : 1u) || p->channels > 8 || tiff_field(f, size, p, 284, 0, 1) != 1)
    return "is a TIFF of a kind that is not supported (grey or RGB of 8 bits in strips is)";
  if (!fits(p)) return "has no pixels, or too many";
  if (color < 2) p->color = 1;
  p->row_bytes = p->width * p->channels;
  return NULL;
}

static const char *decode_rows(const uint8_t *f, size_t size, const qn_picture *p, uint8_t *rgb) {
  uint32_t strip = p->kind == QN_PICTURE_TIFF ? tiff_field(f, size, p, 278, 0, p->height) : 1;
  bool grey = p->kind == QN_PICTURE_TIFF ? p->color == 1 : p->channels == 1;
  if (strip == 0) return "is a damaged TIFF";
  for (uint32_t y = 0; y < p->height; y++) {
    uint64_t at = p->kind == QN_PICTURE_TIFF ? (uint64_t)tiff_field(f, size, p, 273, y / strip, UINT32_MAX) + (uint64_t)(y % strip) * p->row_bytes
                                             : (uint64_t)p->data_at + (uint64_t)y * p->row_bytes;
    if (at + p->row_bytes > size) return "is cut off";
    for (uint32_t x = 0; x < p->width; x++, rgb += 3)
      for (uint32_t k = 0; k < 3; k++) {
        uint8_t v = f[at + (size_t)x * p->channels + (grey ? 0 : k)];
        rgb[k] = p->white_is_zero ? (uint8_t)(255 - v) : v;
      }
  }
  return NULL;
}

/* ---- any ---- */

const char *qn_picture_open(const uint8_t *file, size_t size, qn_picture *p) {
  *p = (qn_picture){.kind = QN_PICTURE_UNKNOWN};
  if (size >= 8 && !memcmp(file, PNG_NAME, 8)) p->kind = QN_PICTURE_PNG;
  else if (size >= 4 && (!memcmp(file, "II*\0", 4) || !memcmp(file, "MM\0*", 4))) p->kind = QN_PICTURE_TIFF;
  else if (size >= 3 && file[0] == 'P' && (file[1] == '5' || file[1] == '6')) p->kind = QN_PICTURE_PNM;
  else if (size >= 2 && !memcmp(file, "BM", 2)) p->kind = QN_PICTURE_BMP;
  switch (p->kind) {
    case QN_PICTURE_BMP: return open_bmp(file, size, p);
    case QN_PICTURE_PNG: return open_png(file, size, p);
    case QN_PICTURE_PNM: return open_pnm(file, size, p);
    case QN_PICTURE_TIFF: return open_tiff(file, size, p);
    default: return "is of a format that is not supported: BMP, PNG, PNM and uncompressed TIFF are; let the page decode JPEG, WebP and others";
  }
}

const char *qn_picture_decode(const uint8_t *file, size_t size, const qn_picture *p, uint8_t *rgb, uint8_t *scratch) {
  if (p->kind == QN_PICTURE_BMP) return decode_bmp(file, p, rgb);
  if (p->kind == QN_PICTURE_PNG) return decode_png(file, size, p, rgb, scratch);
  return decode_rows(file, size, p, rgb);
}
