#include "feature/pipeline.h"

#include <string.h>

#include "cJSON.h"
#include "feature/settings.h"

typedef struct input {
  qn_slot slot;
  char *name;            /* owned */
  size_t text_size;      /* bytes of strings */
  int64_t longest;       /* the last dimension as planned */
} input;

/* A step and what the manifest says of its neighbours. */
typedef struct node {
  qn_stage stage;
  char where[32];
  const cJSON *input_names, *result_names; /* a text, a list of texts, or NULL */
} node;

struct qn_pipeline {
  const qn_step_type *const *steps;
  const char *where;
  cJSON *json;
  qn_feature_file *files;
  qn_pool pool;          /* settings */
  node *nodes;           /* [node_count] */
  int32_t node_count;
  qn_facts given, facts, planned_for;
  input *inputs;         /* [input_count] */
  int32_t input_count, input_capacity, planned_inputs;
  bool planned, planned_stream;
  qn_pool plan_pool;     /* lists of slots */
  const qn_slot **slots; /* [slot_count] */
  int32_t slot_count;
  char *arena;
  size_t arena_capacity;
};

qn_pipeline *qn_pipeline_create(const qn_step_type *const *steps) {
  qn_pipeline *p = qn_alloc_zeroed(sizeof *p);
  if (p) p->steps = steps, p->where = "steps";
  return p;
}

void qn_pipeline_free(qn_pipeline *p) {
  if (!p) return;
  for (int32_t i = 0; i < p->node_count; i++) {
    qn_stage *s = &p->nodes[i].stage;
    if (s->type && s->type->release) s->type->release(s);
  }
  qn_free(p->nodes);
  for (int32_t i = 0; i < p->input_capacity; i++) qn_free(p->inputs[i].name);
  qn_free(p->inputs);
  while (p->files) {
    qn_feature_file *next = p->files->next;
    qn_free(p->files->bytes);
    qn_free(p->files);
    p->files = next;
  }
  cJSON_Delete(p->json);
  qn_pool_free(&p->pool);
  qn_pool_free(&p->plan_pool);
  qn_free(p->arena);
  qn_free(p);
}

static qn_status no_memory(const qn_pipeline *p, qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "%s: there is no memory for them", p->where); }

static char *copy_of(const void *bytes, size_t length) {
  char *copy = length < SIZE_MAX ? qn_alloc(length + 1) : NULL;
  if (!copy) return NULL;
  if (length) memcpy(copy, bytes, length);
  copy[length] = 0;
  return copy;
}

qn_status qn_pipeline_file(qn_pipeline *p, const char *name, size_t name_length, const void *bytes, size_t length, qn_error *err) {
  char *kept = qn_pool_text(&p->pool, name, name_length), *copy = copy_of(bytes, length);
  qn_feature_file *file = qn_alloc_zeroed(sizeof *file);
  if (!kept || !copy || !file) {
    qn_free(copy);
    qn_free(file);
    return no_memory(p, err);
  }
  *file = (qn_feature_file){kept, copy, length, p->files};
  p->files = file;
  return QN_OK;
}

void qn_pipeline_drop_file(qn_pipeline *p, const void *bytes) {
  for (qn_feature_file *f = p->files; f; f = f->next)
    if (f->bytes == bytes) {
      qn_free(f->bytes);
      f->bytes = NULL, f->length = 0;
      return;
    }
}

/* ---- reading ---- */

static bool is_texts(const cJSON *v) {
  if (!v || cJSON_IsString(v)) return true;
  if (!cJSON_IsArray(v)) return false;
  for (const cJSON *item = v->child; item; item = item->next)
    if (!cJSON_IsString(item)) return false;
  return true;
}

static const char *text_at(const cJSON *v, int i) {
  if (cJSON_IsString(v)) return i == 0 ? v->valuestring : NULL;
  const cJSON *item = v ? v->child : NULL;
  for (; item && i > 0; i--) item = item->next;
  return item ? item->valuestring : NULL;
}

