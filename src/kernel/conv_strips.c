#include "kernel/conv_strips.h"

#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "kernel/depthwise.h"

enum { CACHE_BYTES = 256 * 1024 /* of rows between the stages, which stay in the second-level cache */, RANGES = 2 /* a thread, when there are several: each begins with rows that its neighbour makes too */ };

typedef struct rows {
  int64_t from, to;
} rows;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static size_t row_bytes(const qn_conv *c) { return (size_t)(c->window.out[1] * c->maps) * sizeof(float); }

/* Rows of the input that rows `out` are made of. */
static rows input_of(const qn_window *w, rows out) {
  const int64_t from = out.from * w->stride[0] - w->pad[0], to = (out.to - 1) * w->stride[0] - w->pad[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
  const rows in = {from < 0 ? 0 : least(from, w->in[0]), to < 0 ? 0 : least(to, w->in[0])};
  return in;
}

/* Most rows that stage i makes at once when the last one makes `count`. */
static int64_t rows_at(int stages, const qn_conv_stage *stage, int i, int64_t count) {
  for (int k = stages - 1; k > i; k--) {
    const qn_window *w = &stage[k].c.window;
    count = least((count - 1) * w->stride[0] + (w->kernel[0] - 1) * w->dilation[0] + 1, w->in[0]);
  }
  return count;
}

static int64_t strip_of(int stages, const qn_conv_stage *stage) {
  const int64_t all = stage[stages - 1].c.window.out[0];
  int64_t count = 1;
  for (; count < all; count++) {
    size_t bytes = 0;
    for (int i = 0; i < stages - 1; i++) bytes += (size_t)rows_at(stages, stage, i, count + 1) * row_bytes(&stage[i].c);
    if (bytes > CACHE_BYTES) break;
  }
  return count;
}

/* Rows `out` of a convolution as one of its own. */
static qn_conv part_of(const qn_conv *c, rows in, rows out) {
  qn_conv part = *c;
  qn_window *w = &part.window;
  w->pad[0] = in.from - (out.from * w->stride[0] - w->pad[0]);
  w->in[0] = in.to - in.from;
  w->out[0] = out.to - out.from;
  w->in_points = w->in[0] * w->in[1];
  w->out_points = w->out[0] * w->out[1];
  part.batch = 1;
  return part;
}

typedef struct rooms {
  float *between[QN_STRIP_STAGES - 1];
  void *work;
  size_t size; /* of one thread */
} rooms;

static bool lay_out(int stages, const qn_conv_stage *stage, int64_t strip, uint8_t *base, rooms *r) {
  size_t work = 0, total = 0;
  for (int i = 0; i < stages; i++) {
    const int64_t count = rows_at(stages, stage, i, strip);
    const qn_conv part = part_of(&stage[i].c, (rows){0, stage[i].c.window.in[0]}, (rows){0, count});
    const size_t room = stage[i].depthwise ? 0 : qn_conv_nhwc_room(&part);
    work = room > work ? room : work;
    if (i == stages - 1) break;
    r->between[i] = (float *)(void *)(base + total);
    size_t bytes;
    if (!qn_size_mul((size_t)count, row_bytes(&part), &bytes) || bytes > SIZE_MAX / 8) return false;
    total += qn_align_up(bytes + QN_SLACK);
  }
  if (work > SIZE_MAX / 8) return false;
  r->work = base + total;
  r->size = total + qn_align_up(work);
  return true;
}

size_t qn_conv_strips_room(int stages, const qn_conv_stage *stage) {
  rooms r;
  return lay_out(stages, stage, strip_of(stages, stage), NULL, &r) ? qn_parallel_room(r.size) : SIZE_MAX;
}

typedef struct job {
  int stages;
  const qn_conv_stage *stage;
  const float *x;
  float *y;
  uint8_t *scratch;
  int64_t strip, ranges;
} job;

/* One strip of picture n: what the strip before has left between the stages stays, in its place at the front. */
static void strip_through(const job *j, int64_t n, rows wanted, rows held[QN_STRIP_STAGES - 1], const rooms *r) {
  rows made[QN_STRIP_STAGES], in[QN_STRIP_STAGES];
  for (int i = j->stages - 1; i >= 0; i--) {
    made[i] = wanted;
    in[i] = wanted.to > wanted.from ? input_of(&j->stage[i].c.window, wanted) : (rows){0, 0};
    if (i == 0) break;
    rows *h = &held[i - 1];
    const size_t row = row_bytes(&j->stage[i - 1].c) / sizeof(float);
    wanted = (rows){in[i].from > h->to ? in[i].from : h->to, in[i].to};
    if (in[i].to <= in[i].from) continue;
    if (h->to > in[i].from && in[i].from > h->from) memmove(r->between[i - 1], r->between[i - 1] + (size_t)(in[i].from - h->from) * row, (size_t)(h->to - in[i].from) * row * sizeof(float));
    *h = in[i];
  }
  for (int i = 0; i < j->stages; i++) {
    const qn_conv_stage *s = &j->stage[i];
    if (made[i].to <= made[i].from) continue;
    const qn_conv part = part_of(&s->c, in[i], made[i]);
    const int64_t out_row = s->c.window.out[1], in_row = s->c.window.in[1] * s->c.channels;
    const float *from = i ? r->between[i - 1] : j->x + n * s->c.x.batch + in[i].from * in_row;
    qn_conv_tail tail = s->tail;
    float *to = i < j->stages - 1 ? r->between[i] + (made[i].from - held[i].from) * out_row * s->c.maps : j->y + (n * s->c.window.out[0] + made[i].from) * out_row * s->c.maps;
    if (tail.residual) tail.residual += (n * s->c.window.out[0] + made[i].from) * out_row * tail.residual_channels;
    if (s->depthwise) qn_depthwise_f32(&part, from, s->packed, s->bias, &tail, to);
    else qn_conv_nhwc(&part, from, s->packed, s->bias, &tail, to, r->work);
  }
}

static void convolve(const void *argument, int64_t first, int64_t last, int worker) {
  const job *j = argument;
  const int64_t height = j->stage[j->stages - 1].c.window.out[0];
  uint8_t *base = j->scratch;
  rooms r;
  lay_out(j->stages, j->stage, j->strip, base, &r);
  if (worker) lay_out(j->stages, j->stage, j->strip, base + (size_t)worker * qn_parallel_part(r.size), &r);
  for (int64_t i = first; i < last; i++) {
    rows held[QN_STRIP_STAGES - 1] = {{0, 0}, {0, 0}};
    const int64_t n = i / j->ranges, from = i % j->ranges * height / j->ranges, to = (i % j->ranges + 1) * height / j->ranges;
    for (int64_t row = from; row < to; row += j->strip) strip_through(j, n, (rows){row, least(row + j->strip, to)}, held, &r);
  }
}

void qn_conv_strips(int stages, const qn_conv_stage *stage, const float *x, float *y, void *scratch) {
  const qn_conv *c = &stage[stages - 1].c;
  job j = {stages, stage, x, y, scratch, strip_of(stages, stage), qn_parallel_width() > 1 ? qn_parallel_width() * RANGES : 1};
  int64_t cost = 0;
  if (c->window.out_points == 0) return;
  for (int i = 0; i < stages; i++) cost += stage[i].c.window.out_points * stage[i].c.maps * stage[i].c.window.taps * (stage[i].depthwise ? 2 : stage[i].c.channels / stage[i].c.groups);
  qn_parallel(c->batch * j.ranges, cost / j.ranges, convolve, &j);
}
