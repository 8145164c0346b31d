/* RandomNormal, RandomUniform and their ...Like forms, Bernoulli, Multinomial. */
#include <math.h>
#include <string.h>

#include "op/elementwise.h"
#include "op/random_state.h"
#include "op/wide.h"

/* A clock, which the host supplies (quern.h): what makes one page's unseeded numbers differ from another's. */
extern uint64_t qn_now_us(void);

typedef struct state { qn_random random; bool begun; } state;

qn_status qn_random_plan(qn_step *s) { return qn_state(s, sizeof(state)); }

static const qn_attr *seed_of(const qn_step *s) {
  const qn_attr *whole = qn_attr_find(s, "seed", QN_ATTR_INT); /* Dropout's */
  return whole ? whole : qn_attr_find(s, "seed", QN_ATTR_FLOAT);
}

qn_random *qn_random_begin(qn_step *s) {
  state *r = s->state;
  const qn_attr *seed = seed_of(s);
  if (seed) {
    uint32_t number = 0;
    if (seed->type == QN_ATTR_INT) number = (uint32_t)seed->i;
    else if (fabs(seed->f) < 4294967296.0f) number = (uint32_t)(int64_t)seed->f;
    qn_random_seed(&r->random, number);
  } else if (!r->begun) {
    uint64_t mixed = (qn_now_us() ^ (uint64_t)(uintptr_t)s) * 0x9e3779b97f4a7c15u; /* the address sets nodes apart */
    qn_random_seed(&r->random, (uint32_t)(mixed >> 32));
  }
  r->begun = true;
  return &r->random;
}

static qn_status output_type(const qn_step *s, int64_t otherwise, uint32_t types, qn_dtype *type) {
  int64_t given = qn_attr_int(s, "dtype", otherwise);
  if (given < 1 || given >= QN_DTYPE_COUNT || !(types >> given & 1))
    return qn_step_fail(s, QN_ERR_TYPE, "dtype is %lld (%s), which this operator does not give", (long long)given, given > 0 && given < QN_DTYPE_COUNT ? qn_dtype_name((qn_dtype)given) : "unknown");
  *type = (qn_dtype)given;
  return QN_OK;
}

static qn_status plan_fill(qn_step *s) {
  qn_dtype type;
  int64_t shape[QN_MAX_RANK];
  const qn_tensor *like = qn_in(s, 0);
  if (like) QN_TRY(qn_check_type(s, 0, QN_ANY_TYPE));
  int rank = like ? like->rank : qn_attr_ints(s, "shape", shape, QN_MAX_RANK);
  if (rank < 0 || rank > QN_MAX_RANK) return qn_step_fail(s, QN_ERR_ARGUMENT, "shape has %d dimensions; at most %d are expected", rank < 0 ? 0 : rank, QN_MAX_RANK);
  int64_t otherwise = !like ? QN_FLOAT : QN_FLOATS >> like->dtype & 1 ? like->dtype : QN_FLOAT; /* the input's type, where it can be that */
  QN_TRY(output_type(s, otherwise, QN_FLOATS, &type));
  QN_TRY(qn_random_plan(s));
  return qn_out_shape(s, 0, type, rank, like ? like->dims : shape);
}

static qn_status run_fill(qn_step *s) {
  qn_tensor *y = qn_out(s, 0);
  bool normal = s->op->name[6] == 'N';
  double base = normal ? qn_attr_float(s, "mean", 0) : qn_attr_float(s, "low", 0);
  double width = normal ? qn_attr_float(s, "scale", 1) : qn_attr_float(s, "high", 1) - base;
  qn_random *r = qn_random_begin(s);
  for (int64_t i = 0; i < y->count; i++) qn_put_double(y, i, base + width * (normal ? qn_random_normal(r) : qn_random_uniform(r)));
  return QN_OK;
}

static qn_status plan_bernoulli(qn_step *s) {
  qn_dtype type;
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  QN_TRY(output_type(s, qn_in(s, 0)->dtype, QN_NUMERIC_TYPES | QN_TYPE_BIT(QN_BOOL), &type));
  QN_TRY(qn_random_plan(s));
  return qn_out_shape(s, 0, type, qn_in(s, 0)->rank, qn_in(s, 0)->dims);
}

