#include "feature/pipeline.h"

extern const qn_step_type *const qn_text_steps[];

#define QN_STEP(name) extern const qn_step_type qn_step_##name;
#include "feature/text/step_list.h"
#undef QN_STEP

const qn_step_type *const qn_text_steps[] = {
#define QN_STEP(name) &qn_step_##name,
#include "feature/text/step_list.h"
#undef QN_STEP
  NULL};
