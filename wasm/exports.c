/* The flat face of quern.h for JavaScript: integers and pointers only, every function `qnw_*`.
 * Tables that JavaScript needs (element types, status codes, statistics) are read from here, so that they exist once.
 * 64-bit numbers cross as pointers into memory. The caller is web/core/heap.js and nothing else.
 * The export list of the link is read from this file: a function's type and name stand at the start of a line. */
#include <string.h>

#include "feature/ocr.h"
#include "feature/post/vad.h"
#include "kernel/peak.h"
#include "quern.h"

#ifndef QN_BUILD_ID
#define QN_BUILD_ID "dev"
#endif

_Static_assert(sizeof(qn_string) == 2 * sizeof(void *), "heap.js reads string tables as pairs of pointer and length");

/* ---- the host ---- */

__attribute__((import_module("env"), import_name("qn_host_now"))) double qn_host_now(void); /* milliseconds */

uint64_t qn_now_us(void) { return (uint64_t)(qn_host_now() * 1000); }

const char *qnw_build_id(void) { return QN_BUILD_ID; }

const char *qnw_variant(void) {
#if defined(__wasm_relaxed_simd__)
  return "relaxed";
#elif defined(__wasm_simd128__)
  return "simd";
#else
  return "scalar";
#endif
}

void *qnw_alloc(size_t size) { return qn_alloc(size); }
void qnw_release(void *block) { qn_free(block); }

/* ---- what a profile is measured against ---- */

extern const unsigned char __heap_base;

int qnw_peak_multiply_add(size_t operations) { return (int)qn_peak_multiply_add(operations); }

/* Reads the module's own memory, where the weights and results of its models lie, once, up to `most` bytes of it; how many it read. */
size_t qnw_peak_read(size_t most, uint32_t *sum) {
  const size_t from = ((size_t)&__heap_base + 63) & ~(size_t)63, there = __builtin_wasm_memory_size(0) * 65536 - from;
  const size_t size = there < most ? there : most;
  *sum = (uint32_t)qn_peak_read((const void *)from, size);
  return size;
}

/* ---- tables ---- */

int qnw_dtype_count(void) { return QN_DTYPE_COUNT; }
const char *qnw_dtype_name(int dtype) { return qn_dtype_name((qn_dtype)dtype); }
int qnw_dtype_bits(int dtype) { return qn_dtype_of((qn_dtype)dtype)->bits; }

/* Members of qn_stats, in the order in which qnw_stats() writes them. */
#define STATS(X)                                                                                                      \
  X(parameters) X(weight_bytes) X(arena_bytes) X(heap_bytes) X(nodes) X(nodes_in_file) X(plans) X(alloc_calls) X(opset)

#define COUNT_ONE(member) +1
enum { STAT_COUNT = 0 STATS(COUNT_ONE) };
#undef COUNT_ONE

int qnw_stat_count(void) { return STAT_COUNT; }
const char *qnw_stat_name(int i) {
#define NAME(member) #member,
  static const char *const names[] = {STATS(NAME)};
#undef NAME
  return i >= 0 && i < STAT_COUNT ? names[i] : "";
}

/* ---- a model ---- */

typedef struct qnw_model {
  qn_model *core;
  void *want_ptr;
  size_t want_size;
  const char *location;       /* external data */
  uint64_t range[2];          /* offset, length */
  uint64_t stats[STAT_COUNT];
  qn_error error;             /* of calls that fail before they reach the core */
  bool own_error;
  bool rare;
  const qn_plan_step *step;   /* of qnw_run_next */
} qnw_model;

qnw_model *qnw_create(void) {
  qnw_model *m = qn_alloc_zeroed(sizeof *m);
  if (!m) return NULL;
  m->core = qn_model_create();
  if (m->core) return m;
  qn_free(m);
  return NULL;
}

void qnw_free(qnw_model *m) {
  if (!m) return;
  qn_model_free(m->core);
  qn_free(m);
}

static const qn_error *error_of(const qnw_model *m) { return m->own_error ? &m->error : qn_model_error(m->core); }

const char *qnw_error_text(const qnw_model *m) { return error_of(m)->text; }
const char *qnw_error_node(const qnw_model *m) { return error_of(m)->node; }
const char *qnw_error_op(const qnw_model *m) { return error_of(m)->op; }
const char *qnw_error_code(const qnw_model *m) {
  switch (error_of(m)->code) {
#define CASE(code, text) case code: return text;
    QN_STATUS_LIST(CASE)
#undef CASE
    default: return "internal";
  }
}