static qn_status run_bernoulli(qn_step *s) {
  qn_tensor *y = qn_out(s, 0);
  qn_random *r = qn_random_begin(s);
  for (int64_t i = 0; i < y->count; i++) {
    double p = qn_double_at(qn_in(s, 0), i), u = qn_random_uniform(r);
    if (!(p >= 0 && p <= 1)) return qn_step_fail(s, QN_ERR_RANGE, "a probability of %g", p);
    qn_put_double(y, i, p <= 0.5 ? u > 1 - p : !(u > p)); /* the side that NumPy's inversion takes */
  }
  return QN_OK;
}

static qn_status plan_multinomial(qn_step *s) {
  qn_dtype type;
  char text[QN_SHAPE_TEXT];
  QN_TRY(qn_check_type(s, 0, QN_FLOATS));
  const qn_tensor *x = qn_in(s, 0);
  int64_t samples = qn_attr_int(s, "sample_size", 1);
  if (x->rank != 2 || x->dims[1] < 1) return qn_step_fail(s, QN_ERR_SHAPE, "the input has shape %s; [batch, classes] is expected", qn_shape_text(text, x->rank, x->dims));
  if (samples < 0) return qn_step_fail(s, QN_ERR_ARGUMENT, "sample_size is %lld", (long long)samples);
  QN_TRY(output_type(s, QN_INT32, QN_INDEX_TYPES, &type));
  QN_TRY(qn_random_plan(s));
  s->scratch_size = (size_t)x->dims[1] * sizeof(double);
  int64_t dims[2] = {x->dims[0], samples};
  return qn_out_shape(s, 0, type, 2, dims);
}

/* Classes by their unnormalized log probabilities, by search in the running sum. */
static qn_status run_multinomial(qn_step *s) {
  const qn_tensor *x = qn_in(s, 0);
  qn_tensor *y = qn_out(s, 0);
  double *sums = s->scratch;
  int64_t classes = x->dims[1];
  qn_random *r = qn_random_begin(s);
  for (int64_t b = 0; b < y->dims[0]; b++) {
    double most = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++) most = fmax(most, qn_double_at(x, b * classes + c));
    for (int64_t c = 0; c < classes; c++) sums[c] = sum += exp(qn_double_at(x, b * classes + c) - most);
    if (!(sum > 0 && sum < INFINITY)) return qn_step_fail(s, QN_ERR_RANGE, "row %lld has no class of a finite probability", (long long)b);
    for (int64_t k = 0; k < y->dims[1]; k++) {
      double u = qn_random_uniform(r) * sum;
      int64_t low = 0, high = classes - 1;
      while (low < high) {
        int64_t middle = (low + high) / 2;
        if (sums[middle] > u) high = middle;
        else low = middle + 1;
      }
      qn_put_double(y, b * y->dims[1] + k, (double)low);
    }
  }
  return QN_OK;
}

#define RANDOM(id, text, first, inputs, plan_function, run_function)                                                              \
  const qn_op qn_op_##id = {.domain = "", .name = text, .since = first, .min_in = inputs, .max_in = inputs, .min_out = 1,         \
                            .max_out = 1, .flags = QN_NONDETERMINISTIC, .plan = plan_function, .run = run_function};
RANDOM(random_normal, "RandomNormal", 1, 0, plan_fill, run_fill)
RANDOM(random_uniform, "RandomUniform", 1, 0, plan_fill, run_fill)
RANDOM(random_normal_like, "RandomNormalLike", 1, 1, plan_fill, run_fill)
RANDOM(random_uniform_like, "RandomUniformLike", 1, 1, plan_fill, run_fill)
RANDOM(bernoulli, "Bernoulli", 15, 1, plan_bernoulli, run_bernoulli)
RANDOM(multinomial, "Multinomial", 7, 1, plan_multinomial, run_multinomial)
