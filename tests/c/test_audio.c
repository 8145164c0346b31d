/* feature/audio: steps of sound against librosa, torchaudio and transformers (tests/golden/make_audio_golden.py), in pieces and whole. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../golden/audio_golden.h"
#include "base/memory.h"
#include "feature/pipeline.h"
#include "kernel/rfft.h"

static qn_error err;
static uint32_t seed = 1;
static uint32_t any(uint32_t below) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % below;
}

static int32_t triangle(uint32_t phase) { return (int32_t)(phase < 32768 ? phase : 65535 - phase) - 16384; }
static int32_t down(int32_t a, int32_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); } /* Python's // */

/* The signal of make_audio_golden.py. x: [n] */
static void signal_of(uint32_t n, float *x) {
  uint32_t s = 1;
  for (uint32_t i = 0; i < n; i++) {
    s = s * 1664525u + 1013904223u;
    const int32_t noise = (int32_t)((s >> 16) % 2001) - 1000;
    const int32_t value = down(triangle(i * 1311 % 65536), 2) + down(triangle(i * (5000 + i) % 65536), 4) + noise;
    x[i] = i >= 2000 && i < 2700 ? 0 : (float)value / 32768;
  }
}

enum { SAMPLES = 5000 };
static float signal[SAMPLES];

/* The last result of the steps over n samples, copied: *data is the caller's. Fails with the sentence in err. */
static qn_status run_steps(const char *json, const float *x, int64_t channels, int64_t n, double rate, qn_tensor *result) {
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  qn_status status = qn_pipeline_read(p, "steps", json, strlen(json), &err);
  qn_pipeline_given(p)->rate = rate;
  if (!status) status = qn_pipeline_input(p, "sound", QN_FLOAT, 2, (int64_t[]){channels, n}, 0, &err);
  if (!status) status = qn_pipeline_plan(p, false, &err);
  if (!status) {
    if (n) memcpy(qn_pipeline_input_tensor(p, 0)->data, x, (size_t)(channels * n) * sizeof *x);
    status = qn_pipeline_run(p, true, true, &err);
  }
  if (!status) {
    *result = qn_pipeline_slot(p, qn_pipeline_slot_count(p) - 1)->tensor;
    const size_t bytes = qn_tensor_bytes(result);
    void *copy = malloc(bytes + 1);
    if (bytes) memcpy(copy, result->data, bytes);
    result->data = copy;
  }
  qn_pipeline_free(p);
  return status;
}

/* How far rows 0, step, 2 step … are from the recorded ones. Within `relative` of a number and `peak` of the greatest of its row; as logarithms:
 * within `peak`, of numbers at least `range` below the greatest of all. */
static bool close_rows(const char *name, const qn_tensor *t, int rows, int step, int width, const float *want, double relative, double peak, double range) {
  if (t->rank != 2 || t->dims[0] != rows || t->dims[1] != width) {
    printf("%s: shape [%lld, %lld], wanted [%d, %d]\n", name, (long long)t->dims[0], (long long)t->dims[1], rows, width);
    return false;
  }
  double worst = 0, most = -INFINITY;
  for (int i = 0; i < (rows + step - 1) / step * width; i++) most = fmax(most, want[i]);
  for (int row = 0, k = 0; row < rows; row += step, k++) {
    const float *got = (const float *)t->data + (size_t)row * (size_t)width, *y = want + (size_t)k * (size_t)width;
    double top = 0;
    for (int i = 0; i < width; i++) top = fmax(top, fabs(y[i]));
    for (int i = 0; i < width; i++) {
      if (range > 0 && y[i] < most - range) continue;
      const double allowed = range > 0 ? peak : relative * fabs(y[i]) + peak * top + 1e-30;
      worst = fmax(worst, isnan(got[i]) ? INFINITY : fabs((double)got[i] - y[i]) / allowed);
    }
  }
  if (worst > 1) printf("%s: %g of the tolerance\n", name, worst);
  return worst <= 1;
}

