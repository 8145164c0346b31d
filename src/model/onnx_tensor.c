#include "model/onnx_tensor.h"

/* TensorProto field numbers (onnx.proto3). */
enum { DIMS = 1, DATA_TYPE = 2, FLOAT_DATA = 4, INT32_DATA = 5, STRING_DATA = 6, INT64_DATA = 7, NAME = 8,
       DOUBLE_DATA = 10, UINT64_DATA = 11, EXTERNAL_DATA = 13, DATA_LOCATION = 14 };

static qn_status no_memory(qn_error *err) { return qn_fail(err, QN_ERR_MEMORY, "no memory to read the model"); }

void qn_tensor_reader_init(qn_tensor_reader *r) {
  memset(r, 0, sizeof *r);
  r->strings_end = &r->strings;
}

void qn_tensor_reader_free(qn_tensor_reader *r) {
  qn_free(r->list);
  qn_free(r->raw);
  r->list = r->raw = NULL;
}

static qn_status push_dim(qn_tensor_reader *r, uint64_t value, qn_error *err) {
  if (r->rank == QN_MAX_RANK)
    return qn_fail(err, QN_ERR_UNSUPPORTED, "initializer '%s' has more than %d dimensions", r->name ? r->name : "", QN_MAX_RANK);
  r->dims[r->rank++] = (int64_t)value;
  return QN_OK;
}

/* Room for `count` more list elements of `width` bytes. */
static qn_status grow_list(qn_tensor_reader *r, uint32_t field, size_t width, size_t count, qn_error *err) {
  if (r->list_field && r->list_field != field)
    return qn_fail(err, QN_ERR_FORMAT, "a tensor mixes two kinds of data fields");
  r->list_field = field;
  r->list_width = width;
  size_t bytes, need;
  if (!qn_size_mul(count, width, &bytes) || !qn_size_add(r->list_size, bytes, &need)) return no_memory(err);
  if (need <= r->list_capacity) return QN_OK;
  size_t capacity = need > 2 * r->list_capacity ? need : 2 * r->list_capacity;
  uint8_t *list = qn_alloc(capacity);
  if (!list) return no_memory(err);
  if (r->list_size) memcpy(list, r->list, r->list_size);
  qn_free(r->list);
  r->list = list;
  r->list_capacity = capacity;
  return QN_OK;
}

static void push_element(qn_tensor_reader *r, uint64_t value) {
  memcpy(r->list + r->list_size, &value, r->list_width);
  r->list_size += r->list_width;
}

static qn_status numbers(qn_tensor_reader *r, const qn_field *f, size_t width, uint32_t fixed, qn_error *err) {
  if (f->type == fixed) { /* one element, not packed */
    QN_TRY(grow_list(r, f->number, width, 1, err));
    push_element(r, f->value);
    return QN_OK;
  }
  if (f->type != 2) return qn_fail(err, QN_ERR_FORMAT, "a tensor's data field has the wrong wire type");
  if (fixed != 0) {
    if (f->value % width) return qn_fail(err, QN_ERR_FORMAT, "a tensor's data is cut off inside an element");
    QN_TRY(grow_list(r, f->number, width, (size_t)f->value / width, err));
    if (f->value) memcpy(r->list + r->list_size, f->bytes, (size_t)f->value);
    r->list_size += (size_t)f->value;
    return QN_OK;
  }
  size_t count = 0;
  for (uint64_t i = 0; i < f->value; i++) count += f->bytes[i] < 128; /* every varint ends with such a byte */
  QN_TRY(grow_list(r, f->number, width, count, err));
  qn_wire w = {f->bytes, f->bytes + f->value};
  uint64_t value;
  for (size_t i = 0; i < count; i++) {
    if (!qn_wire_varint(&w, &value)) return qn_fail(err, QN_ERR_FORMAT, "a tensor's integer data is malformed");
    push_element(r, value);
  }
  return QN_OK;
}

static bool text_is(const qn_field *f, const char *text) { return f->value == strlen(text) && !memcmp(f->bytes, text, f->value); }

