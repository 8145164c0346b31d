/* What a step of a pipeline is: a name, a table of its parameters, and functions. This is the whole interface for who writes one.
 *
 * A step takes tensors and gives tensors. Those it takes are the results of the step before it, or the ones that the manifest names by
 * "input"; its results get the names that it gives them, or those of "as". Copy a small neighbour (post/softmax_step.c), add one line to
 * step_list.h, prove it by a C test against the reference library. */
#ifndef QN_FEATURE_STEP_H
#define QN_FEATURE_STEP_H

#include <math.h>

#include "base/memory.h"
#include "base/status.h"
#include "base/value.h"

struct cJSON;

typedef enum qn_param_kind {
  QN_PARAM_NUMBER,  /* number, within [least, most] */
  QN_PARAM_INT,     /* a whole number: number */
  QN_PARAM_BOOL,    /* true or false: number 1 or 0 */
  QN_PARAM_CHOICE,  /* one of `choices`: number is its index */
  QN_PARAM_NUMBERS, /* a list of `least_count` … `most_count` numbers, or one number for a list of one: list, count */
  QN_PARAM_TEXT,    /* text, length */
  QN_PARAM_TEXTS,   /* a list of texts, or the name of a file of the package that has one a line: texts, count */
  QN_PARAM_FILE,    /* the name of a file of the package: its bytes in text, length */
  QN_PARAM_TREE     /* any JSON, which `prepare` reads: json */
} qn_param_kind;

#define QN_REQUIRED NAN /* as `fallback` */

typedef struct qn_param {
  const char *name;
  qn_param_kind kind;
  double least, most;       /* of numbers, inclusive; a list's elements */
  double fallback;          /* number where it is not given; QN_REQUIRED: it has to be given. Of lists and texts any other: they are empty then */
  const char *choices;      /* "a|b|c" */
  int32_t least_count, most_count;
} qn_param;

typedef struct qn_setting {
  double number;
  const double *list;
  const qn_string *texts;
  int32_t count;            /* of list or texts */
  const char *text;         /* NULL: not given */
  size_t length;
  const struct cJSON *json; /* as it stands in the manifest; NULL: not given */
} qn_setting;

#define QN_MOST_PARAMS 32
#define QN_MOST_RESULTS 8

/* A tensor with a name that flows from step to step. */
typedef struct qn_slot {
  const char *name;
  qn_tensor tensor;
  int64_t most_rows; /* dims[0] as planned */
  const qn_string *columns; /* of rows: names of the last axis's first `column_count` places, for messages; NULL: none */
  int32_t column_count;
  bool sound;        /* in a stream its last dimension varies; of others dims[0] alone */
} qn_slot;

/* What is known of the source beside its numbers. Steps that change it do so in `plan`; the pipeline of the answers gets what that of the
 * features made of it. Coordinates of pictures are continuous: pixel i covers [i, i + 1). */
typedef struct qn_facts {
  double rate;                  /* of sound, samples per second; 0: none */
  double seconds;               /* how long the sound is that came; 0: not known, or a stream */
  int32_t width, height;        /* of the source picture; 0: none */
  double to_source[6];          /* from the tensor's pixels to the source's: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5] */
  int32_t view_width, view_height; /* of the picture as it is after the steps so far */
} qn_facts;

/* What a pipeline takes whose first step this is. */
typedef enum qn_source_kind {
  QN_SOURCE_ANY,     /* a step that may stand anywhere; tensors when it is the first */
  QN_SOURCE_PICTURE, /* uint8 [height, width, 4]: RGBA, not premultiplied; or float32 or uint8 [height, width, 1 or 3] */
  QN_SOURCE_SOUND,   /* float32 [channels, samples], facts.rate */
  QN_SOURCE_TEXT,    /* strings [n], or pairs [n, 2] */
  QN_SOURCE_ROWS,    /* one tensor for each column, float64 [n] or string [n], named */
  QN_SOURCE_STROKES  /* points, float32 [n, 2], and the number of points up to the end of each stroke, int32 [strokes] */
} qn_source_kind;

