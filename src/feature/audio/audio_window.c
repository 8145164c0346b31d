#include "feature/audio/audio_window.h"

#include <math.h>

void qn_audio_window(int32_t kind, bool periodic, int32_t n, float *out) {
  const double turn = 2 * 3.14159265358979323846 / (periodic || n < 2 ? n : n - 1);
  for (int32_t i = 0; i < n; i++) {
    const double c = cos(turn * i), hann = 0.5 - 0.5 * c;
    double w = 1;
    if (n > 1 && kind == 1) w = hann;
    if (n > 1 && kind == 2) w = 0.54 - 0.46 * c;
    if (n > 1 && kind == 3) w = hann > 0 ? pow(hann, 0.85) : 0; /* Kaldi's, feature-window.cc */
    if (n > 1 && kind == 4) w = 0.42 - 0.5 * c + 0.08 * cos(2 * turn * i);
    out[i] = (float)w;
  }
}
