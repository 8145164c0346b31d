#!/bin/bash
# The libraries that are compiled in, pinned by version and SHA-256, into DIR (default deps). They come from Debian's source pool.
# Nothing happens when DIR holds what this script would make.
set -euo pipefail
cd "$(dirname "$0")/.."
D=${1:-deps}
# path in the pool, SHA-256, directory, leading path components to drop
PINS='
c/cjson/cjson_1.7.18.orig.tar.gz 3aa806844a03442c00769b83e99970be70fbef03735ff898f4811dd03b9f5ee5 cjson 1
'
stamp=$(sha256sum < wasm/deps.sh | cut -d' ' -f1)
[ "$(cat "$D/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

echo "$PINS" | while read -r path sha dir strip; do
  [ -n "$path" ] || continue
  file="$D/archives/$(basename "$path")"
  wasm/debian-file.sh "$path" "$sha" "$file"
  rm -rf "${D:?}/$dir"; mkdir -p "$D/$dir"
  # sources only: tests, benchmarks and build files of other systems are three quarters of it
  tar -xf "$file" -C "$D/$dir" --strip-components="$strip" --no-same-owner --exclude='*/test' --exclude='*/bench' --exclude='./test' --exclude='./bench' --exclude='test' --exclude='bench' --exclude='tests' --exclude='*/fuzzing'
done
echo "$stamp" > "$D/stamp"
