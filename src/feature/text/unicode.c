#include "feature/text/unicode.h"

#include <string.h>

#include "base/memory.h"
#include "feature/text/unicode_table.h"
#include "kernel/case_table.h"

/* Bytes by character, pages of 256; equal pages of one value share. */
#define PAGES (0x110000 / 256)
#define PAIR_SLOTS 4096 /* twice what is composed, at least */

typedef struct decompositions {
  const uint32_t *keys;   /* [count], ascending */
  const uint16_t *begins; /* [count + 1] of parts */
  const uint32_t *parts;
  int count;
} decompositions;

typedef struct pair { uint32_t first, second, composite; } pair;

struct qn_unicode {
  qn_pool pool;
  uint8_t category_page[PAGES], class_page[PAGES], flags[PAGES]; /* flags: 1 canonical, 2 compatible decompositions in the page, 4 lower case */
  uint8_t *categories, *classes; /* [pages][256] */
  uint32_t *lower_keys;
  int32_t *lower_distances;
  int lower_count;
  decompositions canonical, compatible;
  pair pairs[PAIR_SLOTS];
};

static uint32_t number(const uint8_t **p) {
  uint32_t n = 0;
  int shift = 0;
  do n |= (uint32_t)(**p & 127) << shift, shift += 7;
  while (*(*p)++ & 128);
  return n;
}

static int32_t signed_number(const uint8_t **p) {
  const uint32_t z = number(p);
  return z & 1 ? -(int32_t)(z / 2) - 1 : (int32_t)(z / 2);
}

/* Pages of `all` [0x110000] into the pool. False without memory. */
static bool fold_pages(qn_pool *pool, const uint8_t *all, uint8_t page[PAGES], uint8_t **out) {
  int count = 0;
  uint8_t *kept = qn_pool_alloc(pool, 256 * 256);
  if (!kept) return false;
  for (int p = 0; p < PAGES; p++) {
    int same = p && !memcmp(all + p * 256, all + (p - 1) * 256, 256) ? page[p - 1] : 0;
    if (!p || memcmp(all + p * 256, kept + same * 256, 256))
      for (same = 0; same < count && memcmp(all + p * 256, kept + same * 256, 256);) same++;
    if (same == 256) return false; /* the tables have some 200 */
    if (same == count) memcpy(kept + count++ * 256, all + p * 256, 256);
    page[p] = (uint8_t)same;
  }
  *out = kept;
  return true;
}

static bool read_decompositions(qn_unicode *u, const uint8_t *p, int count, int part_count, uint8_t flag, decompositions *d) {
  uint32_t *keys = qn_pool_alloc(&u->pool, (size_t)count * sizeof *keys), *parts = qn_pool_alloc(&u->pool, (size_t)part_count * sizeof *parts), c = 0;
  uint16_t *begins = qn_pool_alloc(&u->pool, ((size_t)count + 1) * sizeof *begins);
  if (!keys || !parts || !begins) return false;
  int at = 0;
  for (int i = 0; i < count; i++) {
    c += number(&p);
    const uint32_t shape = number(&p);
    keys[i] = c, begins[i] = (uint16_t)at;
    u->flags[c >> 8] |= flag;
    const int n = (int)(shape >> 1);
    for (int k = 0; k < n; k++) parts[at + k] = (uint32_t)((int32_t)(k ? parts[at + k - 1] : c) + signed_number(&p));
    at += n;
    if (flag == 1 && !(shape & 1)) parts[at - 1] |= 1u << 31; /* it is composed: make_pairs finds of what */
  }
  begins[count] = (uint16_t)at;
  *d = (decompositions){keys, begins, parts, count};
  return true;
}

static uint32_t slot_of(uint32_t a, uint32_t b) { return (a * 0x9E3779B1u ^ b * 0x85EBCA77u) >> 20; }

static void put_pair(qn_unicode *u, uint32_t a, uint32_t b, uint32_t composite) {
  uint32_t at = slot_of(a, b);
  while (u->pairs[at].composite) at = (at + 1) & (PAIR_SLOTS - 1);
  u->pairs[at] = (pair){a, b, composite};
}

static uint32_t find_pair(const qn_unicode *u, uint32_t a, uint32_t b) {
  for (uint32_t at = slot_of(a, b); u->pairs[at].composite; at = (at + 1) & (PAIR_SLOTS - 1))
    if (u->pairs[at].first == a && u->pairs[at].second == b) return u->pairs[at].composite;
  return 0;
}

/* Composites of two parts first, then those whose beginning is one of them, and so on. */
static void make_pairs(qn_unicode *u) {
  const decompositions *d = &u->canonical;
  uint32_t *parts = (uint32_t *)d->parts;
  for (int n = 2; n <= 4; n++)
    for (int i = 0; i < d->count; i++) {
      const int begin = d->begins[i], end = d->begins[i + 1];
      if (end - begin != n || !(parts[end - 1] >> 31)) continue;
      parts[end - 1] &= ~(1u << 31);
      uint32_t first = parts[begin];
      for (int k = begin + 1; k < end - 1 && first; k++) first = find_pair(u, first, parts[k]);
      if (first) put_pair(u, first, parts[end - 1], d->keys[i]);
    }
  for (int i = 0; i < d->begins[d->count]; i++) parts[i] &= ~(1u << 31);
}

