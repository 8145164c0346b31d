#include "kernel/conv_i8.h"

#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"

enum { BLOCK_BYTES = 256 * 1024, BLOCK_MIN = 8, POINTS = 8 /* of a depthwise convolution at a time */ };
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
/* Sums of one depthwise point, in whole vectors. */
static int64_t pitch_of(const qn_conv *c) { return (c->maps + 7) / 8 * 8; }

/* Rows of int16 that are made at a time, in whole tiles. */
static int64_t block_of(int64_t depth, int64_t points) {
  int64_t rows = depth > 0 ? BLOCK_BYTES / 2 / depth / 4 * 4 : QN_GEMM_I8_ROWS;
  rows = rows < BLOCK_MIN ? BLOCK_MIN : rows > QN_GEMM_I8_ROWS ? QN_GEMM_I8_ROWS : rows;
  return rows < points ? rows : points;
}

size_t qn_conv_i8_packed_size(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps) {
  size_t depth, each, all;
  if (maps == 0 || group_channels == 0 || taps == 0) return 1;
  if (qn_conv_i8_is_depthwise(groups, maps, group_channels)) return qn_depthwise_i8_packed_size(maps, taps);
  if (!qn_size_mul((size_t)group_channels, (size_t)taps, &depth) || depth > INT32_MAX - 1) return 0;
  each = qn_gemm_packed_count(qn_gemm_i8_depth((int64_t)depth), maps / groups, 1);
  return each && qn_size_mul(each, (size_t)groups, &all) ? all : 0;
}

/* Per group the matrix [taps · group_channels, maps / groups], so that the channels of a tap are copied as they lie. */
void qn_conv_i8_pack(int64_t groups, int64_t maps, int64_t group_channels, int64_t taps, const void *w, bool is_signed, const int32_t *zero, void *packed) {
  const int64_t depth = group_channels * taps, group_maps = maps / groups;
  if (depth == 0 || group_maps == 0) return;
  if (qn_conv_i8_is_depthwise(groups, maps, group_channels)) {
    qn_depthwise_i8_pack(maps, taps, w, is_signed, zero, packed);
    return;
  }
  uint8_t *to = packed;
  const uint8_t flip = is_signed ? 0 : 0x80;
  for (int64_t g = 0; g < groups; g++) {
    const uint8_t *from = (const uint8_t *)w + g * group_maps * depth;
    for (int64_t j = 0; j < group_maps; j += QN_PANEL)
      for (int64_t i = 0; i < depth; i += 2)
        for (int64_t m = j; m < j + QN_PANEL; m++)
          for (int64_t k = i; k < i + 2; k++)
            *to++ = m < group_maps && k < depth ? from[m * depth + k % group_channels * taps + k / group_channels] ^ flip : 0;
  }
}

typedef struct rooms {
  int16_t *rows;            /* [block, depth rounded up to even] */
  uint8_t *sums, *blank;    /* results on their way to a strided output; a row of zero points */
  int32_t *start;           /* [maps rounded up to 8] */
  int64_t *offsets;         /* [taps] elements from the first tap of a window to each tap */
  const uint8_t **pointers; /* [taps rounded up to even] */
  qn_tap *taps;
  size_t size;
  bool fits;
} rooms;

static void *take(rooms *r, uint8_t *base, size_t count, size_t width) {
  size_t bytes, end, at = r->size;
  r->fits = r->fits && qn_size_mul(count, width, &bytes) && qn_size_add(at, bytes + QN_SLACK, &end) && end < SIZE_MAX / 2;
  if (r->fits) r->size = qn_align_up(end);
  return base && r->fits ? base + at : NULL;
}

static rooms lay_out(const qn_conv *c, uint8_t *base) {
  rooms r = {.fits = true};
  const int64_t taps = c->window.taps, group_channels = c->channels / c->groups, depth = group_channels * taps;
  const bool depthwise = qn_conv_i8_is_depthwise(c->groups, c->maps, group_channels);
  if (depth > INT32_MAX - 1) return (rooms){.fits = false};
  r.offsets = take(&r, base, (size_t)taps, sizeof(int64_t));
  r.taps = take(&r, base, (size_t)qn_conv_tap_room(&c->window), sizeof(qn_tap));
  if (depthwise) {
    r.pointers = take(&r, base, (size_t)taps + 1, sizeof *r.pointers);
    r.blank = take(&r, base, (size_t)c->channels, 1);
    r.sums = take(&r, base, (size_t)pitch_of(c) * POINTS, sizeof(int32_t));
    r.start = take(&r, base, (size_t)c->maps + 8, sizeof(int32_t));
    return r;
  }
  const int64_t block = block_of(depth, c->window.out_points);
  r.rows = take(&r, base, (size_t)block * (size_t)qn_gemm_i8_depth(depth), sizeof(int16_t));
  r.sums = take(&r, base, (size_t)block, (size_t)(c->maps / c->groups) * sizeof(int32_t));
  return r;
}

