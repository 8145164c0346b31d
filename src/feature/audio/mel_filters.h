/* Triangles on the mel scale over the bins of a spectrum. */
#ifndef QN_FEATURE_AUDIO_MEL_FILTERS_H
#define QN_FEATURE_AUDIO_MEL_FILTERS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct qn_mel {
  int32_t filters, bins, size; /* size: of the transform that gave the bins */
  double rate, low, high;      /* hertz */
  bool slaney;                 /* the scale of Slaney's Auditory Toolbox; else HTK's */
  bool mel_triangles;          /* straight sides in mel, as Kaldi has them; else in hertz */
  bool slaney_norm;            /* triangles of one area; else of one height */
} qn_mel;

/* Of filter i: spans[2i] the first bin, spans[2i + 1] how many; their weights follow each other. spans: [2 filters], weights: [2 bins] at least. */
void qn_mel_filters(const qn_mel *m, int32_t *spans, float *weights);
/* x: [bins], y: [filters] */
void qn_mel_apply(int32_t filters, const int32_t *spans, const float *weights, const float *x, float *y);

#endif
