/* Optional, OptionalGetElement, OptionalHasElement. */
#include "op/op.h"

static const qn_value *input(const qn_step *s) { return s->n_in > 0 ? s->in[0] : NULL; }

static qn_status plan_make(qn_step *s) {
  s->dynamic = true;
  if (!qn_out(s, 0)) return QN_OK;
  s->out[0]->kind = QN_KIND_OPTIONAL;
  if (input(s)) s->out[0]->tensor.dtype = input(s)->tensor.dtype;
  return QN_OK;
}

static qn_status run_make(qn_step *s) {
  qn_value *out = s->out[0];
  const qn_value *in = input(s);
  if (!out) return QN_OK;
  qn_value_clear(out);
  out->kind = QN_KIND_OPTIONAL;
  if (!in) return QN_OK;
  out->tensor.dtype = in->tensor.dtype;
  return qn_value_insert(out, 0, in, s->err);
}

static qn_status plan_get(qn_step *s) {
  if (!input(s)) return qn_step_fail(s, QN_ERR_ARGUMENT, "the input is missing");
  s->dynamic = true;
  if (!qn_out(s, 0)) return QN_OK;
  s->out[0]->tensor.dtype = input(s)->tensor.dtype;
  if (input(s)->kind != QN_KIND_OPTIONAL) s->out[0]->kind = input(s)->kind;
  return QN_OK;
}

static qn_status run_get(qn_step *s) {
  const qn_value *in = input(s);
  if (in->kind == QN_KIND_OPTIONAL) {
    if (in->item_count == 0) return qn_step_fail(s, QN_ERR_RANGE, "the optional is empty");
    in = in->items;
  }
  return s->out[0] ? qn_value_copy(s->out[0], in, s->err) : QN_OK;
}

static qn_status plan_has(qn_step *s) { return qn_out_shape(s, 0, QN_BOOL, 0, NULL); }

static qn_status run_has(qn_step *s) {
  const qn_value *in = input(s);
  *(uint8_t *)qn_out(s, 0)->data = in && (in->kind != QN_KIND_OPTIONAL || in->item_count > 0);
  return QN_OK;
}

const qn_op qn_op_optional = {.domain = "", .name = "Optional", .since = 15, .min_in = 0, .max_in = 1, .min_out = 1, .max_out = 1,
                              .plan = plan_make, .run = run_make};
const qn_op qn_op_optional_get_element = {.domain = "", .name = "OptionalGetElement", .since = 15, .min_in = 1, .max_in = 1,
                                          .min_out = 1, .max_out = 1, .plan = plan_get, .run = run_get};
const qn_op qn_op_optional_has_element = {.domain = "", .name = "OptionalHasElement", .since = 15, .min_in = 0, .max_in = 1,
                                          .min_out = 1, .max_out = 1, .plan = plan_has, .run = run_has};