static uint64_t parse_decimal(const qn_field *f) {
  uint64_t n = 0;
  for (uint64_t i = 0; i < f->value && f->bytes[i] >= '0' && f->bytes[i] <= '9' && n < UINT64_MAX / 16; i++) n = n * 10 + (uint64_t)(f->bytes[i] - '0');
  return n;
}

static qn_status external_entry(qn_tensor_reader *r, qn_onnx_model *m, const qn_field *entry, qn_error *err) {
  qn_wire w = {entry->bytes, entry->bytes + entry->value};
  qn_field f, key = {0}, value = {0};
  while (w.p < w.end) {
    if (!qn_wire_field(&w, &f)) return qn_fail(err, QN_ERR_FORMAT, "a malformed external_data entry");
    if (f.type == 2 && f.number == 1) key = f;
    if (f.type == 2 && f.number == 2) value = f;
  }
  if (text_is(&key, "location")) {
    r->location = qn_pool_text(&m->pool, (const char *)value.bytes, (size_t)value.value);
    if (!r->location) return no_memory(err);
  } else if (text_is(&key, "offset")) {
    r->offset = parse_decimal(&value);
  } else if (text_is(&key, "length")) {
    r->length = parse_decimal(&value);
  }
  return QN_OK;
}

qn_status qn_tensor_reader_field(qn_tensor_reader *r, qn_onnx_model *m, const qn_field *f, qn_error *err) {
  switch (f->number) {
    case DIMS: {
      if (f->type == 0) return push_dim(r, f->value, err);
      if (f->type != 2) break;
      qn_wire w = {f->bytes, f->bytes + f->value};
      uint64_t value;
      while (w.p < w.end) {
        if (!qn_wire_varint(&w, &value)) return qn_fail(err, QN_ERR_FORMAT, "a tensor's dimensions are malformed");
        QN_TRY(push_dim(r, value, err));
      }
      return QN_OK;
    }
    case DATA_TYPE:
      if (f->type == 0) r->dtype = (int64_t)f->value;
      return QN_OK;
    case FLOAT_DATA: return numbers(r, f, 4, 5, err);
    case INT32_DATA: return numbers(r, f, 4, 0, err);
    case INT64_DATA: return numbers(r, f, 8, 0, err);
    case DOUBLE_DATA: return numbers(r, f, 8, 1, err);
    case UINT64_DATA: return numbers(r, f, 8, 0, err);
    case STRING_DATA: {
      if (f->type != 2) break;
      struct qn_string_item *item = qn_pool_alloc(&m->pool, sizeof *item);
      if (!item) return no_memory(err);
      item->text.data = qn_pool_text(&m->pool, (const char *)f->bytes, (size_t)f->value);
      item->text.length = (size_t)f->value;
      if (!item->text.data) return no_memory(err);
      *r->strings_end = item;
      r->strings_end = &item->next;
      r->string_count++;
      return QN_OK;
    }
    case NAME:
      if (f->type != 2) break;
      r->name = qn_pool_text(&m->pool, (const char *)f->bytes, (size_t)f->value);
      return r->name ? QN_OK : no_memory(err);
    case QN_TENSOR_RAW:
      if (f->type != 2) break;
      qn_free(r->raw);
      r->raw = qn_alloc((size_t)f->value);
      if (!r->raw) return no_memory(err);
      if (f->value) memcpy(r->raw, f->bytes, (size_t)f->value);
      r->raw_size = (size_t)f->value;
      r->has_raw = true;
      return QN_OK;
    case EXTERNAL_DATA: return f->type == 2 ? external_entry(r, m, f, err) : QN_OK;
    case DATA_LOCATION:
      r->data_location = (int64_t)f->value;
      return QN_OK;
    default: return QN_OK;
  }
  return qn_fail(err, QN_ERR_FORMAT, "field %u of a tensor has the wrong wire type", f->number);
}

