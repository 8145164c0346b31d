/* What happens to a sum before it is stored. */
#ifndef QN_KERNEL_ACTIVATION_H
#define QN_KERNEL_ACTIVATION_H

#include <stdbool.h>

#include "kernel/simd.h"

/* clamp(s, min, max); gated (HardSwish): s · clamp(alpha·s + beta, min, max) · scale + shift. */
typedef struct qn_activation {
  float min, max;
  bool gated;
  float alpha, beta, scale, shift;
} qn_activation;

static inline float qn_activate(const qn_activation *a, float s) {
  return a->gated ? s * qn_clampf(a->alpha * s + a->beta, a->min, a->max) * a->scale + a->shift : qn_clampf(s, a->min, a->max);
}
static inline qn_f32x4 qn_activate4(const qn_activation *a, qn_f32x4 s) {
  qn_f32x4 min = qn_load_splat4(&a->min), max = qn_load_splat4(&a->max);
  if (!a->gated) return qn_min4(qn_max4(s, min), max);
  qn_f32x4 gate = qn_min4(qn_max4(qn_madd4(s, qn_load_splat4(&a->alpha), qn_load_splat4(&a->beta)), min), max);
  return qn_madd4(qn_mul4(s, gate), qn_load_splat4(&a->scale), qn_load_splat4(&a->shift));
}

#endif
