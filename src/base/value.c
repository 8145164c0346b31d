#include "base/value.h"

#include <string.h>

qn_status qn_tensor_shape(qn_tensor *t, qn_dtype dtype, int rank, const int64_t *dims, qn_error *err) {
  if (rank < 0 || rank > QN_MAX_RANK)
    return qn_fail(err, QN_ERR_UNSUPPORTED, "a tensor of rank %d: at most %d dimensions are supported", rank, QN_MAX_RANK);
  char text[QN_SHAPE_TEXT];
  int64_t count = 1;
  bool empty = false;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 0) return qn_fail(err, QN_ERR_SHAPE, "a negative dimension in shape %s", qn_shape_text(text, rank, dims));
    if (dims[i] == 0) empty = true;
    else if (__builtin_mul_overflow(count, dims[i], &count)) count = INT64_MAX;
  }
  if (empty) count = 0;
  size_t bytes;
  if (!qn_dtype_bytes(dtype, count, &bytes)) {
    if (qn_dtype_of(dtype)->bits == 0) return qn_fail(err, QN_ERR_TYPE, "a tensor of unknown element type %d", (int)dtype);
    bytes = SIZE_MAX;
  }
  if ((uint64_t)bytes > UINT32_MAX - 65536)
    return qn_fail(err, QN_ERR_MEMORY, "a %s tensor of shape %s does not fit the 4 GB that a WebAssembly memory can have",
                   qn_dtype_name(dtype), qn_shape_text(text, rank, dims));
  t->dtype = dtype;
  t->rank = rank;
  for (int i = 0; i < rank; i++) t->dims[i] = dims[i];
  t->count = count;
  return QN_OK;
}

size_t qn_tensor_bytes(const qn_tensor *t) {
  size_t bytes = 0;
  return qn_dtype_bytes(t->dtype, t->count, &bytes) ? bytes : 0;
}

static void clear_items(qn_value *v) {
  for (int64_t i = 0; i < v->item_count; i++) qn_value_clear(&v->items[i]);
  qn_free(v->items);
  v->items = NULL;
  v->item_count = v->item_capacity = 0;
}

void qn_value_clear(qn_value *v) {
  clear_items(v);
  if (v->owned) qn_free(v->tensor.data);
  memset(v, 0, sizeof *v);
}

static qn_status reserve_bytes(qn_value *v, size_t bytes, qn_error *err) {
  if (v->owned && v->capacity >= bytes && v->tensor.data) return QN_OK;
  void *block = qn_alloc(bytes);
  if (!block) return qn_fail(err, QN_ERR_MEMORY, "no memory for a value of %zu bytes", bytes);
  if (v->owned) qn_free(v->tensor.data);
  v->tensor.data = block;
  v->capacity = bytes;
  v->owned = true;
  return QN_OK;
}

qn_status qn_value_reserve(qn_value *v, qn_dtype dtype, int rank, const int64_t *dims, qn_error *err) {
  qn_tensor shaped = {.data = v->tensor.data};
  QN_TRY(qn_tensor_shape(&shaped, dtype, rank, dims, err));
  clear_items(v);
  v->kind = QN_KIND_TENSOR;
  v->pitch = 0;
  QN_TRY(reserve_bytes(v, qn_tensor_bytes(&shaped), err));
  shaped.data = v->tensor.data;
  v->tensor = shaped;
  return QN_OK;
}

/* Strings: the table and the bytes lie in one block, so that they depend on nothing. */
qn_status qn_value_reserve_strings(qn_value *v, int rank, const int64_t *dims, size_t bytes, char **text, qn_error *err) {
  qn_tensor shaped = {0};
  QN_TRY(qn_tensor_shape(&shaped, QN_STRING, rank, dims, err));
  const size_t table = qn_tensor_bytes(&shaped);
  if (!qn_size_add(bytes, table, &bytes)) return qn_fail(err, QN_ERR_MEMORY, "strings too long");
  clear_items(v);
  v->kind = QN_KIND_TENSOR;
  QN_TRY(reserve_bytes(v, bytes, err));
  shaped.data = v->tensor.data;
  v->tensor = shaped;
  *text = (char *)shaped.data + table;
  return QN_OK;
}

