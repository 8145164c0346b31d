/* Scan. Version 8 runs it once for each sequence of a batch: axis 0 is the batch, axis 1 the sequence. */
#include <string.h>

#include "graph/control.h"

/* One element of `t` along `axis`, counted from the back when `reverse`. */
static qn_status slice_of(qn_step *s, const qn_tensor *t, int axis, int64_t index, qn_value *out) {
  int64_t dims[QN_MAX_RANK];
  size_t outer = 1, inner = qn_dtype_size(t->dtype);
  for (int d = 0, k = 0; d < t->rank; d++) {
    if (d != axis) dims[k++] = t->dims[d];
    if (d < axis) outer *= (size_t)t->dims[d];
    if (d > axis) inner *= (size_t)t->dims[d];
  }
  QN_TRY(qn_value_reserve(out, t->dtype, t->rank - 1, dims, s->err));
  for (size_t o = 0; o < outer; o++)
    memcpy((uint8_t *)out->tensor.data + o * inner, (const uint8_t *)t->data + (o * (size_t)t->dims[axis] + (size_t)index) * inner, inner);
  return QN_OK;
}

static qn_status list_attr(const qn_step *s, const char *name, int i, int64_t *value) {
  int64_t list[64];
  int n = qn_attr_ints(s, name, list, 64);
  *value = n > i && i < 64 ? list[i] : 0;
  return QN_OK;
}

/* Moves the stacked first dimension to `axis`, reversed when asked. */
static qn_status place_scan(qn_step *s, const qn_tensor *t, int64_t axis, bool reverse, qn_value *out) {
  if (axis < 0) axis += t->rank;
  if (axis < 0 || axis >= t->rank) return qn_step_fail(s, QN_ERR_ARGUMENT, "scan output axis %lld is out of range", (long long)axis);
  int64_t dims[QN_MAX_RANK];
  for (int d = 0; d < axis; d++) dims[d] = t->dims[d + 1];
  dims[axis] = t->dims[0];
  for (int d = (int)axis + 1; d < t->rank; d++) dims[d] = t->dims[d];
  QN_TRY(qn_value_reserve(out, t->dtype, t->rank, dims, s->err));
  size_t outer = 1, inner = qn_dtype_size(t->dtype), steps = (size_t)t->dims[0];
  for (int d = 0; d < axis; d++) outer *= (size_t)dims[d];
  for (int d = (int)axis + 1; d < t->rank; d++) inner *= (size_t)dims[d];
  for (size_t k = 0; k < steps; k++)
    for (size_t o = 0; o < outer; o++)
      memcpy((uint8_t *)out->tensor.data + (o * steps + (reverse ? steps - 1 - k : k)) * inner, (const uint8_t *)t->data + (k * outer + o) * inner, inner);
  return QN_OK;
}

/* The trip count of sequence l->batch in Scan-8: its entry in sequence_lens, or the whole length. */
static qn_status sequence_length(qn_step *s, const qn_loop *l, int64_t longest, int64_t *length) {
  const qn_tensor *lengths = qn_in(s, 0);
  *length = longest;
  if (!lengths) return QN_OK;
  if (lengths->dtype != QN_INT64 || l->batch >= lengths->count) return qn_step_fail(s, QN_ERR_TYPE, "sequence_lens must be one int64 for each sequence of the batch");
  *length = ((const int64_t *)lengths->data)[l->batch];
  if (*length < 0 || *length > longest)
    return qn_step_fail(s, QN_ERR_RANGE, "sequence_lens[%lld] is %lld, the sequences have %lld elements", (long long)l->batch, (long long)*length, (long long)longest);
  return QN_OK;
}