static qn_status read_step(qn_pipeline *p, node *n, const cJSON *object, qn_error *err) {
  qn_stage *s = &n->stage;
  s->where = n->where;
  s->facts = &p->facts;
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(object, "step");
  if (!cJSON_IsObject(object) || !cJSON_IsString(name)) return qn_fail(err, QN_ERR_ARGUMENT, "%s is not an object with a member \"step\"", n->where);
  const qn_step_type *type = NULL;
  char words[1536] = "";
  for (const qn_step_type *const *t = p->steps; *t; t++) {
    if (!strcmp((*t)->name, name->valuestring)) type = *t;
    qn_words_add(words, sizeof words, (*t)->name, strlen((*t)->name));
  }
  if (!type) return qn_fail(err, QN_ERR_ARGUMENT, "%s: there is no step '%s'; there are %s", n->where, name->valuestring, words);
  s->type = type;
  n->input_names = cJSON_GetObjectItemCaseSensitive(object, "input");
  n->result_names = cJSON_GetObjectItemCaseSensitive(object, "as");
  if (!is_texts(n->input_names) || !is_texts(n->result_names))
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "%s is a name or a list of names", is_texts(n->input_names) ? "as" : "input");
  QN_TRY(qn_settings_read(s, object, p->files, &p->pool, err));
  return type->prepare ? type->prepare(s, err) : QN_OK;
}

qn_status qn_pipeline_read(qn_pipeline *p, const char *where, const char *json, size_t length, qn_error *err) {
  if (p->json) return qn_fail(err, QN_ERR_STATE, "%s: they were read already", where);
  p->where = where;
  p->json = cJSON_ParseWithLength(json, length);
  if (!p->json) return qn_fail(err, QN_ERR_ARGUMENT, "%s is not JSON, or nested too deeply", where);
  if (!cJSON_IsArray(p->json)) return qn_fail(err, QN_ERR_ARGUMENT, "%s is not a list of steps", where);
  const int count = cJSON_GetArraySize(p->json);
  if (count < 1 || count > 256) return qn_fail(err, QN_ERR_ARGUMENT, "%s has %d steps; from 1 to 256 are possible", where, count);
  p->nodes = qn_alloc_zeroed((size_t)count * sizeof *p->nodes);
  if (!p->nodes) return no_memory(p, err);
  for (const cJSON *object = p->json->child; object; object = object->next) {
    node *n = &p->nodes[p->node_count];
    size_t at = 0, i = (size_t)p->node_count;
    char digits[8];
    for (const char *c = where; *c && at < 20; c++) n->where[at++] = *c;
    n->where[at++] = '[';
    int d = 0;
    do digits[d++] = (char)('0' + i % 10), i /= 10; while (i);
    while (d) n->where[at++] = digits[--d];
    n->where[at] = ']';
    p->node_count++;
    QN_TRY(read_step(p, n, object, err));
    const qn_step_type *type = n->stage.type;
    const qn_source_kind begin = p->nodes[0].stage.type->source;
    if (p->node_count > 1 && type->source != QN_SOURCE_ANY && begin != type->source && !(begin == QN_SOURCE_STROKES && type->source == QN_SOURCE_PICTURE))
      return qn_stage_fail(&n->stage, err, QN_ERR_ARGUMENT, "it cannot follow '%s', which takes another kind of source", p->nodes[0].stage.type->name);
  }
  return QN_OK;
}

qn_source_kind qn_pipeline_source(const qn_pipeline *p) { return p->node_count ? p->nodes[0].stage.type->source : QN_SOURCE_ANY; }
qn_answer_form qn_pipeline_answer(const qn_pipeline *p) { return p->node_count ? p->nodes[p->node_count - 1].stage.type->answer : QN_ANSWER_TENSORS; }
qn_facts *qn_pipeline_given(qn_pipeline *p) { return &p->given; }
const qn_facts *qn_pipeline_facts(const qn_pipeline *p) { return &p->facts; }

/* ---- planning ---- */