static qn_status copy_strings(qn_value *to, const qn_tensor *from, qn_error *err) {
  const qn_string *source = from->data;
  size_t total = 0;
  char *bytes;
  for (int64_t i = 0; i < from->count; i++)
    if (!qn_size_add(total, source[i].length, &total)) return qn_fail(err, QN_ERR_MEMORY, "strings too long to copy");
  qn_value fresh = {0}; /* a new block: the source may lie in the old one */
  QN_TRY(qn_value_reserve_strings(&fresh, from->rank, from->dims, total, &bytes, err));
  qn_string *out = fresh.tensor.data;
  for (int64_t i = 0; i < from->count; i++) {
    out[i] = (qn_string){bytes, source[i].length};
    if (source[i].length) memcpy(bytes, source[i].data, source[i].length);
    bytes += source[i].length;
  }
  qn_value_clear(to);
  *to = fresh;
  return QN_OK;
}

qn_status qn_value_copy(qn_value *to, const qn_value *from, qn_error *err) {
  if (to == from) return QN_OK;
  if (from->kind == QN_KIND_TENSOR) {
    if (from->tensor.dtype == QN_STRING) return copy_strings(to, &from->tensor, err);
    QN_TRY(qn_value_reserve(to, from->tensor.dtype, from->tensor.rank, from->tensor.dims, err));
    size_t bytes = qn_tensor_bytes(&from->tensor);
    if (bytes) memmove(to->tensor.data, from->tensor.data, bytes);
    return QN_OK;
  }
  qn_value fresh = {.kind = from->kind};
  fresh.tensor.dtype = from->tensor.dtype;
  for (int64_t i = 0; i < from->item_count; i++) {
    qn_status status = qn_value_insert(&fresh, i, &from->items[i], err);
    if (status != QN_OK) { qn_value_clear(&fresh); return status; }
  }
  qn_value_clear(to);
  *to = fresh;
  return QN_OK;
}

qn_status qn_value_insert(qn_value *sequence, int64_t position, const qn_value *item, qn_error *err) {
  if (position < 0 || position > sequence->item_count)
    return qn_fail(err, QN_ERR_RANGE, "position %lld of a sequence of %lld", (long long)position, (long long)sequence->item_count);
  if (sequence->item_count == sequence->item_capacity) {
    int64_t capacity = sequence->item_capacity ? 2 * sequence->item_capacity : 4;
    size_t bytes;
    if (!qn_size_mul((size_t)capacity, sizeof(qn_value), &bytes)) return qn_fail(err, QN_ERR_MEMORY, "a sequence too long");
    qn_value *items = qn_alloc_zeroed(bytes);
    if (!items) return qn_fail(err, QN_ERR_MEMORY, "no memory for a sequence of %lld", (long long)capacity);
    if (sequence->item_count) memcpy(items, sequence->items, (size_t)sequence->item_count * sizeof(qn_value));
    qn_free(sequence->items);
    sequence->items = items;
    sequence->item_capacity = capacity;
  }
  qn_value copy = {0};
  QN_TRY(qn_value_copy(&copy, item, err));
  memmove(&sequence->items[position + 1], &sequence->items[position],
          (size_t)(sequence->item_count - position) * sizeof(qn_value));
  sequence->items[position] = copy;
  sequence->item_count++;
  return QN_OK;
}

bool qn_value_is_map(const qn_value *v, qn_dtype keys) {
  if (v->kind != QN_KIND_MAP || v->item_count != 2) return false;
  const qn_tensor *k = &v->items[0].tensor, *values = &v->items[1].tensor;
  return v->items[0].kind == QN_KIND_TENSOR && v->items[1].kind == QN_KIND_TENSOR && k->dtype == keys && values->dtype == v->tensor.dtype &&
         k->rank == 1 && values->rank == 1 && k->count == values->count;
}

static char *append_number(char *p, const char *end, int64_t n) {
  char digits[20];
  int count = 0;
  uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  if (n < 0 && p < end) *p++ = '-';
  do digits[count++] = (char)('0' + u % 10);
  while (u /= 10);
  while (count && p < end) *p++ = digits[--count];
  return p;
}

char *qn_shape_text(char buffer[QN_SHAPE_TEXT], int rank, const int64_t *dims) {
  char *p = buffer;
  const char *end = buffer + QN_SHAPE_TEXT - 2;
  *p++ = '[';
  for (int i = 0; i < rank; i++) {
    if (i && p + 2 < end) { *p++ = ','; *p++ = ' '; }
    p = append_number(p, end, dims[i]);
  }
  *p++ = ']';
  *p = 0;
  return buffer;
}
