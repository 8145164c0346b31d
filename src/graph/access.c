/* What operators ask of the planner (op.h), and running a single node outside a plan. */
#include <math.h>
#include <string.h>

#include "graph/planner.h"

const qn_tensor *qn_known(const qn_step *s, int i) {
  const qn_tensor *t = qn_in(s, i);
  return t && s->planner->known[i] ? t : NULL;
}

qn_status qn_need(const qn_step *s, int i, const qn_tensor **t) {
  *t = qn_in(s, i);
  if (!*t || s->planner->known[i]) return QN_OK;
  s->planner->need = i;
  return QN_NEED_DATA;
}

qn_status qn_need_ints(const qn_step *s, int i, int64_t *values, int max, int *count) {
  const qn_tensor *t;
  QN_TRY(qn_need(s, i, &t));
  *count = -1;
  if (!t) return QN_OK;
  if (t->dtype != QN_INT64 && t->dtype != QN_INT32)
    return qn_step_fail(s, QN_ERR_TYPE, "input %d is %s; int64 or int32 is expected", i, qn_dtype_name(t->dtype));
  char text[QN_SHAPE_TEXT];
  if (t->rank > 1 || t->count > max)
    return qn_step_fail(s, QN_ERR_SHAPE, "input %d has shape %s; a list of at most %d integers is expected", i, qn_shape_text(text, t->rank, t->dims), max);
  for (int64_t k = 0; k < t->count; k++) values[k] = t->dtype == QN_INT64 ? ((const int64_t *)t->data)[k] : ((const int32_t *)t->data)[k];
  *count = (int)t->count;
  return QN_OK;
}

qn_status qn_out_shape(qn_step *s, int i, qn_dtype dtype, int rank, const int64_t *dims) {
  qn_tensor *t = qn_out(s, i);
  if (!t) return QN_OK;
  s->out[i]->kind = QN_KIND_TENSOR;
  qn_error inner;
  qn_status status = qn_tensor_shape(t, dtype, rank, dims, &inner);
  return status == QN_OK ? QN_OK : qn_step_fail(s, status, "output %d: %s", i, inner.text);
}

qn_status qn_out_like(qn_step *s, int i, const qn_tensor *like) { return qn_out_shape(s, i, like->dtype, like->rank, like->dims); }

qn_status qn_out_view(qn_step *s, int i, int j, int rank, const int64_t *dims) {
  const qn_value *in = s->in[j];
  if (!qn_out(s, i)) return QN_OK;
  if (in->kind != QN_KIND_TENSOR) {
    s->out[i]->kind = in->kind;
    s->out[i]->tensor.dtype = in->tensor.dtype;
  } else {
    QN_TRY(qn_out_shape(s, i, in->tensor.dtype, rank, dims));
    char a[QN_SHAPE_TEXT], b[QN_SHAPE_TEXT];
    if (s->out[i]->tensor.count != in->tensor.count)
      return qn_step_fail(s, QN_ERR_SHAPE, "shape %s cannot become %s: the element counts differ", qn_shape_text(a, in->tensor.rank, in->tensor.dims),
                          qn_shape_text(b, rank, dims));
  }
  s->planner->view_of[i] = j;
  return QN_OK;
}

const void *qn_only_reader(const qn_step *s) {
  const qn_planner *p = s->planner;
  const qn_ir_node *node = p->node;
  if (!p->frame || node->out[0] < 0) return NULL;
  const qn_ir_value *v = &p->ir->values[node->out[0]];
  if (v->uses != 1 || v->last_use < 0 || v->last_use >= p->ir->n_nodes) return NULL;
  const qn_ir_node *reader = &p->ir->nodes[v->last_use];
  return reader->op == node->op && reader->in[0] == node->out[0] ? reader->kept : NULL;
}

qn_status qn_out_pending(qn_step *s, int rank, const int64_t *dims) {
  QN_TRY(qn_out_shape(s, 0, s->in[0]->tensor.dtype, rank, dims));
  s->out[0]->pending = s->state;
  s->planner->view_of[0] = 0;
  return QN_OK;
}

qn_status qn_out_dynamic(qn_step *s, int i, qn_dtype dtype, int rank, const int64_t *dims) {
  if (i >= s->n_out || !s->out[i]) return QN_OK;
  qn_error inner;
  qn_status status = qn_value_reserve(s->out[i], dtype, rank, dims, &inner);
  return status == QN_OK ? QN_OK : qn_step_fail(s, status, "output %d: %s", i, inner.text);
}

qn_status qn_state(qn_step *s, size_t size) {
  s->state = qn_pool_alloc(s->planner->pool, size);
  return s->state ? QN_OK : qn_step_fail(s, QN_ERR_MEMORY, "no memory for %zu bytes of state", size);
}

static qn_constant *constant_of(const qn_step *s, int i) {
  const qn_ir_node *n = s->planner->node;
  if (i >= n->n_in || n->in[i] < 0) return NULL;
  return s->planner->ir->values[n->in[i]].constant;
}