/* Calls for each character of a table of case_table.h; keys == NULL: counts. */
static int read_cases(const uint8_t *p, size_t size, uint32_t *keys, int32_t *distances) {
  const uint8_t *end = p + size;
  uint32_t last = 0;
  int count = 0;
  while (p < end) {
    const uint32_t first = last + number(&p), shape = number(&p), step = 1 + (shape & 1);
    const int32_t d = signed_number(&p);
    last = first + (shape >> 1) * step;
    for (uint32_t c = first; c <= last; c += step, count++)
      if (keys) keys[count] = c, distances[count] = d;
  }
  return count;
}

static bool read_lower(qn_unicode *u) {
  const int a = read_cases(CASE_PAIRS, sizeof CASE_PAIRS, NULL, NULL), b = read_cases(CASE_LOWER_ONLY, sizeof CASE_LOWER_ONLY, NULL, NULL);
  uint32_t *from = qn_alloc((size_t)(a + b) * sizeof *from);
  int32_t *distances = qn_alloc((size_t)(a + b) * sizeof *distances);
  u->lower_keys = qn_pool_alloc(&u->pool, (size_t)(a + b) * sizeof *u->lower_keys);
  u->lower_distances = qn_pool_alloc(&u->pool, (size_t)(a + b) * sizeof *u->lower_distances);
  const bool ok = from && distances && u->lower_keys && u->lower_distances;
  if (ok) {
    read_cases(CASE_PAIRS, sizeof CASE_PAIRS, from, distances);
    read_cases(CASE_LOWER_ONLY, sizeof CASE_LOWER_ONLY, from + a, distances + a);
    for (int i = 0, k = a, n = 0; n < a + b; n++) { /* both go up */
      const int t = k >= a + b || (i < a && from[i] < from[k]) ? i++ : k++;
      u->lower_keys[n] = from[t], u->lower_distances[n] = distances[t];
      u->flags[from[t] >> 8] |= 4;
    }
    u->lower_count = a + b;
  }
  qn_free(from);
  qn_free(distances);
  return ok;
}

static bool unpack(qn_unicode *u, uint8_t *all) {
  const uint8_t *p = UNICODE_CATEGORY;
  for (uint32_t c = 0; c < 0x110000;) {
    const uint8_t v = *p++;
    uint32_t n = v >> 5;
    if (!n) n = number(&p);
    if (n > 0x110000 - c) return false;
    memset(all + c, v & 31, n);
    c += n;
  }
  /* JOINS and PREPENDS go into the upper bits */
  const uint8_t *const lists[] = {UNICODE_JOINS, UNICODE_PREPENDS};
  const size_t sizes[] = {sizeof UNICODE_JOINS, sizeof UNICODE_PREPENDS};
  for (int k = 0; k < 2; k++) {
    uint32_t c = 0;
    for (p = lists[k]; p < lists[k] + sizes[k];) {
      c += number(&p);
      for (uint32_t n = number(&p); n; n--) all[c++] |= (uint8_t)(32 << k);
    }
  }
  if (!fold_pages(&u->pool, all, u->category_page, &u->categories)) return false;
  memset(all, 0, 0x110000);
  uint32_t c = 0;
  for (p = UNICODE_CLASS; p < UNICODE_CLASS + sizeof UNICODE_CLASS;) {
    c += number(&p);
    const uint32_t n = number(&p);
    memset(all + c, *p++, n);
    c += n;
  }
  return fold_pages(&u->pool, all, u->class_page, &u->classes) && read_lower(u) &&
         read_decompositions(u, UNICODE_CANONICAL, UNICODE_CANONICAL_COUNT, UNICODE_CANONICAL_PARTS, 1, &u->canonical) &&
         read_decompositions(u, UNICODE_COMPATIBLE, UNICODE_COMPATIBLE_COUNT, UNICODE_COMPATIBLE_PARTS, 2, &u->compatible);
}

qn_unicode *qn_unicode_create(void) {
  qn_unicode *u = qn_alloc_zeroed(sizeof *u);
  uint8_t *all = u ? qn_alloc(0x110000) : NULL;
  const bool ok = all && unpack(u, all);
  qn_free(all);
  if (!ok) {
    qn_unicode_free(u);
    return NULL;
  }
  make_pairs(u);
  return u;
}

void qn_unicode_free(qn_unicode *u) {
  if (!u) return;
  qn_pool_free(&u->pool);
  qn_free(u);
}

static uint8_t category_byte(const qn_unicode *u, uint32_t c) { return c < 0x110000 ? u->categories[u->category_page[c >> 8] * 256 + (c & 255)] : 0; }

qn_category qn_unicode_category(const qn_unicode *u, uint32_t c) { return (qn_category)(category_byte(u, c) & 31); }

uint8_t qn_unicode_class(const qn_unicode *u, uint32_t c) { return c < 0x110000 ? u->classes[u->class_page[c >> 8] * 256 + (c & 255)] : 0; }

