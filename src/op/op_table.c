#include "op/op_table.h"

#include <string.h>

#define QN_OP(name) extern const qn_op qn_op_##name;
#include "op/op_list.h"
#undef QN_OP

const qn_op *const qn_op_entries[] = {
#define QN_OP(name) &qn_op_##name,
#include "op/op_list.h"
#undef QN_OP
};
const int qn_op_entry_count = (int)(sizeof qn_op_entries / sizeof qn_op_entries[0]);

const qn_op *qn_op_find(const char *domain, const char *name, int64_t opset) {
  for (int i = 0; i < qn_op_entry_count; i++) {
    const qn_op *op = qn_op_entries[i];
    if (strcmp(op->name, name) || strcmp(op->domain, domain)) continue;
    if (opset >= op->since && (op->until == 0 || opset <= op->until)) return op;
  }
  return NULL;
}