const qn_tensor *qn_const(const qn_step *s, int i) {
  const qn_constant *k = constant_of(s, i);
  return k && k->value.kind == QN_KIND_TENSOR && k->value.tensor.data ? &k->value.tensor : NULL;
}

bool qn_has_input(const qn_step *s, int i) { return i < s->planner->node->n_in && s->planner->node->in[i] >= 0; }

void *qn_keep_block(qn_step *s, size_t size) { return qn_context_keep(s->planner->context, size); }

bool qn_keep_adopt(qn_step *s, void *block) { return qn_context_adopt(s->planner->context, block); }

qn_status qn_keep(qn_step *s, size_t size) {
  s->kept = qn_keep_block(s, size);
  return s->kept ? QN_OK : qn_step_fail(s, QN_ERR_MEMORY, "no memory for %zu bytes of packed weights", size);
}

void qn_release_const(qn_step *s, int i) {
  qn_constant *k = constant_of(s, i);
  if (k && ++k->released >= k->readers) qn_constant_free_data(k);
}

void *qn_take_const(qn_step *s, int i) {
  qn_constant *k = constant_of(s, i);
  if (!k || k->readers - k->released != 1 || k->value.kind != QN_KIND_TENSOR) return NULL;
  void *data = k->value.tensor.data;
  if (!data || (k->source ? k->source->block != data : !k->value.owned)) return NULL;
  if (!qn_keep_adopt(s, data)) data = NULL; /* it is freed then */
  if (k->source) k->source->block = k->source->tensor.data = NULL;
  k->value.tensor.data = NULL;
  k->value.owned = false;
  k->released++;
  return data;
}

/* ---- outside a plan ---- */

static qn_step bare_step(qn_ir *g, const qn_ir_node *n, qn_planner *planner) {
  return (qn_step){.op = n->op, .name = n->name, .opset = n->opset, .n_attrs = n->n_attrs, .attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out,
                   .clamp_min = n->clamp_min, .clamp_max = n->clamp_max, .kept = n->kept, .err = g->context->err, .planner = planner};
}

qn_status qn_ir_prepare_node(qn_ir *g, qn_ir_node *n) {
  if (!n->op->prepare) return QN_OK;
  qn_planner planner = {.context = g->context, .node = n, .ir = g, .need = -1};
  qn_step s = bare_step(g, n, &planner);
  QN_TRY(n->op->prepare(&s));
  n->kept = s.kept;
  return QN_OK;
}

static qn_status evaluate(qn_ir *g, const qn_ir_node *n, qn_value *out, qn_pool *pool) {
  size_t count = (size_t)(n->n_in + n->n_out);
  bool *known = qn_pool_alloc(pool, count + 1);
  int *view_of = qn_pool_alloc(pool, (count + 1) * sizeof(int));
  qn_value **ports = qn_pool_alloc(pool, (count + 1) * sizeof *ports);
  if (!known || !view_of || !ports) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to fold constants");
  qn_planner planner = {.pool = pool, .context = g->context, .known = known, .need = -1, .view_of = view_of, .node = n, .ir = g};
  qn_step s = bare_step(g, n, &planner);
  s.in = ports;
  s.out = ports + n->n_in;
  for (int i = 0; i < n->n_in; i++) {
    known[i] = true;
    s.in[i] = n->in[i] < 0 ? NULL : &g->values[n->in[i]].constant->value;
  }
  for (int i = 0; i < n->n_out; i++) {
    view_of[i] = -1;
    s.out[i] = n->out[i] < 0 ? NULL : &out[i];
  }
  QN_TRY(n->op->plan(&s));
  for (int i = 0; i < n->n_out; i++) {
    if (!s.out[i] || s.dynamic) continue;
    if (view_of[i] >= 0) {
      qn_value shaped = out[i];
      memset(&out[i], 0, sizeof out[i]);
      QN_TRY(qn_value_copy(&out[i], s.in[view_of[i]], s.err));
      if (out[i].kind == QN_KIND_TENSOR) {
        out[i].tensor.rank = shaped.tensor.rank;
        memcpy(out[i].tensor.dims, shaped.tensor.dims, sizeof shaped.tensor.dims);
      }
    } else if (out[i].kind == QN_KIND_TENSOR) {
      qn_tensor shape = out[i].tensor;
      QN_TRY(qn_value_reserve(&out[i], shape.dtype, shape.rank, shape.dims, s.err));
    }
  }
  if (!n->op->run) return QN_OK;
  s.scratch = qn_alloc(s.scratch_size);
  if (!s.scratch) return qn_fail(s.err, QN_ERR_MEMORY, "no memory to fold constants");
  qn_status status = n->op->run(&s);
  qn_free(s.scratch);
  if (n->op->release && s.state) n->op->release(&s);
  return status;
}

qn_status qn_ir_evaluate(qn_ir *g, const qn_ir_node *n, qn_value *out) {
  qn_pool pool = {0};
  memset(out, 0, (size_t)n->n_out * sizeof *out);
  qn_status status = evaluate(g, n, out, &pool);
  qn_pool_free(&pool);
  if (status != QN_OK)
    for (int i = 0; i < n->n_out; i++) qn_value_clear(&out[i]);
  return status;
}
