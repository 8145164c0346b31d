/* kernel/inflate.h on streams by zlib 1.3 (Python's zlib.compress), and kernel/picture_file.h on pictures made here. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/inflate.h"
#include "kernel/picture_file.h"

/* zlib.compressobj(9, DEFLATED, 15, 9, Z_FIXED), then zlib.compress(b"".join(b"%d," % (i * i) for i in range(120)), 9) */
static const uint8_t FIXED[] = {
  120, 1, 43, 201, 72, 85, 40, 44, 77, 45, 202, 83, 72, 47, 202, 204, 75, 41, 86, 40, 1, 10, 164, 23, 37, 102, 230, 233, 128, 153, 216, 229,
  0, 34, 90, 19, 215};
static const uint8_t DYNAMIC[] = {
  120, 218, 37, 145, 201, 1, 196, 48, 8, 3, 27, 226, 97, 14, 131, 233, 191, 177, 29, 101, 95, 38, 65, 192, 32, 142, 185, 149, 173, 121, 91,
  92, 203, 182, 90, 235, 178, 231, 230, 231, 152, 7, 111, 21, 89, 20, 139, 4, 77, 92, 222, 183, 150, 81, 232, 169, 70, 87, 197, 251, 202,
  110, 172, 221, 105, 107, 116, 205, 59, 124, 15, 255, 31, 249, 69, 183, 173, 190, 20, 250, 161, 131, 59, 173, 92, 61, 61, 104, 238, 169, 41,
  165, 113, 87, 115, 91, 0, 45, 146, 129, 200, 95, 137, 1, 194, 56, 162, 112, 17, 199, 89, 139, 60, 101, 81, 199, 33, 163, 34, 90, 209, 232,
  223, 83, 118, 209, 165, 42, 146, 254, 130, 134, 60, 233, 151, 69, 231, 212, 140, 28, 166, 229, 99, 110, 46, 4, 117, 96, 41, 81, 85, 194,
  87, 5, 105, 53, 204, 53, 218, 86, 107, 220, 195, 62, 215, 181, 112, 106, 99, 50, 118, 181, 243, 29, 69, 203, 191, 62, 100, 169, 114, 220,
  164, 162, 47, 181, 61, 116, 233, 71, 191, 57, 87, 230, 80, 49, 204, 180, 185, 204, 157, 129, 96, 22, 150, 39, 235, 95, 192, 247, 74, 183,
  104, 152, 223, 131, 126, 181, 7, 10, 34, 40, 113, 147, 45, 247, 157, 239, 86, 50, 235, 196, 23, 215, 145, 193, 141, 2, 155, 17, 187, 171,
  206, 61, 82, 113, 201, 71, 111, 89, 234, 79, 238, 198, 255, 210, 41, 207, 227, 202, 254, 24, 93, 34, 246, 59, 202, 119, 159, 172, 251, 29,
  72, 87, 203, 213, 1, 203, 217, 232, 7, 74, 250, 112, 176};

static size_t squares(char *out) {
  size_t n = 0;
  for (int i = 0; i < 120; i++) n += (size_t)snprintf(out + n, 16, "%d,", i * i);
  return n;
}

TEST(inflates) {
  const char *text = "the quern grinds the grain, the quern grinds the grain";
  char want[1000];
  uint8_t got[1000];
  size_t n = squares(want);
  CHECK(qn_inflate_zlib(FIXED, sizeof FIXED, got, strlen(text)) && !memcmp(got, text, strlen(text)));
  CHECK(qn_inflate_zlib(DYNAMIC, sizeof DYNAMIC, got, n) && !memcmp(got, want, n));
  const uint8_t stored[] = {120, 1, 1, 6, 0, 249, 255, 's', 't', 'o', 'r', 'e', 'd'};
  CHECK(qn_inflate_zlib(stored, sizeof stored, got, 6) && !memcmp(got, "stored", 6));
  CHECK(!qn_inflate_zlib(DYNAMIC, sizeof DYNAMIC, got, n - 1)); /* longer than said */
  CHECK(!qn_inflate_zlib(DYNAMIC, sizeof DYNAMIC, got, n + 1));
  for (size_t cut = 0; cut < sizeof DYNAMIC - 4; cut++) CHECK(!qn_inflate_zlib(DYNAMIC, cut, got, n));
}