/* Runs `expr` with the core's error in force. */
static int core(qnw_model *m, qn_status status) {
  m->own_error = false;
  return (int)status;
}
/* The same for a failure that was recorded in m->error. */
static int own(qnw_model *m, qn_status status) {
  m->own_error = status != QN_OK;
  return (int)status;
}

/* ---- loading ---- */

int qnw_want(qnw_model *m) { return core(m, qn_model_want(m->core, &m->want_ptr, &m->want_size)); }
void *qnw_want_ptr(const qnw_model *m) { return m->want_ptr; }
size_t qnw_want_size(const qnw_model *m) { return m->want_size; }
int qnw_commit(qnw_model *m, size_t size) { return core(m, qn_model_commit(m->core, size)); }
void qnw_skip_passes(qnw_model *m, uint32_t passes) { qn_model_skip_passes(m->core, passes); } /* for tests */
int qnw_resolve(qnw_model *m) { return core(m, qn_model_resolve(m->core, &m->rare)); }
int qnw_rare(const qnw_model *m) { return m->rare; } /* 1: needs the second file of this build before it is finished */
int qnw_finish(qnw_model *m) { return core(m, qn_model_finish(m->core)); }

/* 1 while a piece of external data is missing. */
int qnw_external(qnw_model *m) { return qn_model_external(m->core, &m->location, &m->range[0], &m->range[1]); }
const char *qnw_external_location(const qnw_model *m) { return m->location; }
const uint64_t *qnw_external_range(const qnw_model *m) { return m->range; } /* [2]: offset, length */

const uint64_t *qnw_stats(qnw_model *m) { /* [qnw_stat_count()] */
  qn_stats stats = {0};
  qn_model_stats(m->core, &stats);
  int i = 0;
#define STORE(member) m->stats[i++] = (uint64_t)stats.member;
  STATS(STORE)
#undef STORE
  return m->stats;
}

/* ---- ports ---- */

int qnw_input_count(const qnw_model *m) { return qn_input_count(m->core); }
int qnw_output_count(const qnw_model *m) { return qn_output_count(m->core); }
const qn_port *qnw_input_port(const qnw_model *m, int i) { return qn_input_port(m->core, i); }
const qn_port *qnw_output_port(const qnw_model *m, int i) { return qn_output_port(m->core, i); }
const char *qnw_port_name(const qn_port *p) { return p->name; }
int qnw_port_kind(const qn_port *p) { return p->kind; }
int qnw_port_dtype(const qn_port *p) { return p->dtype; }
int qnw_port_key(const qn_port *p) { return p->key; } /* of a map, or of maps in a sequence; else 0 */
int qnw_port_rank(const qn_port *p) { return p->rank; }
const int64_t *qnw_port_dims(const qn_port *p) { return p->dims; }
const char *qnw_port_symbol(const qn_port *p, int i) { return p->symbols && i >= 0 && i < p->rank ? p->symbols[i] : NULL; }
int qnw_port_optional(const qn_port *p) { return p->optional; }

/* ---- values ---- */

const qn_value *qnw_output_value(const qnw_model *m, int i) { return qn_output_value(m->core, i); }
/* to: kind, dtype, rank, where the data is and its bytes (of the table, for strings), items, and from byte 24 on the dimensions. */
void qnw_value_facts(const qn_value *v, uint32_t *to) { /* [24] */
  const uint32_t facts[6] = {(uint32_t)v->kind, (uint32_t)v->tensor.dtype, (uint32_t)v->tensor.rank, (uint32_t)(uintptr_t)v->tensor.data,
                             (uint32_t)qn_tensor_bytes(&v->tensor), (uint32_t)v->item_count};
  memcpy(to, facts, sizeof facts);
  memcpy(to + 6, v->tensor.dims, sizeof v->tensor.dims);
}
const qn_value *qnw_value_item(const qn_value *v, int i) { return i >= 0 && i < v->item_count ? &v->items[i] : NULL; }

/* ---- inputs ---- */

static int bind(qnw_model *m, int i, int dtype, int rank, const int64_t *dims) { return core(m, qn_input_bind(m->core, i, (qn_dtype)dtype, rank, dims)); }

