/* TensorProto: its many ways of storing elements become one block in the tensor's own type. */
#ifndef QN_MODEL_ONNX_TENSOR_H
#define QN_MODEL_ONNX_TENSOR_H

#include "model/onnx.h"
#include "model/wire.h"

enum { QN_TENSOR_RAW = 9 }; /* field number of raw_data */

typedef struct qn_tensor_reader {
  int64_t dims[QN_MAX_RANK];
  int rank;
  int64_t dtype, data_location;
  const char *name, *location;
  uint64_t offset, length;
  uint8_t *list;               /* elements of float_data, int32_data, int64_data, double_data, uint64_data */
  size_t list_size, list_capacity, list_width;
  uint32_t list_field;
  uint8_t *raw;                /* raw_data */
  size_t raw_size;
  bool has_raw;
  struct qn_string_item { qn_string text; struct qn_string_item *next; } *strings, **strings_end;
  int64_t string_count;
} qn_tensor_reader;

void qn_tensor_reader_init(qn_tensor_reader *r);
/* Takes one field. raw_data is copied here; the push parser fills r->raw itself instead. */
qn_status qn_tensor_reader_field(qn_tensor_reader *r, qn_onnx_model *m, const qn_field *f, qn_error *err);
/* Makes the tensor and adds it to the model's list. */
qn_status qn_tensor_reader_finish(qn_tensor_reader *r, qn_onnx_model *m, qn_onnx_tensor **out, qn_error *err);
/* Frees what an unfinished reader holds. */
void qn_tensor_reader_free(qn_tensor_reader *r);
/* A whole TensorProto in memory. */
qn_status qn_onnx_read_tensor(qn_onnx_model *m, const uint8_t *bytes, size_t size, qn_onnx_tensor **out, qn_error *err);

#endif