size_t qn_conv_i8_room(const qn_conv *c) {
  const rooms r = lay_out(c, NULL);
  const size_t size = r.fits ? qn_parallel_room(r.size + QN_ALIGN) : 0;
  return size < SIZE_MAX / 2 ? size : 0;
}

/* An output point and the corner of its window. */
typedef struct cursor {
  int64_t at[QN_SPATIAL];
} cursor;

static cursor cursor_at(const qn_window *w, int64_t point) {
  cursor p = {{0}};
  for (int d = w->rank - 1; d >= 0; d--) {
    p.at[d] = point % w->out[d];
    point /= w->out[d];
  }
  return p;
}

static void advance(const qn_window *w, cursor *p) {
  for (int d = w->rank - 1; d >= 0; d--) {
    if (++p->at[d] < w->out[d]) return;
    p->at[d] = 0;
  }
}

/* How many points of a row from here on, at most `most`, have windows that lie within the input as a whole; *corner is the first tap of the first. */
static int64_t interior(const qn_window *w, const cursor *p, int64_t most, int64_t *corner) {
  int64_t room = 0;
  *corner = 0;
  for (int d = 0; d < w->rank; d++) {
    const int64_t first = p->at[d] * w->stride[d] - w->pad[d];
    room = w->in[d] - 1 - (w->kernel[d] - 1) * w->dilation[d] - first;
    if (first < 0 || room < 0) return 0;
    *corner = *corner * w->in[d] + first;
  }
  const int axis = w->rank - 1;
  return least(least(room / w->stride[axis] + 1, w->out[axis] - p->at[axis]), most);
}

/* Only where a window fits the input at all, which keeps the products in range. */
static void fill_offsets(const qn_conv *c, int64_t *offsets) {
  const qn_window *w = &c->window;
  for (int d = 0; d < w->rank; d++)
    if ((w->kernel[d] - 1) * w->dilation[d] >= w->in[d]) return;
  for (int64_t t = 0; t < w->taps; t++) {
    int64_t rest = t, step = 1, at = 0;
    for (int d = w->rank - 1; d >= 0; d--) {
      at += rest % w->kernel[d] * w->dilation[d] * step;
      rest /= w->kernel[d];
      step *= w->in[d];
    }
    offsets[t] = at * c->x.point;
  }
}

typedef struct job {
  const qn_conv *c;
  const uint8_t *x;
  bool x_signed;
  int32_t x_zero;
  const void *packed;
  const int32_t *zero;
  const qn_i8_out *out;
  uint8_t *y, *scratch;
  int64_t block, blocks, parts; /* rows of a block; blocks of a picture's group; parts of a block's columns */
} job;

static rooms rooms_of(const job *j, int worker) {
  rooms r = lay_out(j->c, NULL);
  r = lay_out(j->c, j->scratch + (size_t)worker * qn_parallel_part(r.size + QN_ALIGN));
  fill_offsets(j->c, r.offsets);
  return r;
}

