/* feature/post/vad.h against vad-web's FrameProcessor. */
#include "harness.h"

#include <string.h>

#include "../golden/vad_golden.h"
#include "feature/post/vad.h"

enum { FRAMES = sizeof golden_probabilities / sizeof *golden_probabilities, SEGMENTS = sizeof golden_segments / sizeof *golden_segments / 2 };

TEST(segments_equal_the_reference) {
  qn_vad_options options;
  qn_vad_defaults(&options, 32);
  CHECK(options.redemption == 43 && options.pre_pad == 25 && options.min_speech == 12);
  qn_vad_segment got[SEGMENTS + 1];
  CHECK(qn_vad_segments(&options, golden_probabilities, FRAMES, got, SEGMENTS + 1) == SEGMENTS);
  for (int i = 0; i < SEGMENTS; i++) CHECK(got[i].from == golden_segments[2 * i] && got[i].to == golden_segments[2 * i + 1]);
  CHECK(qn_vad_segments(&options, golden_probabilities, FRAMES, NULL, 0) == SEGMENTS);

  qn_vad vad;
  qn_vad_start(&vad, &options);
  int misfires = 0, starts = 0, ends = 0;
  qn_vad_segment segment;
  for (int i = 0; i <= FRAMES; i++) {
    int32_t e = i < FRAMES ? qn_vad_push(&vad, golden_probabilities[i], &segment) : qn_vad_finish(&vad, &segment);
    misfires += (e & QN_VAD_MISFIRE) > 0, starts += (e & QN_VAD_START) > 0, ends += (e & QN_VAD_END) > 0;
  }
  CHECK(misfires == golden_misfires && ends == SEGMENTS && starts == ends + misfires);
}

TEST(context) {
  qn_vad_options options;
  qn_vad_defaults(&options, 32);
  qn_vad vad;
  qn_vad_start(&vad, &options);
  float samples[QN_VAD_FRAME], input[QN_VAD_CONTEXT + QN_VAD_FRAME];
  for (int i = 0; i < QN_VAD_FRAME; i++) samples[i] = (float)i;
  qn_vad_input(&vad, samples, input);
  CHECK(input[0] == 0 && input[63] == 0 && input[64] == 0 && input[65] == 1 && input[575] == 511);
  qn_vad_input(&vad, samples, input);
  CHECK(input[0] == 448 && input[63] == 511 && input[64] == 0);
}

int main(void) {
  RUN(segments_equal_the_reference);
  RUN(context);
  return DONE();
}