/* Damage ends in an answer, never outside of the buffers (the sanitizers look). */
TEST(damage) {
  uint32_t seed = 1;
  int accepted = 0;
  for (int round = 0; round < 3000; round++) {
    uint8_t copy[sizeof DYNAMIC], *out = malloc(574);
    memcpy(copy, DYNAMIC, sizeof copy);
    for (int k = 0; k < 3; k++) {
      seed = seed * 1664525u + 1013904223u;
      copy[2 + (seed >> 8) % (sizeof copy - 2)] ^= (uint8_t)(1u << (seed >> 5 & 7));
    }
    accepted += qn_inflate_zlib(copy, sizeof copy, out, 574);
    free(out);
  }
  CHECK(accepted < 3000);
}

static uint8_t file[4096];
static size_t size;
static void byte(unsigned v) { file[size++] = (uint8_t)v; }
static void little(uint32_t v, int n) { for (int i = 0; i < n; i++) byte(v >> (8 * i)); }
static void big(uint32_t v, int n) { for (int i = n; i-- > 0;) byte(v >> (8 * i)); }
static void text(const char *t) { while (*t) byte((unsigned)*t++); }

static const char *decode(uint8_t *rgb, qn_picture *p) {
  uint8_t *exact = malloc(size); /* so that reading past the end is seen */
  memcpy(exact, file, size);
  const char *wrong = qn_picture_open(exact, size, p);
  uint8_t *scratch = wrong ? NULL : malloc(p->scratch + 1);
  if (!wrong) wrong = qn_picture_decode(exact, size, p, rgb, scratch);
  free(scratch);
  free(exact);
  return wrong;
}

/* 3 x 2 pixels, value 40 y + 10 x + channel. */
static bool is_ramp(const uint8_t *rgb) {
  for (int i = 0; i < 18; i++)
    if (rgb[i] != 40 * (i / 9) + 10 * (i % 9 / 3) + i % 3) return false;
  return true;
}
static unsigned ramp(int x, int y, int c) { return (unsigned)(40 * y + 10 * x + c); }

TEST(bmp) {
  uint8_t rgb[18];
  qn_picture p;
  for (int top_down = 0; top_down < 2; top_down++) {
    size = 0;
    text("BM"), little(54 + 24, 4), little(0, 4), little(54, 4);
    little(40, 4), little(3, 4), little(top_down ? (uint32_t)-2 : 2, 4), little(1, 2), little(24, 2);
    for (int i = 0; i < 6; i++) little(0, 4);
    for (int r = 0; r < 2; r++) {
      for (int x = 0; x < 3; x++)
        for (int c = 2; c >= 0; c--) byte(ramp(x, top_down ? r : 1 - r, c));
      little(0, 3);
    }
    CHECK(decode(rgb, &p) == NULL && p.width == 3 && p.height == 2 && is_ramp(rgb));
  }
  size--;
  CHECK(decode(rgb, &p) != NULL);
  file[30] = 1;
  CHECK(strstr(decode(rgb, &p), "compressed"));
}

static void put_chunk(const char *name, const uint8_t *data, size_t n) {
  big((uint32_t)n, 4), text(name);
  memcpy(file + size, data, n);
  size += n;
  big(0, 4);
}

/* Rows in a stored block: filters 0 to 4 of RGB, then interlaced, then four bits with a palette. */
static void png(int depth, int color, int interlace, const uint8_t *raw, size_t n, const uint8_t *palette, size_t colors) {
  uint8_t head[13] = {0, 0, 0, 3, 0, 0, 0, 2, (uint8_t)depth, (uint8_t)color, 0, 0, (uint8_t)interlace}, data[600] = {120, 1, 1};
  size = 0;
  byte(137), text("PNG"), byte(13), byte(10), byte(26), byte(10);
  put_chunk("IHDR", head, 13);
  if (colors) put_chunk("PLTE", palette, 3 * colors);
  data[3] = (uint8_t)n, data[4] = (uint8_t)(n >> 8), data[5] = (uint8_t)~n, data[6] = (uint8_t)(~n >> 8);
  memcpy(data + 7, raw, n);
  put_chunk("IDAT", data, 4); /* the stream in two pieces */
  put_chunk("IDAT", data + 4, n + 3);
  put_chunk("IEND", data, 0);
}

