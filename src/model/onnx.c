/* The push parser. ModelProto, GraphProto and each initializer are entered as their bytes arrive; a raw_data field is
 * filled straight into its final block; everything else is small and collected whole before it is read. */
#include "model/onnx.h"

#include "model/onnx_node.h"
#include "model/onnx_tensor.h"

enum { STAGE = 16 * 1024 };
enum { M_IR_VERSION = 1, M_GRAPH = 7, M_OPSET_IMPORT = 8, M_FUNCTIONS = 25 };
typedef enum level_kind { IN_MODEL, IN_GRAPH, IN_TENSOR } level_kind;

struct qn_onnx_reader {
  uint8_t stage[STAGE];
  size_t stage_begin, stage_end;
  uint64_t position;                  /* in the file, of stage_begin */
  struct { level_kind kind; uint64_t end; } levels[3];
  int depth;                          /* index of the innermost level */
  qn_tensor_reader tensor;
  /* A field that is being filled from the stage and then by the caller. */
  uint8_t *fill;
  size_t fill_size, fill_done;
  bool filling, fill_is_raw;
  qn_field fill_field;
  uint64_t skip;                      /* bytes to throw away */
  qn_onnx_tensor *external;           /* being filled after the file */
  size_t external_done;
};

static qn_status no_memory(qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "no memory to read the model"); }

qn_status qn_onnx_begin(qn_onnx_model *m, qn_error *err) {
  memset(m, 0, sizeof *m);
  qn_graph_init(&m->graph);
  m->reader = qn_alloc_zeroed(sizeof *m->reader);
  if (!m->reader) return no_memory(err);
  m->reader->levels[0].end = UINT64_MAX;
  qn_tensor_reader_init(&m->reader->tensor);
  return QN_OK;
}

void qn_onnx_add_tensor(qn_onnx_model *m, qn_onnx_tensor *t) {
  t->next = NULL;
  if (m->last_tensor) m->last_tensor->next = t;
  else m->tensors = t;
  m->last_tensor = t;
}

static void free_reader(qn_onnx_model *m) {
  if (!m->reader) return;
  qn_tensor_reader_free(&m->reader->tensor);
  if (!m->reader->fill_is_raw) qn_free(m->reader->fill);
  qn_free(m->reader);
  m->reader = NULL;
}

void qn_onnx_free(qn_onnx_model *m) {
  free_reader(m);
  for (qn_onnx_tensor *t = m->tensors; t; t = t->next) qn_free(t->block);
  qn_pool_free(&m->pool);
  memset(m, 0, sizeof *m);
}

/* A whole field at the current level. */
static qn_status field(qn_onnx_model *m, const qn_field *f, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  switch (r->levels[r->depth].kind) {
    case IN_TENSOR: return qn_tensor_reader_field(&r->tensor, m, f, err);
    case IN_GRAPH: return qn_graph_field(m, &m->graph, f, 0, err);
    default:
      if (f->number == M_IR_VERSION && f->type == 0) m->ir_version = (int64_t)f->value;
      if (f->number == M_OPSET_IMPORT && f->type == 2) return qn_onnx_read_opset(m, f, &m->opsets, err);
      if (f->number == M_FUNCTIONS && f->type == 2) return qn_onnx_read_function(m, f, err);
      return QN_OK;
  }
}

/* Is this length-delimited field entered, filled or skipped? */
static bool enters(level_kind kind, uint32_t number) {
  return (kind == IN_MODEL && number == M_GRAPH) || (kind == IN_GRAPH && number == QN_GRAPH_INITIALIZER);
}
static bool is_read(level_kind kind, uint32_t number) {
  if (kind == IN_TENSOR) return number <= 14 && number != 12;
  if (kind == IN_GRAPH)
    return number == QN_GRAPH_NODE || number == QN_GRAPH_NAME || number == QN_GRAPH_INPUT || number == QN_GRAPH_OUTPUT ||
           number == QN_GRAPH_SPARSE_INITIALIZER;
  return number == M_OPSET_IMPORT || number == M_FUNCTIONS;
}

static qn_status close_levels(qn_onnx_model *m, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  while (r->depth > 0 && r->position == r->levels[r->depth].end) {
    if (r->levels[r->depth].kind == IN_TENSOR) {
      qn_onnx_tensor *t;
      qn_status status = qn_tensor_reader_finish(&r->tensor, m, &t, err);
      qn_tensor_reader_free(&r->tensor);
      qn_tensor_reader_init(&r->tensor);
      QN_TRY(status);
      QN_TRY(qn_graph_add_initializer(m, &m->graph, t, err));
    }
    r->depth--;
  }
  return QN_OK;
}

