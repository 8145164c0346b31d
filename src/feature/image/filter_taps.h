/* Which inputs an output of a resized row or column is made of, and their weights: one axis at a time, for every library's convention. */
#ifndef QN_FEATURE_IMAGE_FILTER_TAPS_H
#define QN_FEATURE_IMAGE_FILTER_TAPS_H

#include "base/memory.h"

typedef enum qn_filter { QN_FILTER_NEAREST, QN_FILTER_BILINEAR, QN_FILTER_BICUBIC, QN_FILTER_LANCZOS, QN_FILTER_AREA, QN_FILTER_HAMMING, QN_FILTER_NEAREST_EXACT } qn_filter;
#define QN_FILTERS "nearest|bilinear|bicubic|lanczos|area|hamming|nearest_exact"

/* How the taps of one output are found. */
typedef enum qn_taps_kind {
  QN_TAPS_SUPPORT,       /* Pillow (libImaging/Resample.c of Pillow 11), torch with antialias: what lies under the filter, cut at the edges, scaled to one */
  QN_TAPS_NEIGHBOURS,    /* torch without: 2 or 4 neighbours, the edge repeated; positions in double, as for uint8 */
  QN_TAPS_NEIGHBOURS_F,  /* the same with positions in single precision, as for float32 */
  QN_TAPS_OPENCV,        /* OpenCV 4: 2, 4 or 8 neighbours, the edge repeated; positions in single precision */
  QN_TAPS_OPENCV_AREA,   /* INTER_AREA where a picture grows: two neighbours, an edge as wide as a source pixel */
  QN_TAPS_POOL           /* torch's "area": the mean of all pixels that an output touches */
} qn_taps_kind;

/* How weights become integers. */
typedef enum qn_taps_round {
  QN_ROUND_22, /* Pillow: over 2^22 */
  QN_ROUND_16, /* torch: as many bits as let the largest fit 16 */
  QN_ROUND_11  /* OpenCV: each over 2^11, before those of a repeated edge are added up */
} qn_taps_round;

typedef struct qn_filter_how {
  qn_filter filter;
  qn_taps_kind kind;
  qn_taps_round round;
  bool widen;            /* of QN_TAPS_SUPPORT: antialiasing */
} qn_filter_how;

/* For each output its first input, how many, and their weights, `stride` apart. */
typedef struct qn_taps {
  int32_t *from, *count; /* [n] */
  double *exact;         /* [n, stride] */
  int32_t *fixed;        /* [n, stride], over 2^bits */
  int32_t stride, bits;
} qn_taps;

/* Bytes of an axis; false when they are too many. */
bool qn_taps_size(const qn_filter_how *how, int32_t from, int32_t to, size_t *size);
/* at: so many bytes, aligned, caller owns. Returns what lies behind. */
void *qn_taps_make(const qn_filter_how *how, int32_t from, int32_t to, qn_taps *taps, void *at);

/* Of the kinds with neighbours: the index of the one on the left of output i, which may be −1, and how far the position is beyond it. */
int32_t qn_taps_position(const qn_filter_how *how, int32_t i, int32_t from, int32_t to, double *fraction);

#endif
