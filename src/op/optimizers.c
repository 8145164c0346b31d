/* Adagrad, Adam, Momentum of ai.onnx.preview.training: one step for each tensor of parameters. */
#include <math.h>
#include <string.h>

#include "op/wide.h"

/* Inputs are the rate, the number of steps so far, then the parameters, their gradients and one or two states of each. */
static int states(const qn_step *s) { return s->op->name[1] == 'd' && s->op->name[2] == 'a' && s->op->name[3] == 'm' ? 2 : 1; }

static qn_status plan(qn_step *s) {
  int kinds = 2 + states(s), n = (s->n_in - 2) / kinds;
  const char *mode = qn_attr_text(s, "mode", "standard");
  if (strcmp(mode, "standard") && strcmp(mode, "nesterov")) return qn_step_fail(s, QN_ERR_ARGUMENT, "mode is '%s'; 'standard' or 'nesterov' is expected", mode);
  if (n < 1 || (s->n_in - 2) % kinds || s->n_out != n * (kinds - 1))
    return qn_step_fail(s, QN_ERR_ARGUMENT, "%d inputs and %d outputs; two inputs, then %d for each tensor of parameters are expected", s->n_in, s->n_out, kinds);
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  QN_TRY(qn_check_type(s, 1, QN_INDEX_TYPES));
  for (int i = 0; i < 2; i++)
    if (qn_in(s, i)->count != 1) return qn_step_fail(s, QN_ERR_SHAPE, "input %d is not a scalar", i);
  for (int i = 2; i < s->n_in; i++) {
    int first = 2 + (i - 2) % n;
    QN_TRY(qn_check_type(s, i, QN_FLOATS));
    QN_TRY(qn_same_type(s, first, i));
    if (!qn_tensor_same_shape(qn_in(s, i), qn_in(s, first))) return qn_step_fail(s, QN_ERR_SHAPE, "inputs %d and %d have %lld and %lld elements, or other shapes; the same is expected", first, i, (long long)qn_in(s, first)->count, (long long)qn_in(s, i)->count);
  }
  for (int i = 0; i < s->n_out; i++) QN_TRY(qn_out_like(s, i, qn_in(s, 2 + i % n)));
  return QN_OK;
}

static double attr(const qn_step *s, const char *name, float otherwise) { return qn_attr_float(s, name, otherwise); }

static qn_status run(qn_step *s) {
  int kinds = 2 + states(s), n = (s->n_in - 2) / kinds;
  bool momentum = s->op->name[0] == 'M', adam = kinds == 4, nesterov = qn_attr_text(s, "mode", "standard")[0] == 'n';
  double rate = qn_double_at(qn_in(s, 0), 0), steps = (double)qn_index_at(qn_in(s, 1), 0);
  double norm = attr(s, "norm_coefficient", 0), after = attr(s, "norm_coefficient_post", 0), epsilon = attr(s, "epsilon", 1e-6f);
  double alpha = attr(s, "alpha", 0.9f), beta = attr(s, "beta", 0.999f);
  if (adam && steps > 0) rate *= sqrt(1 - pow(beta, steps)) / (1 - pow(alpha, steps)); /* Kingma and Ba, 2015: bias correction */
  if (!momentum && !adam) rate /= 1 + steps * attr(s, "decay_factor", 0);
  if (momentum && steps <= 0) beta = 1;
  for (int t = 0; t < n; t++)
    for (int64_t i = 0; i < qn_in(s, 2 + t)->count; i++) {
      double x = qn_double_at(qn_in(s, 2 + t), i), g = qn_double_at(qn_in(s, 2 + n + t), i) + norm * x;
      double v = qn_double_at(qn_in(s, 2 + 2 * n + t), i), h = adam ? qn_double_at(qn_in(s, 2 + 3 * n + t), i) : 0;
      if (momentum) {
        v = alpha * v + beta * g;
        x -= rate * (nesterov ? g + alpha * v : v);
      } else if (adam) {
        v = alpha * v + (1 - alpha) * g;
        h = beta * h + (1 - beta) * g * g;
        x = (1 - after) * (x - rate * v / (sqrt(h) + epsilon));
      } else { /* Duchi, Hazan and Singer, 2011 */
        v += g * g;
        x -= rate * g / (sqrt(v) + epsilon);
      }
      if (qn_out(s, t)) qn_put_double(qn_out(s, t), i, x);
      if (qn_out(s, n + t)) qn_put_double(qn_out(s, n + t), i, v);
      if (adam && qn_out(s, 2 * n + t)) qn_put_double(qn_out(s, 2 * n + t), i, h);
    }
  return QN_OK;
}

#define OPTIMIZER(id, text)                                                                                                         \
  const qn_op qn_op_##id = {.domain = "ai.onnx.preview.training", .name = text, .since = 1, .min_in = 5, .max_in = -1, .min_out = 1, \
                            .max_out = -1, .plan = plan, .run = run};
OPTIMIZER(adagrad, "Adagrad")
OPTIMIZER(adam, "Adam")
OPTIMIZER(momentum, "Momentum")
