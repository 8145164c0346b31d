#include "op/op_table.h"

#include <string.h>

/* A custom build (make wasm FOR=…) names a list of its own. */
#ifndef QN_OP_LIST
#define QN_OP_LIST "op/op_list.h"
const bool qn_op_table_is_custom = false;
#else
const bool qn_op_table_is_custom = true;
#endif

#ifdef QN_WITHOUT_RARE /* to see what the common ones reach: wasm/split.mk */
#define QN_RARE(name)
#else
#define QN_RARE(name) QN_OP(name)
#endif
#define QN_OP(name) extern const qn_op qn_op_##name;
#include QN_OP_LIST
#undef QN_OP

const qn_op *const qn_op_entries[] = {
#define QN_OP(name) &qn_op_##name,
#include QN_OP_LIST
#undef QN_OP
};
const int qn_op_entry_count = (int)(sizeof qn_op_entries / sizeof qn_op_entries[0]);
#undef QN_RARE

static const bool entry_is_rare[] = {
#define QN_OP(name) false,
#define QN_RARE(name) true,
#include QN_OP_LIST
#undef QN_OP
#undef QN_RARE
};

bool qn_op_is_rare(const qn_op *op) {
  for (int i = 0; i < qn_op_entry_count; i++)
    if (qn_op_entries[i] == op) return entry_is_rare[i];
  return false;
}

const qn_op *qn_op_find(const char *domain, const char *name, int64_t opset) {
  for (int i = 0; i < qn_op_entry_count; i++) {
    const qn_op *op = qn_op_entries[i];
    if (strcmp(op->name, name) || strcmp(op->domain, domain)) continue;
    if (opset >= op->since && (op->until == 0 || opset <= op->until)) return op;
  }
  return NULL;
}
