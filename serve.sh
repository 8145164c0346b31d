#!/bin/bash
# Builds what is missing, then serves the demo: ./serve.sh [port] [--collector]      --collector: shows what the models' monitor reports
set -euo pipefail
cd "$(dirname "$0")"
command -v node >/dev/null || { echo "Node 20 or later is needed." >&2; exit 1; }
tools=(); for t in make patch python3 xz; do command -v $t >/dev/null || tools+=(${t/xz/xz-utils}); done
if [ ${#tools[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get -qq update && apt-get -qq -y --no-install-recommends install "${tools[@]}" >/dev/null
  else echo "Please install: ${tools[*]}" >&2; exit 1; fi
fi
make -s dist
exec node tools/serve.mjs "$@"