/* int32_data and uint64_data hold narrower types one element to a number. Narrows in place. */
static size_t narrow(qn_tensor_reader *r, qn_dtype dtype, int64_t count) {
  size_t n = r->list_size / r->list_width, width = qn_dtype_size(dtype);
  if (width == 0) width = 1; /* packed types: a byte of the packed form in each number */
  if (width >= r->list_width) return r->list_size;
  (void)count;
  for (size_t i = 0; i < n; i++) memmove(r->list + i * width, r->list + i * r->list_width, width);
  return n * width;
}

static qn_status strings_to_block(qn_tensor_reader *r, qn_onnx_tensor *t, qn_error *err) {
  if (r->string_count != t->tensor.count)
    return qn_fail(err, QN_ERR_FORMAT, "string tensor '%s' has %lld elements where its shape says %lld", t->name,
                   (long long)r->string_count, (long long)t->tensor.count);
  qn_string *table = qn_alloc((size_t)t->tensor.count * sizeof *table);
  if (!table) return no_memory(err);
  int64_t i = 0;
  for (struct qn_string_item *s = r->strings; s; s = s->next) table[i++] = s->text;
  t->tensor.data = t->block = table;
  return QN_OK;
}

qn_status qn_tensor_reader_finish(qn_tensor_reader *r, qn_onnx_model *m, qn_onnx_tensor **out, qn_error *err) {
  qn_onnx_tensor *t = qn_pool_alloc(&m->pool, sizeof *t);
  if (!t) return no_memory(err);
  t->name = r->name ? r->name : "";
  qn_onnx_add_tensor(m, t);
  qn_error inner = {0};
  if (r->dtype <= 0 || r->dtype >= QN_DTYPE_COUNT)
    return qn_fail(err, QN_ERR_FORMAT, "tensor '%s' has the unknown element type %lld", t->name, (long long)r->dtype);
  qn_status status = qn_tensor_shape(&t->tensor, (qn_dtype)r->dtype, r->rank, r->dims, &inner);
  if (status != QN_OK) return qn_fail(err, status, "tensor '%s': %s", t->name, inner.text);
  size_t bytes = qn_tensor_bytes(&t->tensor), given = 0;
  *out = t;
  if (r->data_location == 1) {
    if (!r->location) return qn_fail(err, QN_ERR_FORMAT, "tensor '%s' has external data without a location", t->name);
    if (r->length && r->length != bytes)
      return qn_fail(err, QN_ERR_FORMAT, "tensor '%s' needs %zu bytes, its external data has %llu", t->name, bytes, (unsigned long long)r->length);
    t->location = r->location;
    t->offset = r->offset;
    t->length = bytes;
    t->external_done = bytes == 0;
    return QN_OK;
  }
  if (t->tensor.dtype == QN_STRING) return strings_to_block(r, t, err);
  if (r->has_raw) {
    t->block = r->raw;
    r->raw = NULL;
    given = r->raw_size;
  } else if (r->list) {
    given = narrow(r, t->tensor.dtype, t->tensor.count);
    if (given == bytes) { /* list blocks grow by doubling: keep only what is needed */
      t->block = qn_alloc(bytes);
      if (!t->block) return no_memory(err);
      memcpy(t->block, r->list, bytes);
    }
  } else if (bytes == 0) {
    t->block = qn_alloc(0);
    if (!t->block) return no_memory(err);
  }
  t->tensor.data = t->block;
  if (given != bytes)
    return qn_fail(err, QN_ERR_FORMAT, "tensor '%s' holds %zu bytes where its shape and type need %zu", t->name, given, bytes);
  return QN_OK;
}

qn_status qn_onnx_read_tensor(qn_onnx_model *m, const uint8_t *bytes, size_t size, qn_onnx_tensor **out, qn_error *err) {
  qn_tensor_reader r;
  qn_tensor_reader_init(&r);
  qn_wire w = {bytes, bytes + size};
  qn_status status = QN_OK;
  while (status == QN_OK && w.p < w.end) {
    qn_field f;
    status = qn_wire_field(&w, &f) ? qn_tensor_reader_field(&r, m, &f, err) : qn_fail(err, QN_ERR_FORMAT, "a malformed tensor");
  }
  if (status == QN_OK) status = qn_tensor_reader_finish(&r, m, out, err);
  qn_tensor_reader_free(&r);
  return status;
}
