/* FlexAttention's arithmetic around its two subgraphs, which the executor runs in between. */
#ifndef QN_OP_FLEX_ATTENTION_H
#define QN_OP_FLEX_ATTENTION_H

#include "op/op.h"

/* Before score_mod, between it and prob_mod, after prob_mod. */
typedef enum qn_flex_stage { QN_FLEX_SCORES, QN_FLEX_SOFTMAX, QN_FLEX_FINISH } qn_flex_stage;

qn_status qn_flex_run(qn_step *s, qn_flex_stage stage);
/* The scores or probabilities, which a subgraph reads and replaces. */
qn_value *qn_flex_scores(qn_step *s);

#endif
