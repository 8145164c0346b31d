/* As librosa 0.11 filters.mel, torchaudio 2.3 functional.melscale_fbanks and compliance.kaldi.get_mel_banks compute them, in double. */
#include "feature/audio/mel_filters.h"

#include <math.h>

static double to_mel(bool slaney, double f) {
  if (!slaney) return 2595 * log10(1 + f / 700);
  return f < 1000 ? f * 3 / 200 : 15 + log(f / 1000) * 27 / log(6.4);
}

static double to_hertz(bool slaney, double mel) {
  if (!slaney) return 700 * (pow(10, mel / 2595) - 1);
  return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

void qn_mel_filters(const qn_mel *m, int32_t *spans, float *weights) {
  const double least = to_mel(m->slaney, m->low), step = (to_mel(m->slaney, m->high) - least) / (m->filters + 1);
  int32_t used = 0;
  for (int32_t i = 0; i < m->filters; i++) {
    double edge[3], hertz[3];
    for (int k = 0; k < 3; k++) {
      edge[k] = least + (i + k) * step;
      hertz[k] = to_hertz(m->slaney, edge[k]);
      if (!m->mel_triangles) edge[k] = hertz[k];
    }
    const double height = m->slaney_norm ? 2 / (hertz[2] - hertz[0]) : 1, bin_of_hertz = m->size / m->rate;
    const int32_t from = (int32_t)fmax(0, hertz[0] * bin_of_hertz - 1), to = (int32_t)fmin(m->bins, hertz[2] * bin_of_hertz + 2); /* a bin of leeway */
    int32_t first = 0, count = 0;
    for (int32_t bin = from; bin < to; bin++) {
      double f = bin * m->rate / m->size;
      if (m->mel_triangles) f = to_mel(m->slaney, f);
      const double up = (f - edge[0]) / (edge[1] - edge[0]), down = (edge[2] - f) / (edge[2] - edge[1]), w = up < down ? up : down;
      if (!(w > 0) || used == 2 * m->bins) continue;
      if (!count++) first = bin;
      weights[used++] = (float)(w * height);
    }
    spans[2 * i] = first;
    spans[2 * i + 1] = count;
  }
}

void qn_mel_apply(int32_t filters, const int32_t *spans, const float *weights, const float *x, float *y) {
  for (int32_t i = 0; i < filters; i++) {
    const float *bins = x + spans[2 * i];
    const int32_t n = spans[2 * i + 1];
    float sum = 0, other = 0; /* two chains of additions */
    int32_t k = 0;
    for (; k + 2 <= n; k += 2) sum += weights[k] * bins[k], other += weights[k + 1] * bins[k + 1];
    if (k < n) sum += weights[k] * bins[k];
    y[i] = sum + other;
    weights += n;
  }
}
