/* The one table of operators. A line is QN_OP(name) for `const qn_op qn_op_<name>`; a missing definition fails at link time. */
QN_OP(if)
QN_OP(loop)
QN_OP(scan)
