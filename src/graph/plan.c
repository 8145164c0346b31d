/* Planning: shapes, layouts, memory and order of one segment; the cache of segments. */
#include "graph/plan.h"

#include <limits.h>
#include <string.h>

#include "graph/planner.h"

enum { MAX_ROOTS = 12, MAX_CHILDREN = 12 };

static qn_status no_memory(const qn_frame *f) { return qn_fail(f->ir->context->err, QN_ERR_MEMORY, "no memory to plan the run"); }

qn_status qn_frame_create(qn_ir *g, qn_frame **out) {
  qn_frame *f = qn_alloc_zeroed(sizeof *f);
  if (!f) return qn_fail(g->context->err, QN_ERR_MEMORY, "no memory to run the graph");
  f->ir = g;
  g->frame = f;
  size_t inputs = (size_t)(g->n_inputs + g->n_captures), values = (size_t)g->n_values;
  f->inputs = qn_alloc_zeroed(inputs * sizeof *f->inputs);
  f->dynamic = qn_alloc_zeroed(values * sizeof *f->dynamic);
  f->now = qn_alloc_zeroed(values * sizeof *f->now);
  f->recorded = qn_alloc_zeroed(values * sizeof *f->recorded);
  if (!f->inputs || !f->dynamic || !f->now || !f->recorded) return no_memory(f);
  f->foreign_storage = (qn_storage){.last_use = INT_MAX, .foreign = true};
  f->dynamic_storage = (qn_storage){.last_use = INT_MAX};
  for (size_t i = 0; i < inputs; i++) f->inputs[i].storage = &f->foreign_storage;
  *out = f;
  return QN_OK;
}

void qn_plan_free_tree(qn_plan *p) {
  while (p) {
    qn_plan *sibling = p->sibling;
    qn_plan_free_tree(p->children);
    for (int i = 0; i < p->n_steps; i++)
      if (p->steps[i].step.op->release && p->steps[i].step.state) p->steps[i].step.op->release(&p->steps[i].step);
    qn_pool pool = p->pool;
    qn_pool_free(&pool);
    p = sibling;
  }
}

void qn_frame_forget(qn_frame *f) {
  qn_plan_free_tree(f->plans);
  f->plans = f->current = NULL;
}

void qn_frame_free(qn_frame *f) {
  if (!f) return;
  qn_frame_forget(f);
  for (int v = 0; f->dynamic && v < f->ir->n_values; v++) {
    if (f->dynamic[v]) {
      qn_value_clear(&f->dynamic[v]->value);
      qn_free(f->dynamic[v]);
    }
  }
  f->ir->frame = NULL;
  qn_free(f->inputs);
  qn_free(f->dynamic);
  qn_free(f->now);
  qn_free(f->recorded);
  qn_free(f->key);
  qn_free(f->arena);
  qn_free(f);
}

static int count_tree(const qn_plan *p) {
  int n = 0;
  for (; p; p = p->sibling) n += 1 + count_tree(p->children);
  return n;
}
int qn_plan_count(const qn_frame *f) { return count_tree(f->plans); }

/* ---- keys ---- */

static qn_status key_put(qn_frame *f, size_t *size, const void *bytes, size_t n) {
  if (*size + n > f->key_capacity) {
    size_t capacity = (*size + n) * 2 + 256;
    uint8_t *key = qn_alloc(capacity);
    if (!key) return no_memory(f);
    if (*size) memcpy(key, f->key, *size);
    qn_free(f->key);
    f->key = key;
    f->key_capacity = capacity;
  }
  if (n) memcpy(f->key + *size, bytes, n);
  *size += n;
  return QN_OK;
}

static qn_status key_shape(qn_frame *f, size_t *size, const qn_value *v) {
  int32_t head[3] = {(int32_t)v->kind, (int32_t)v->tensor.dtype, v->kind == QN_KIND_TENSOR ? v->tensor.rank : -1};
  QN_TRY(key_put(f, size, head, sizeof head));
  if (head[2] > 0) return key_put(f, size, v->tensor.dims, (size_t)head[2] * sizeof(int64_t));
  return QN_OK;
}

static uint32_t key_hash(const uint8_t *key, size_t size) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (size_t i = 0; i < size; i++) h = (h ^ key[i]) * 16777619u;
  return h;
}

