/* quern.CyclicAdd: a bias that begins again where it ends, over all of the input. onnxruntime's FastGelu has it so; in good models it
 * is one of the last dimension's length. */
#include "op/scratch.h"

enum { CHUNK = 256 };

static qn_status plan(qn_step *s) {
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  QN_TRY(qn_check_type(s, 1, QN_TYPE_BIT(qn_in(s, 0)->dtype)));
  if (qn_in(s, 1)->count == 0 && qn_in(s, 0)->count) return qn_step_fail(s, QN_ERR_SHAPE, "the bias is empty");
  return qn_out_like(s, 0, qn_in(s, 0));
}

static qn_status run(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0), *bias = qn_in(s, 1), *y = qn_out(s, 0);
  const qn_compute c = qn_compute_of(x->dtype);
  double sum[CHUNK], add[CHUNK];
  size_t at = 0;
  for (size_t done = 0, n, count = (size_t)x->count, cycle = (size_t)bias->count; done < count; done += n, at = at == cycle ? 0 : at) {
    n = count - done < CHUNK ? count - done : CHUNK;
    if (n > cycle - at) n = cycle - at;
    qn_load(c, x->dtype, x->data, done, n, sum);
    qn_load(c, bias->dtype, bias->data, at, n, add);
    for (size_t i = 0; i < n; i++) {
      if (c == QN_IN_F64) sum[i] += add[i];
      else ((float *)sum)[i] += ((const float *)add)[i];
    }
    qn_store(c, y->dtype, y->data, done, n, sum, (qn_cast_mode){0});
    at += n;
  }
  return QN_OK;
}

const qn_op qn_op_cyclic_add = {.domain = "quern", .name = "CyclicAdd", .since = 1, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1, .plan = plan, .run = run};