TEST(png_filters) {
  uint8_t rgb[18], raw[20];
  qn_picture p;
  for (int kind = 0; kind < 5; kind++) {
    for (int y = 0; y < 2; y++) {
      raw[10 * y] = (uint8_t)kind;
      for (int i = 0; i < 9; i++) {
        int a = i >= 3 ? (int)ramp(i / 3 - 1, y, i % 3) : 0, b = y ? (int)ramp(i / 3, 0, i % 3) : 0, c = y && i >= 3 ? (int)ramp(i / 3 - 1, 0, i % 3) : 0;
        int to_a = abs(b - c), to_b = abs(a - c), to_c = abs(a + b - 2 * c);
        int predicted[] = {0, a, b, (a + b) / 2, to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c};
        raw[10 * y + 1 + i] = (uint8_t)((int)ramp(i / 3, y, i % 3) - predicted[kind]);
      }
    }
    png(8, 2, 0, raw, 20, NULL, 0);
    CHECK(decode(rgb, &p) == NULL && is_ramp(rgb));
  }
  raw[0] = 5;
  png(8, 2, 0, raw, 20, NULL, 0);
  CHECK(strstr(decode(rgb, &p), "damaged"));
  png(8, 2, 0, raw, 19, NULL, 0);
  CHECK(strstr(decode(rgb, &p), "damaged"));
}

TEST(png_interlaced_and_palette) {
  /* Adam7 over 3 x 2 pixels: pass 1 has (0,0), pass 4 (2,0), pass 6 (1,0), pass 7 the second row */
  static const int ORDER[6][2] = {{0, 0}, {2, 0}, {1, 0}, {0, 1}, {1, 1}, {2, 1}};
  uint8_t rgb[18], raw[40], palette[48];
  qn_picture p;
  size_t n = 0;
  for (int k = 0; k < 6; k++) {
    if (k < 4) raw[n++] = 0;
    for (int c = 0; c < 3; c++) raw[n++] = (uint8_t)ramp(ORDER[k][0], ORDER[k][1], c);
  }
  png(8, 2, 1, raw, n, NULL, 0);
  CHECK(decode(rgb, &p) == NULL && is_ramp(rgb));
  for (int i = 0; i < 18; i++) palette[i] = (uint8_t)ramp(i / 3 % 3, i / 9, i % 3);
  const uint8_t packed[] = {0, 0x01, 0x20, 0, 0x34, 0x50};
  png(4, 3, 0, packed, 6, palette, 6);
  CHECK(decode(rgb, &p) == NULL && is_ramp(rgb));
  png(4, 3, 0, packed, 6, palette, 5);
  CHECK(strstr(decode(rgb, &p), "palette"));
  const uint8_t grey[] = {0, 0x50, 0, 0xa0}; /* two bits a pixel: 1 1 0, 2 2 0 */
  png(2, 0, 0, grey, 4, NULL, 0);
  CHECK(decode(rgb, &p) == NULL && rgb[0] == 85 && rgb[2] == 85 && rgb[6] == 0 && rgb[9] == 170);
}

TEST(pnm_and_tiff) {
  uint8_t rgb[18];
  qn_picture p;
  size = 0;
  text("P6\n# a comment\n3 2\n255\n");
  for (int i = 0; i < 18; i++) byte(ramp(i % 9 / 3, i / 9, i % 3));
  CHECK(decode(rgb, &p) == NULL && is_ramp(rgb));
  size--;
  CHECK(decode(rgb, &p) != NULL);
  for (int order = 0; order < 2; order++) {
    void (*put)(uint32_t, int) = order ? big : little;
    const uint32_t fields[][3] = {{256, 4, 3}, {257, 4, 2}, {258, 3, 8}, {259, 3, 1}, {262, 3, 2}, {273, 4, 110}, {277, 3, 3}, {278, 4, 2}};
    size = 0;
    text(order ? "MM" : "II"), put(42, 2), put(8, 4), put(8, 2);
    for (int f = 0; f < 8; f++) {
      put(fields[f][0], 2), put(fields[f][1], 2), put(1, 4);
      if (fields[f][1] == 3) put(fields[f][2], 2), put(0, 2);
      else put(fields[f][2], 4);
    }
    put(0, 4);
    CHECK(size == 110);
    for (int i = 0; i < 18; i++) byte(ramp(i % 9 / 3, i / 9, i % 3));
    CHECK(decode(rgb, &p) == NULL && is_ramp(rgb));
    size--;
    CHECK(decode(rgb, &p) != NULL);
  }
}

TEST(others_are_named) {
  uint8_t rgb[18];
  qn_picture p;
  size = 0;
  big(0xffd8ffe0u, 4), little(0, 4);
  CHECK(strstr(decode(rgb, &p), "JPEG"));
  size = 1;
  CHECK(decode(rgb, &p) != NULL);
}

int main(void) {
  RUN(inflates);
  RUN(damage);
  RUN(bmp);
  RUN(png_filters);
  RUN(png_interlaced_and_palette);
  RUN(pnm_and_tiff);
  RUN(others_are_named);
  return DONE();
}