void qn_pipeline_clear_inputs(qn_pipeline *p) { p->input_count = 0; }

static bool same_input(const input *in, const char *name, qn_dtype dtype, int rank, const int64_t *dims, size_t text_size) {
  const qn_tensor *t = &in->slot.tensor;
  return in->name && !strcmp(in->name, name) && t->dtype == dtype && t->rank == rank && (!rank || !memcmp(t->dims, dims, (size_t)rank * sizeof *dims)) &&
         text_size <= in->text_size;
}

qn_status qn_pipeline_input(qn_pipeline *p, const char *name, qn_dtype dtype, int rank, const int64_t *dims, size_t text_size, qn_error *err) {
  if (p->input_count == p->input_capacity) {
    if (p->input_capacity >= 4096) return qn_fail(err, QN_ERR_ARGUMENT, "%s: more than 4096 inputs", p->where);
    const int32_t capacity = p->input_capacity ? 2 * p->input_capacity : 4;
    input *inputs = qn_alloc_zeroed((size_t)capacity * sizeof *inputs);
    if (!inputs) return no_memory(p, err);
    if (p->inputs) memcpy(inputs, p->inputs, (size_t)p->input_capacity * sizeof *inputs);
    qn_free(p->inputs);
    p->inputs = inputs, p->input_capacity = capacity;
    p->planned = false;
  }
  input *in = &p->inputs[p->input_count];
  if (!same_input(in, name, dtype, rank, dims, text_size)) {
    p->planned = false;
    qn_tensor t = {0};
    QN_TRY(qn_tensor_shape(&t, dtype, rank, dims, err));
    char *kept = copy_of(name, strlen(name));
    if (!kept) return no_memory(p, err);
    qn_free(in->name);
    in->name = kept, in->text_size = text_size, in->longest = rank ? dims[rank - 1] : 1;
    in->slot = (qn_slot){.name = kept, .tensor = t, .most_rows = rank ? dims[0] : 1};
  }
  p->input_count++;
  return QN_OK;
}

/* The newest of a name, or NULL. */
static const qn_slot *slot_named(const qn_pipeline *p, const char *name) {
  for (int32_t i = p->slot_count - 1; i >= 0; i--)
    if (!strcmp(p->slots[i]->name, name)) return p->slots[i];
  return NULL;
}

/* The tensors that a step takes: those it names, else the results of the step before, else the inputs of the pipeline. */
static qn_status find_inputs(qn_pipeline *p, node *n, qn_error *err) {
  qn_stage *s = &n->stage;
  const bool source = n == p->nodes || s->type->of_source;
  const int32_t before = source ? p->input_count : n[-1].stage.result_count;
  const int32_t count = n->input_names ? cJSON_IsString(n->input_names) ? 1 : cJSON_GetArraySize(n->input_names) : before;
  const qn_slot **inputs = qn_pool_alloc(&p->plan_pool, ((size_t)count + 1) * sizeof *inputs);
  if (!inputs) return no_memory(p, err);
  for (int32_t i = 0; i < count; i++) {
    const char *name = text_at(n->input_names, i);
    inputs[i] = name ? slot_named(p, name) : source ? p->slots[i] : p->slots[p->slot_count - before + i];
    if (inputs[i]) continue;
    char words[512] = "";
    for (int32_t k = 0; k < p->slot_count; k++) qn_words_add(words, sizeof words, p->slots[k]->name, strlen(p->slots[k]->name));
    return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "nothing before it is called '%s'; there are %s", name, words);
  }
  s->inputs = inputs, s->input_count = count;
  return QN_OK;
}

