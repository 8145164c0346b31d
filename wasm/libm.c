/* Functions of the C library replaced by shorter ones: those of base/math64.h, and loops over short strings. 15 KB less on the wire. */
#include <math.h>
#include <string.h>

#include "base/math64.h"

double exp(double x) { return qn_exp64(x); }
double expm1(double x) { return qn_expm1_64(x); }
double log(double x) { return qn_log64(x); }
double log1p(double x) { return qn_log1p_64(x); }
double log10(double x) { return qn_log10_64(x); }
double pow(double x, double y) { return qn_pow64(x, y); }
double erf(double x) { return qn_erf64(x); }
double tan(double x) { return qn_tan64(x); }
double asin(double x) { return qn_asin64(x); }
double acos(double x) { return qn_acos64(x); }
float fmodf(float x, float y) { return (float)fmod(x, y); } /* exact */

/* What sin and cos of the C library (musl) call for an angle beyond π/4. */
int __rem_pio2(double x, double *y) { return qn_reduce_angle64(x, y); }

/* Names and attributes are a few bytes long. */
size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n]) n++;
  return n;
}
char *strchr(const char *s, int c) {
  while (*s && *s != (char)c) s++;
  return *s == (char)c ? (char *)s : NULL;
}
size_t strcspn(const char *s, const char *any) {
  size_t n = 0;
  while (s[n] && !strchr(any, s[n])) n++;
  return n;
}
char *strstr(const char *s, const char *part) {
  const size_t n = strlen(part);
  while (*s && strncmp(s, part, n)) s++;
  return strncmp(s, part, n) ? NULL : (char *)s;
}