/* Output points, over all pictures. */
static void depthwise(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const qn_conv *c = j->c;
  const qn_window *w = &c->window;
  const int64_t size = (int64_t)qn_dtype_size(j->out->dtype), pairs = (w->taps + 1) / 2;
  rooms r = rooms_of(j, worker);
  memset(r.blank, (uint8_t)j->x_zero, (size_t)c->channels);
  qn_depthwise_i8_start(c->maps, pairs, j->x_zero, j->packed, j->out->offset, r.start);
  cursor at = cursor_at(w, first % w->out_points);
  const int axis = w->rank - 1;
  const int64_t step = w->stride[axis] * c->x.point, pitch = pitch_of(c);
  int32_t *sums = (int32_t *)(void *)r.sums;
  for (int64_t i = first, count, corner; i < last; i += count, at.at[axis] += count - 1, advance(w, &at)) {
    const int64_t n = i / w->out_points, p = i % w->out_points;
    const uint8_t *in = j->x + n * c->x.batch;
    count = interior(w, &at, least(POINTS, last - i), &corner);
    if (count) { /* their taps lie as many steps further */
      r.pointers[2 * pairs - 1] = in + corner * c->x.point; /* the odd one out, whose weights are zeros */
      for (int64_t t = 0; t < w->taps; t++) r.pointers[t] = in + corner * c->x.point + r.offsets[t];
    } else {
      const int64_t inside = qn_window_taps(w, p, r.taps, NULL);
      count = 1;
      for (int64_t t = 0; t < 2 * pairs; t++) r.pointers[t] = r.blank;
      for (int64_t t = 0; t < inside; t++) r.pointers[r.taps[t].index] = in + r.taps[t].at * c->x.point;
    }
    qn_depthwise_i8_points(count, step, c->channels, pairs, r.pointers, j->x_signed, j->packed, r.start, sums, pitch);
    qn_i8_finish(j->out, 0, c->maps, count, sums, pitch, j->y + (n * c->y.batch + p * c->y.point) * size, c->y.point);
  }
}

/* Depthwise over planes, which only constant folding meets: channel by channel, as one-channel channels-last pictures. */
static void depthwise_planes(const qn_conv *c, const uint8_t *x, bool x_signed, int32_t x_zero, const int16_t *packed, const qn_i8_out *out, uint8_t *y, rooms *r) {
  const qn_window *w = &c->window;
  const int64_t size = (int64_t)qn_dtype_size(out->dtype), pairs = (w->taps + 1) / 2;
  for (int64_t n = 0; n < c->batch; n++)
    for (int64_t k = 0; k < c->maps; k++)
      for (int64_t p = 0; p < w->out_points; p++) {
        const int64_t inside = qn_window_taps(w, p, r->taps, NULL);
        const uint8_t *in = x + n * c->x.batch + k * c->x.channel;
        uint32_t sum = out->offset ? (uint32_t)out->offset[k] : 0;
        for (int64_t t = 0; t < inside; t++) {
          const uint8_t b = in[r->taps[t].at * c->x.point];
          const int64_t tap = r->taps[t].index;
          sum += (uint32_t)(((x_signed ? (int8_t)b : b) - x_zero) * packed[((k / 8 * pairs + tap / 2) * 8 + k % 8) * 2 + tap % 2]);
        }
        const int32_t total = (int32_t)sum;
        qn_i8_finish(out, k, 1, 1, &total, 1, y + (n * c->y.batch + k * c->y.channel + p * c->y.point) * size, 1);
      }
}

#ifdef __wasm_simd128__
enum { WIDE = 8 };
#else
enum { WIDE = 1 };
#endif

/* Rows [count, lda] of [tap, channel], of output points from p on. run: taps whose channels follow each other in memory. */
static void gather(const qn_conv *c, const uint8_t *in, bool x_signed, int32_t x_zero, int64_t run, int64_t p, int64_t count, const rooms *r, int16_t *row, int64_t lda) {
  const qn_window *w = &c->window;
  const int64_t channels = c->channels / c->groups, depth = channels * w->taps, step = w->stride[w->rank - 1] * c->x.point;
  cursor at = cursor_at(w, p);
  for (int64_t k = 0, few, corner; k < count; k += few, at.at[w->rank - 1] += few - 1, advance(w, &at)) {
    few = c->x.channel == 1 ? interior(w, &at, count - k, &corner) : 0;
    if (few) {
      const uint8_t *from = in + corner * c->x.point;
      for (int64_t i = 0; i < few; i++, row += lda, from += step) {
        /* whole vectors: what is too many, the next run, row or nothing takes the place of */
        for (int64_t t = 0; t < w->taps; t += run) qn_i8_widen(from + r->offsets[t], x_signed, x_zero, (run * channels + WIDE - 1) / WIDE * WIDE, row + t * channels);
        if (depth % 2) row[depth] = 0;
      }
      continue;
    }
    const int64_t inside = qn_window_taps(w, p + k, r->taps, NULL);
    few = 1;
    if (inside < w->taps) memset(row, 0, (size_t)depth * sizeof *row);
    if (depth % 2) row[depth] = 0;
    for (int64_t t = 0; t < inside; t++) {
      const uint8_t *from = in + r->taps[t].at * c->x.point;
      int16_t *to = row + r->taps[t].index * channels;
      if (c->x.channel == 1) qn_i8_widen(from, x_signed, x_zero, channels, to);
      else
        for (int64_t m = 0; m < channels; m++) qn_i8_widen(from + m * c->x.channel, x_signed, x_zero, 1, to + m);
    }
    row += lda;
  }
}