static qn_status plan_step(qn_pipeline *p, node *n, bool stream, qn_error *err) {
  qn_stage *s = &n->stage;
  if (stream && s->type->whole) return qn_stage_fail(s, err, QN_ERR_ARGUMENT, "it needs the whole signal, so it cannot be part of a stream");
  s->result_count = 0, s->scratch_size = s->state_size = 0, s->stream = stream;
  QN_TRY(find_inputs(p, n, err));
  for (int32_t i = 0; i < s->input_count && stream && s->type->source != QN_SOURCE_SOUND; i++)
    if (s->inputs[i]->sound) return qn_stage_fail(s, err, QN_ERR_SHAPE, "'%s' is a sound, whose pieces vary in length: put the step 'frames' before it", s->inputs[i]->name);
  QN_TRY(s->type->plan(s, err));
  for (int32_t i = 0; i < s->result_count; i++) {
    const char *name = text_at(n->result_names, i);
    if (name) s->results[i].name = name;
    p->slots[p->slot_count++] = &s->results[i];
  }
  return QN_OK;
}

static bool take(size_t *at, size_t size) {
  const uint64_t most = UINT32_MAX - 65536, all = (uint64_t)*at + size + QN_SLACK + QN_ALIGN; /* what a wasm memory can have; sums of 32 bits would begin anew */
  if (size > most || all > most) return false;
  *at += qn_align_up(size + QN_SLACK);
  return true;
}

static size_t input_bytes(const input *in) { return qn_tensor_bytes(&in->slot.tensor) + in->text_size; }

/* Gives every tensor, scratch and state its place. */
static qn_status place(qn_pipeline *p, qn_error *err) {
  size_t size = 0, scratch = 0;
  bool fits = true;
  for (int32_t i = 0; i < p->input_count; i++) fits = fits && take(&size, input_bytes(&p->inputs[i]));
  for (node *n = p->nodes; n < p->nodes + p->node_count; n++) {
    if (n->stage.scratch_size > scratch) scratch = n->stage.scratch_size;
    for (int32_t k = 0; k < n->stage.result_count; k++) fits = fits && take(&size, qn_tensor_bytes(&n->stage.results[k].tensor));
    fits = fits && take(&size, n->stage.state_size);
  }
  const size_t scratch_at = size;
  if (!fits || !take(&size, scratch)) return no_memory(p, err);
  if (size > p->arena_capacity) {
    qn_free(p->arena);
    p->arena_capacity = 0;
    p->arena = qn_alloc(size);
    if (!p->arena) return qn_fail(err, QN_ERR_MEMORY, "%s: there is no memory for %zu bytes", p->where, size);
    p->arena_capacity = size;
  }
  size = 0;
  for (int32_t i = 0; i < p->input_count; i++) {
    p->inputs[i].slot.tensor.data = p->arena + size;
    take(&size, input_bytes(&p->inputs[i]));
  }
  for (node *n = p->nodes; n < p->nodes + p->node_count; n++) {
    qn_stage *s = &n->stage;
    for (int32_t k = 0; k < s->result_count; k++) {
      s->results[k].tensor.data = p->arena + size;
      take(&size, qn_tensor_bytes(&s->results[k].tensor));
    }
    s->state = p->arena + size;
    memset(s->state, 0, s->state_size);
    take(&size, s->state_size);
    s->scratch = p->arena + scratch_at;
  }
  return QN_OK;
}