/* A list is short; the hash spares it the comparison of long keys that differ late. */
static qn_plan *lookup(qn_frame *f, qn_plan **list, size_t size, uint32_t hash, int *count) {
  *count = 0;
  for (qn_plan **p = list; *p; p = &(*p)->sibling) {
    if ((*p)->key_hash == hash && (*p)->key_size == size && (size == 0 || !memcmp((*p)->key, f->key, size))) {
      qn_plan *hit = *p;
      *p = hit->sibling; /* to the front: repeated shapes are found at once */
      hit->sibling = *list;
      *list = hit;
      return hit;
    }
    (*count)++;
  }
  return NULL;
}

/* Drops the least recently used of a full list: the last, since hits move to the front. */
static void evict(qn_plan **list, int count, int limit) {
  if (count < limit) return;
  qn_plan **p = list;
  while ((*p)->sibling) p = &(*p)->sibling;
  qn_plan *last = *p;
  *p = NULL;
  qn_plan_free_tree(last);
}

/* ---- arena ---- */

static void place(qn_frame *f, qn_plan *p) {
  for (; p; p = p->sibling) {
    for (qn_plan_value *v = p->values; v; v = v->next)
      if (v->storage && v->storage->in_arena) v->value.tensor.data = f->arena + v->storage->offset;
    for (int i = 0; i < p->n_steps; i++) p->steps[i].step.scratch = f->arena ? f->arena + p->steps[i].scratch_offset : NULL;
    place(f, p->children);
  }
}

static qn_status fit_arena(qn_frame *f, qn_plan *p) {
  if (p->arena_size > f->arena_size) {
    uint8_t *arena = NULL;
    if (!p->parent) { /* nothing in it is alive: give the old one back first */
      qn_free(f->arena);
      f->arena = NULL;
      f->arena_size = 0;
    }
    arena = qn_alloc(p->arena_size);
    if (!arena) return qn_fail(f->ir->context->err, QN_ERR_MEMORY, "no memory for %zu bytes of activations", p->arena_size);
    if (f->arena) memcpy(arena, f->arena, f->arena_size);
    qn_free(f->arena);
    f->arena = arena;
    f->arena_size = p->arena_size;
    place(f, f->plans);
  } else {
    qn_plan *sibling = p->sibling;
    p->sibling = NULL;
    place(f, p);
    p->sibling = sibling;
  }
  return QN_OK;
}

/* ---- frames ---- */

static qn_status enter_plan(qn_frame *f, qn_plan **list, qn_plan *parent, size_t key_size, int limit) {
  int count;
  const uint32_t hash = key_hash(f->key, key_size);
  qn_plan *p = lookup(f, list, key_size, hash, &count);
  if (!p) {
    evict(list, count, limit);
    QN_TRY(qn_planner_make(f, parent, f->key, key_size, &p));
    p->key_hash = hash;
    p->sibling = *list;
    *list = p;
    QN_TRY(fit_arena(f, p));
  }
  f->current = p;
  f->next_step = 0;
  return QN_OK;
}

qn_status qn_frame_begin(qn_frame *f) {
  size_t size = 0;
  f->current = NULL;
  for (int i = 0; i < f->ir->n_inputs + f->ir->n_captures; i++) {
    qn_plan_value *in = &f->inputs[i];
    uint8_t layout = in->channels_last;
    QN_TRY(key_shape(f, &size, &in->value));
    QN_TRY(key_put(f, &size, &layout, 1));
  }
  return enter_plan(f, &f->plans, NULL, size, MAX_ROOTS);
}

qn_status qn_frame_continue(qn_frame *f) {
  qn_plan *p = f->current;
  size_t size = 0;
  for (int i = 0; i < p->n_dynamic; i++) QN_TRY(key_shape(f, &size, &f->dynamic[p->dynamic[i]]->value));
  for (int i = 0; i < p->n_needs; i++) {
    const qn_plan_value *v = qn_planner_lookup(f, p, p->needs[i]);
    const qn_tensor *t = &v->value.tensor;
    if (v->value.kind != QN_KIND_TENSOR || t->dtype == QN_STRING || qn_tensor_bytes(t) > 1 << 20)
      return qn_fail(f->ir->context->err, QN_ERR_UNSUPPORTED, "the contents of '%s' decide a shape, and they are too many", f->ir->values[p->needs[i]].name);
    QN_TRY(key_shape(f, &size, &v->value));
    QN_TRY(key_put(f, &size, t->data, qn_tensor_bytes(t)));
  }
  return enter_plan(f, &p->children, p, size, MAX_CHILDREN);
}

const qn_value *qn_frame_output(qn_frame *f, int i, bool *foreign) {
  int id = f->ir->outputs[i];
  const qn_plan_value *v = qn_planner_lookup(f, f->current, id);
  if (foreign) *foreign = v && v->storage && v->storage->foreign;
  return v ? &v->value : NULL;
}
