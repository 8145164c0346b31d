#include "kernel/cast.h"

#include <math.h>
#include <string.h>

#define CHUNK 256

qn_compute qn_compute_of(qn_dtype dtype) {
  if (dtype == QN_DOUBLE) return QN_IN_F64;
  if (dtype == QN_UINT64) return QN_IN_U64;
  return qn_dtype_of(dtype)->is_float ? QN_IN_F32 : QN_IN_I64;
}

qn_dtype qn_compute_dtype(qn_compute c) {
  static const uint8_t TYPE[] = {QN_FLOAT, QN_DOUBLE, QN_INT64, QN_UINT64, QN_UNDEFINED};
  return (qn_dtype)TYPE[c];
}

static const qn_minifloat *minifloat(qn_dtype t) {
  switch (t) {
    case QN_FLOAT8E4M3FN: return &QN_F8E4M3FN;
    case QN_FLOAT8E4M3FNUZ: return &QN_F8E4M3FNUZ;
    case QN_FLOAT8E5M2: return &QN_F8E5M2;
    case QN_FLOAT8E5M2FNUZ: return &QN_F8E5M2FNUZ;
    case QN_FLOAT4E2M1: return &QN_F4E2M1;
    default: return NULL;
  }
}

static unsigned packed_get(const uint8_t *p, size_t i, unsigned bits) {
  size_t bit = i * bits;
  return (unsigned)(p[bit >> 3] >> (bit & 7)) & ((1u << bits) - 1);
}

static void packed_put(uint8_t *p, size_t i, unsigned bits, unsigned value) {
  size_t bit = i * bits;
  value = (value & ((1u << bits) - 1)) << (bit & 7);
  p[bit >> 3] = (uint8_t)((bit & 7) ? (p[bit >> 3] | value) : value); /* a byte is begun by its first element */
}

#define EACH for (size_t i = 0; i < n; i++)
#define LOAD(code, T, expression)            \
  case code: {                               \
    const T *p = (const T *)data + first;    \
    EACH out[i] = expression;                \
    break;                                   \
  }

static void load_i64(qn_dtype dtype, const void *data, size_t first, size_t n, int64_t *out) {
  switch (dtype) {
    LOAD(QN_BOOL, uint8_t, p[i] != 0)
    LOAD(QN_UINT8, uint8_t, p[i])
    LOAD(QN_INT8, int8_t, p[i])
    LOAD(QN_UINT16, uint16_t, p[i])
    LOAD(QN_INT16, int16_t, p[i])
    LOAD(QN_UINT32, uint32_t, p[i])
    LOAD(QN_INT32, int32_t, p[i])
    LOAD(QN_INT64, int64_t, p[i])
    LOAD(QN_UINT64, int64_t, p[i])
    default: {
      unsigned bits = qn_dtype_of(dtype)->bits;
      int half = qn_dtype_of(dtype)->is_signed ? 1 << (bits - 1) : 0;
      EACH out[i] = ((int)packed_get(data, first + i, bits) ^ half) - half;
    }
  }
}

static void load_f32(qn_dtype dtype, const void *data, size_t first, size_t n, float *out) {
  const qn_minifloat *mini = minifloat(dtype);
  if (mini) {
    float table[256];
    unsigned codes = 1u << qn_dtype_of(dtype)->bits;
    if (n >= codes) {
      for (unsigned c = 0; c < codes; c++) table[c] = qn_minifloat_to_f32(mini, c);
      EACH out[i] = table[packed_get(data, first + i, dtype == QN_FLOAT4E2M1 ? 4 : 8) & (codes - 1)];
    } else {
      EACH out[i] = qn_minifloat_to_f32(mini, dtype == QN_FLOAT4E2M1 ? packed_get(data, first + i, 4) : ((const uint8_t *)data)[first + i]);
    }
    return;
  }
  switch (dtype) {
    LOAD(QN_FLOAT, float, p[i])
    LOAD(QN_FLOAT16, uint16_t, qn_f16_to_f32(p[i]))
    LOAD(QN_BFLOAT16, uint16_t, qn_bf16_to_f32(p[i]))
    LOAD(QN_FLOAT8E8M0, uint8_t, qn_e8m0_to_f32(p[i]))
    LOAD(QN_DOUBLE, double, (float)p[i])
    LOAD(QN_INT8, int8_t, p[i])
    LOAD(QN_UINT8, uint8_t, p[i])
    LOAD(QN_INT32, int32_t, (float)p[i])
    LOAD(QN_UINT64, uint64_t, (float)p[i])
    default: {
      int64_t wide[CHUNK];
      for (size_t done = 0; done < n; done += CHUNK) {
        size_t m = n - done < CHUNK ? n - done : CHUNK;
        load_i64(dtype, data, first + done, m, wide);
        for (size_t i = 0; i < m; i++) out[done + i] = (float)wide[i];
      }
    }
  }
}

