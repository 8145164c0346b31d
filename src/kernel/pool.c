#include "kernel/pool.h"

#include <math.h>

#include "kernel/simd.h"

static int64_t column_major(const qn_window *w, int64_t at) {
  int64_t scaled[QN_SPATIAL], scale = 1, out = 0;
  for (int d = 0; d < w->rank; d++) {
    scaled[d] = scale;
    scale *= w->in[d];
  }
  for (int d = w->rank - 1; d >= 0; d--) {
    out += at % w->in[d] * scaled[d];
    at /= w->in[d];
  }
  return out;
}

#define T float
#define HEAT
#define NAME(x) x##_f32
#include "kernel/pool_body.h"
#undef T
#undef NAME
#undef HEAT
#define T double
#define HEAT QN_COLD
#define NAME(x) x##_f64
#include "kernel/pool_body.h"
