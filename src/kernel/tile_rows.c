/* Whole tiles of rows that lie evenly, times one panel: most of the work of products and of convolutions with windows of one point. The loop over
 * tiles is in here, as a call for each cost a fifth of a product of depth 24. */
#include "kernel/tile.h"

/* Literal row numbers keep the sums in registers; QN_IN_ORDER keeps the compiler from loading all of a first, which spills everywhere. */
void qn_tile_rows(size_t tiles, size_t depth, const float *a, size_t lda, const float *b, const qn_tile_end *end, float *c, size_t ldc) {
  const qn_f32x4 bias0 = qn_load4(end->bias), bias1 = qn_load4(end->bias + 4);
  const qn_f32x4 min = qn_splat4(end->activation->min), max = qn_splat4(end->activation->max);
  const bool gated = end->activation->gated;
  const float *residual = end->residual;
  const size_t stride = end->residual_stride;
  for (; tiles > 0; tiles--, a += QN_TILE_ROWS * lda, c += QN_TILE_ROWS * ldc) {
    const float *panel = b;
    qn_f32x4 x;
#define SET_UP(r)                   \
  const float *a##r = a + r * lda;  \
  qn_f32x4 lo##r = bias0, hi##r = bias1;
    QN_TILE_EACH(SET_UP)
    for (size_t i = 0; i < depth; i++, panel += QN_TILE_PANEL) {
      const qn_f32x4 b0 = qn_load4(panel), b1 = qn_load4(panel + 4);
#define STEP(r)                   \
  QN_IN_ORDER;                    \
  x = qn_load_splat4(a##r + i);   \
  lo##r = qn_madd4(x, b0, lo##r); \
  hi##r = qn_madd4(x, b1, hi##r);
      QN_TILE_EACH(STEP)
    }
    if (residual) {
#define ADD(r)                                           \
  lo##r = qn_add(lo##r, qn_load4(residual + r * stride)); \
  hi##r = qn_add(hi##r, qn_load4(residual + r * stride + 4));
      QN_TILE_EACH(ADD)
      residual += QN_TILE_ROWS * stride;
    }
    if (gated) {
#define GATE(r)                                    \
  lo##r = qn_activate4(end->activation, lo##r);    \
  hi##r = qn_activate4(end->activation, hi##r);
      QN_TILE_EACH(GATE)
    } else {
#define CLAMP(r)                                  \
  lo##r = qn_min4(qn_max4(lo##r, min), max);      \
  hi##r = qn_min4(qn_max4(hi##r, min), max);
      QN_TILE_EACH(CLAMP)
    }
#define STORE(r)                  \
  qn_store4(c + r * ldc, lo##r);  \
  qn_store4(c + r * ldc + 4, hi##r);
    QN_TILE_EACH(STORE)
  }
}