static qn_status fill_complete(qn_onnx_model *m, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  r->filling = false;
  qn_status status = QN_OK;
  if (r->fill_is_raw) {
    r->fill_is_raw = false;
    r->fill = NULL;
  } else {
    r->fill_field.bytes = r->fill;
    status = field(m, &r->fill_field, err);
    qn_free(r->fill);
    r->fill = NULL;
  }
  QN_TRY(status);
  return close_levels(m, err);
}

static qn_status begin_fill(qn_onnx_model *m, const qn_field *f, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  r->fill_is_raw = r->levels[r->depth].kind == IN_TENSOR && f->number == QN_TENSOR_RAW;
  r->fill = qn_alloc((size_t)f->value);
  if (!r->fill) {
    r->fill_is_raw = false;
    return qn_fail(err, QN_ERR_MEMORY, "no memory for a field of %llu bytes at byte %llu of the model", (unsigned long long)f->value,
                   (unsigned long long)r->position);
  }
  if (r->fill_is_raw) {
    qn_free(r->tensor.raw);
    r->tensor.raw = r->fill;
    r->tensor.raw_size = (size_t)f->value;
    r->tensor.has_raw = true;
  }
  r->fill_size = (size_t)f->value;
  r->fill_done = 0;
  r->fill_field = *f;
  r->filling = true;
  return QN_OK;
}

/* Reads the head of the next field from the stage. *ready is false when more bytes are needed. */
static qn_status head(qn_onnx_model *m, bool *ready, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  size_t avail = r->stage_end - r->stage_begin;
  uint64_t level_left = r->levels[r->depth].end - r->position;
  bool all_here = avail >= level_left; /* then a cut-off head is an error */
  qn_wire w = {r->stage + r->stage_begin, r->stage + r->stage_begin + (all_here ? (size_t)level_left : avail)};
  const uint8_t *begin = w.p;
  *ready = false;
  qn_field f = {0};
  uint64_t key;
  bool cut = !qn_wire_varint(&w, &key);
  if (!cut) {
    f.number = (uint32_t)(key >> 3);
    f.type = (uint32_t)(key & 7);
    if (key >> 3 == 0 || key >> 3 > 536870911 || (f.type != 0 && f.type != 1 && f.type != 2 && f.type != 5)) goto malformed;
    if (f.type == 0 || f.type == 2) cut = !qn_wire_varint(&w, &f.value);
    else {
      size_t width = f.type == 1 ? 8 : 4;
      cut = (size_t)(w.end - w.p) < width;
      if (!cut) { memcpy(&f.value, w.p, width); w.p += width; }
    }
  }
  if (cut) {
    if (all_here || (size_t)(w.end - begin) >= 20) goto malformed;
    return QN_OK;
  }
  *ready = true;
  size_t used = (size_t)(w.p - begin);
  r->stage_begin += used;
  r->position += used;
  if (f.type != 2) {
    QN_TRY(field(m, &f, err));
    return close_levels(m, err);
  }
  if (f.value > r->levels[r->depth].end - r->position || f.value > (uint64_t)1 << 40) {
    return qn_fail(err, QN_ERR_FORMAT, "this is not a well-formed ONNX model: field %u at byte %llu runs past the end of its message", f.number,
                   (unsigned long long)r->position);
  }
  level_kind kind = r->levels[r->depth].kind;
  if (enters(kind, f.number)) {
    r->depth++;
    r->levels[r->depth].kind = kind == IN_MODEL ? IN_GRAPH : IN_TENSOR;
    r->levels[r->depth].end = r->position + f.value;
    return close_levels(m, err);
  }
  if (!is_read(kind, f.number)) {
    r->skip = f.value;
    return f.value ? QN_OK : close_levels(m, err);
  }
  if (f.value > UINT32_MAX - 65536 || f.value > SIZE_MAX / 2)
    return qn_fail(err, QN_ERR_MEMORY, "a field of %llu bytes does not fit a 4 GB memory", (unsigned long long)f.value);
  avail = r->stage_end - r->stage_begin;
  bool raw = kind == IN_TENSOR && f.number == QN_TENSOR_RAW;
  if (avail >= f.value && !raw) { /* whole: read it in place */
    f.bytes = r->stage + r->stage_begin;
    r->stage_begin += (size_t)f.value;
    r->position += f.value;
    QN_TRY(field(m, &f, err));
    return close_levels(m, err);
  }
  QN_TRY(begin_fill(m, &f, err));
  size_t part = avail < r->fill_size ? avail : r->fill_size;
  if (part) memcpy(r->fill, r->stage + r->stage_begin, part);
  r->fill_done = part;
  r->stage_begin += part;
  r->position += part;
  return r->fill_done == r->fill_size ? fill_complete(m, err) : QN_OK;

malformed:
  return qn_fail(err, QN_ERR_FORMAT, "this is not a well-formed ONNX model: malformed field at byte %llu", (unsigned long long)r->position);
}

