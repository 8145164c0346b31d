/* 8-bit convolution: rows of int16 with the zero point subtracted, so that padding is 0, and the exact product. */
#include <string.h>

#include "base/memory.h"
#include "kernel/conv.h"

enum { BLOCK = 48 };

size_t qn_conv_i8_packed_count(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps) {
  size_t depth, each, all;
  if (maps == 0 || group_channels == 0 || taps == 0) return 1;
  if (!qn_size_mul((size_t)group_channels, (size_t)taps, &depth) || depth > INT32_MAX - 1) return 0;
  each = qn_gemm_packed_count(qn_gemm_i8_depth((int64_t)depth), maps / groups, 1);
  return each && qn_size_mul(each, (size_t)groups, &all) ? all : 0;
}

/* Columns in the order [channel, tap], as the weights lie. */
void qn_conv_i8_pack(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, const void *w, bool is_signed, int8_t *packed) {
  int64_t depth = group_channels * taps, group_maps = maps / groups;
  if (depth == 0 || group_maps == 0) return;
  size_t each = qn_gemm_packed_count(qn_gemm_i8_depth(depth), group_maps, 1);
  for (int64_t g = 0; g < groups; g++)
    qn_gemm_i8_pack(depth, group_maps, (const uint8_t *)w + g * group_maps * depth, is_signed, 1, depth, packed + (size_t)g * each);
}

size_t qn_conv_i8_room(const qn_conv *c) {
  size_t depth, rows, sums, taps, total;
  if (!qn_size_mul((size_t)(c->channels / c->groups), (size_t)c->window.taps, &depth) || depth > INT32_MAX - 1 ||
      !qn_size_mul(depth + 1, BLOCK * sizeof(int16_t), &rows) || !qn_size_mul((size_t)(c->maps / c->groups), BLOCK * sizeof(int32_t), &sums) ||
      !qn_size_mul((size_t)qn_conv_tap_room(&c->window), sizeof(qn_tap), &taps) || !qn_size_add(rows, sums, &total) ||
      !qn_size_add(total, taps, &total) || !qn_size_add(total, 4 * QN_ALIGN, &total))
    return 0;
  return total;
}

void qn_conv_i8(const qn_conv *c, const void *x, bool x_signed, int32_t x_zero, const int8_t *packed, const int32_t *zero,
                const qn_conv_i8_out *out, void *scratch) {
  const qn_window *w = &c->window;
  int64_t group_channels = c->channels / c->groups, group_maps = c->maps / c->groups, depth = group_channels * w->taps;
  int64_t lda = qn_gemm_i8_depth(depth);
  int16_t *rows = scratch;
  int32_t *sums = (int32_t *)(void *)((uint8_t *)scratch + qn_align_up((size_t)(BLOCK * lda) * sizeof(int16_t)));
  qn_tap *taps = (qn_tap *)(void *)((uint8_t *)sums + qn_align_up((size_t)(BLOCK * group_maps) * sizeof(int32_t)));
  if (group_maps == 0) return;
  size_t each = depth ? qn_gemm_packed_count(lda, group_maps, 1) : 0;
  const uint8_t *bytes = x;
  int flip = x_signed ? 0x80 : 0; /* (b ^ 0x80) - 0x80 is the signed value */
  for (int64_t n = 0; n < c->batch; n++)
    for (int64_t g = 0; g < c->groups; g++)
      for (int64_t p = 0; p < w->out_points; p += BLOCK) {
        int64_t count = w->out_points - p < BLOCK ? w->out_points - p : BLOCK;
        memset(rows, 0, (size_t)(count * lda) * sizeof(int16_t));
        const uint8_t *in = bytes + n * c->x.batch + g * group_channels * c->x.channel;
        for (int64_t i = 0; i < count && group_channels; i++) {
          int64_t inside = qn_window_taps(w, p + i, taps, NULL);
          int16_t *row = rows + i * lda;
          for (int64_t t = 0; t < inside; t++)
            for (int64_t k = 0; k < group_channels; k++)
              row[k * w->taps + taps[t].index] = (int16_t)((in[k * c->x.channel + taps[t].at * c->x.point] ^ flip) - flip - x_zero);
        }
        qn_gemm_i8(count, group_maps, depth, rows, lda, packed + (size_t)g * each, zero + g * group_maps, sums, group_maps);
        out->put(out->user, n, p, count, g * group_maps, group_maps, sums);
      }
}