/* `dims` [rank], caller owns. Where the elements go, or NULL. */
void *qnw_input_bind(qnw_model *m, int i, int dtype, int rank, const int64_t *dims) {
  return bind(m, i, dtype, rank, dims) == QN_OK ? qn_input_value(m->core, i)->tensor.data : NULL;
}
int qnw_state_bind(qnw_model *m, int i, int output) { return core(m, qn_state_bind(m->core, i, output)); }
const qn_value *qnw_input_value(qnw_model *m, int i) { return qn_input_value(m->core, i); }
int qnw_input_unbind(qnw_model *m, int i) { return core(m, qn_input_unbind(m->core, i)); }

/* A tensor value over the caller's bytes. For strings `data` holds, element by element, a 32-bit length and the UTF-8 bytes,
 * and the table is built here (to be freed with qn_free(t->data)). */
static qn_status borrow(qnw_model *m, qn_tensor *t, int dtype, int rank, const int64_t *dims, const uint8_t *data, size_t size) {
  QN_TRY(qn_tensor_shape(t, (qn_dtype)dtype, rank, dims, &m->error));
  if (dtype != QN_STRING) {
    if (qn_tensor_bytes(t) > size) return qn_fail(&m->error, QN_ERR_SHAPE, "%zu bytes for a tensor of %zu bytes", size, qn_tensor_bytes(t));
    t->data = (void *)(uintptr_t)data;
    return QN_OK;
  }
  qn_string *table = qn_alloc(qn_tensor_bytes(t));
  if (!table) return qn_fail(&m->error, QN_ERR_MEMORY, "no memory for %lld strings", (long long)t->count);
  size_t at = 0;
  for (int64_t k = 0; k < t->count; k++) {
    uint32_t length = 0;
    bool fits = size - at >= sizeof length;
    if (fits) memcpy(&length, data + at, sizeof length);
    at += fits ? sizeof length : 0;
    if (!fits || size - at < length) {
      qn_free(table);
      return qn_fail(&m->error, QN_ERR_ARGUMENT, "string %lld lies outside the given bytes", (long long)k);
    }
    table[k] = (qn_string){(const char *)data + at, length};
    at += length;
  }
  t->data = table;
  return QN_OK;
}

static void give_back(qn_tensor *t) {
  if (t->dtype == QN_STRING) qn_free(t->data);
}

/* A whole string tensor at once; `data` as in borrow(), caller owns. */
int qnw_input_strings(qnw_model *m, int i, int rank, const int64_t *dims, const uint8_t *data, size_t size) {
  int status = bind(m, i, QN_STRING, rank, dims);
  if (status != QN_OK) return status;
  qn_value from = {0};
  status = own(m, borrow(m, &from.tensor, QN_STRING, rank, dims, data, size));
  if (status != QN_OK) return status;
  status = own(m, qn_value_copy(qn_input_value(m->core, i), &from, &m->error));
  give_back(&from.tensor);
  return status;
}

/* Empties a sequence or optional input and sets its element type; its items follow by qnw_input_push(). `nested`: an optional that
 * holds a sequence, to which they are added. */
int qnw_input_items(qnw_model *m, int i, int dtype, int nested) {
  int status = bind(m, i, dtype, 0, NULL);
  if (status != QN_OK) return status;
  qn_value *v = qn_input_value(m->core, i);
  qn_value_clear(v);
  v->kind = qn_input_port(m->core, i)->kind;
  v->tensor.dtype = (qn_dtype)dtype;
  if (!nested || v->kind != QN_KIND_OPTIONAL) return QN_OK;
  qn_value sequence = {.kind = QN_KIND_SEQUENCE, .tensor.dtype = (qn_dtype)dtype};
  return own(m, qn_value_insert(v, 0, &sequence, &m->error));
}

int qnw_input_push(qnw_model *m, int i, int dtype, int rank, const int64_t *dims, const uint8_t *data, size_t size) {
  qn_value *v = qn_input_value(m->core, i), item = {0};
  if (!v || v->kind == QN_KIND_TENSOR) return own(m, qn_fail(&m->error, QN_ERR_STATE, "input %d takes no items", i));
  if (v->kind == QN_KIND_OPTIONAL && v->item_count && v->items[0].kind == QN_KIND_SEQUENCE) v = &v->items[0];
  if ((qn_dtype)dtype != v->tensor.dtype)
    return own(m, qn_fail(&m->error, QN_ERR_TYPE, "an item of input '%s' is %s; the model expects %s", qn_input_port(m->core, i)->name,
                          qn_dtype_name((qn_dtype)dtype), qn_dtype_name(v->tensor.dtype)));
  int status = own(m, borrow(m, &item.tensor, dtype, rank, dims, data, size));
  if (status != QN_OK) return status;
  status = own(m, qn_value_insert(v, v->item_count, &item, &m->error));
  give_back(&item.tensor);
  return status;
}

