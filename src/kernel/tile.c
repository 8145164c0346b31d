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

#define SOME(X) X(0) X(1) X(2) X(3) if (!few) { QN_TILE_REST(X) }

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

/* One panel for rows [from, to): 8 columns, or 4. few: tiles of four rows. */
static QN_INLINE void panel(const bool wide, const bool few, const qn_tiles *t, const float *packed, const qn_tile_out *o, int64_t column, int64_t from, int64_t to) {
  const int64_t count = few ? 4 : ROWS;
  const float *const *row = (const float *const *)t->row + from;
  const panel_out p = panel_out_of(o, column, wide ? PANEL : NARROW);
  const size_t stride = (size_t)o->stride, residual_stride = (size_t)o->residual_stride;
  float *y = o->y + (size_t)from * stride + column;
  const float *residual = p.add ? o->residual + (size_t)from * residual_stride + column : y;
  const qn_f32x4 bias0 = o->bias ? qn_load4(o->bias + column) : qn_splat4(0), bias1 = wide && o->bias ? qn_load4(o->bias + column + 4) : qn_splat4(0);
  for (int64_t first = from; first < to; first += count, row += count, y += (size_t)count * stride, residual += (size_t)count * residual_stride) {
    size_t runs = t->runs, length = t->length;
    if (!few && t->gathered[first / ROWS]) runs = 1, length = t->depth;
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
        SOME(STEP)
      }
      for (; !wide && i < length; i++, b += NARROW) {
#define STEP4(r) lo##r = qn_madd4(qn_load_splat4(a##r + i), b0, lo##r);
        b0 = qn_load4(b);
        SOME(STEP4)
      }
    }
    if (!p.whole || first + count > to) {
      float sums[ROWS * PANEL];
#define KEEP(r) qn_store4(sums + r * PANEL, lo##r), qn_store4(sums + r * PANEL + 4, hi##r);
      SOME(KEEP)
      put_parts(&p, sums, first, to - first < count ? to - first : count, wide ? PANEL : NARROW);
      continue;
    }
    if (p.add) {
#define ADD(r)                                                     \
  lo##r = qn_add(lo##r, qn_load4(residual + r * residual_stride)); \
  if (wide) hi##r = qn_add(hi##r, qn_load4(residual + r * residual_stride + 4));
      SOME(ADD)
    }
    if (o->activation.gated) {
#define GATE2(r) GATE(lo##r) if (wide) GATE(hi##r)
      SOME(GATE2)
    } else {
#define CLAMP2(r) CLAMP(lo##r) CLAMP(hi##r)
      SOME(CLAMP2)
    }
#define STORE(r)                     \
  qn_store4(y + r * stride, lo##r);  \
  if (wide) qn_store4(y + r * stride + 4, hi##r);
    SOME(STORE)
  }
}
#define PANEL_OF(name, WIDE, FEW) \
  QN_NOINLINE static void name(const qn_tiles *t, const float *packed, const qn_tile_out *o, int64_t column, int64_t from, int64_t to) { panel(WIDE, FEW, t, packed, o, column, from, to); }
PANEL_OF(panel8, true, false)
PANEL_OF(panel4, false, false)
PANEL_OF(panel8_few, true, true)

/* Rows that lie evenly, as many tiles as are whole; how many rows that was. */
static int64_t even_rows(const qn_tiles *t, const float *packed, const qn_tile_out *o, int64_t column, int64_t rows) {
  static const float none[PANEL] = {0};
  const bool add = o->residual && column < o->residual_columns;
  if (!t->pitch || !qn_tile_whole(o, column, PANEL)) return 0;
  const qn_tile_end end = {o->bias ? o->bias + column : none, add ? o->residual + column : NULL, (size_t)o->residual_stride, &o->activation};
  qn_tile_rows((size_t)(rows / ROWS), t->depth, t->row[0], t->pitch, packed, &end, o->y + column, (size_t)o->stride);
  return rows / ROWS * ROWS;
}

void qn_tile_run(const qn_tiles *tiles, const float *packed, const qn_tile_out *out) {
  int64_t few = tiles->alike && ROWS > 4 ? tiles->rows % ROWS : 0; /* rows for which tiles of four are less work */
  if (few == 1 || few == 2) few += ROWS;
  if (few == 5 || few > tiles->rows) few = 0;
  for (int64_t j = 0, width; j < out->columns; j += width) {
    width = tiles->eights ? PANEL : width_at(out->columns, j);
    if (width == PANEL) {
      panel8(tiles, packed, out, j, even_rows(tiles, packed, out, j, tiles->rows - few), tiles->rows - few);
      if (few) panel8_few(tiles, packed, out, j, tiles->rows - few, tiles->rows);
    } else {
      panel4(tiles, packed, out, j, 0, tiles->rows);
    }
    packed += width * (int64_t)tiles->depth;
  }
}