static void load_f64(qn_dtype dtype, const void *data, size_t first, size_t n, double *out) {
  switch (dtype) {
    LOAD(QN_DOUBLE, double, p[i])
    LOAD(QN_FLOAT, float, p[i])
    LOAD(QN_UINT64, uint64_t, (double)p[i])
    default:
      for (size_t done = 0; done < n; done += CHUNK) {
        size_t m = n - done < CHUNK ? n - done : CHUNK;
        if (qn_dtype_of(dtype)->is_float) {
          float narrow[CHUNK];
          load_f32(dtype, data, first + done, m, narrow);
          for (size_t i = 0; i < m; i++) out[done + i] = narrow[i];
        } else {
          int64_t wide[CHUNK];
          load_i64(dtype, data, first + done, m, wide);
          for (size_t i = 0; i < m; i++) out[done + i] = (double)wide[i];
        }
      }
  }
}

/* Truncated and saturated. */
static inline int64_t to_i64(double x) {
  if (!(x > -0x1p63)) return x <= -0x1p63 ? INT64_MIN : 0;
  return x < 0x1p63 ? (int64_t)x : INT64_MAX;
}
static inline int32_t clamp_i32(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }
static inline int32_t to_i32(float x) {
#ifdef __wasm__
  return __builtin_wasm_trunc_saturate_s_i32_f32(x);
#else
  return x != x ? 0 : x < -0x1p31f ? INT32_MIN : x < 0x1p31f ? (int32_t)x : INT32_MAX;
#endif
}
static uint64_t to_u64(double x) {
  if (!(x > 0)) return 0;
  return x < 0x1p64 ? (uint64_t)x : UINT64_MAX;
}

static void load_from_floats(qn_compute c, qn_dtype dtype, const void *data, size_t first, size_t n, void *out) {
  double wide[CHUNK];
  for (size_t done = 0; done < n; done += CHUNK) {
    size_t m = n - done < CHUNK ? n - done : CHUNK;
    load_f64(dtype, data, first + done, m, wide);
    for (size_t i = 0; i < m; i++)
      if (c == QN_IN_I64) ((int64_t *)out)[done + i] = to_i64(wide[i]);
      else ((uint64_t *)out)[done + i] = to_u64(wide[i]);
  }
}

void qn_load(qn_compute c, qn_dtype dtype, const void *data, size_t first, size_t n, void *out) {
  if (c == QN_IN_F32) load_f32(dtype, data, first, n, out);
  else if (c == QN_IN_F64) load_f64(dtype, data, first, n, out);
  else if (c == QN_IN_RAW) {
    size_t size = qn_dtype_size(dtype);
    if (n) memcpy(out, (const char *)data + first * size, n * size);
  } else if (qn_dtype_of(dtype)->is_float) load_from_floats(c, dtype, data, first, n, out);
  else load_i64(dtype, data, first, n, out);
}

#define STORE(code, T, expression)  \
  case code: {                      \
    T *p = (T *)data + first;       \
    EACH p[i] = (T)(expression);    \
    break;                          \
  }

static void store_f32(qn_dtype dtype, void *data, size_t first, size_t n, const float *in, qn_cast_mode mode);

static void store_i64(qn_dtype dtype, void *data, size_t first, size_t n, const int64_t *in, bool is_unsigned, qn_cast_mode mode) {
  switch (dtype) {
    STORE(QN_BOOL, uint8_t, in[i] != 0)
    case QN_INT8:
    STORE(QN_UINT8, uint8_t, (uint64_t)in[i])
    case QN_INT16:
    STORE(QN_UINT16, uint16_t, (uint64_t)in[i])
    case QN_INT32:
    STORE(QN_UINT32, uint32_t, (uint64_t)in[i])
    case QN_UINT64:
    STORE(QN_INT64, int64_t, in[i])
    case QN_DOUBLE: {
      double *p = (double *)data + first;
      EACH p[i] = is_unsigned ? (double)(uint64_t)in[i] : (double)in[i];
      break;
    }
    case QN_FLOAT: {
      float *p = (float *)data + first;
      EACH p[i] = is_unsigned ? (float)(uint64_t)in[i] : (float)in[i];
      break;
    }
    default:
      if (qn_dtype_of(dtype)->is_float) {
        float narrow[CHUNK];
        for (size_t done = 0; done < n; done += CHUNK) {
          size_t m = n - done < CHUNK ? n - done : CHUNK;
          for (size_t i = 0; i < m; i++) narrow[i] = is_unsigned ? (float)(uint64_t)in[done + i] : (float)in[done + i];
          store_f32(dtype, data, first + done, m, narrow, mode);
        }
      } else {
        EACH packed_put(data, first + i, qn_dtype_of(dtype)->bits, (unsigned)((uint64_t)in[i] & 15));
      }
  }
}

/* Rounds so that a second rounding to at most 22 bits gives what one rounding would have given ("to odd"). */
static float to_odd(double x) {
  float y = (float)x;
  uint32_t bits = qn_bits_of(y);
  if ((double)y == x || x != x) return y;
  double ay = fabs((double)y), ax = fabs(x);
  if (ay > ax) bits--; /* towards zero; infinity becomes the largest finite number */
  return qn_float_of(bits | 1);
}