bool qn_unicode_is_word(const qn_unicode *u, uint32_t c) {
  if (qn_unicode_is(u, c, QN_LETTER | QN_MARK | QN_IN(QN_ND) | QN_IN(QN_NL) | QN_IN(QN_PC))) return true;
  if (c < 0x200C) return false;
  return c <= 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

/* The index of c in keys, ascending, or −1. */
static int find(const uint32_t *keys, int count, uint32_t c) {
  int low = 0, high = count;
  while (low < high) {
    const int mid = (low + high) / 2;
    if (keys[mid] < c) low = mid + 1;
    else high = mid;
  }
  return low < count && keys[low] == c ? low : -1;
}

uint32_t qn_unicode_lower(const qn_unicode *u, uint32_t c) {
  if (c < 0x80) return c - 'A' < 26u ? c + 32 : c;
  if (c >= 0x110000 || !(u->flags[c >> 8] & 4)) return c;
  const int i = find(u->lower_keys, u->lower_count, c);
  return i < 0 ? c : c + (uint32_t)u->lower_distances[i];
}

static int parts_of(const decompositions *d, uint32_t c, uint32_t *parts) {
  const int i = find(d->keys, d->count, c);
  if (i < 0) return 0;
  const int n = d->begins[i + 1] - d->begins[i];
  memcpy(parts, d->parts + d->begins[i], (size_t)n * sizeof *parts);
  return n;
}

int qn_unicode_decompose(const qn_unicode *u, uint32_t c, bool compatible, uint32_t parts[QN_MOST_PARTS]) {
  const uint32_t s = c - 0xAC00;
  if (s < 11172) { /* Hangul syllables, by arithmetic */
    parts[0] = 0x1100 + s / 588, parts[1] = 0x1161 + s % 588 / 28, parts[2] = 0x11A7 + s % 28;
    return s % 28 ? 3 : 2;
  }
  const uint8_t flags = c < 0xA0 || c >= 0x110000 ? 0 : u->flags[c >> 8];
  int n = 0;
  if (compatible && flags & 2) n = parts_of(&u->compatible, c, parts);
  if (!n && flags & 1) {
    n = parts_of(&u->canonical, c, parts);
    if (n && compatible) { /* the parts may have compatible decompositions of their own: the table leaves those out */
      uint32_t whole[QN_MOST_PARTS];
      int total = 0;
      for (int i = 0; i < n; i++) {
        uint32_t more[QN_MOST_PARTS];
        int m = parts_of(&u->compatible, parts[i], more);
        if (!m) more[0] = parts[i], m = 1;
        for (int k = 0; k < m && total < QN_MOST_PARTS; k++) whole[total++] = more[k];
      }
      memcpy(parts, whole, (size_t)total * sizeof *parts);
      n = total;
    }
  }
  if (!n) parts[0] = c, n = 1;
  return n;
}

uint32_t qn_unicode_compose(const qn_unicode *u, uint32_t a, uint32_t b) {
  if (b < 0x300) return 0; /* no composite ends with a character before the combining ones */
  if (a - 0x1100 < 19 && b - 0x1161 < 21) return 0xAC00 + ((a - 0x1100) * 21 + b - 0x1161) * 28;
  if (a - 0xAC00 < 11172 && (a - 0xAC00) % 28 == 0 && b - 0x11A8 < 27) return a + b - 0x11A7;
  return find_pair(u, a, b);
}

/* 1: leading consonant, 2: vowel, 3: trailing consonant, 4: syllable of two, 5: of three. */
static int hangul(uint32_t c) {
  if (c < 0x1100 || c > 0xD7FB) return 0;
  if (c < 0x1200) return c < 0x1160 ? 1 : c < 0x11A8 ? 2 : 3;
  if (c >= 0xA960 && c < 0xA97D) return 1;
  if (c >= 0xAC00 && c < 0xAC00 + 11172) return (c - 0xAC00) % 28 ? 5 : 4;
  return c < 0xD7B0 ? 0 : c < 0xD7C7 ? 2 : c < 0xD7CB ? 0 : 3;
}

bool qn_unicode_joins(const qn_unicode *u, uint32_t a, uint32_t b) {
  if (a == '\r') return b == '\n';
  const int left = hangul(a), right = hangul(b);
  if (left && right && ((left == 1 && right != 3) || ((left == 2 || left == 4) && (right == 2 || right == 3)) || ((left == 3 || left == 5) && right == 3))) return true;
  const uint8_t first = category_byte(u, a), second = category_byte(u, b);
  const uint32_t breaks = QN_IN(QN_CC) | QN_IN(QN_CF) | QN_IN(QN_ZL) | QN_IN(QN_ZP);
  const bool joining = ((QN_MARK >> (second & 31)) & 1) != (second >> 5 & 1);
  if (first & 64) return joining || !(breaks >> (second & 31) & 1);
  /* controls and formats that are no joiners stand alone */
  const bool control = (breaks >> (first & 31) & 1) && !(first >> 5 & 1);
  return joining && !control;
}
