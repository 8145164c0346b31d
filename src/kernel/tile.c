#include "kernel/tile.h"

#include <string.h>

#include "base/memory.h"

enum { ROWS = QN_TILE_ROWS, PANEL = QN_TILE_PANEL, NARROW = 4 };

static int64_t padded(int64_t columns) { return (columns + NARROW - 1) / NARROW * NARROW; }
/* Columns of the panel that begins at column j. */
static int64_t width_at(int64_t columns, int64_t j) { return padded(columns) - j < PANEL ? NARROW : PANEL; }

size_t qn_tile_packed_count(int64_t depth, int64_t columns) {
  size_t count, bytes;
  if ((uint64_t)depth >= SIZE_MAX / 2 || (uint64_t)columns >= SIZE_MAX / 2) return SIZE_MAX;
  if (!qn_size_mul((size_t)padded(columns), (size_t)depth, &count) || !qn_size_mul(count, sizeof(float), &bytes)) return SIZE_MAX;
  return count;
}

void qn_tile_pack(int64_t columns, int64_t taps, int64_t inner, const float *weight, float *packed, float *room) {
  int64_t depth = inner * taps;
  for (int64_t j = 0, width; j < columns; j += width, weight += width * depth) {
    width = width_at(columns, j);
    int64_t there = columns - j < width ? columns - j : width;
    memcpy(room, weight, (size_t)(there * depth) * sizeof(float));
    for (int64_t t = 0; t < taps; t++)
      for (int64_t i = 0; i < inner; i++)
        for (int64_t c = 0; c < width; c++) *packed++ = c < there ? room[c * depth + i * taps + t] : 0.0f;
  }
}

void qn_tile_put_part(const qn_tile_out *o, qn_f32x4 sum, int64_t row, int64_t column) {
  float lanes[4];
  qn_store4(lanes, sum);
  for (int64_t c = column; c < column + 4 && c < o->columns; c++) {
    float s = lanes[c - column];
    if (o->residual && c < o->residual_columns) s += o->residual[row * o->residual_stride + c];
    o->y[row * o->stride + c] = qn_activate(&o->activation, s);
  }
}

/* Literal row numbers keep the sums in registers, and row pointers with a size_t index keep wasm's addresses 32 bits wide. */
#define EACH QN_TILE_EACH

/* How the sums of one panel are stored: at once where all columns of a tile's rows are wanted, else one by one. */
typedef struct panel_out {
  const qn_tile_out *o;
  int64_t column;
  bool whole, add;
  qn_f32x4 min, max;
} panel_out;

static panel_out panel_out_of(const qn_tile_out *o, int64_t column, int64_t width) {
  return (panel_out){o, column, qn_tile_whole(o, column, width), o->residual && column < o->residual_columns, qn_splat4(o->activation.min), qn_splat4(o->activation.max)};
}

/* sums: [rows, PANEL], of which `width` are wanted */
QN_NOINLINE static void put_parts(const panel_out *p, const float *sums, int64_t row, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < width && p->column + c < p->o->columns; c += 4) qn_tile_put(p->o, qn_load4(sums + r * PANEL + c), row + r, p->column + c);
}

#define CLAMP(v) v = qn_min4(qn_max4(v, p.min), p.max);
#define GATE(v) v = qn_activate4(&o->activation, v);

/* One panel for all rows: 8 columns, or 4. */
static QN_INLINE void panel(const bool wide, const qn_tiles *t, const float *packed, const qn_tile_out *o, int64_t column) {
  const float *const *row = (const float *const *)t->row;
  const panel_out p = panel_out_of(o, column, wide ? PANEL : NARROW);
  const size_t stride = (size_t)o->stride, residual_stride = (size_t)o->residual_stride;
  float *y = o->y + column;
  const float *residual = p.add ? o->residual + column : y;
  const qn_f32x4 bias0 = o->bias ? qn_load4(o->bias + column) : qn_splat4(0), bias1 = wide && o->bias ? qn_load4(o->bias + column + 4) : qn_splat4(0);
  for (int64_t first = 0, tile = 0; first < t->rows; first += ROWS, tile++, row += ROWS, y += ROWS * stride, residual += ROWS * residual_stride) {
    size_t runs = t->runs, length = t->length;
    if (t->gathered[tile]) runs = 1, length = t->depth;
    const float *b = packed;
    qn_f32x4 x, b0, b1;
#define SET_UP(r) qn_f32x4 lo##r = bias0, hi##r = bias1;
    EACH(SET_UP)
    for (size_t run = 0; run < runs; run++) {
      size_t offset = runs == 1 ? 0 : t->offset[run], i = 0;
#define START(r) const float *a##r = row[r] + offset;
      EACH(START)
      for (; wide && i < length; i++, b += PANEL) {
        b0 = qn_load4(b);
        b1 = qn_load4(b + 4);
#define STEP(r)                   \
  x = qn_load_splat4(a##r + i);   \
  lo##r = qn_madd4(x, b0, lo##r); \
  hi##r = qn_madd4(x, b1, hi##r);
        EACH(STEP)
      }
      for (; !wide && i < length; i++, b += NARROW) {
#define STEP4(r) lo##r = qn_madd4(qn_load_splat4(a##r + i), b0, lo##r);
        b0 = qn_load4(b);
        EACH(STEP4)
      }
    }
    if (!p.whole || first + ROWS > t->rows) {
      float sums[ROWS * PANEL];
#define KEEP(r) qn_store4(sums + r * PANEL, lo##r), qn_store4(sums + r * PANEL + 4, hi##r);
      EACH(KEEP)
      put_parts(&p, sums, first, t->rows - first < ROWS ? t->rows - first : ROWS, wide ? PANEL : NARROW);
      continue;
    }
    if (p.add) {
#define ADD(r)                                                     \
  lo##r = qn_add(lo##r, qn_load4(residual + r * residual_stride)); \
  if (wide) hi##r = qn_add(hi##r, qn_load4(residual + r * residual_stride + 4));
      EACH(ADD)
    }
    if (o->activation.gated) {
#define GATE2(r) GATE(lo##r) if (wide) GATE(hi##r)
      EACH(GATE2)
    } else {
#define CLAMP2(r) CLAMP(lo##r) CLAMP(hi##r)
      EACH(CLAMP2)
    }
#define STORE(r)                     \
  qn_store4(y + r * stride, lo##r);  \
  if (wide) qn_store4(y + r * stride + 4, hi##r);
    EACH(STORE)
  }
}
QN_NOINLINE static void panel8(const qn_tiles *t, const float *packed, const qn_tile_out *o, int64_t column) { panel(true, t, packed, o, column); }
QN_NOINLINE static void panel4(const qn_tiles *t, const float *packed, const qn_tile_out *o, int64_t column) { panel(false, t, packed, o, column); }

void qn_tile_run(const qn_tiles *tiles, const float *packed, const qn_tile_out *out) {
  for (int64_t j = 0, width; j < out->columns; j += width) {
    width = tiles->eights ? PANEL : width_at(out->columns, j);
    (width == PANEL ? panel8 : panel4)(tiles, packed, out, j);
    packed += width * (int64_t)tiles->depth;
  }
}
