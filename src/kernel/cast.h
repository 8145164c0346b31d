/* Conversion between element types, by way of a few types that arithmetic is done in. */
#ifndef QN_KERNEL_CAST_H
#define QN_KERNEL_CAST_H

#include "base/dtype.h"
#include "kernel/half.h"

/* What a loop computes in. Float16 and bfloat16 go through float, integers of up to 32 bits and bool through int64. */
typedef enum qn_compute { QN_IN_F32, QN_IN_F64, QN_IN_I64, QN_IN_U64, QN_IN_RAW /* the elements as they are */ } qn_compute;
qn_compute qn_compute_of(qn_dtype dtype);
/* The element type that has exactly the compute type's layout; QN_UNDEFINED for QN_IN_RAW. */
qn_dtype qn_compute_dtype(qn_compute c);

typedef struct qn_cast_mode {
  bool no_saturate; /* float8: out of range becomes NaN or infinity */
  bool wrap;        /* float to a packed integer keeps the low bits instead of saturating */
  bool nan_ones;    /* NaN in float8e5m2 is 0x7f, not 0x7e */
  qn_round round;   /* float8e8m0 */
} qn_cast_mode;

/* Elements [first, first + n) of `data` into out[n] of the compute type. */
void qn_load(qn_compute c, qn_dtype dtype, const void *data, size_t first, size_t n, void *out);
/* in[n] of the compute type to elements [first, first + n) of `data`; `first` starts a byte when the type is packed.
 * Float to integer truncates and saturates, NaN gives 0; integer to integer wraps. */
void qn_store(qn_compute c, qn_dtype dtype, void *data, size_t first, size_t n, const void *in, qn_cast_mode mode);
/* All types but strings and complex. */
void qn_cast(qn_dtype from, const void *x, qn_dtype to, void *y, size_t n, qn_cast_mode mode);

/* Room for the text of a number, which has no NUL. `text` has this size. */
#define QN_NUMBER_TEXT 32
/* Shortest text that reads back as the same number, in NumPy's layout; NaN, INF, -INF. Returns the length. */
size_t qn_float_text(double value, bool single, char *text);
size_t qn_int_text(uint64_t magnitude, bool negative, char *text);
/* False unless the whole text is a number. `integer` gets the value too when it is one (modulo 2^64). */
bool qn_parse_number(const char *text, size_t length, double *value, uint64_t *integer, bool *is_integer);

#endif