/* Puts a map into a map input, or appends one to a sequence of maps. keys, values: [count], as in borrow(), of the port's types. The
 * keys ascend. */
int qnw_input_map(qnw_model *m, int i, int count, const uint8_t *keys, size_t keys_size, const uint8_t *values, size_t values_size) {
  qn_value *v = qn_input_value(m->core, i), parts[2] = {{.kind = QN_KIND_TENSOR}, {.kind = QN_KIND_TENSOR}};
  const qn_port *port = qn_input_port(m->core, i);
  if (!v || !port->key) return own(m, qn_fail(&m->error, QN_ERR_STATE, "input %d takes no map", i));
  const qn_value map = {.kind = QN_KIND_MAP, .tensor = {.dtype = port->dtype}, .items = parts, .item_count = 2};
  const int64_t dims[1] = {count};
  qn_status status = borrow(m, &parts[0].tensor, port->key, 1, dims, keys, keys_size);
  if (status == QN_OK) status = borrow(m, &parts[1].tensor, port->dtype, 1, dims, values, values_size);
  if (status == QN_OK) status = v->kind == QN_KIND_MAP ? qn_value_copy(v, &map, &m->error) : qn_value_insert(v, v->item_count, &map, &m->error);
  for (int k = 0; k < 2; k++) give_back(&parts[k].tensor);
  return own(m, status);
}

/* ---- running ---- */

int qnw_run_start(qnw_model *m) { return core(m, qn_run_start(m->core)); }

/* -1: more to do; 0: done; else the status of a failure. */
int qnw_run_step(qnw_model *m, uint32_t budget_us) {
  bool done = false;
  int status = core(m, qn_run_step(m->core, budget_us, &done));
  return status != QN_OK ? status : done ? 0 : -1;
}

void qnw_run_cancel(qnw_model *m) { qn_run_cancel(m->core); }

/* ---- looking inside ---- */

/* Text for qnw_release; see qn_model_describe. */
char *qnw_describe(const qnw_model *m) { return qn_model_describe(m->core); }

int qnw_run_next(qnw_model *m) { return core(m, qn_run_next(m->core, &m->step)); }
const qn_plan_step *qnw_next_step(const qnw_model *m) { return m->step; }
const qn_plan_step *qnw_plan_step(const qnw_model *m, int i) { return qn_plan_step_at(m->core, i); }
int qnw_plan_is_whole(const qnw_model *m) { return qn_plan_is_whole(m->core); }
/* 0: domain, 1: operator, 2: name of the node */
const char *qnw_step_text(const qn_plan_step *s, int which) {
  qn_step_info info;
  qn_step_describe(s, &info);
  return which == 0 ? info.domain : which == 1 ? info.op : info.name;
}
const qn_value *qnw_step_input(const qn_plan_step *s, int i) { return qn_step_input(s, i); }
const qn_value *qnw_step_output(const qn_plan_step *s, int i) { return qn_step_output(s, i); }
const char *qnw_step_output_name(const qnw_model *m, const qn_plan_step *s, int i) { return qn_step_output_name(m->core, s, i); }
int qnw_step_channels_last(const qn_plan_step *s, int i) { return qn_step_output_channels_last(s, i); }

/* ---- another executor (web/gpu) ---- */

int qnw_run_skip(qnw_model *m) { return core(m, qn_run_skip(m->core)); }
int qnw_run_whole(qnw_model *m) { return core(m, qn_run_whole(m->core)); }
uint32_t qnw_plan_serial(const qnw_model *m) { return qn_plan_serial(m->core); }
const void *qnw_plan_arena(const qnw_model *m, uint32_t *to) { /* to: its bytes. [1] */
  size_t size;
  const void *arena = qn_plan_arena(m->core, &size);
  *to = (uint32_t)size;
  return arena;
}
const qn_value *qnw_plan_need(const qnw_model *m, int i) { return qn_plan_need(m->core, i); }
int qnw_step_ports(const qn_plan_step *s) {
  qn_step_info info;
  qn_step_describe(s, &info);
  return info.n_in + info.n_out;
}

