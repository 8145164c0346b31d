/* Prints the operator table, one entry a line: domain (or -), name, first and last opset (0: newest). For gaps.py. */
#include <stdio.h>

#include "op/op_table.h"

uint64_t qn_now_us(void) { return 0; } /* the library wants a clock; nothing runs here */

int main(void) {
  for (int i = 0; i < qn_op_entry_count; i++) {
    const qn_op *op = qn_op_entries[i];
    printf("%s %s %d %d\n", op->domain[0] ? op->domain : "-", op->name, op->since, op->until);
  }
  return 0;
}
