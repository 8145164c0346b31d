/* Prints the operator table, one entry a line: domain (or -), name, first and last opset (0: newest), its name in
 * op_list.h. For gaps.py, tools/operators.mjs and tools/custom-build.mjs. */
#include <stdio.h>

#include "op/op_table.h"

uint64_t qn_now_us(void) { return 0; } /* the library wants a clock; nothing runs here */

int main(void) {
  static const char *const names[] = {
#define QN_OP(name) #name,
#define QN_RARE(name) #name,
#include "op/op_list.h"
#undef QN_OP
#undef QN_RARE
  };
  for (int i = 0; i < qn_op_entry_count; i++) {
    const qn_op *op = qn_op_entries[i];
    printf("%s %s %d %d %s\n", op->domain[0] ? op->domain : "-", op->name, op->since, op->until, names[i]);
  }
  return 0;
}
