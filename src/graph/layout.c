/* Between [N, C, spatial…] and [N, spatial…, C]. */
#include "graph/planner.h"

void qn_dims_to_last(int rank, const int64_t *in, int64_t *out) {
  int64_t channels = in[1];
  out[0] = in[0];
  for (int d = 2; d < rank; d++) out[d - 1] = in[d];
  out[rank - 1] = channels;
}

void qn_dims_to_plain(int rank, const int64_t *in, int64_t *out) {
  int64_t channels = in[rank - 1];
  out[0] = in[0];
  for (int d = rank - 1; d > 1; d--) out[d] = in[d - 1];
  out[1] = channels;
}

bool qn_layout_is_trivial(int rank, const int64_t *dims) {
  int64_t points = 1;
  for (int d = 2; d < rank; d++) points *= dims[d] != 0;
  for (int d = 2; d < rank && points; d++)
    if (dims[d] != 1) points = 2;
  return points < 2 || dims[1] <= 1 || dims[0] == 0;
}
