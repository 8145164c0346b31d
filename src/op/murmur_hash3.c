/* MurmurHash3 of com.microsoft, which skl2onnx writes for FeatureHasher: the 32-bit hash for x86 (A. Appleby, smhasher). */
#include <string.h>

#include "op/elementwise.h"

#define TYPES \
  (QN_TYPE_BIT(QN_INT32) | QN_TYPE_BIT(QN_UINT32) | QN_TYPE_BIT(QN_INT64) | QN_TYPE_BIT(QN_UINT64) | QN_TYPE_BIT(QN_FLOAT) | QN_TYPE_BIT(QN_DOUBLE) | QN_TYPE_BIT(QN_STRING))

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, TYPES));
  return qn_out_shape(s, 0, qn_attr_int(s, "positive", 1) ? QN_UINT32 : QN_INT32, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static uint32_t turn(uint32_t x, int by) { return x << by | x >> (32 - by); }

static uint32_t hash(const uint8_t *bytes, size_t length, uint32_t h) {
  for (size_t i = 0; i < length; i += 4) {
    const size_t n = length - i < 4 ? length - i : 4;
    uint32_t k = 0;
    for (size_t b = 0; b < n; b++) k |= (uint32_t)bytes[i + b] << 8 * b;
    h ^= turn(k * 0xcc9e2d51u, 15) * 0x1b873593u;
    if (n == 4) h = turn(h, 13) * 5 + 0xe6546b64u;
  }
  h ^= (uint32_t)length;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *y = qn_out(s, 0);
  const uint32_t seed = (uint32_t)qn_attr_int(s, "seed", 0);
  const size_t width = qn_dtype_size(x->dtype);
  for (int64_t i = 0; y && i < x->count; i++) {
    const qn_string *text = x->dtype == QN_STRING ? (const qn_string *)x->data + i : NULL;
    ((uint32_t *)y->data)[i] = text ? hash((const uint8_t *)text->data, text->length, seed) : hash((const uint8_t *)x->data + (size_t)i * width, width, seed);
  }
  return QN_OK;
}

const qn_op qn_op_murmur_hash3 = {.domain = "com.microsoft", .name = "MurmurHash3", .since = 1, .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
