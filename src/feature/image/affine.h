/* Affine maps of the plane: m takes (x, y) to (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]). */
#ifndef QN_FEATURE_IMAGE_AFFINE_H
#define QN_FEATURE_IMAGE_AFFINE_H

#include <stdbool.h>
#include <stdint.h>

/* What does b first, then a. */
void qn_affine_product(const double a[6], const double b[6], double out[6]);
bool qn_affine_invert(const double m[6], double out[6]);
static inline double qn_affine_x(const double m[6], double x, double y) { return m[0] * x + m[1] * y + m[2]; }
static inline double qn_affine_y(const double m[6], double x, double y) { return m[3] * x + m[4] * y + m[5]; }

/* The map that takes the points `from` nearest to `to` in the sense of least squares: turned, scaled and moved (Umeyama 1991, "Least-squares
 * estimation of transformation parameters between two point patterns", without mirroring), or, not `rigid`, any affine map. Points: [n, 2].
 * False when they do not say one: all in one place, or on a line. */
bool qn_affine_fit(const double *from, const double *to, int32_t n, bool rigid, double out[6]);

#endif
