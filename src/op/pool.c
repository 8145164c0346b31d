/* MaxPool, AveragePool, LpPool and the pools over everything. */
#include "kernel/pool.h"

#include <math.h>
#include <string.h>

#include "op/conv_shape.h"
#include "op/scratch.h"

static qn_status check_kind(const qn_step *s) {
  bool is_max = strstr(s->op->name, "Max") != NULL;
  return qn_check_type(s, 0, QN_FLOATS | (is_max ? QN_TYPE_BIT(QN_INT8) | QN_TYPE_BIT(QN_UINT8) : 0));
}

/* 8-bit integers pass through float32 unchanged. */
static bool narrow(qn_dtype t) { return t != QN_FLOAT && t != QN_DOUBLE; }

typedef struct rooms {
  void *x, *y;
  qn_tap *taps;
  float *line;
} rooms;

static void lay_out(const qn_step *s, const qn_pool_spec *p, qn_room *r, rooms *m) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  int64_t taps = p->window.taps < p->window.in_points ? p->window.taps : p->window.in_points;
  m->x = x->data;
  m->y = y->data;
  if (narrow(x->dtype)) {
    m->x = qn_room_take(r, (size_t)x->count, sizeof(float));
    m->y = qn_room_take(r, (size_t)y->count, sizeof(float));
  }
  m->taps = qn_room_take(r, (size_t)taps, sizeof(qn_tap));
  m->line = qn_room_take(r, qn_pool_line(&p->window), sizeof(float));
}

static qn_status finish(qn_step *s, qn_pool_spec *p) {
  const qn_tensor *x = qn_in(s, 0);
  bool max = strstr(s->op->name, "Max") != NULL;
  p->kind = max ? QN_POOL_MAX : strstr(s->op->name, "Average") ? QN_POOL_AVERAGE : QN_POOL_LP;
  p->count_padding = qn_attr_int(s, "count_include_pad", 0) != 0;
  p->column_major = qn_attr_int(s, "storage_order", 0) != 0;
  p->p = (double)qn_attr_int(s, "p", 0);
  if (p->p == 0) p->p = (double)qn_attr_float(s, "p", 2.0f);
  if (p->kind == QN_POOL_LP && !(p->p > 0)) return qn_step_fail(s, QN_ERR_ARGUMENT, "p is %g; a number above 0 is expected", (double)p->p);
  int64_t dims[QN_MAX_RANK];
  p->batch = x->dims[0];
  p->x = qn_planes_of(s->channels_last, p->channels, p->window.in_points);
  p->y = qn_planes_of(s->channels_last, p->channels, p->window.out_points);
  qn_planes_dims(s, p->window.rank, p->batch, p->channels, p->window.out, dims);
  QN_TRY(qn_out_shape(s, 0, x->dtype, x->rank, dims));
  QN_TRY(qn_out_shape(s, 1, QN_INT64, x->rank, dims));
  if (!qn_out(s, 0)) return qn_step_fail(s, QN_ERR_ARGUMENT, "output 0 is missing");
  qn_room r = {0};
  rooms m;
  lay_out(s, p, &r, &m);
  return qn_room_done(s, &r);
}

static qn_status plan(qn_step *s) {
  QN_TRY(check_kind(s));
  QN_TRY(qn_state(s, sizeof(qn_pool_spec)));
  qn_pool_spec *p = s->state;
  QN_TRY(qn_window_shape(s, NULL, &p->window, &p->channels));
  return finish(s, p);
}

static qn_status plan_global(qn_step *s) {
  QN_TRY(check_kind(s));
  QN_TRY(qn_state(s, sizeof(qn_pool_spec)));
  qn_pool_spec *p = s->state;
  qn_window *w = &p->window;
  QN_TRY(qn_planes_shape(s, qn_in(s, 0), &w->rank, &p->channels, w->in));
  w->in_points = w->out_points = 1;
  for (int d = 0; d < w->rank; d++) {
    w->kernel[d] = w->in[d];
    w->stride[d] = w->dilation[d] = w->out[d] = 1;
    if (w->in_points) w->in_points *= w->in[d];
    if (w->in_points > INT32_MAX) return qn_step_fail(s, QN_ERR_SHAPE, "the spatial dimensions have %lld points or more; 2,147,483,647 are possible", (long long)w->in_points);
  }
  for (int d = 0; d < w->rank; d++)
    if (w->in[d] == 0) w->in_points = 0;
  w->taps = w->in_points;
  return finish(s, p);
}

static qn_status run(qn_step *s) {
  const qn_pool_spec *p = s->state;
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0), *indices = qn_out(s, 1);
  qn_room r = {.base = s->scratch};
  rooms m;
  lay_out(s, p, &r, &m);
  if (x->dtype == QN_DOUBLE) {
    qn_pool_f64(p, m.x, m.y, indices ? indices->data : NULL, m.taps);
    return QN_OK;
  }
  if (narrow(x->dtype)) qn_cast(x->dtype, x->data, QN_FLOAT, m.x, (size_t)x->count, (qn_cast_mode){0});
  qn_pool_f32(p, m.x, m.y, indices ? indices->data : NULL, m.taps, m.line);
  if (narrow(x->dtype)) qn_cast(QN_FLOAT, m.y, y->dtype, y->data, (size_t)y->count, (qn_cast_mode){0});
  return QN_OK;
}

#define POOL(id, text, planner, outputs)                                                                              \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = 1, .min_in = 1, .max_in = 1, .min_out = 1,           \
                            .max_out = outputs, .flags = QN_LAYOUT_FOLLOW, .plan = planner, .run = run};
POOL(max_pool, "MaxPool", plan, 2)
POOL(average_pool, "AveragePool", plan, 1)
POOL(lp_pool, "LpPool", plan, 1)
POOL(global_max_pool, "GlobalMaxPool", plan_global, 1)
POOL(global_average_pool, "GlobalAveragePool", plan_global, 1)
POOL(global_lp_pool, "GlobalLpPool", plan_global, 1)
