/* The steps by which a plan moves elements between [N, C, spatial…] and [N, spatial…, C]. */
#ifndef QN_OP_CHANNELS_LAST_H
#define QN_OP_CHANNELS_LAST_H

#include "op/op.h"

extern const qn_op qn_op_to_channels_last, qn_op_to_plain;

#endif
