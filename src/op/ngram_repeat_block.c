/* NGramRepeatBlock of com.microsoft, which exports of text generation write: no n-gram is said twice. */
#include <math.h>
#include <string.h>

#include "op/op.h"

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_TYPE_BIT(QN_INT64)));
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(QN_FLOAT)));
  const qn_tensor *ids = qn_in(s, 0), *scores = qn_in(s, 1);
  char ti[QN_SHAPE_TEXT], ts[QN_SHAPE_TEXT];
  if (ids->rank != 2 || scores->rank != 2 || ids->dims[0] != scores->dims[0])
    return qn_step_fail(s, QN_ERR_SHAPE, "input_ids and scores have shapes %s and %s; [batch, tokens] and [batch, vocabulary] are expected", qn_shape_text(ti, ids->rank, ids->dims),
                        qn_shape_text(ts, scores->rank, scores->dims));
  if (qn_attr_int(s, "ngram_size", 0) < 1) return qn_step_fail(s, QN_ERR_ARGUMENT, "ngram_size is %lld; 1 or more is expected", (long long)qn_attr_int(s, "ngram_size", 0));
  return qn_out_like(s, 0, scores);
}

static qn_status run(qn_step *s) {
  const qn_tensor *ids = qn_in(s, 0), *scores = qn_in(s, 1), *y = qn_out(s, 0);
  const int64_t length = ids->dims[1], words = scores->dims[1], before = qn_attr_int(s, "ngram_size", 0) - 1;
  if (!y || y->count == 0) return QN_OK;
  if (y->data != scores->data) memcpy(y->data, scores->data, qn_tensor_bytes(y));
  for (int64_t b = 0; b < ids->dims[0]; b++) {
    const int64_t *id = (const int64_t *)ids->data + b * length;
    for (int64_t i = 0; i < length - before; i++) { /* what came after the last `before` tokens when they were said earlier */
      const int64_t next = id[i + before];
      if (before && memcmp(id + i, id + length - before, (size_t)before * sizeof *id) != 0) continue;
      if (next < 0 || next >= words) return qn_step_fail(s, QN_ERR_RANGE, "token %lld is not one of %lld", (long long)next, (long long)words);
      ((float *)y->data)[b * words + next] = -INFINITY;
    }
  }
  return QN_OK;
}

const qn_op qn_op_ngram_repeat_block = {.domain = "com.microsoft", .name = "NGramRepeatBlock", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
