/* Finding an operator by domain, name and opset version. */
#ifndef QN_OP_TABLE_H
#define QN_OP_TABLE_H

#include "op/op.h"

/* The entry that serves `opset`, or NULL. */
const qn_op *qn_op_find(const char *domain, const char *name, int64_t opset);
/* Whether op_list.h has it as QN_RARE. */
bool qn_op_is_rare(const qn_op *op);
/* All entries, for listings. */
extern const qn_op *const qn_op_entries[];
extern const int qn_op_entry_count;
/* Only the operators of some models are in this build. */
extern const bool qn_op_table_is_custom;

#endif
