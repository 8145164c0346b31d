#include "feature/pipeline.h"

#define QN_STEP_ALSO(name)
#define QN_STEP(name) extern const qn_step_type qn_step_##name;
#include "feature/image/step_list.h"
#include "feature/step_list.h"
#undef QN_STEP

const qn_step_type *const qn_feature_steps[] = {
#define QN_STEP(name) &qn_step_##name,
#include "feature/image/step_list.h"
#include "feature/step_list.h"
#undef QN_STEP
  NULL};