/* Copies `count` elements' worth of `from` into row `batch` of `out`, which becomes [batches, rows?, dims of an element…]; the rest stays zero. */
static qn_status place_batch(qn_step *s, const qn_tensor *from, int64_t rows, int64_t batch, int64_t batches, qn_value *out) {
  int64_t dims[QN_MAX_RANK];
  if (from->rank + 1 > QN_MAX_RANK) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "a result of rank %d", from->rank + 1);
  dims[0] = batches;
  for (int d = 0; d < from->rank; d++) dims[d + 1] = from->dims[d];
  if (rows >= 0) dims[1] = rows;
  if (batch == 0) {
    QN_TRY(qn_value_reserve(out, from->dtype, from->rank + 1, dims, s->err));
    memset(out->tensor.data, 0, qn_tensor_bytes(&out->tensor));
  } else if (out->tensor.rank != from->rank + 1 || out->tensor.dtype != from->dtype || memcmp(out->tensor.dims, dims, (size_t)(from->rank + 1) * sizeof *dims)) {
    return qn_step_fail(s, QN_ERR_SHAPE, "a result changes its shape from one sequence of the batch to the next");
  }
  size_t row = qn_tensor_bytes(&out->tensor) / (size_t)batches;
  memcpy((uint8_t *)out->tensor.data + row * (size_t)batch, from->data, qn_tensor_bytes(from));
  return QN_OK;
}

typedef struct scan_shape {
  bool batched;
  int first, carried, scanned; /* input `first` is the first carried value */
  int64_t batches, longest;    /* Scan-8 */
} scan_shape;

static qn_status initial_state(qn_step *s, qn_loop *l, const scan_shape *c) {
  l->iteration = 0;
  for (int k = 0; k < c->carried; k++) {
    const qn_value *from = s->in[c->first + k];
    if (!from) return qn_step_fail(s, QN_ERR_FORMAT, "state %d has no initial value", k);
    if (!c->batched) QN_TRY(qn_value_copy(&l->carried[0][k], from, s->err));
    else if (from->kind != QN_KIND_TENSOR || from->tensor.rank < 1 || from->tensor.dims[0] != c->batches || from->tensor.dtype == QN_STRING || qn_dtype_size(from->tensor.dtype) == 0)
      return qn_step_fail(s, QN_ERR_SHAPE, "the initial state %d must be a plain tensor of %lld sequences", k, (long long)c->batches);
    else QN_TRY(slice_of(s, &from->tensor, 0, l->batch, &l->carried[0][k]));
  }
  return QN_OK;
}

/* Element l->iteration of each scanned input, or *more false at the end. */
static qn_status next_elements(qn_step *s, qn_loop *l, const scan_shape *c, qn_frame *body, bool *more) {
  *more = true;
  l->trips = -1;
  for (int k = 0; k < c->scanned; k++) {
    const qn_tensor *t = qn_in(s, c->first + c->carried + k);
    int64_t axis64, reverse, trips;
    int axis;
    QN_TRY(list_attr(s, "scan_input_axes", k, &axis64));
    QN_TRY(list_attr(s, c->batched ? "directions" : "scan_input_directions", k, &reverse));
    QN_TRY(qn_axis_plain(s, c->batched ? 1 : axis64, t->rank, &axis));
    trips = t->dims[axis];
    if (c->batched) QN_TRY(sequence_length(s, l, trips, &trips));
    if (l->trips >= 0 && l->trips != trips) return qn_step_fail(s, QN_ERR_SHAPE, "the scanned inputs differ in length: %lld and %lld", (long long)l->trips, (long long)trips);
    l->trips = trips;
    *more = l->iteration < l->trips;
    if (!*more) continue;
    if (c->batched) {
      qn_value *sequence = &l->slices[c->scanned + k];
      if (l->iteration == 0) QN_TRY(slice_of(s, t, 0, l->batch, sequence));
      t = &sequence->tensor;
      axis = 0;
    }
    QN_TRY(slice_of(s, t, axis, reverse ? l->trips - 1 - l->iteration : l->iteration, &l->slices[k]));
    qn_control_bind(&body->inputs[c->carried + k], &l->slices[k]);
  }
  return QN_OK;
}

static qn_status check_scanned(qn_step *s, scan_shape *c) {
  for (int k = 0; k < c->scanned; k++) {
    const qn_tensor *t = qn_in(s, c->first + c->carried + k);
    if (!t || s->in[c->first + c->carried + k]->kind != QN_KIND_TENSOR || t->rank < 1 + c->batched || qn_dtype_size(t->dtype) == 0 || t->dtype == QN_STRING)
      return qn_step_fail(s, QN_ERR_TYPE, "scanned input %d is not a plain tensor of rank %d or more", k, 1 + c->batched);
    if (!c->batched) continue;
    if (k && (t->dims[0] != c->batches || t->dims[1] != c->longest)) return qn_step_fail(s, QN_ERR_SHAPE, "the scanned inputs differ in their number of sequences or their length");
    c->batches = t->dims[0];
    c->longest = t->dims[1];
  }
  return QN_OK;
}