enum { PORT_WORDS = 18 };
static void port_facts(const qn_value *v, uint32_t *to) {
  memset(to, 0, PORT_WORDS * sizeof *to);
  if (!v) return;
  const qn_tensor *t = &v->tensor;
  const uint32_t facts[8] = {1, (uint32_t)v->kind, (uint32_t)t->dtype, (uint32_t)t->rank, (uint32_t)(uintptr_t)t->data, (uint32_t)qn_tensor_bytes(t),
                             (uint32_t)qn_step_place(v), (uint32_t)t->count};
  memcpy(to, facts, sizeof facts);
  for (int d = 0; d < t->rank && d < 8; d++) to[8 + d] = (uint32_t)t->dims[d];
  to[16] = (uint32_t)qn_step_last_use(v);
}

/* to: inputs, outputs, opset, 1 control + 2 dynamic, least and most of output 0 as bits, node, 0; then for each input and output whether it
 * is there, kind, type, rank, address, bytes, place, elements, 8 dimensions, last use, 0. [8 + 18 · qnw_step_ports(s)] */
void qnw_step_facts(const qn_plan_step *s, uint32_t *to) {
  qn_step_info info;
  qn_step_describe(s, &info);
  const uint32_t head[4] = {(uint32_t)info.n_in, (uint32_t)info.n_out, (uint32_t)info.opset, info.control + 2u * info.dynamic};
  memset(to, 0, 8 * sizeof *to);
  memcpy(to, head, sizeof head);
  memcpy(to + 4, &info.clamp_min, sizeof info.clamp_min);
  memcpy(to + 5, &info.clamp_max, sizeof info.clamp_max);
  to[6] = (uint32_t)info.node;
  for (int i = 0; i < info.n_in; i++) port_facts(qn_step_input(s, i), to + 8 + PORT_WORDS * i);
  for (int i = 0; i < info.n_out; i++) port_facts(qn_step_output(s, i), to + 8 + PORT_WORDS * (info.n_in + i));
}

/* name: NUL-terminated. to: its type (0: there is none), integer in two words, float as bits, text and its length, how many integers or
 * floats, where. [8] */
void qnw_step_attr(const qn_plan_step *s, const char *name, uint32_t *to) {
  const qn_attr *a = qn_step_attr(s, name);
  memset(to, 0, 8 * sizeof *to);
  if (!a) return;
  to[0] = (uint32_t)a->type;
  memcpy(to + 1, &a->i, sizeof a->i);
  memcpy(to + 3, &a->f, sizeof a->f);
  to[4] = (uint32_t)(uintptr_t)a->s.data;
  to[5] = (uint32_t)a->s.length;
  to[6] = (uint32_t)a->count;
  to[7] = a->type == QN_ATTR_INTS ? (uint32_t)(uintptr_t)a->ints : (uint32_t)(uintptr_t)a->floats;
}

/* ---- reading text: qn_ocr between its three models, tensors staying in the heap ---- */

enum { OCR_DET, OCR_CLS, OCR_REC };

#define COUNT_ONE(name, value, least, most) +1
enum { OCR_OPTION_COUNT = 0 QN_OCR_OPTIONS(COUNT_ONE) };
#undef COUNT_ONE

int qnw_ocr_option_count(void) { return OCR_OPTION_COUNT; }
const char *qnw_ocr_option_name(int i) {
#define NAME(name, value, least, most) #name,
  static const char *const names[] = {QN_OCR_OPTIONS(NAME)};
#undef NAME
  return i >= 0 && i < OCR_OPTION_COUNT ? names[i] : "";
}

/* Failures of these are recorded in `m`, the model that is in use. */

/* options: [qnw_ocr_option_count()], NaN for the default, caller owns. NULL on failure. */
qn_ocr *qnw_ocr_create(qnw_model *m, const float *options, const char *labels, size_t labels_length) {
  qn_ocr_config config;
  qn_ocr_defaults(&config);
  int i = 0;
#define SET(name, value, least, most)                        \
  if (options[i] == options[i]) config.name = options[i];    \
  i++;
  QN_OCR_OPTIONS(SET)
#undef SET
  qn_ocr *ocr = NULL;
  own(m, qn_ocr_create(&ocr, &config, labels, labels_length, &m->error));
  return ocr;
}
void qnw_ocr_free(qn_ocr *ocr) { qn_ocr_free(ocr); }

