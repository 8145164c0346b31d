/* Answers that are a label, a score and the index of the class, as top_k, argmax, threshold and nearest give them. */
#ifndef QN_FEATURE_RANKING_H
#define QN_FEATURE_RANKING_H

#include "feature/step.h"

typedef struct qn_ranking {
  const qn_string *labels; /* NULL: none were given */
  qn_string *label;        /* results, [most] */
  float *score;
  int32_t *index;
  int64_t count, most;
} qn_ranking;

/* In `plan`: the results for at most `most` answers; label only where labels were given, of which there have to be `classes`. what: "scores". */
qn_status qn_ranking_plan(qn_stage *s, const qn_setting *labels, int64_t classes, const char *what, int64_t most, qn_error *err);
/* In `run`: an empty one in the results of the stage. */
qn_ranking qn_ranking_start(qn_stage *s, const qn_setting *labels);
/* Keeps the largest scores, the largest first and of equal ones the first. */
void qn_ranking_insert(qn_ranking *r, float score, int32_t index);
/* Keeps the order of the calls. */
void qn_ranking_append(qn_ranking *r, float score, int32_t index);
/* Writes the labels and says how many there are. */
void qn_ranking_finish(qn_stage *s, qn_ranking *r);

#endif