/* How answers are formed of the results of the last step. */
typedef enum qn_answer_form {
  QN_ANSWER_TENSORS, /* an object of tensors */
  QN_ANSWER_ROWS,    /* a list of objects: result k gives the k-th member, its first dimension counts the answers */
  QN_ANSWER_ONE      /* one such object: results of one element are numbers or texts, others lists */
} qn_answer_form;

typedef struct qn_stage qn_stage;

typedef struct qn_step_type {
  const char *name;
  const qn_param *params;   /* [param_count] */
  int32_t param_count;
  qn_source_kind source;
  qn_answer_form answer;
  bool whole;               /* needs the whole signal: a stream is refused */
  /* Once, when the pipeline is made; the only place that may allocate. `own` is what it makes. NULL: nothing to do. */
  qn_status (*prepare)(qn_stage *s, qn_error *err);
  void (*release)(qn_stage *s); /* frees `own`, also after a `prepare` that failed */
  /* For the types and shapes of the inputs: checks them, gives the results theirs (qn_stage_result), asks for scratch. dims[0] of a result
   * may be the most there can be. */
  qn_status (*plan)(qn_stage *s, qn_error *err);
  /* Computes. dims[0] of inputs may be smaller than planned; it sets dims[0] and count of results that vary (qn_stage_rows). */
  qn_status (*run)(qn_stage *s, qn_error *err);
  bool of_source;           /* without "input" it takes the inputs of the pipeline, wherever it stands */
} qn_step_type;

/* A step in a pipeline. */
struct qn_stage {
  const qn_step_type *type;
  qn_setting set[QN_MOST_PARAMS]; /* in the order of the type's parameters */
  qn_facts *facts;
  const qn_slot *const *inputs;   /* [input_count] */
  int32_t input_count;
  qn_slot results[QN_MOST_RESULTS];
  int32_t result_count;
  size_t scratch_size;            /* set by `plan`; scratch is that long during `run`, contents undefined */
  void *scratch;
  size_t state_size;              /* the same, zeroed by `plan` and kept between the runs of a stream */
  void *state;
  void *own;
  double planned;                 /* a number that `plan` leaves for `run`, such as the rate, which later steps may change in the facts */
  bool first, last;               /* of a stream: this run is its beginning, its end. A run over the whole signal is both */
  bool stream;                    /* planned for the pieces of a stream */
  const char *where;              /* "features[2]" */
};

/* The input at i (0 … input_count − 1) as a tensor. */
static inline const qn_tensor *qn_stage_in(const qn_stage *s, int i) { return &s->inputs[i]->tensor; }
static inline qn_tensor *qn_stage_out(qn_stage *s, int i) { return &s->results[i].tensor; }
static inline double qn_stage_number(const qn_stage *s, int i) { return s->set[i].number; }
static inline int32_t qn_stage_int(const qn_stage *s, int i) { return (int32_t)s->set[i].number; }

/* Adds a result of this type and shape. name: unless "as" has another one. */
qn_status qn_stage_result(qn_stage *s, const char *name, qn_dtype dtype, int rank, const int64_t *dims, qn_error *err);
/* Sets how many rows a result has in this run. */
void qn_stage_rows(qn_stage *s, int result, int64_t rows);
/* Fails unless there are `count` inputs (−1: any number from 1 up) and each has the type (QN_UNDEFINED: any) and rank (−1: any). */
qn_status qn_stage_takes(const qn_stage *s, int count, qn_dtype dtype, int rank, qn_error *err);
/* Records a failure with the place of the step before the sentence. */
qn_status qn_stage_fail(const qn_stage *s, qn_error *err, qn_status code, const char *format, ...) QN_PRINTF(4, 5);

#endif
