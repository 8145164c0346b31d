/* The generator of a node. */
#ifndef QN_OP_RANDOM_STATE_H
#define QN_OP_RANDOM_STATE_H

#include "kernel/random.h"
#include "op/op.h"

/* plan(): room for the generator in s->state. */
qn_status qn_random_plan(qn_step *s);
/* run(): with a `seed` the same numbers each time; without one they go on from the last run, and differ from page to page. */
qn_random *qn_random_begin(qn_step *s);

#endif
