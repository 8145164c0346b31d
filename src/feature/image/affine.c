#include "feature/image/affine.h"

#include <math.h>
#include <string.h>

void qn_affine_product(const double a[6], const double b[6], double out[6]) {
  const double made[6] = {a[0] * b[0] + a[1] * b[3], a[0] * b[1] + a[1] * b[4], a[0] * b[2] + a[1] * b[5] + a[2],
                          a[3] * b[0] + a[4] * b[3], a[3] * b[1] + a[4] * b[4], a[3] * b[2] + a[4] * b[5] + a[5]};
  memcpy(out, made, sizeof made);
}

bool qn_affine_invert(const double m[6], double out[6]) {
  const double det = m[0] * m[4] - m[1] * m[3], d = 1 / det;
  if (!(fabs(det) > 1e-12) || !isfinite(d)) return false;
  const double made[6] = {m[4] * d, -m[1] * d, (m[1] * m[5] - m[4] * m[2]) * d, -m[3] * d, m[0] * d, (m[3] * m[2] - m[0] * m[5]) * d};
  memcpy(out, made, sizeof made);
  return true;
}

bool qn_affine_fit(const double *from, const double *to, int32_t n, bool rigid, double out[6]) {
  double px = 0, py = 0, qx = 0, qy = 0, xx = 0, xy = 0, yy = 0, ux = 0, uy = 0, vx = 0, vy = 0;
  for (int32_t i = 0; i < n; i++) px += from[2 * i] / n, py += from[2 * i + 1] / n, qx += to[2 * i] / n, qy += to[2 * i + 1] / n;
  for (int32_t i = 0; i < n; i++) {
    const double x = from[2 * i] - px, y = from[2 * i + 1] - py, u = to[2 * i] - qx, v = to[2 * i + 1] - qy;
    xx += x * x, xy += x * y, yy += y * y, ux += u * x, uy += u * y, vx += v * x, vy += v * y;
  }
  double m[6];
  if (rigid) {
    const double a = (ux + vy) / (xx + yy), b = (vx - uy) / (xx + yy);
    m[0] = a, m[1] = -b, m[3] = b, m[4] = a;
  } else {
    const double det = xx * yy - xy * xy;
    if (!(det > 1e-9 * (xx + yy) * (xx + yy))) return false;
    m[0] = (ux * yy - uy * xy) / det, m[1] = (uy * xx - ux * xy) / det;
    m[3] = (vx * yy - vy * xy) / det, m[4] = (vy * xx - vx * xy) / det;
  }
  m[2] = qx - m[0] * px - m[1] * py, m[5] = qy - m[3] * px - m[4] * py;
  for (int i = 0; i < 6; i++)
    if (!isfinite(m[i])) return false;
  memcpy(out, m, sizeof m);
  return true;
}