/* Inputs initial states…, scanned…; body (states…, elements…) → (states…, scans…). Version 8 has sequence_lens before them. */
qn_status qn_scan_run(qn_frame *caller, qn_plan_step *step, qn_frame **body) {
  qn_step *s = &step->step;
  qn_loop *l = s->state;
  int index;
  QN_TRY(qn_control_body(caller, step, "body", &index, body));
  qn_ir *g = (*body)->ir;
  qn_ir_node *node = &caller->ir->nodes[step->node];
  scan_shape c = {.batched = s->opset < 9, .first = s->opset < 9};
  int n_in = node->n_explicit - c.first;
  int64_t scanned = qn_attr_int(s, "num_scan_inputs", 0), carried = n_in - scanned;
  if (scanned < 1 || carried < 0 || g->n_inputs != n_in || g->n_outputs < carried || node->n_out > g->n_outputs)
    return qn_step_fail(s, QN_ERR_FORMAT, "its body has %d inputs and %d outputs, the node %d and %d: as many are expected, of them num_scan_inputs to be scanned", g->n_inputs, g->n_outputs, s->n_in, s->n_out);
  c.scanned = (int)scanned;
  c.carried = (int)carried;
  int scans = g->n_outputs - c.carried;
  QN_TRY(check_scanned(s, &c));
  QN_TRY(qn_loop_values(s, l, c.carried, scans, 2 * c.scanned));
  bool more = c.batches > 0 || !c.batched;
  if (s->phase == 0) {
    l->batch = 0;
    if (more) QN_TRY(initial_state(s, l, &c));
    s->phase = 1;
  } else {
    QN_TRY(qn_loop_advance(s, l, *body, 0));
  }
  while (more) {
    QN_TRY(next_elements(s, l, &c, *body, &more));
    if (more) {
      for (int k = 0; k < c.carried; k++) qn_control_bind(&(*body)->inputs[k], &l->carried[0][k]);
      QN_TRY(qn_control_captures(*body, s));
      return QN_CALL;
    }
    if (!c.batched) break;
    for (int i = 0; i < s->n_out; i++) { /* a sequence of the batch is over */
      if (!s->out[i]) continue;
      if (i < c.carried) QN_TRY(place_batch(s, &l->carried[0][i].tensor, -1, l->batch, c.batches, s->out[i]));
      else if (l->iteration) QN_TRY(place_batch(s, &l->collected[i - c.carried].tensor, c.longest, l->batch, c.batches, s->out[i]));
      else if (l->batch == 0) return qn_step_fail(s, QN_ERR_UNSUPPORTED, "sequence %lld of the batch is empty", (long long)l->batch);
    }
    more = ++l->batch < c.batches;
    if (more) QN_TRY(initial_state(s, l, &c));
  }
  if (c.batched && c.batches) return QN_OK;
  for (int i = 0; i < s->n_out; i++) {
    if (!s->out[i]) continue;
    int64_t axis = 0, reverse = 0;
    if (i >= c.carried) {
      QN_TRY(list_attr(s, "scan_output_axes", i - c.carried, &axis));
      QN_TRY(list_attr(s, "scan_output_directions", i - c.carried, &reverse));
    }
    if (c.batched) return qn_step_fail(s, QN_ERR_SHAPE, "the batch is empty");
    if (i < c.carried) QN_TRY(qn_value_copy(s->out[i], &l->carried[0][i], s->err));
    else if (l->iteration) QN_TRY(place_scan(s, &l->collected[i - c.carried].tensor, axis, reverse != 0, s->out[i]));
    else QN_TRY(qn_loop_empty(s, *body, i, s->out[i]));
  }
  return QN_OK;
}

const qn_op qn_op_scan = {.domain = "", .name = "Scan", .since = 8, .min_in = 1, .max_in = -1, .min_out = 1, .max_out = -1, .flags = QN_CONTROL,
                          .plan = qn_control_plan, .release = qn_loop_release};
