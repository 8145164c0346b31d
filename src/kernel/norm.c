#include "kernel/norm.h"

#include <math.h>

enum { LANES = 16, STRETCH = 512, ROWS = 32 };

double qn_sum_squares(const float *x, int64_t n, float centre) {
  double total = 0;
  for (int64_t start = 0; start < n; start += STRETCH) {
    int64_t end = start + STRETCH < n ? start + STRETCH : n, i = start;
    float lane[LANES] = {0};
    for (; i + LANES <= end; i += LANES)
      for (int j = 0; j < LANES; j++) {
        float d = x[i + j] - centre;
        lane[j] += d * d;
      }
    for (; i < end; i++) lane[0] += (x[i] - centre) * (x[i] - centre);
    for (int j = 0; j < LANES; j++) total += (double)lane[j];
  }
  return total;
}

double qn_sum(const float *x, int64_t n) {
  double total = 0;
  for (int64_t start = 0; start < n; start += STRETCH) {
    int64_t end = start + STRETCH < n ? start + STRETCH : n, i = start;
    float lane[LANES] = {0};
    for (; i + LANES <= end; i += LANES)
      for (int j = 0; j < LANES; j++) lane[j] += x[i + j];
    for (; i < end; i++) lane[0] += x[i];
    for (int j = 0; j < LANES; j++) total += (double)lane[j];
  }
  return total;
}

void qn_scale_row(const float *x, int64_t n, float mean, float scale, const float *gain, const float *bias, float *y) {
  if (gain && bias)
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
  else if (gain)
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * scale * gain[i];
  else
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * scale + (bias ? bias[i] : 0);
}

/* Sums over rows of x [rows, n] of (x - centre) or its square, per column. */
static void column_sums(const float *x, int64_t rows, int64_t n, const float *centre, bool squared, double *sums) {
  for (int64_t c0 = 0; c0 < n; c0 += 64) {
    int64_t width = n - c0 < 64 ? n - c0 : 64;
    for (int64_t j = 0; j < width; j++) sums[c0 + j] = 0;
    for (int64_t r0 = 0; r0 < rows; r0 += ROWS) {
      int64_t end = r0 + ROWS < rows ? r0 + ROWS : rows;
      float part[64] = {0};
      for (int64_t r = r0; r < end; r++) {
        const float *row = x + r * n + c0;
        if (squared)
          for (int64_t j = 0; j < width; j++) {
            float d = row[j] - centre[c0 + j];
            part[j] += d * d;
          }
        else
          for (int64_t j = 0; j < width; j++) part[j] += row[j];
      }
      for (int64_t j = 0; j < width; j++) sums[c0 + j] += (double)part[j];
    }
  }
}

static void sample_channels_last(const float *x, int64_t channels, int64_t space, int64_t groups, float epsilon,
                                 const float *gain, const float *bias, float *y, double *scratch) {
  double *sums = scratch;
  float *mean = (float *)(scratch + channels), *scale = mean + channels, *shift = scale + channels;
  int64_t per = channels / groups;
  double count = (double)per * (double)space;
  column_sums(x, space, channels, NULL, false, sums);
  for (int64_t g = 0; g < groups; g++) {
    double total = 0;
    for (int64_t c = g * per; c < (g + 1) * per; c++) total += sums[c];
    for (int64_t c = g * per; c < (g + 1) * per; c++) mean[c] = (float)(total / count);
  }
  column_sums(x, space, channels, mean, true, sums);
  for (int64_t g = 0; g < groups; g++) {
    double total = 0;
    for (int64_t c = g * per; c < (g + 1) * per; c++) total += sums[c];
    float factor = (float)(1 / sqrt(total / count + (double)epsilon));
    for (int64_t c = g * per; c < (g + 1) * per; c++) {
      scale[c] = factor * (gain ? gain[c] : 1);
      shift[c] = bias ? bias[c] : 0;
    }
  }
  for (int64_t r = 0; r < space; r++)
    for (int64_t c = 0; c < channels; c++) y[r * channels + c] = (x[r * channels + c] - mean[c]) * scale[c] + shift[c];
}

void qn_group_norm(const float *x, int64_t samples, int64_t channels, int64_t space, int64_t groups, bool channels_last,
                   float epsilon, const float *gain, const float *bias, float *y, double *scratch) {
  int64_t per = channels / groups, block = per * space;
  for (int64_t s = 0; s < samples; s++) {
    if (channels_last) {
      int64_t at = s * channels * space;
      sample_channels_last(x + at, channels, space, groups, epsilon, gain, bias, y + at, scratch);
      continue;
    }
    for (int64_t g = 0; g < groups; g++) {
      const float *from = x + (s * groups + g) * block;
      float *to = y + (s * groups + g) * block;
      float mean = (float)(qn_sum(from, block) / (double)block);
      float scale = (float)(1 / sqrt(qn_sum_squares(from, block, mean) / (double)block + (double)epsilon));
      for (int64_t c = 0; c < per; c++) {
        float factor = scale * (gain ? gain[g * per + c] : 1), shift = bias ? bias[g * per + c] : 0;
        for (int64_t i = c * space; i < (c + 1) * space; i++) to[i] = (from[i] - mean) * factor + shift;
      }
    }
  }
}