qn_status qn_pipeline_plan(qn_pipeline *p, bool stream, qn_error *err) {
  if (!p->node_count) return qn_fail(err, QN_ERR_STATE, "%s: no steps were read", p->where);
  if (p->planned && p->planned_inputs == p->input_count && p->planned_stream == stream && !memcmp(&p->planned_for, &p->given, sizeof p->given)) return QN_OK;
  if (stream && qn_pipeline_source(p) != QN_SOURCE_SOUND) return qn_fail(err, QN_ERR_ARGUMENT, "%s: only sound comes in pieces", p->where);
  p->planned = false;
  qn_pool_free(&p->plan_pool);
  p->slot_count = 0;
  p->slots = qn_pool_alloc(&p->plan_pool, ((size_t)p->input_count + (size_t)p->node_count * QN_MOST_RESULTS + 1) * sizeof *p->slots);
  if (!p->slots) return no_memory(p, err);
  const bool sounds = qn_pipeline_source(p) == QN_SOURCE_SOUND;
  if (stream && !sounds) return qn_fail(err, QN_ERR_ARGUMENT, "%s: only a sound comes as a stream", p->where);
  for (int32_t i = 0; i < p->input_count; i++) {
    p->inputs[i].slot.sound = sounds;
    p->slots[p->slot_count++] = &p->inputs[i].slot;
  }
  p->facts = p->given;
  const qn_tensor *picture = p->input_count && qn_pipeline_source(p) == QN_SOURCE_PICTURE ? &p->inputs[0].slot.tensor : NULL;
  if (picture && picture->rank == 3 && picture->dims[0] <= INT32_MAX && picture->dims[1] <= INT32_MAX) {
    p->facts.height = p->facts.view_height = (int32_t)picture->dims[0];
    p->facts.width = p->facts.view_width = (int32_t)picture->dims[1];
    memcpy(p->facts.to_source, (double[6]){1, 0, 0, 0, 1, 0}, sizeof p->facts.to_source);
  }
  const qn_tensor *sound = p->input_count == 1 && !stream && qn_pipeline_source(p) == QN_SOURCE_SOUND ? &p->inputs[0].slot.tensor : NULL;
  if (sound && sound->rank == 2 && p->facts.rate > 0) p->facts.seconds = (double)sound->dims[1] / p->facts.rate;
  for (node *n = p->nodes; n < p->nodes + p->node_count; n++) QN_TRY(plan_step(p, n, stream, err));
  QN_TRY(place(p, err));
  p->planned = true, p->planned_inputs = p->input_count, p->planned_stream = stream, p->planned_for = p->given;
  return QN_OK;
}

const qn_tensor *qn_pipeline_input_tensor(const qn_pipeline *p, int i) { return p->planned && i >= 0 && i < p->input_count ? &p->inputs[i].slot.tensor : NULL; }

qn_status qn_pipeline_shorten(qn_pipeline *p, int i, int64_t length, qn_error *err) {
  if (!p->planned || i < 0 || i >= p->input_count) return qn_fail(err, QN_ERR_STATE, "%s: nothing was planned", p->where);
  qn_tensor *t = &p->inputs[i].slot.tensor;
  if (!p->planned_stream) return qn_fail(err, QN_ERR_STATE, "%s: only the pieces of a stream have other lengths than planned", p->where);
  if (!t->rank || length < 0 || length > p->inputs[i].longest)
    return qn_fail(err, QN_ERR_ARGUMENT, "%s: a length of %lld, planned for %lld", p->where, (long long)length, (long long)p->inputs[i].longest);
  t->dims[t->rank - 1] = length;
  t->count = 1;
  for (int k = 0; k < t->rank; k++) t->count *= t->dims[k];
  return QN_OK;
}

qn_status qn_pipeline_run(qn_pipeline *p, bool first, bool last, qn_error *err) {
  if (!p->planned) return qn_fail(err, QN_ERR_STATE, "%s: nothing was planned", p->where);
  for (node *n = p->nodes; n < p->nodes + p->node_count; n++) {
    n->stage.first = first, n->stage.last = last;
    QN_TRY(n->stage.type->run(&n->stage, err));
  }
  return QN_OK;
}

int32_t qn_pipeline_slot_count(const qn_pipeline *p) { return p->planned ? p->slot_count : 0; }
const qn_slot *qn_pipeline_slot(const qn_pipeline *p, int32_t i) { return p->planned && i >= 0 && i < p->slot_count ? p->slots[i] : NULL; }
int32_t qn_pipeline_slot_step(const qn_pipeline *p, int32_t i) {
  int32_t step = -1;
  for (i -= p->input_count; p->planned && i >= 0 && step + 1 < p->node_count; i -= p->nodes[step].stage.result_count) step++;
  return step;
}
int32_t qn_pipeline_result_count(const qn_pipeline *p) { return p->planned ? p->nodes[p->node_count - 1].stage.result_count : 0; }