static void store_f64(qn_dtype dtype, void *data, size_t first, size_t n, const double *in, qn_cast_mode mode) {
  const qn_dtype_info *info = qn_dtype_of(dtype);
  switch (dtype) {
    STORE(QN_DOUBLE, double, in[i])
    STORE(QN_FLOAT, float, in[i])
    STORE(QN_BOOL, uint8_t, in[i] != 0)
    STORE(QN_UINT64, uint64_t, to_u64(in[i]))
    STORE(QN_INT64, int64_t, to_i64(in[i]))
    default:
      if (info->is_float) {
        float narrow[CHUNK];
        for (size_t done = 0; done < n; done += CHUNK) {
          size_t m = n - done < CHUNK ? n - done : CHUNK;
          for (size_t i = 0; i < m; i++) narrow[i] = to_odd(in[done + i]);
          store_f32(dtype, data, first + done, m, narrow, mode);
        }
        return;
      }
      int64_t low = info->is_signed ? -((int64_t)1 << (info->bits - 1)) : 0;
      int64_t high = ((int64_t)1 << (info->bits - info->is_signed)) - 1, whole[CHUNK];
      if (info->bits < 8 && mode.wrap) low = INT64_MIN, high = INT64_MAX;
      for (size_t done = 0; done < n; done += CHUNK) {
        size_t m = n - done < CHUNK ? n - done : CHUNK;
        for (size_t i = 0; i < m; i++) {
          int64_t v = to_i64(in[done + i]);
          whole[i] = v < low ? low : v > high ? high : v;
        }
        store_i64(dtype, data, first + done, m, whole, false, mode);
      }
  }
}

static void store_f32(qn_dtype dtype, void *data, size_t first, size_t n, const float *in, qn_cast_mode mode) {
  const qn_minifloat *mini = minifloat(dtype);
  if (mini) {
    unsigned bits = qn_dtype_of(dtype)->bits;
    EACH {
      unsigned code = qn_minifloat_from_f32(mini, in[i], !mode.no_saturate);
      if (mode.nan_ones && in[i] != in[i] && dtype == QN_FLOAT8E5M2) code |= 1;
      if (bits == 8) ((uint8_t *)data)[first + i] = (uint8_t)code;
      else packed_put(data, first + i, bits, code);
    }
    return;
  }
  switch (dtype) {
    STORE(QN_FLOAT, float, in[i])
    STORE(QN_FLOAT16, uint16_t, qn_f32_to_f16(in[i]))
    STORE(QN_BFLOAT16, uint16_t, qn_f32_to_bf16(in[i]))
    STORE(QN_FLOAT8E8M0, uint8_t, qn_e8m0_from_f32(in[i], mode.round, !mode.no_saturate))
    STORE(QN_INT32, int32_t, to_i32(in[i]))
    STORE(QN_UINT8, uint8_t, clamp_i32(to_i32(in[i]), 0, 255))
    STORE(QN_INT8, int8_t, clamp_i32(to_i32(in[i]), -128, 127))
    STORE(QN_BOOL, uint8_t, in[i] != 0)
    STORE(QN_INT64, int64_t, to_i64((double)in[i]))
    default: {
      double wide[CHUNK];
      for (size_t done = 0; done < n; done += CHUNK) {
        size_t m = n - done < CHUNK ? n - done : CHUNK;
        for (size_t i = 0; i < m; i++) wide[i] = in[done + i];
        store_f64(dtype, data, first + done, m, wide, mode);
      }
    }
  }
}

void qn_store(qn_compute c, qn_dtype dtype, void *data, size_t first, size_t n, const void *in, qn_cast_mode mode) {
  if (c == QN_IN_F32) store_f32(dtype, data, first, n, in, mode);
  else if (c == QN_IN_F64) store_f64(dtype, data, first, n, in, mode);
  else if (c == QN_IN_RAW) {
    size_t size = qn_dtype_size(dtype);
    if (n) memcpy((char *)data + first * size, in, n * size);
  } else store_i64(dtype, data, first, n, in, c == QN_IN_U64, mode);
}

void qn_cast(qn_dtype from, const void *x, qn_dtype to, void *y, size_t n, qn_cast_mode mode) {
  qn_compute in = qn_compute_of(from);
  if (from == to && from != QN_BOOL) {
    size_t bytes;
    if (n && qn_dtype_bytes(from, (int64_t)n, &bytes)) memcpy(y, x, bytes);
  } else if (to == qn_compute_dtype(qn_compute_of(to))) {
    qn_load(qn_compute_of(to), from, x, 0, n, y); /* widening straight into place */
  } else if (from == qn_compute_dtype(in)) {
    qn_store(in, to, y, 0, n, x, mode);
  } else {
    uint64_t chunk[CHUNK];
    for (size_t done = 0; done < n; done += CHUNK) {
      size_t m = n - done < CHUNK ? n - done : CHUNK;
      qn_load(in, from, x, done, m, chunk);
      qn_store(in, to, y, done, m, chunk, mode);
    }
  }
}