/* A unit-stride pointwise convolution reads its input as the matrix that it is. */
static bool pointwise(const qn_conv *c) {
  if (c->window.taps != 1 || c->x.channel != 1 || c->groups != 1 || c->channels % 2) return false;
  for (int d = 0; d < c->window.rank; d++)
    if (c->window.stride[d] != 1 || c->window.pad[d] || c->window.pad_end[d] || c->window.in[d] != c->window.out[d]) return false;
  return true;
}

static void scatter(const qn_conv *c, const uint8_t *from, int64_t count, int64_t maps, size_t size, uint8_t *to) {
  for (int64_t m = 0; m < maps; m++)
    for (int64_t i = 0; i < count; i++) memcpy(to + (size_t)(m * c->y.channel + i * c->y.point) * size, from + (size_t)(i * maps + m) * size, size);
}

static void convolve(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const qn_conv *c = j->c;
  const qn_window *w = &c->window;
  const int64_t channels = c->channels / c->groups, maps = c->maps / c->groups, depth = channels * w->taps, lda = qn_gemm_i8_depth(depth);
  const size_t size = qn_dtype_size(j->out->dtype), each = depth ? qn_gemm_packed_count(lda, maps, 1) : 0;
  const bool matrix = pointwise(c), straight = c->y.channel == 1;
  const int64_t run = w->dilation[w->rank - 1] == 1 && c->groups == 1 ? w->kernel[w->rank - 1] : 1;
  rooms r = rooms_of(j, worker);
  for (int64_t i = first, found = -1; i < last; i++) {
    const int64_t which = i / j->parts, part = i % j->parts, p = which % j->blocks * j->block, g = which / j->blocks % c->groups, n = which / j->blocks / c->groups;
    const int64_t from = qn_parallel_column(part, j->parts, maps), column = g * maps + from, width = qn_parallel_column(part + 1, j->parts, maps) - from;
    const int64_t count = w->out_points - p < j->block ? w->out_points - p : j->block;
    const uint8_t *in = j->x + n * c->x.batch + g * channels * c->x.channel;
    qn_i8_out out = *j->out;
    if (out.offset) out.offset += column;
    if (out.scale) out.scale += column;
    if (out.bias) out.bias += column;
    if (which != found && matrix) qn_i8_widen(in + p * c->x.point, j->x_signed, j->x_zero, count * depth, r.rows);
    if (which != found && !matrix && depth) gather(c, in, j->x_signed, j->x_zero, run, p, count, &r, r.rows, lda);
    found = which;
    uint8_t *to = j->y + (size_t)(n * c->y.batch + column * c->y.channel + p * c->y.point) * size;
    qn_gemm_i8(count, width, depth, r.rows, lda, (const int8_t *)j->packed + (size_t)g * each + from * lda, j->zero ? j->zero + column : NULL, &out,
               straight ? to : r.sums, straight ? c->y.point : width);
    if (!straight) scatter(c, r.sums, count, width, size, to);
  }
}

void qn_conv_i8(const qn_conv *c, const void *x, bool x_signed, int32_t x_zero, const void *packed, const int32_t *zero, const qn_i8_out *out,
                void *y, void *scratch) {
  const int64_t channels = c->channels / c->groups, maps = c->maps / c->groups, depth = channels * c->window.taps, points = c->window.out_points;
  if (c->batch == 0 || maps == 0 || points == 0) return;
  job j = {c, x, x_signed, x_zero, packed, zero, out, y, scratch, block_of(depth, points), 0, 0};
  if (qn_conv_i8_is_depthwise(c->groups, c->maps, channels)) {
    if (c->x.channel == 1 && c->y.channel == 1) {
      qn_parallel(c->batch * points, c->maps * (c->window.taps + 4) * 2, depthwise, &j);
    } else {
      rooms r = rooms_of(&j, 0);
      depthwise_planes(c, x, x_signed, x_zero, packed, out, y, &r);
    }
    return;
  }
  j.blocks = (points + j.block - 1) / j.block;
  j.parts = qn_parallel_parts(c->batch * c->groups * j.blocks, maps);
  qn_parallel(c->batch * c->groups * j.blocks * j.parts, j.block * depth * maps / 2 / j.parts, convolve, &j);
}