qn_status qn_onnx_want(qn_onnx_model *m, void **ptr, size_t *size, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  if (!r) return qn_fail(err, QN_ERR_STATE, "the model has been read already");
  if (r->external) {
    *ptr = (uint8_t *)r->external->block + r->external_done;
    *size = qn_tensor_bytes(&r->external->tensor) - r->external_done;
    return QN_OK;
  }
  if (r->filling) {
    *ptr = r->fill + r->fill_done;
    *size = r->fill_size - r->fill_done;
    return QN_OK;
  }
  if (r->stage_begin) {
    memmove(r->stage, r->stage + r->stage_begin, r->stage_end - r->stage_begin);
    r->stage_end -= r->stage_begin;
    r->stage_begin = 0;
  }
  *ptr = r->stage + r->stage_end;
  *size = STAGE - r->stage_end;
  return QN_OK;
}

static qn_status commit_external(qn_onnx_model *m, size_t size, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  size_t total = qn_tensor_bytes(&r->external->tensor);
  if (size > total - r->external_done) return qn_fail(err, QN_ERR_ARGUMENT, "more bytes than were asked for");
  r->external_done += size;
  if (r->external_done == total) {
    r->external->external_done = true;
    r->external->tensor.data = r->external->block;
    r->external = NULL;
    qn_onnx_external(m);
  }
  return QN_OK;
}

qn_status qn_onnx_commit(qn_onnx_model *m, size_t size, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  if (!r) return qn_fail(err, QN_ERR_STATE, "the model has been read already");
  if (r->external) return commit_external(m, size, err);
  if (r->filling) {
    if (size > r->fill_size - r->fill_done) return qn_fail(err, QN_ERR_ARGUMENT, "more bytes than were asked for");
    r->fill_done += size;
    r->position += size;
    return r->fill_done == r->fill_size ? fill_complete(m, err) : QN_OK;
  }
  if (size > STAGE - r->stage_end) return qn_fail(err, QN_ERR_ARGUMENT, "more bytes than were asked for");
  r->stage_end += size;
  bool ready = true;
  while (ready && !r->filling && r->stage_begin < r->stage_end) {
    if (r->skip) {
      size_t avail = r->stage_end - r->stage_begin, part = r->skip < avail ? (size_t)r->skip : avail;
      r->skip -= part;
      r->stage_begin += part;
      r->position += part;
      if (r->skip == 0) QN_TRY(close_levels(m, err));
    } else {
      QN_TRY(head(m, &ready, err));
    }
  }
  return QN_OK;
}

qn_status qn_onnx_end(qn_onnx_model *m, qn_error *err) {
  qn_onnx_reader *r = m->reader;
  if (!r) return qn_fail(err, QN_ERR_STATE, "the model has been read already");
  if (r->position == 0 && r->stage_begin == r->stage_end) return qn_fail(err, QN_ERR_FORMAT, "the model file is empty");
  if (r->depth != 0 || r->filling || r->skip || r->stage_begin != r->stage_end)
    return qn_fail(err, QN_ERR_FORMAT, "the model file is cut off after %llu bytes", (unsigned long long)(r->position + (r->stage_end - r->stage_begin)));
  if (m->graph.n_nodes == 0 && m->graph.n_outputs == 0)
    return qn_fail(err, QN_ERR_FORMAT, "this is not an ONNX model: it has no graph");
  if (m->graph.n_outputs == 0) return qn_fail(err, QN_ERR_FORMAT, "the model's graph has no outputs");
  for (qn_onnx_tensor *t = m->tensors; t; t = t->next)
    if (t->location && !t->external_done)
      return qn_fail(err, QN_ERR_STATE, "the data of tensor '%s' lies in '%s', which was not supplied", t->name, t->location);
  free_reader(m);
  return QN_OK;
}

qn_onnx_tensor *qn_onnx_external(const qn_onnx_model *m) {
  qn_onnx_reader *r = m->reader;
  if (!r || r->depth != 0 || r->filling || r->skip || r->stage_begin != r->stage_end) return NULL;
  if (r->external) return r->external;
  for (qn_onnx_tensor *t = m->tensors; t; t = t->next) {
    if (!t->location || t->external_done) continue;
    if (!t->block) t->block = qn_alloc((size_t)t->length);
    if (!t->block) return NULL;
    r->external = t;
    r->external_done = 0;
    return t;
  }
  return NULL;
}

int64_t qn_onnx_opset_of(const qn_onnx_model *m, const char *domain) {
  if (!strcmp(domain, "ai.onnx")) domain = "";
  for (const qn_onnx_opset *o = m->opsets; o; o = o->next)
    if (!strcmp(o->domain, domain)) return o->version;
  return 0;
}