#define GOLDEN(name, json, ...)                                                                                      \
  do {                                                                                                               \
    qn_tensor t = {0};                                                                                               \
    const qn_status status = run_steps(json, signal, 1, SAMPLES, 16000, &t);                                         \
    if (status) printf("%s: %s\n", #name, err.text);                                                                 \
    CHECK(!status && close_rows(#name, &t, name##_rows, name##_step, name##_width, name, __VA_ARGS__));               \
    free(t.data);                                                                                                    \
  } while (0)
/* The project's bounds. Of logarithms: 1e-3 within 60 dB of the peak, so 13.8 of natural ones, 6 of base 10. */
#define POWER 1e-4, 1e-6, 0
#define LOG(range) 0, 1e-3, range

#define LIBROSA_MEL "{\"step\":\"frames\",\"length\":512,\"hop\":160,\"pad\":\"reflect\",\"window\":\"hann\"},{\"step\":\"spectrum\"},{\"step\":\"mel\",\"filters\":40}"
#define TORCH_MEL "{\"step\":\"frames\",\"length\":400,\"hop\":200,\"pad\":\"reflect\",\"window\":\"hann\"},{\"step\":\"spectrum\"},{\"step\":\"mel\",\"filters\":40,\"scale\":\"htk\",\"norm\":\"none\"}"
#define KALDI_FRAMES(more) "{\"step\":\"gain\",\"by\":32768},{\"step\":\"frames\",\"length\":400,\"hop\":160,\"remove_dc\":true,\"pre_emphasis\":0.97,\"periodic\":false," more "}"
#define KALDI_MEL(more) "{\"step\":\"spectrum\",\"size\":512},{\"step\":\"mel\",\"filters\":23,\"low\":20," more "\"scale\":\"htk\",\"norm\":\"none\",\"triangles\":\"mel\"},{\"step\":\"log\",\"floor\":1.1920929e-07}"
#define WHISPER "{\"step\":\"fit_length\",\"seconds\":1},{\"step\":\"frames\",\"length\":400,\"hop\":160,\"pad\":\"reflect\",\"window\":\"hann\",\"drop_last\":true},{\"step\":\"spectrum\"},{\"step\":\"mel\"},{\"step\":\"log\",\"base\":\"10\",\"top\":8,\"add\":4,\"multiply\":0.25}"

TEST(spectra) {
  GOLDEN(golden_librosa_stft, "[{\"step\":\"frames\",\"length\":512,\"hop\":200,\"window_length\":400,\"pad\":\"constant\",\"window\":\"hamming\"},{\"step\":\"spectrum\",\"kind\":\"magnitude\"}]", POWER);
  GOLDEN(golden_librosa_odd, "[{\"step\":\"frames\",\"length\":441,\"hop\":300,\"pad\":\"reflect\",\"window\":\"blackman\"},{\"step\":\"spectrum\",\"kind\":\"magnitude\"}]", POWER);
}

TEST(mel_spectra) {
  GOLDEN(golden_librosa_mel, "[" LIBROSA_MEL "]", POWER);
  GOLDEN(golden_librosa_htk, "[{\"step\":\"frames\",\"length\":400,\"window\":\"hann\"},{\"step\":\"spectrum\",\"kind\":\"magnitude\"},{\"step\":\"mel\",\"filters\":20,\"low\":60,\"high\":7600,\"scale\":\"htk\",\"norm\":\"none\"}]", POWER);
  GOLDEN(golden_torch_mel, "[" TORCH_MEL "]", POWER);
}

TEST(logarithms) {
  GOLDEN(golden_whisper, "[" WHISPER "]", LOG(1.5)); /* 60 dB are 6, times 0.25 */
  GOLDEN(golden_librosa_db, "[" LIBROSA_MEL ",{\"step\":\"log\",\"base\":\"db\",\"to_peak\":true,\"top\":80}]", LOG(60));
  GOLDEN(golden_torch_log, "[" TORCH_MEL ",{\"step\":\"log\",\"offset\":1e-6}]", LOG(13.8));
  GOLDEN(golden_kaldi_fbank, "[" KALDI_FRAMES("\"window\":\"povey\"") "," KALDI_MEL("") "]", LOG(13.8));
  GOLDEN(golden_kaldi_fbank_whole, "[" KALDI_FRAMES("\"window\":\"hamming\",\"pad\":\"kaldi\"") "," KALDI_MEL("\"high\":-400,") "]", LOG(13.8));
}

TEST(emphasis) {
  const char *const steps[] = {"[{\"step\":\"pre_emphasis\",\"start\":\"librosa\"}]", "[{\"step\":\"pre_emphasis\"}]"};
  const float *const want[] = {golden_librosa_emphasis, golden_torch_emphasis};
  for (int k = 0; k < 2; k++) {
    qn_tensor t = {0};
    CHECK(run_steps(steps[k], signal, 1, SAMPLES, 16000, &t) == QN_OK && t.dims[1] == SAMPLES);
    for (int i = 0; i < 20; i++) CHECK(fabsf(((float *)t.data)[i] - want[k][i]) < 1e-6f);
    free(t.data);
  }
}

#define DB_MFCC(more) "[" LIBROSA_MEL ",{\"step\":\"log\",\"base\":\"db\",\"top\":80},{\"step\":\"dct\"" more "}"
/* Cepstra are sums of logarithms that are within 1e-3: of decibels, 1e-3 of the frame's largest. */
#define CEPSTRUM 0, 1e-4, 0

TEST(cepstra) {
  GOLDEN(golden_librosa_mfcc, DB_MFCC("") "]", CEPSTRUM);
  GOLDEN(golden_librosa_lifted, DB_MFCC(",\"lifter\":22") "]", CEPSTRUM);
  GOLDEN(golden_kaldi_mfcc, "[" KALDI_FRAMES("\"window\":\"povey\"") "," KALDI_MEL("") ",{\"step\":\"dct\",\"lifter\":22,\"like\":\"kaldi\"}]", CEPSTRUM);
}

TEST(changes) {
  GOLDEN(golden_librosa_delta, DB_MFCC(",\"lifter\":22") ",{\"step\":\"deltas\"}]", CEPSTRUM);
  GOLDEN(golden_librosa_delta2, DB_MFCC(",\"lifter\":22") ",{\"step\":\"deltas\",\"order\":2,\"width\":7}]", CEPSTRUM);
  GOLDEN(golden_torch_deltas, "[" TORCH_MEL ",{\"step\":\"deltas\",\"width\":5,\"edge\":\"nearest\"}]", 1e-4, 1e-5, 0); /* differences of power: ten times the peak's bound */
  qn_tensor x = {0}, d = {0}, dd = {0}, all = {0};
  CHECK(run_steps("[" TORCH_MEL "]", signal, 1, SAMPLES, 16000, &x) == QN_OK && run_steps("[" TORCH_MEL ",{\"step\":\"deltas\"}]", signal, 1, SAMPLES, 16000, &d) == QN_OK);
  CHECK(run_steps("[" TORCH_MEL ",{\"step\":\"deltas\",\"order\":2}]", signal, 1, SAMPLES, 16000, &dd) == QN_OK);
  CHECK(run_steps("[" TORCH_MEL ",{\"step\":\"deltas\",\"order\":2,\"stack\":true}]", signal, 1, SAMPLES, 16000, &all) == QN_OK && all.dims[1] == 120);
  for (int64_t row = 0; row < x.dims[0]; row++) {
    const float *y = (float *)all.data + 120 * row;
    CHECK(!memcmp(y, (float *)x.data + 40 * row, 160) && !memcmp(y + 40, (float *)d.data + 40 * row, 160) && !memcmp(y + 80, (float *)dd.data + 40 * row, 160));
  }
  free(x.data), free(d.data), free(dd.data), free(all.data);
}

TEST(rates) {
#define RATES(a, b) \
  {"[{\"step\":\"resample\",\"rate\":" #b "}]", a, golden_resample_##a##_##b##_length, golden_resample_##a##_##b}
  static const struct { const char *json; double rate; int length; const float *want; } cases[] = {RATES(44100, 16000), RATES(48000, 16000), RATES(8000, 16000), RATES(16000, 22050)};
  for (int i = 0; i < 4; i++) {
    qn_tensor t = {0};
    CHECK(run_steps(cases[i].json, signal, 1, SAMPLES, cases[i].rate, &t) == QN_OK && t.dims[1] == cases[i].length);
    const float *y = t.data;
    float worst = 0;
    for (int k = 0; k < 60; k++) worst = fmaxf(worst, fmaxf(fabsf(y[k] - cases[i].want[k]), fabsf(y[cases[i].length - 60 + k] - cases[i].want[60 + k])));
    if (!(worst < 1e-6f)) printf("%s: %g\n", cases[i].json, worst);
    CHECK(worst < 1e-6f);
    free(t.data);
  }
  qn_tensor t = {0};
  for (int known = 0; known < 2; known++) { /* at that rate already, and of unknown rate */
    CHECK(run_steps("[{\"step\":\"resample\",\"rate\":16000},{\"step\":\"frames\",\"length\":100,\"rate\":16000}]", signal, 1, 1000, known ? 16000 : 0, &t) == QN_OK);
    CHECK(t.count == 1000 && !memcmp(t.data, signal, 4000));
    free(t.data);
  }
}

TEST(standards) {
  qn_tensor t = {0};
  CHECK(run_steps("[{\"step\":\"mono\"},{\"step\":\"standardize\"}]", signal, 1, SAMPLES, 16000, &t) == QN_OK);
  for (int i = 0; i < 60; i++) CHECK(fabsf(((float *)t.data)[i] - golden_wav2vec[i]) < 1e-5f);
  free(t.data);
  static const struct { const char *json; float want[6]; } cases[] = { /* of frames 1 5 9 and 3 5 1 */
    {"\"over\":\"feature\",\"epsilon\":0", {-1, 0, 1, 1, 0, -1}},
    {"\"over\":\"frame\",\"variance\":false", {-4, 0, 4, 0, 2, -2}},
    {"\"over\":\"feature\",\"mean\":false,\"ddof\":1,\"epsilon\":1,\"epsilon_in\":\"std\"", {0.41421356f, 5, 1.35198994f, 1.24264069f, 5, 0.150221105f}},
    {"\"means\":[1,2,3],\"stds\":2", {0, 1.5f, 3, 1, 1.5f, -1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char json[400] = "[{\"step\":\"frames\",\"length\":3},{\"step\":\"standardize\",";
    strcat(strcat(json, cases[i].json), "}]");
    CHECK(run_steps(json, (float[]){1, 5, 9, 3, 5, 1}, 1, 6, 0, &t) == QN_OK);
    for (int k = 0; k < 6; k++) CHECK(fabsf(((float *)t.data)[k] - cases[i].want[k]) < 1e-6f);
    free(t.data);
  }
}

/* The rules are post/vad.h's; the step states frames in milliseconds and answers in seconds. */
TEST(stretches) {
  static float p[400];
  for (int i = 0; i < 400; i++) p[i] = (i >= 100 && i < 150) || (i >= 205 && i < 209) || i >= 390 ? 0.5f + (float)i / 1000 : 0.1f;
  qn_pipeline *s = qn_pipeline_create(qn_feature_steps);
  const char *json = "[{\"step\":\"segments\",\"length\":512,\"redemption_ms\":320,\"pre_pad_ms\":64,\"min_speech_ms\":160}]";
  CHECK(qn_pipeline_read(s, "outputs", json, strlen(json), &err) == QN_OK && qn_pipeline_answer(s) == QN_ANSWER_ROWS);
  CHECK(qn_pipeline_input(s, "p", QN_FLOAT, 2, (int64_t[]){400, 1}, 0, &err) == QN_OK);
  CHECK(qn_pipeline_plan(s, false, &err) != QN_OK && strstr(err.text, "give rate"));
  qn_pipeline_given(s)->rate = 16000;
  qn_pipeline_given(s)->seconds = 12.79;
  CHECK(qn_pipeline_plan(s, false, &err) == QN_OK);
  memcpy(qn_pipeline_input_tensor(s, 0)->data, p, sizeof p);
  CHECK(qn_pipeline_run(s, true, true, &err) == QN_OK);
  const qn_tensor *start = &qn_pipeline_slot(s, 1)->tensor, *end = &qn_pipeline_slot(s, 2)->tensor, *score = &qn_pipeline_slot(s, 3)->tensor;
  CHECK(start->count == 2); /* the middle one is too short */
  const double *from = start->data, *to = end->data, *mean = score->data;
  CHECK(fabs(from[0] - 98 * 0.032) < 1e-12 && fabs(to[0] - 160 * 0.032) < 1e-12 && fabs(from[1] - 388 * 0.032) < 1e-12 && to[1] == 12.79);
  double sum = 0;
  for (int i = 98; i < 160; i++) sum += p[i];
  CHECK(fabs(mean[0] - sum / 62) < 1e-12);
  qn_pipeline_free(s);
}

/* Every size with small prime factors, all lanes, against the sum that defines the transform. */
TEST(transforms) {
  static float x[4 * 700], tables[4 * 1500], work[16 * 1500];
  for (size_t n = 1; n <= 660; n = n < 70 ? n + 1 : n + 59) {
    qn_rfft f;
    if (!qn_rfft_plan(n, &f)) {
      CHECK(n == 67 || n > 70);
      continue;
    }
    CHECK(f.table_count <= 6000 && f.work_count <= 24000);
    qn_rfft_prepare(&f, tables);
    const int rows = 1 + (int)(n % 4);
    const size_t length = n - n % 3 / 2;
    for (size_t i = 0; i < 4 * 700; i++) x[i] = (float)any(20001) / 10000 - 1;
    for (size_t i = 0; i < f.work_count; i++) work[i] = NAN;
    const float *z = qn_rfft4(&f, tables, x, rows, length, 700, work);
    double worst = 0;
    for (int r = 0; r < rows; r++)
      for (size_t k = 0; k < qn_rfft_bins(n); k++) {
        double re = 0, im = 0;
        for (size_t i = 0; i < length; i++) {
          const double angle = 2 * 3.14159265358979323846 * (double)(i * k % n) / (double)n;
          re += x[700 * (size_t)r + i] * cos(angle);
          im -= x[700 * (size_t)r + i] * sin(angle);
        }
        worst = fmax(worst, fmax(fabs(re - z[8 * k + (size_t)r]), fabs(im - z[8 * k + 4 + (size_t)r])));
      }
    if (!(worst < 1e-6 * sqrt((double)n) + 1e-6)) printf("size %zu: %g\n", n, worst);
    CHECK(worst < 1e-6 * sqrt((double)n) + 1e-6); /* eight units of single precision, and it grows as the root of the sum of squares */
  }
  qn_rfft f;
  CHECK(!qn_rfft_plan(0, &f) && !qn_rfft_plan(67, &f) && !qn_rfft_plan(QN_RFFT_MOST + 1, &f) && qn_rfft_plan(QN_RFFT_MOST, &f));
}

/* Pieces of any length give the bits that the whole sound gives. */
static void same_in_pieces(const char *json, const float *x, int64_t n, int64_t longest) {
  qn_tensor whole = {0};
  const qn_status made = run_steps(json, x, 1, n, 16000, &whole);
  if (made) CHECK(strstr(err.text, "fewer than the width")); /* what deltas say of sounds that are too short */
  if (made) return;
  qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
  CHECK(qn_pipeline_read(p, "steps", json, strlen(json), &err) == QN_OK);
  qn_pipeline_given(p)->rate = 16000;
  CHECK(qn_pipeline_input(p, "sound", QN_FLOAT, 2, (int64_t[]){1, longest}, 0, &err) == QN_OK);
  const qn_status planned = qn_pipeline_plan(p, true, &err);
  if (planned) printf("%s: %s\n", json, err.text);
  CHECK(!planned);
  for (int round = 0; round < 2 && !planned; round++) { /* a stream may begin anew */
    size_t at = 0;
    bool same = true, first = true, last = false;
    for (int64_t i = 0; !last; first = false) {
      const size_t calls = qn_alloc_count();
      last = i == n && any(2);
      int64_t take = last ? 0 : (int64_t)any((uint32_t)longest + 1);
      if (take > n - i) take = n - i;
      CHECK(qn_pipeline_shorten(p, 0, take, &err) == QN_OK);
      if (take) memcpy(qn_pipeline_input_tensor(p, 0)->data, x + i, (size_t)take * sizeof *x);
      CHECK(qn_pipeline_run(p, first, last, &err) == QN_OK);
      i += take;
      CHECK(qn_alloc_count() == calls);
      const qn_tensor *t = &qn_pipeline_slot(p, qn_pipeline_slot_count(p) - 1)->tensor;
      const size_t bytes = qn_tensor_bytes(t);
      same = same && at + bytes <= qn_tensor_bytes(&whole) && (!bytes || !memcmp((char *)whole.data + at, t->data, bytes));
      at += bytes;
    }
    if (!same || at != qn_tensor_bytes(&whole)) printf("%s: %lld samples in pieces of up to %lld: %zu bytes of %zu, %s\n", json, (long long)n, (long long)longest, at, qn_tensor_bytes(&whole), same ? "the same" : "others");
    CHECK(same && at == qn_tensor_bytes(&whole));
  }
  qn_pipeline_free(p);
  free(whole.data);
}

TEST(streams) {
  static const char *const steps[] = {
    "[{\"step\":\"frames\",\"length\":512,\"context\":64,\"tail\":\"pad\"}]",
    "[{\"step\":\"frames\",\"length\":400,\"hop\":160}]",
    "[{\"step\":\"frames\",\"length\":30,\"hop\":70,\"tail\":\"pad\",\"drop_last\":true}]",
    "[{\"step\":\"frames\",\"length\":31,\"hop\":7,\"pad\":\"reflect\",\"drop_last\":true}]",
    "[{\"step\":\"frames\",\"length\":64,\"hop\":100,\"pad\":\"constant\"}]",
    "[{\"step\":\"frames\",\"length\":50,\"hop\":80,\"pad\":\"kaldi\"}]",
    "[{\"step\":\"pre_emphasis\"},{\"step\":\"frames\",\"length\":1,\"hop\":1}]",
    "[{\"step\":\"mono\"},{\"step\":\"pre_emphasis\",\"start\":\"copy\"}," TORCH_MEL ",{\"step\":\"log\"}]",
    "[" KALDI_FRAMES("\"window\":\"povey\",\"pad\":\"kaldi\"") "," KALDI_MEL("") "]",
    "[{\"step\":\"frames\",\"length\":5},{\"step\":\"deltas\",\"width\":7,\"order\":2,\"stack\":true,\"edge\":\"nearest\"}]",
    "[{\"step\":\"frames\",\"length\":2},{\"step\":\"deltas\",\"width\":3}]",
    "[{\"step\":\"resample\",\"rate\":22050},{\"step\":\"frames\",\"length\":40,\"hop\":30,\"pad\":\"reflect\"}]",
    "[{\"step\":\"resample\",\"rate\":8000},{\"step\":\"frames\",\"length\":1,\"hop\":1}]",
    "[{\"step\":\"resample\",\"rate\":11025},{\"step\":\"resample\",\"rate\":16000},{\"step\":\"frames\",\"length\":1,\"hop\":1},{\"step\":\"standardize\",\"over\":\"frame\",\"variance\":false}]",
  };
  static const int64_t lengths[] = {0, 1, 2, 15, 16, 31, 100, 401, 1000, SAMPLES};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
      for (int64_t longest = 1; longest <= 3000; longest *= 31)
        if (lengths[k] / longest < 1001) same_in_pieces(steps[i], signal, lengths[k], longest);
}

TEST(channels) {
  static const float x[] = {1, 2, 3, 5, 6, 10};
  qn_tensor t = {0};
  CHECK(run_steps("[{\"step\":\"mono\"}]", x, 2, 3, 0, &t) == QN_OK && t.dims[0] == 1 && t.dims[1] == 3);
  for (int i = 0; i < 3; i++) CHECK(((float *)t.data)[i] == (x[i] + x[3 + i]) / 2);
  free(t.data);
  CHECK(run_steps("[{\"step\":\"mono\",\"channel\":1},{\"step\":\"fit_length\",\"samples\":5}]", x, 2, 3, 0, &t) == QN_OK && t.dims[1] == 5);
  CHECK(!memcmp(t.data, (float[]){5, 6, 10, 0, 0}, 20));
  free(t.data);
  CHECK(run_steps("[{\"step\":\"fit_length\",\"samples\":2}]", x, 2, 3, 0, &t) == QN_OK && !memcmp(t.data, (float[]){1, 2, 5, 6}, 16));
  free(t.data);
}

TEST(nothing_and_silence) {
  static const float silence[1000];
  qn_tensor t = {0};
  CHECK(run_steps("[" LIBROSA_MEL ",{\"step\":\"log\",\"base\":\"db\",\"to_peak\":true,\"top\":80}]", silence, 1, 1000, 16000, &t) == QN_OK && t.dims[0] == 7);
  for (int64_t i = 0; i < t.count; i++) CHECK(fabsf(((float *)t.data)[i]) < 1e-4f); /* the floor is its own peak */
  free(t.data);
  CHECK(run_steps("[" WHISPER "]", silence, 1, 0, 16000, &t) == QN_OK && t.dims[0] == 100);
  for (int64_t i = 0; i < t.count; i++) CHECK(fabsf(((float *)t.data)[i] + 1.5f) < 1e-5f);
  free(t.data);
  CHECK(run_steps("[" TORCH_MEL ",{\"step\":\"log\",\"top\":8},{\"step\":\"frame_layout\",\"order\":\"bft\"}]", silence, 1, 0, 16000, &t) == QN_OK);
  CHECK(t.rank == 3 && t.dims[1] == 40 && t.dims[2] == 0);
  free(t.data);
}

TEST(orders) {
  qn_tensor t = {0}, other = {0};
  CHECK(run_steps("[{\"step\":\"frames\",\"length\":7,\"hop\":3}]", signal, 1, 100, 0, &t) == QN_OK && t.dims[0] == 32);
  CHECK(run_steps("[{\"step\":\"frames\",\"length\":7,\"hop\":3},{\"step\":\"frame_layout\",\"order\":\"ft\"}]", signal, 1, 100, 0, &other) == QN_OK && other.dims[0] == 7 && other.dims[1] == 32);
  for (int i = 0; i < 32; i++)
    for (int k = 0; k < 7; k++) CHECK(((float *)other.data)[32 * k + i] == ((float *)t.data)[7 * i + k] && ((float *)t.data)[7 * i + k] == signal[3 * i + k]);
  free(t.data), free(other.data);
}

TEST(refusals) {
  static const struct { const char *json, *part; double rate; } cases[] = {
    {"[{\"step\":\"frames\"}]", "steps[0] 'frames': length is missing", 16000},
    {"[{\"step\":\"frames\",\"length\":4,\"context\":1,\"pad\":\"reflect\"}]", "context and pad exclude each other", 16000},
    {"[{\"step\":\"frames\",\"length\":4,\"tail\":\"pad\",\"pad\":\"reflect\"}]", "tail is for frames without pad", 16000},
    {"[{\"step\":\"frames\",\"length\":4,\"window_length\":5}]", "window_length is at most the length 4, got 5", 16000},
    {"[{\"step\":\"frames\",\"length\":4,\"rate\":8000}]", "the sound has 16000 samples per second, the step is for 8000: put the step 'resample' before it", 16000},
    {"[{\"step\":\"frames\",\"length\":64},{\"step\":\"spectrum\"},{\"step\":\"mel\",\"low\":9000}]", "low is below high", 16000},
    {"[{\"step\":\"frames\",\"length\":67},{\"step\":\"spectrum\"}]", "no prime factor above 61, got 67", 16000},
    {"[{\"step\":\"frames\",\"length\":68},{\"step\":\"spectrum\",\"size\":64}]", "frames of 68 samples do not fit a size of 64", 16000},
    {"[{\"step\":\"frames\",\"length\":64},{\"step\":\"spectrum\"},{\"step\":\"mel\"}]", "is not known: give rate", 0},
    {"[{\"step\":\"frames\",\"length\":64},{\"step\":\"spectrum\"},{\"step\":\"mel\",\"size\":66}]", "33 bins is not of a transform of size 66", 16000},
    {"[{\"step\":\"frames\",\"length\":64},{\"step\":\"spectrum\"},{\"step\":\"mel\",\"high\":8001}]", "high at most half the rate", 16000},
    {"[{\"step\":\"frames\",\"length\":10},{\"step\":\"mono\"}]", "from 1 to 64 channels, got 100", 16000},
    {"[{\"step\":\"fit_length\"}]", "give samples or seconds", 16000},
    {"[{\"step\":\"fit_length\",\"seconds\":1}]", "give rate", 0},
    {"[{\"step\":\"mono\",\"channel\":1}]", "there is no channel 1 in a sound of 1", 16000},
    {"[{\"step\":\"resample\",\"rate\":16000,\"from\":8000}]", "the step is for 8000", 16000},
    {"[{\"step\":\"resample\",\"rate\":999983}]", "is a ratio of 1000000 to 999983, which is too large", 1000000},
    {"[{\"step\":\"resample\",\"rate\":16000}]", "a whole number of samples per second, got 16000.5", 16000.5},
    {"[{\"step\":\"frames\",\"length\":12},{\"step\":\"dct\"}]", "frames of count (13) to 4096 numbers, got 12", 16000},
    {"[{\"step\":\"frames\",\"length\":12},{\"step\":\"deltas\",\"width\":4}]", "width is odd, got 4", 16000},
    {"[{\"step\":\"frames\",\"length\":200},{\"step\":\"deltas\"}]", "5 frames are fewer than the width 9", 16000},
    {"[{\"step\":\"frames\",\"length\":12},{\"step\":\"standardize\",\"stds\":[1,2]}]", "stds has 2 numbers for frames of 12", 16000},
    {"[{\"step\":\"mono\"},{\"step\":\"color\"}]", "cannot follow 'mono', which takes another kind of source", 16000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    qn_tensor t = {0};
    err.text[0] = 0;
    const qn_status status = run_steps(cases[i].json, signal, 1, 1000, cases[i].rate, &t);
    const bool expected = status != QN_OK && strstr(err.text, cases[i].part);
    if (!expected) printf("%s: %s\n", cases[i].json, status ? err.text : "accepted");
    CHECK(expected);
    free(t.data);
  }
}

TEST(what_a_stream_cannot_have) {
  static const char *const cases[][2] = {
    {"[{\"step\":\"fit_length\",\"seconds\":1}]", "needs the whole signal"},
    {"[{\"step\":\"mono\"},{\"step\":\"spectrum\"}]", "'sound' is a sound, whose pieces vary in length: put the step 'frames' before it"},
    {"[{\"step\":\"frames\",\"length\":4},{\"step\":\"spectrum\",\"input\":\"sound\"}]", "'sound' is a sound"},
    {"[{\"step\":\"frames\",\"length\":4},{\"step\":\"log\",\"top\":8}]", "top needs the whole signal"},
    {"[{\"step\":\"frames\",\"length\":4},{\"step\":\"log\",\"to_peak\":true}]", "to_peak needs the whole signal"},
    {"[{\"step\":\"frames\",\"length\":4},{\"step\":\"standardize\"}]", "cannot be part of a stream: give means and stds"},
    {"[{\"step\":\"pre_emphasis\",\"start\":\"librosa\"}]", "cannot be part of a stream"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    qn_pipeline *p = qn_pipeline_create(qn_feature_steps);
    CHECK(qn_pipeline_read(p, "steps", cases[i][0], strlen(cases[i][0]), &err) == QN_OK);
    qn_pipeline_given(p)->rate = 16000;
    CHECK(qn_pipeline_input(p, "sound", QN_FLOAT, 2, (int64_t[]){1, 100}, 0, &err) == QN_OK);
    CHECK(qn_pipeline_plan(p, true, &err) != QN_OK && strstr(err.text, cases[i][1]));
    CHECK(qn_pipeline_plan(p, false, &err) == QN_OK); /* whole it works */
    CHECK(qn_pipeline_shorten(p, 0, 50, &err) == QN_ERR_STATE && strstr(err.text, "only the pieces of a stream"));
    qn_pipeline_free(p);
  }
}

int main(void) {
  signal_of(SAMPLES, signal);
  RUN(spectra);
  RUN(mel_spectra);
  RUN(logarithms);
  RUN(emphasis);
  RUN(cepstra);
  RUN(changes);
  RUN(rates);
  RUN(standards);
  RUN(stretches);
  RUN(transforms);
  RUN(streams);
  RUN(channels);
  RUN(nothing_and_silence);
  RUN(orders);
  RUN(refusals);
  RUN(what_a_stream_cannot_have);
  return DONE();
}
