/* Windows: how the samples of a frame are weighed. */
#ifndef QN_FEATURE_AUDIO_AUDIO_WINDOW_H
#define QN_FEATURE_AUDIO_AUDIO_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define QN_AUDIO_WINDOWS "rectangular|hann|hamming|povey|blackman"

/* kind: of QN_AUDIO_WINDOWS. periodic: as scipy.signal.get_window gives it by default, for spectra; else symmetric, as Kaldi has it. out: [n] */
void qn_audio_window(int32_t kind, bool periodic, int32_t n, float *out);

#endif
