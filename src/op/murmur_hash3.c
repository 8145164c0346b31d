/* MurmurHash3 of com.microsoft, which skl2onnx writes for FeatureHasher. */
#include "kernel/murmur3.h"
#include "op/elementwise.h"

#define TYPES \
  (QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_UINT32) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_UINT64) | QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_STRING))

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, TYPES));
  return qn_out_shape(s, 0, qn_attr_int(s, "positive", 1) ? QN_UINT32 : QN_INT32, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static uint32_t hash(const void *bytes, size_t length, uint32_t seed) {
  qn_murmur3 h = {.hash = seed};
  qn_murmur3_add(&h, bytes, length);
  return qn_murmur3_end(&h);
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const uint32_t seed = (uint32_t)qn_attr_int(s, "seed", 0);
  const size_t width = qn_dtype_size(x->dtype);
  for (int64_t i = 0; y && i < x->count; i++) {
    const qn_string *text = x->dtype == QN_STRING ? (const qn_string *)x->data + i : NULL;
    ((uint32_t *)y->data)[i] = text ? hash(text->data, text->length, seed) : hash((const uint8_t *)x->data + (size_t)i * width, width, seed);
  }
  return QN_OK;
}

const qn_op qn_op_murmur_hash3 = {.domain = "com.microsoft", .name = "MurmurHash3", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
