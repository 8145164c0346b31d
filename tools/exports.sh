#!/bin/bash
# The link's list of exported symbols: every qnw_ or qnf_ function that the FILEs define, malloc and free.
set -euo pipefail
{ echo _malloc; echo _free; sed -nE 's/^[A-Za-z_].*[ *)](qn[wf]_[a-z0-9_]+)\(.*/_\1/p' "$@"; } | LC_ALL=C sort -u