/* rgba: [height, width, 4], caller owns */
int qnw_ocr_set_image(qnw_model *m, qn_ocr *ocr, const uint8_t *rgba, int32_t width, int32_t height) {
  return own(m, qn_ocr_set_image(ocr, rgba, width, height, &m->error));
}

int32_t qnw_ocr_batches(const qn_ocr *ocr, int stage) {
  return stage == OCR_DET ? 1 : stage == OCR_CLS ? qn_ocr_cls_batches(ocr) : qn_ocr_rec_batches(ocr);
}

/* Binds the model's first input and writes the batch into it. */
int qnw_ocr_input(qnw_model *m, qn_ocr *ocr, int stage, int32_t batch) {
  int32_t shape[4];
  if (stage == OCR_DET) qn_ocr_det_shape(ocr, shape);
  else if (stage == OCR_CLS) qn_ocr_cls_shape(ocr, batch, shape);
  else qn_ocr_rec_shape(ocr, batch, shape);
  const int64_t dims[4] = {shape[0], shape[1], shape[2], shape[3]};
  int status = bind(m, 0, QN_FLOAT, 4, dims);
  if (status != QN_OK) return status;
  const qn_tensor *t = &qn_input_value(m->core, 0)->tensor;
  size_t room = (size_t)t->count;
  if (stage == OCR_DET) return own(m, qn_ocr_det_input(ocr, t->data, room, &m->error));
  if (stage == OCR_CLS) return own(m, qn_ocr_cls_input(ocr, batch, t->data, room, &m->error));
  return own(m, qn_ocr_rec_input(ocr, batch, t->data, room, &m->error));
}

/* Reads the model's first output after the run. */
int qnw_ocr_output(qnw_model *m, qn_ocr *ocr, int stage, int32_t batch) {
  static const int ranks[] = {4, 2, 3};
  const qn_value *v = qn_output_value(m->core, 0);
  if (!v || v->kind != QN_KIND_TENSOR || v->tensor.dtype != QN_FLOAT || v->tensor.rank != ranks[stage]) {
    char text[QN_SHAPE_TEXT] = "nothing";
    if (v && v->kind == QN_KIND_TENSOR) qn_shape_text(text, v->tensor.rank, v->tensor.dims);
    return own(m, qn_fail(&m->error, QN_ERR_SHAPE, "the text model gave %s; a float32 tensor of rank %d is expected", text, ranks[stage]));
  }
  const qn_tensor *t = &v->tensor;
  int32_t d[4] = {0};
  for (int i = 0; i < t->rank; i++) d[i] = (int32_t)t->dims[i];
  if (stage == OCR_DET && (d[0] != 1 || d[1] != 1))
    return own(m, qn_fail(&m->error, QN_ERR_SHAPE, "the detector gave [%d, %d, …]; [1, 1, height, width] is expected", d[0], d[1]));
  if (stage == OCR_DET) return own(m, qn_ocr_det_output(ocr, t->data, d[2], d[3], &m->error));
  if (stage == OCR_CLS) return own(m, qn_ocr_cls_output(ocr, batch, t->data, d[0], d[1], &m->error));
  return own(m, qn_ocr_rec_output(ocr, batch, t->data, d[0], d[1], d[2], &m->error));
}

int32_t qnw_ocr_result_count(const qn_ocr *ocr) { return qn_ocr_result_count(ocr); }
_Static_assert(sizeof(void *) != 4 || sizeof(qn_ocr_result) == 4 * 13, "heap.js reads text, length, score, box_score, turned, box[8]");
/* result: [13] 32-bit words, caller owns. 0 when there is no such result. */
int32_t qnw_ocr_result_at(const qn_ocr *ocr, int32_t i, qn_ocr_result *result) { return qn_ocr_result_at(ocr, i, result); }

/* ---- speech ---- */

/* options: [5], the members of qn_vad_options in their order; probabilities: [frames]; segments: [capacity]; caller owns all.
 * How many segments there are, of which the first `capacity` were written. */
int32_t qnw_vad_segments(const float *options, const float *probabilities, int32_t frames, qn_vad_segment *segments, int32_t capacity) {
  const qn_vad_options o = {options[0], options[1], (int32_t)options[2], (int32_t)options[3], (int32_t)options[4]};
  return qn_vad_segments(&o, probabilities, frames, segments, capacity);
}
